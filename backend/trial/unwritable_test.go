package trial_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/sim"
	"bridgehead/backend/trial"
)

// The time is up on a host whose disk takes nothing any more. The host is taken back at once; that it cannot be written down
// neither has the guard do it all over again without a pause, nor tell everybody each time.
func TestRollbackThatCannotBeWrittenDown(t *testing.T) {
	for name, harm := range map[string]func(*sim.Machine){
		"disk full": func(m *sim.Machine) { m.FillDisk(true) },
		"read-only": func(m *sim.Machine) { m.MountReadOnly("/") },
	} {
		t.Run(name, func(t *testing.T) {
			m, before := waiting(t)
			m.Hurry(true)
			w := on(m)
			harm(m)
			<-w.Host.Clock.After(window)
			attempts, told := 0, []string(nil)
			end := w.Host.Clock.Boottime() + 10*time.Minute
			w.Progress = func(e trial.Event) {
				if e.Name == "rollback" {
					attempts++
				}
				if w.Host.Clock.Boottime() > end {
					heal(m)
				}
			}
			w.Announce = func(text string) { told = append(told, text) }
			must(t, w.Watch(t.Context()))
			if attempts < 10 || attempts > 100 {
				t.Errorf("%d attempts in ten minutes", attempts)
			}
			if len(told) < 1 || len(told) > 3 {
				t.Errorf("told %d times: %s", len(told), strings.Join(told, "\n"))
			}
			asBefore(t, m, before)
		})
	}
}

// panics is a switch that cannot be given a command without an error in the program.
type panics struct{ backend.Switch }

func (panics) Transact(context.Context, ...string) error { panic("index out of range") }

// An operation that panics when it is undone keeps no other from being undone, and what it left is tried again.
func TestUndoThatPanics(t *testing.T) {
	m, before := waiting(t)
	tr := on(m)
	tr.Host.Switch = panics{tr.Host.Switch}
	err := tr.Rollback(t.Context(), "the test asks for it")
	var incomplete *trial.IncompleteError
	if !errors.As(err, &incomplete) || !strings.Contains(err.Error(), "cannot take back attach-nic: an error in bridgehead: index out of range") {
		t.Errorf("%v", err)
	}
	if !strings.Contains(m.Snapshot(), "192.168.1.100/24") {
		t.Error("the address was not given back")
	}
	asBefore(t, m, before)
}
