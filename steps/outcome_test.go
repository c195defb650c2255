package steps_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"bridgehead/backend/answers"
	"bridgehead/backend/plan"
	"bridgehead/backend/sim"
	"bridgehead/backend/trial"
	"bridgehead/steps/stepstest"
)

func ends[E error](t *testing.T, op *operator) {
	t.Helper()
	var want E
	if err := op.Wizard.Outcome(); !errors.As(err, &want) {
		t.Errorf("the wizard ended with %T: %v, want %T", err, err, want)
	}
}

// finish presses Enter until the wizard ends.
func finish(t *testing.T, op *operator) {
	t.Helper()
	for range 5 {
		if op.Ended() {
			return
		}
		op.Press("enter")
	}
	t.Fatalf("the wizard does not end:\n%s", op.Screen())
}

// after strikes once, right after the call that has the words.
func after(m *sim.Machine, words string, strike func()) {
	done := false
	m.Fault(func(p sim.Point) error {
		if !done && p.When == sim.After && strings.Contains(p.What, words) {
			done = true
			strike()
		}
		return nil
	})
}

// Each way to fail ends on the screen that says so, with the error of its exit
// code, and with the host as it was.
func TestFailures(t *testing.T) {
	rolledBack := func(t *testing.T, op *operator) {
		op.Press("enter")
		op.Want("Everything has been taken back.")
		ends[*trial.RolledBackError](t, op)
	}
	unchanged := func(t *testing.T, op *operator) {
		op.Press("enter")
		op.Want("Nothing has been changed on this host.")
		ends[*trial.UnchangedError](t, op)
	}
	for name, c := range map[string]struct {
		break_ func(*testing.T, *operator)
		check  func(*testing.T, *operator)
	}{
		"an operation fails": {func(_ *testing.T, op *operator) {
			stepstest.FailOn(op.Machine, "add-port examplebr0 eth0", "no")
		}, rolledBack},
		"the disk fills up before": {func(_ *testing.T, op *operator) { op.Machine.FillDisk(true) }, unchanged},
		"the disk fills up during": {func(_ *testing.T, op *operator) {
			after(op.Machine, "add-br examplebr0", func() { op.Machine.FillDisk(true) })
		}, func(t *testing.T, op *operator) {
			op.Machine.FillDisk(false)
			op.Wait(time.Minute) // what could not be recorded as done is done again
			op.Press("enter", "r")
			op.Wait(time.Minute)
			op.Want("Everything has been taken back.")
		}},
		"ovs-vswitchd is dead": {func(_ *testing.T, op *operator) { op.Machine.Stop(sim.Vswitchd) }, unchanged},
		"libvirtd is dead":     {func(_ *testing.T, op *operator) { op.Machine.Stop(sim.Libvirtd) }, unchanged},
		"ovs-vswitchd dies, and comes back": {func(_ *testing.T, op *operator) {
			after(op.Machine, "add-br examplebr0", func() { op.Machine.Stop(sim.Vswitchd) })
		}, func(t *testing.T, op *operator) {
			op.Wait(2 * time.Minute)
			op.Machine.Start(sim.Vswitchd)
			op.Press("enter", "r")
			op.Wait(time.Minute)
			op.Want("Everything has been taken back.")
			ends[*trial.RolledBackError](t, op)
		}},
		"another change is under way": {func(t *testing.T, op *operator) {
			p, err := stepstest.Plan(op.Machine, op.Wizard.Plan().Answers)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := op.Trial().Apply(context.Background(), p, 10*time.Second); err != nil {
				t.Fatal(err)
			}
		}, func(t *testing.T, op *operator) {
			unchanged(t, op)
			op.Wait(time.Minute) // the other one expires
		}},
		"the host has changed since": {func(t *testing.T, op *operator) {
			op.Machine.Edit("/etc/network/interfaces", "auto lo\n")
		}, func(t *testing.T, op *operator) {
			unchanged(t, op)
			op.Machine.Edit("/etc/network/interfaces", string(sim.DemoSpec().Files["/etc/network/interfaces"].Data))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			stepstest.Run(t, setup{}, func(op *operator) {
				op.Go(t, "risk")
				before := op.Machine.Snapshot()
				c.break_(t, op)
				op.Apply()
				c.check(t, op)
				op.Machine.FillDisk(false)
				op.Machine.Start(sim.Vswitchd)
				op.Machine.Start(sim.Libvirtd)
				if got := op.Machine.Snapshot(); got != before {
					t.Errorf("the host is not as it was:\n%s\nbefore:\n%s", got, before)
				}
				finish(t, op)
			})
		})
	}
}

