package golden_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/sim"
	"bridgehead/steps/stepstest"
	"bridgehead/tui"
	"bridgehead/tui/tuitest"
)

// slowGuests is a virt-install that takes its time, and heeds being stopped.
type slowGuests struct{ backend.Guests }

func (g slowGuests) Install(ctx context.Context, disk string, args []string, line func(string)) error {
	line("Starting install...")
	line("Allocating 'example3.qcow2'")
	select {
	case <-time.After(30 * time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	return g.Guests.Install(ctx, disk, args, line)
}

// fullGuests is a virt-install that fails once the disk and the VM are there.
type fullGuests struct{ backend.Guests }

func (g fullGuests) Install(ctx context.Context, disk string, args []string, line func(string)) error {
	return errors.Join(g.Guests.Install(ctx, disk, args, line), errors.New("virt-install says: internal error: process exited while connecting to monitor"))
}

// toNewVM keeps the change and opens the page of a new VM.
func toNewVM(t *testing.T, op *operator) {
	trialOf()(t, op)
	op.Wait(2 * time.Second)
	op.Press("k", "enter")
	op.Wait(2 * time.Second)
	op.Press("v")
	if op.On() != "newvm" {
		t.Fatalf("no page for a new VM:\n%s", op.Screen())
	}
}

// typeVM types name, when it is not the one proposed, and the ISO, and goes on.
func typeVM(keys ...string) func(*testing.T, *operator) {
	return func(t *testing.T, op *operator) {
		toNewVM(t, op)
		op.Press("tab", "tab", "tab", "tab", "tab", "tab")
		op.Type("/var/vm/ISO/debian-12.8.0-amd64-netinst.iso")
		op.Press("ctrl+n")
		op.Wait(time.Second)
		if op.On() != "makevm" {
			t.Fatalf("cannot go on:\n%s", op.Screen())
		}
		op.Press(keys...)
		op.Wait(5 * time.Second)
	}
}

func TestNewVM(t *testing.T) {
	slow := setup{Badge: tui.Real, Host: func(h backend.Host) backend.Host { h.Guests = slowGuests{h.Guests}; return h }}
	playAll(t, []play{
		{"newvm", real, toNewVM},
		{"newvm-narrow", setup{Badge: tui.Real, Width: 60, Height: 16, ASCII: true}, toNewVM},
		{"newvm-taken", real, func(t *testing.T, op *operator) {
			toNewVM(t, op)
			op.Press("backspace")
			op.Type("1")
			op.Press("ctrl+n")
		}},
		{"newvm-missing", setup{Badge: tui.Real, Spec: func(s *sim.Spec) { delete(s.Packages, "virtinst") }}, func(t *testing.T, op *operator) {
			trialOf()(t, op)
			op.Wait(2 * time.Second)
			op.Press("k", "enter")
			op.Wait(2 * time.Second)
			op.Press("v")
		}},
		{"newvm-refused", real, func(t *testing.T, op *operator) {
			toNewVM(t, op)
			op.Press("tab", "backspace", "backspace", "backspace", "backspace")
			op.Type("99000")
			op.Press("tab", "tab", "tab", "tab", "tab")
			op.Type("/var/vm/none.iso")
			op.Press("ctrl+n")
			op.Wait(time.Second)
		}},
		{"newvm-system", real, func(t *testing.T, op *operator) {
			toNewVM(t, op)
			op.Press("tab", "tab", "tab", "tab", "tab", "tab", "tab")
			op.Type("debian")
			op.Wait(time.Second)
		}},
		{"newvm-system-unknown", real, func(t *testing.T, op *operator) {
			toNewVM(t, op)
			op.Press("tab", "tab", "tab", "tab", "tab", "tab")
			op.Type("/var/vm/ISO/debian-12.8.0-amd64-netinst.iso")
			op.Press("tab")
			op.Type("debian14")
			op.Wait(time.Second)
			op.Press("ctrl+n")
		}},
		{"newvm-hostile", real, func(t *testing.T, op *operator) {
			toNewVM(t, op)
			for range len("example3") {
				op.Press("backspace")
			}
			op.Type(`a'"<b>&$x`)
			op.Press("tab", "tab", "tab")
			for range 60 {
				op.Press("backspace")
			}
			op.Type("/var/vm/a, b.qcow2")
			op.Press("tab", "tab", "tab")
			op.Type("/var/vm/ISO/debian-12.8.0-amd64-netinst.iso")
			op.Press("ctrl+n")
			op.Wait(time.Second)
			op.Press("s")
			if op.Saved["bridgehead-create-vm.sh"] == "" || op.Saved["bridgehead-remove-vm.sh"] == "" {
				t.Error("the commands were not saved")
			}
		}},
		{"newvm-ready", real, typeVM()},
		{"newvm-running", slow, typeVM("c")},
		{"newvm-stopped", slow, typeVM("c", "x")},
		{"newvm-leave", slow, typeVM("c", "ctrl+c")},
		{"newvm-made", real, typeVM("c")},
		{"newvm-remove", real, func(t *testing.T, op *operator) { typeVM("c")(t, op); op.Press("r") }},
		{"newvm-removed", real, func(t *testing.T, op *operator) { typeVM("c")(t, op); op.Press("r", "enter"); op.Wait(time.Second) }},
		{"newvm-failed", setup{Badge: tui.Real, Host: func(h backend.Host) backend.Host { h.Guests = fullGuests{h.Guests}; return h }}, typeVM("c")},
		{"newvm-another", real, func(t *testing.T, op *operator) { typeVM("c")(t, op); op.Press("n") }},
	})
}

// Line by line, as far as the VM that is there and its removal.
func TestNewVMLines(t *testing.T) {
	stepstest.RunLines(t, real, func(op *operator, o *tuitest.Teller) {
		for range 18 {
			o.Answer("") // as proposed, up to the review
		}
		o.Answer("", "apply")
		o.Wait(3 * time.Second)
		o.Answer("", "k", "")
		o.Wait(2 * time.Second)
		o.Answer("v", "a b", "vm1", "1024", "1", "", "10", "", "/var/vm/ISO/debian-12.8.0-amd64-netinst.iso", "debian12", "serial", "2")
		o.Wait(2 * time.Second)
		o.Answer("c")
		o.Wait(5 * time.Second)
		o.Answer("r", "", "")
		o.Wait(2 * time.Second)
		plain(t, "newvm", o.Told())
		golden(t, "lines/newvm.txt", o.Told())
	})
}
