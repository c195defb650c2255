package main

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/sim"
	"bridgehead/backend/trial"
)

// meanwhile is a clock by which something happens while others wait.
type meanwhile struct {
	backend.Clock
	happens func()
}

func (c meanwhile) After(d time.Duration) <-chan time.Time {
	ch := c.Clock.After(d)
	c.happens()
	return ch
}

// active is a simulated host with a change that waits for ten seconds.
func active(t *testing.T) (m *sim.Machine, tr *trial.Trial, id string) {
	t.Helper()
	c := plantest.One("static")
	m = c.Machine()
	tr = &trial.Trial{Host: m.Host(), Dir: trial.StateDir}
	id, err := tr.Apply(t.Context(), c.Plan(t, m), 10*time.Second)
	must(t, err)
	return m, tr, id
}

// The watch is gone, and nobody starts it again: who waits for the end of the change takes it back.
func TestWhoWaitsStandsInForTheWatch(t *testing.T) {
	m, tr, id := active(t)
	must(t, m.Host().Guard.Disarm(t.Context(), trial.StateDir))
	a := &app{err: new(bytes.Buffer)}
	err := a.wait(t.Context(), tr, unattended{}, id, func() {})
	if exitCode(err) != exitRolledBack || !strings.Contains(err.Error(), "nobody confirmed in time") {
		t.Errorf("%v", err)
	}
}

// Somebody else is at the change whenever it is to be confirmed, or taken back since the operator interrupts, and it is taken
// back in its time: the exit code says so, and what the guard left of itself is told.
func TestExitCodeIsHowTheChangeEnded(t *testing.T) {
	for name, u := range map[string]unattended{"to be confirmed": {autoConfirm: true}, "interrupted": {}} {
		t.Run(name, func(t *testing.T) {
			m, tr, id := active(t)
			m.Fault(func(p sim.Point) error {
				if strings.HasPrefix(p.What, "disarm") && p.When == sim.Before {
					return errors.New("injected")
				}
				return nil
			})
			release, err := m.Host().Files.Lock(filepath.Join(trial.StateDir, "lock"))
			must(t, err)
			other := &trial.Trial{Host: m.Host(), Dir: trial.StateDir}
			end, over := tr.Host.Clock.Boottime()+time.Minute, false
			tr.Host.Clock = meanwhile{tr.Host.Clock, func() {
				if !over && other.Host.Clock.Boottime() >= end {
					over = true
					release()
					_, err := other.Look(context.Background())
					must(t, err)
				}
			}}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if !u.autoConfirm {
				cancel()
			}
			var said bytes.Buffer
			err = (&app{err: &said}).wait(ctx, tr, u, id, func() {})
			if exitCode(err) != exitRolledBack {
				t.Errorf("exit code %d: %v", exitCode(err), err)
			}
			if !strings.Contains(said.String(), "Its rollback guard could not be removed: injected") {
				t.Errorf("it says %q", said.String())
			}
		})
	}
}
