package guard

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/process"
)

// processGuard runs the watch in a session of its own. With hooks, scripts of
// sysvinit do after a restart what systemd's units do.
type processGuard struct{ hooks bool }

func (processGuard) Kind() string { return Process }

const (
	readyFD   = "BRIDGEHEAD_READY_FD" // descriptor on which Arm waits for readyWord
	readyWord = "ready\n"
)

// launch is what the watch begins as. It ignores SIGHUP, which exec keeps, and waits for the
// word to go: until its pid is written down it is no watch, and if Arm dies before that it
// ends.
const launch = `trap '' HUP; read go || exit 1; exec "$@" </dev/null`

func pidFile(stateDir string) string { return filepath.Join(stateDir, "guard.pid") }
func logFile(stateDir string) string { return filepath.Join(stateDir, "guard.log") }

// Covers says that nobody starts the watch again, but at the next boot.
func (g processGuard) Covers() backend.Cover {
	return backend.Cover{Restart: g.hooks && bootScript("/").fits() == nil}
}

// Arm starts a watch of its own, as with systemd.
func (g processGuard) Arm(ctx context.Context, stateDir string) error {
	if err := checkDir(stateDir); err != nil {
		return err
	}
	if err := g.Disarm(ctx, stateDir); err != nil {
		return fmt.Errorf("cannot end the watch of before: %w", err)
	}
	if err := g.start(ctx, stateDir); err != nil {
		return errors.Join(fmt.Errorf("cannot start the watch: %w", err), g.Disarm(context.WithoutCancel(ctx), stateDir))
	}
	return nil
}

func (g processGuard) start(ctx context.Context, stateDir string) error {
	if err := install(stateDir); err != nil {
		return err
	}
	if g.Covers().Restart {
		if err := installScripts(ctx, "/", stateDir); err != nil {
			return err
		}
	}
	return g.launch(ctx, stateDir)
}

// Resume starts the watch again after a restart of a host without systemd.
func Resume(ctx context.Context, stateDir string) error {
	if err := checkDir(stateDir); err != nil {
		return err
	}
	if pid, err := find(stateDir); err != nil || pid != 0 {
		return err
	}
	return processGuard{}.launch(ctx, stateDir)
}

func (processGuard) launch(ctx context.Context, stateDir string) error {
	log, err := os.OpenFile(logFile(stateDir), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	ready, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	defer theirs.Close()

	cmd := exec.Command("/bin/sh", append([]string{"-c", launch, "bridgehead-guard"}, command("watch", stateDir)...)...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", readyFD + "=3"}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{theirs} // descriptor 3
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	begin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	defer begin.Close()
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // or it stays a zombie while the wizard lives
	theirs.Close()

	if err := register(stateDir, cmd.Process.Pid); err != nil {
		return err // begin is closed: the shell ends
	}
	if _, err := io.WriteString(begin, "go\n"); err != nil {
		return err
	}
	return await(ctx, ready, stateDir)
}

// await waits until the watch says that it is ready.
func await(ctx context.Context, ready *os.File, stateDir string) error {
	stop := context.AfterFunc(ctx, func() { _ = ready.SetReadDeadline(time.Now()) })
	defer stop()
	_ = ready.SetReadDeadline(time.Now().Add(armTime))
	word, err := bufio.NewReader(ready).ReadString('\n')
	switch {
	case word == readyWord:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("it is not ready within %s; see %s", armTime, logFile(stateDir))
	}
	said, _ := os.ReadFile(logFile(stateDir))
	return fmt.Errorf("it ended at once: %s", strings.TrimSpace(string(said)))
}

// mark names the watch for ever: pids and start times come again after a boot.
type mark struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks since boot
	Boot  string `json:"boot"`
}

// register writes down who the watch is.
func register(stateDir string, pid int) error {
	start, err := process.StartTime(pid)
	if err != nil {
		return err
	}
	// Best effort: the kernel is to take others first when memory runs out.
	_ = os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", []byte("-900"), 0)
	data, err := json.Marshal(mark{pid, start, process.Clock().BootID()})
	if err != nil {
		return err
	}
	return disk.Write(pidFile(stateDir), backend.File{Exists: true, Data: append(data, '\n'), Mode: 0o600})
}

// find returns the pid of the watch, 0 where none runs.
func find(stateDir string) (int, error) {
	f, err := disk.Read(pidFile(stateDir))
	if err != nil || !f.Exists {
		return 0, err
	}
	var m mark
	if err := json.Unmarshal(f.Data, &m); err != nil {
		return 0, fmt.Errorf("cannot read %s: %w; if no bridgehead runs, remove it", pidFile(stateDir), err)
	}
	start, err := process.StartTime(m.PID)
	switch {
	case errors.Is(err, os.ErrNotExist), err == nil && start != m.Start, m.Boot != process.Clock().BootID():
		return 0, nil
	}
	return m.PID, err
}

// Disarm ends the watch, unless it is the caller, and removes its traces but
// for the log.
func (g processGuard) Disarm(ctx context.Context, stateDir string) error {
	if err := checkDir(stateDir); err != nil {
		return err
	}
	pid, err := find(stateDir)
	if err == nil && pid != 0 && pid != os.Getpid() {
		err = process.New().Stop(ctx, pid)
	}
	if err == nil {
		err = disk.Write(pidFile(stateDir), backend.File{})
	}
	if g.hooks {
		err = errors.Join(err, removeScripts(ctx, "/"))
	}
	return errors.Join(err, uninstall(stateDir))
}

// Left names files of the guard, and its watch unless that is the caller.
func (g processGuard) Left(_ context.Context, stateDir string) []string {
	left := there(pidFile(stateDir), program(stateDir))
	if g.hooks {
		left = append(left, bootScript("/").left()...)
	}
	if pid, _ := find(stateDir); pid != 0 && pid != os.Getpid() {
		left = append(left, fmt.Sprintf("the watch, process %d", pid))
	}
	return left
}

// Armed says whether the watch runs.
func (processGuard) Armed(_ context.Context, stateDir string) (bool, error) {
	pid, err := find(stateDir)
	return pid != 0, err
}