// After a rollback one can start again with everything that was typed; what counts in the end is the last attempt.
func TestStartAgain(t *testing.T) {
	stepstest.Run(t, setup{}, func(op *operator) {
		op.Go(t, "bridge")
		typeOver(op, "br7")
		op.Go(t, "risk")
		op.Apply()
		op.Press("r", "enter")
		op.Wait(time.Second)
		op.Want("Everything has been taken back.", "The operator asked for it")
		ends[*trial.RolledBackError](t, op)
		op.Press("s")
		if op.On() != "survey" {
			t.Fatalf("on %s", op.On())
		}
		ends[*trial.RolledBackError](t, op)
		op.Go(t, "risk")
		op.Apply()
		if op.On() != "confirm" {
			t.Fatalf("on %s:\n%s", op.On(), op.Screen())
		}
		op.Press("k", "enter")
		op.Wait(time.Second)
		op.Want("has worked", "br7")
		if err := op.Wizard.Outcome(); err != nil {
			t.Error(err)
		}
		finish(t, op)
	})
}

// What another login or the guard does with the change is on the screen within a second, whatever is open there.
func TestEndedElsewhere(t *testing.T) {
	confirm := func(t *trial.Trial) error { return t.Confirm(context.Background()) }
	rollback := func(t *trial.Trial) error { return t.Rollback(context.Background(), "someone else asked for it") }
	extend := func(t *trial.Trial) error {
		_, err := t.Extend(context.Background(), 20*time.Minute)
		return err
	}
	for name, c := range map[string]struct {
		keys []string
		do   func(*trial.Trial) error
		want string
	}{
		"confirmed":                {nil, confirm, "eth0 is a port of bridge"},
		"confirmed, help open":     {[]string{"?"}, confirm, "eth0 is a port of bridge"},
		"confirmed, asked to keep": {[]string{"k"}, confirm, "eth0 is a port of bridge"},
		"confirmed, leaving":       {[]string{"ctrl+c"}, confirm, "The change is confirmed. Nothing is pending."},
		"rolled back":              {nil, rollback, "Someone else asked for it."},
		"rolled back, asked":       {[]string{"r"}, rollback, "Someone else asked for it."},
		"extended":                 {nil, extend, "Rolls back in 29:"},
	} {
		t.Run(name, func(t *testing.T) {
			stepstest.Run(t, setup{}, func(op *operator) {
				op.Go(t, "risk")
				op.Apply()
				op.Press(c.keys...)
				if err := c.do(op.Trial()); err != nil {
					t.Fatal(err)
				}
				op.Wait(time.Second)
				op.Want(c.want)
			})
		})
	}
}

// On a refused host the wizard ends with the refusal.
func TestRefusedHost(t *testing.T) {
	stepstest.Run(t, setup{Spec: stepstest.Proxmox}, func(op *operator) {
		op.Press("enter", "ctrl+n", "enter")
		if op.On() != "survey" {
			t.Errorf("on %s", op.On())
		}
		op.Press("ctrl+c")
		op.Wait(time.Second)
		op.Press("y")
		if !op.Ended() {
			t.Fatal("still there")
		}
		ends[*plan.Refusal](t, op)
	})
}

// The operator walks away: the change goes back by itself, and the wizard says so.
func TestNobodyConfirms(t *testing.T) {
	a := answers.Default()
	a.Uplink.NICs, a.Apply.ConfirmWithin = []string{"eth0"}, answers.Duration(answers.HumanWindow)
	stepstest.Run(t, setup{Answers: &a}, func(op *operator) {
		before := op.Machine.Snapshot()
		op.Go(t, "risk")
		op.Apply()
		if !op.Wizard.Pending() {
			t.Fatal("nothing is pending")
		}
		op.Wait(answers.HumanWindow)
		op.Want("Nobody confirmed in time.")
		if got := op.Machine.Snapshot(); got != before {
			t.Errorf("the host is not as it was:\n%s", got)
		}
		if op.Wizard.Pending() {
			t.Error("still pending")
		}
	})
}
