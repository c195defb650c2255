package guard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"

	"bridgehead/backend"
	"bridgehead/backend/services"
)

// unitGuard has systemd own the watch.
type unitGuard struct{}

func (unitGuard) Kind() string { return Systemd }

// Covers says that systemd starts both units again.
func (unitGuard) Covers() backend.Cover { return backend.Cover{Killed: true, Restart: true} }

// Arm starts a watch of its own; one that runs already is ended first: it may be
// about to end, or of an older version. The caller holds the lock, so it is idle.
func (g unitGuard) Arm(ctx context.Context, stateDir string) error {
	if err := checkDir(stateDir); err != nil {
		return err
	}
	if err := g.Disarm(ctx, stateDir); err != nil {
		return fmt.Errorf("cannot end the watch of before: %w", err)
	}
	if err := g.start(ctx, stateDir); err != nil {
		return errors.Join(err, g.Disarm(context.WithoutCancel(ctx), stateDir))
	}
	return nil
}

func (g unitGuard) start(ctx context.Context, stateDir string) error {
	ctx, cancel := context.WithTimeout(ctx, armTime)
	defer cancel()
	if err := install(stateDir); err != nil {
		return err
	}
	if err := writeUnits(stateDir); err != nil {
		return err
	}
	bus, err := services.Dial(ctx)
	if err != nil {
		return err
	}
	defer bus.Close()
	if err := bus.ReloadContext(ctx); err != nil {
		return fmt.Errorf("cannot have systemd read %s: %w", unitName, err)
	}
	// Type=notify: the job is done when the watch says that it is ready.
	if err := services.Job(ctx, bus.StartUnitContext, unitName); err != nil {
		return fmt.Errorf("cannot start %s: %w", unitName, err)
	}
	if w, err := look(ctx, bus); err != nil {
		return err
	} else if !w.runs {
		return fmt.Errorf("cannot start %s: it ended at once; see journalctl -u %[1]s", unitName)
	}
	return nil
}

// Disarm ends the watch, or lets it finish if it is the caller, and removes what
// could start it again. The files go even where systemd does not answer: the watch
// itself ends as soon as the journal says that the trial is over.
func (g unitGuard) Disarm(ctx context.Context, stateDir string) error {
	if err := checkDir(stateDir); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, disarmTime)
	defer cancel()
	bus, busErr := services.Dial(ctx)
	if busErr == nil {
		defer bus.Close()
		busErr = stop(ctx, bus)
	}
	fileErr := errors.Join(removeUnits(stateDir), uninstall(stateDir))
	if busErr == nil {
		busErr = forget(ctx, bus)
	}
	return errors.Join(busErr, fileErr)
}

// disarmTime leaves the watch the time to finish (TimeoutStopSec) and systemd that to answer.
const disarmTime = 45 * time.Second

// stop ends the watch unless it is this process.
func stop(ctx context.Context, bus *dbus.Conn) error {
	w, err := look(ctx, bus)
	if err != nil || w.pid == os.Getpid() || !w.active {
		return err
	}
	if err := services.Job(ctx, bus.StopUnitContext, unitName); err != nil {
		return fmt.Errorf("cannot stop %s: %w", unitName, err)
	}
	return nil
}

// forget makes systemd see that the unit is gone, and checks that it does.
func forget(ctx context.Context, bus *dbus.Conn) error {
	if err := bus.ReloadContext(ctx); err != nil {
		return fmt.Errorf("cannot have systemd forget %s: %w", unitName, err)
	}
	_ = bus.ResetFailedUnitContext(ctx, unitName) // fails where nothing had failed
	w, err := look(ctx, bus)
	switch {
	case err != nil:
		return err
	case w.loaded:
		return fmt.Errorf("systemd still knows %s; see systemctl cat %[1]s", unitName)
	case w.active && w.pid != os.Getpid():
		return fmt.Errorf("%s still runs; see systemctl status %[1]s", unitName)
	}
	return nil
}

// Left names files of the guard, and its unit as long as systemd runs another watch than the caller.
func (unitGuard) Left(ctx context.Context, stateDir string) []string {
	left := there(append(unitFiles(stateDir), program(stateDir))...)
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	bus, err := services.Dial(ctx)
	if err != nil {
		return left
	}
	defer bus.Close()
	if w, err := look(ctx, bus); err == nil && w.active && w.pid != os.Getpid() {
		left = append(left, unitName+", which runs")
	}
	return left
}

// Armed says whether systemd runs the watch over stateDir, or is about to restart it.
func (unitGuard) Armed(ctx context.Context, stateDir string) (bool, error) {
	f, err := disk.Read(unitDir + unitName)
	if err != nil {
		return false, err
	}
	if string(f.Data) != watchUnit(stateDir) {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	bus, err := services.Dial(ctx)
	if err != nil {
		return false, err
	}
	defer bus.Close()
	w, err := look(ctx, bus)
	return w.active, err
}

// answerTime is how long systemd may take to answer a question.
const answerTime = 10 * time.Second

// state is what systemd says of the watch.
type state struct {
	loaded bool // there is a unit file
	active bool // it runs, or will by itself
	runs   bool
	pid    int // 0: no process
}

func look(ctx context.Context, bus *dbus.Conn) (state, error) {
	p, err := bus.GetAllPropertiesContext(ctx, unitName)
	if err != nil {
		return state{}, fmt.Errorf("cannot read unit %s: %w", unitName, err)
	}
	pid, _ := p["MainPID"].(uint32)
	return state{
		loaded: p["LoadState"] != "not-found",
		active: p["ActiveState"] != "inactive" && p["ActiveState"] != "failed",
		runs:   p["ActiveState"] == "active",
		pid:    int(pid),
	}, nil
}
