package services

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/coreos/go-systemd/v22/dbus"

	"bridgehead/backend"
)

type systemd struct{}

func (systemd) Manager() string { return Systemd }

// Unit reads the properties of a unit, which systemd loads for it if need be. A
// name without a suffix is a service.
func (systemd) Unit(ctx context.Context, name string) (backend.Unit, error) {
	u := backend.Unit{Name: full(name)}
	ctx, cancel := within(ctx, answer)
	defer cancel()
	bus, err := Dial(ctx)
	if err != nil {
		return u, fmt.Errorf("cannot read unit %s: %w", u.Name, err)
	}
	defer bus.Close()
	p, err := bus.GetUnitPropertiesContext(ctx, u.Name)
	if err != nil {
		return u, fmt.Errorf("cannot read unit %s: %w", u.Name, err)
	}
	if u.Load = text(p["LoadState"]); u.Load == "not-found" {
		return backend.Unit{Name: u.Name}, nil
	}
	u.Active = text(p["ActiveState"])
	u.Enabled = text(p["UnitFileState"])
	u.After, _ = p["After"].([]string)
	u.Before, _ = p["Before"].([]string)
	slices.Sort(u.After) // systemd gives them in no order
	slices.Sort(u.Before)
	return u, nil
}

// Start starts a unit and waits until it runs.
func (systemd) Start(ctx context.Context, name string) error {
	name = full(name)
	ctx, cancel := within(ctx, start)
	defer cancel()
	bus, err := Dial(ctx)
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", name, err)
	}
	defer bus.Close()
	if err := Job(ctx, bus.StartUnitContext, name); err != nil {
		return fmt.Errorf("cannot start %s: %w", name, err)
	}
	return nil
}

// Dial connects to systemd, by the system bus or, where there is none (a small
// Debian has no dbus-daemon), by systemd's own socket. The connection ends with ctx.
// It does not wait longer than ctx for a systemd that does not answer.
func Dial(ctx context.Context) (*dbus.Conn, error) {
	type result struct {
		bus *dbus.Conn
		err error
	}
	dialled := make(chan result, 1)
	go func() { // its authentication knows no deadline
		bus, err := dbus.NewWithContext(ctx) // which closes it when ctx ends
		dialled <- result{bus, err}
	}()
	select {
	case r := <-dialled:
		if r.err != nil {
			return nil, fmt.Errorf("systemd cannot be reached: %w", r.err)
		}
		return r.bus, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("systemd does not answer: %w", ctx.Err())
	}
}

// Job runs one of a connection's methods that queue a job for a unit, and waits for
// the job's end.
func Job(ctx context.Context, queue func(ctx context.Context, name, mode string, done chan<- string) (int, error), name string) error {
	done := make(chan string, 1)
	if _, err := queue(ctx, name, "replace", done); err != nil {
		return err
	}
	select {
	case result := <-done:
		if result == "done" {
			return nil
		}
		return fmt.Errorf("%w; see journalctl -u %s", explain(result), name)
	case <-ctx.Done():
		return fmt.Errorf("%w; see systemctl list-jobs", ctx.Err())
	}
}

// explain puts the result of a job (org.freedesktop.systemd1(5), JobRemoved) into words.
func explain(result string) error {
	switch result {
	case "failed":
		return errors.New("it failed")
	case "timeout":
		return errors.New("it did not come up in time")
	case "dependency":
		return errors.New("something that it needs failed")
	case "canceled":
		return errors.New("another job took its place")
	case "skipped":
		return errors.New("it does not apply to this host")
	}
	return errors.New("systemd says " + result)
}

// full adds the suffix of a service to a name that has none of systemd.unit(5)'s.
func full(name string) string {
	switch path.Ext(name) {
	case ".service", ".socket", ".device", ".mount", ".automount", ".swap", ".target", ".path", ".timer", ".slice", ".scope":
		return name
	}
	return name + ".service"
}

func text(v any) string { s, _ := v.(string); return s }
