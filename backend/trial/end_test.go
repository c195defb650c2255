package trial_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/sim"
	"bridgehead/backend/trial"
)

// A guard that cannot be removed neither keeps a change from ending nor takes back what was kept: the operator is told what
// is still there, a power cut and the guard itself leave the host as it is, and the guard goes once it can.
func TestGuardThatStays(t *testing.T) {
	for _, name := range []string{"confirm", "rollback", "confirm the undo", "roll the undo back"} {
		t.Run(name, func(t *testing.T) {
			c, s := plantest.One("static"), stageNamed(name)
			p := c.Plan(t, c.Machine())
			calm := open(t, c, s, p)
			must(t, s.act(t.Context(), on(calm.m), p))
			want := calm.m.Snapshot()
			calm.m.Reboot()
			booted := calm.m.Snapshot()

			sc := open(t, c, s, p)
			stays := func(at sim.Point) error {
				if strings.HasPrefix(at.What, "disarm") && at.When == sim.Before {
					return errInjected
				}
				return nil
			}
			sc.m.Fault(stays)
			told := ""
			tr := on(sc.m)
			tr.Progress = func(e trial.Event) {
				if e.Name == trial.GuardLeft {
					told = e.Text
				}
			}
			must(t, s.act(t.Context(), tr, p))
			kept := "The change has been taken back."
			if s.ends[0] == trial.Confirmed {
				kept = "The change is kept."
			}
			for _, says := range []string{kept, "injected", "bridgehead-guard.service", "takes nothing back", "next change"} {
				if !strings.Contains(told, says) {
					t.Errorf("the operator is not told %q but %q", says, told)
				}
			}
			all, err := tr.History(t.Context())
			must(t, err)
			if all[0].Phase != s.ends[0] || all[0].Remains != told || !strings.Contains(tr.Report(all[0]), told) {
				t.Errorf("the history says %s, %q", all[0].Phase, all[0].Remains)
			}
			if d := plantest.Diff(want, sc.m.Snapshot()); d != "" {
				t.Errorf("with the guard still there\n%s", d)
			}
			for range 3 { // the guard looks, again and again
				if _, err := on(sc.m).Look(t.Context()); err == nil {
					t.Error("the guard thinks that it is gone")
				}
			}
			if d := plantest.Diff(want, sc.m.Snapshot()); d != "" {
				t.Errorf("after the guard looked\n%s", d)
			}

			sc.m.PowerCut(time.Minute)
			if d := plantest.Diff(booted, sc.m.Snapshot()); d != "" {
				t.Errorf("after a power cut\n%s", d)
			}
			sc.m.ClearFaults()
			if why := guard(sc.m); why != "" {
				t.Fatal(why)
			}
			if all, err = on(sc.m).History(t.Context()); err != nil || all[0].Remains != "" || sc.m.Armed(trial.StateDir) {
				t.Errorf("still there: %q, armed %t, %v", all[0].Remains, sc.m.Armed(trial.StateDir), err)
			}
			if d := plantest.Diff(booted, sc.m.Snapshot()); d != "" {
				t.Errorf("at the end\n%s", d)
			}
			if name == "rollback" { // the next change is not kept from beginning
				if _, err := on(sc.m).Apply(context.Background(), c.Plan(t, sc.m), window); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A watch that cannot remove itself says so once, tries ever more rarely, and ends when it could.
func TestWatchTriesEverMoreRarely(t *testing.T) {
	m, _ := waiting(t)
	tried, told := 0, 0
	m.Fault(func(at sim.Point) error {
		if strings.HasPrefix(at.What, "disarm") && at.When == sim.Before {
			if tried++; tried <= 10 {
				return errInjected
			}
		}
		return nil
	})
	must(t, on(m).Confirm(t.Context()))
	w := on(m)
	w.Progress = func(e trial.Event) {
		if e.Name == "watch-failed" {
			told++
		}
	}
	began := w.Host.Clock.Boottime()
	must(t, w.Watch(t.Context()))
	if took := w.Host.Clock.Boottime() - began; took < 90*time.Second || took > 2*time.Minute || told != 1 || m.Armed(trial.StateDir) {
		t.Errorf("after %s and %d attempts; told %d times, armed %t", took, tried, told, m.Armed(trial.StateDir))
	}
}

// forgetful is a switch that makes a bridge without one of its settings.
type forgetful struct{ backend.Switch }

func (s forgetful) Transact(ctx context.Context, args ...string) error {
	if slices.Contains(args, "add-br") {
		args = append(args, "--", "set", "Bridge", "examplebr0", "mcast_snooping_enable=false")
	}
	return s.Switch.Transact(ctx, args...)
}

// The proof of a rollback is also about what is set in Open vSwitch.
func TestRollbackMissesASetting(t *testing.T) {
	m, _ := waiting(t)
	must(t, on(m).Confirm(tctx))
	must(t, m.Host().Switch.Transact(tctx, "set", "Bridge", "examplebr0", "mcast_snooping_enable=true"))
	back, err := on(m).Return(tctx, "")
	must(t, err)
	_, err = on(m).Undo(tctx, "", window, back.Drift)
	must(t, err)
	tr := on(m)
	tr.Host.Switch = forgetful{tr.Host.Switch}
	var incomplete *trial.IncompleteError
	if err := tr.Rollback(tctx, "a test"); !errors.As(err, &incomplete) || !slices.Contains(incomplete.Left, "missing Open vSwitch setting Bridge examplebr0 mcast_snooping_enable=true") {
		t.Errorf("rolled back: %v", err)
	}
	if err := on(m).Rollback(tctx, "a test"); errors.As(err, &incomplete) {
		t.Errorf("tried again: %v", err)
	}
}
