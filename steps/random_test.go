package steps_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"bridgehead/backend/answers"
	"bridgehead/backend/sim"
	"bridgehead/steps/stepstest"
)

// keys that fingers, and cats, press. There is no y in them: apply cannot be typed.
var keys = []string{"enter", "enter", "enter", "ctrl+n", "ctrl+n", "esc", "tab", "shift+tab", "up", "down", "left", "right", "space",
	"pgup", "pgdown", "home", "end", "backspace", "ctrl+u", "?", "f1", "/", "b", "d", "w", "s", "r", "k", "e", "i", "a", "p", "l",
	"1", "2", "3", "4", "5", "0", "9", ".", "-", ":", ",", "x", "Z", "ctrl+c", "n"}

// press presses n random keys, with time passing now and then; the driver fails the test when a page does not fit.
func press(op *operator, r *rand.Rand, n int) {
	for range n {
		if op.Ended() {
			return
		}
		switch r.IntN(12) {
		case 0:
			op.Wait(time.Duration(r.IntN(3000)) * time.Millisecond)
		case 1:
			op.Resize(60+r.IntN(80), 16+r.IntN(30))
		default:
			op.Press(keys[r.IntN(len(keys))])
		}
	}
}

// Whatever is pressed, nothing is changed before the word was typed.
func TestRandomKeysChangeNothing(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			stepstest.Run(t, setup{}, func(op *operator) {
				before := op.Machine.Snapshot()
				if seed%2 == 1 { // begin where it matters
					op.Go(t, "risk")
				}
				press(op, rand.New(rand.NewPCG(seed, 1)), 150)
				if got := op.Machine.Snapshot(); got != before {
					t.Errorf("the host has changed:\n%s\nbefore:\n%s", got, before)
				}
			})
		})
	}
}

// Whatever is pressed after apply, in the end the change is either confirmed or gone.
func TestRandomKeysAfterApply(t *testing.T) {
	a := answers.Default()
	a.Uplink.NICs, a.Apply.ConfirmWithin = []string{"eth0"}, answers.Duration(answers.HumanWindow)
	confirmed := 0
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			stepstest.Run(t, setup{Answers: &a}, func(op *operator) {
				before := op.Machine.Snapshot()
				op.Go(t, "risk")
				op.Apply()
				press(op, rand.New(rand.NewPCG(seed, 2)), 40)
				op.Machine.Hurry(true) // the operator has gone; only the guard is left
				if s, err := op.Trial().Status(context.Background(), ""); err == nil {
					op.Machine.Advance(s.Remaining)
				}
				if err := op.Trial().Watch(context.Background()); err != nil {
					t.Error(err)
				}
				file := string(op.Machine.File("/etc/network/interfaces").Data)
				switch got := op.Machine.Snapshot(); {
				case file != string(sim.DemoSpec().Files["/etc/network/interfaces"].Data):
					confirmed++
				case got != before:
					t.Errorf("neither confirmed nor taken back:\n%s\nbefore:\n%s", got, before)
				}
			})
		})
	}
	if confirmed == 0 || confirmed == 30 {
		t.Errorf("%d of 30 were confirmed: the keys do not reach both ends", confirmed)
	}
}
