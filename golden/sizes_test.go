package golden_test

import (
	"testing"
	"time"

	"bridgehead/steps/stepstest"
	"bridgehead/tui"
)

// sized is each step's screen at one size, named after it.
func sized(name string, width, height int) []play {
	on := setup{Badge: tui.Real, Width: width, Height: height}
	many := on
	many.Spec = stepstest.NICs(252)
	plays := []play{
		{"nic-256", many, func(t *testing.T, op *operator) { op.Go(t, "nic"); op.Press("/"); op.Type("eth2") }},
		{"address", on, to("address", "down")},
		{"risk", on, func(t *testing.T, op *operator) { op.Go(t, "risk"); op.Wait(time.Second) }},
		{"confirm", on, trialOf()},
		{"confirm-leave", on, trialOf("ctrl+c")},
		{"done", on, func(t *testing.T, op *operator) {
			trialOf("k", "enter")(t, op)
			op.Wait(2 * time.Second)
		}},
	}
	for _, step := range []string{"survey", "nic", "uplink", "bridge", "libvirt", "vms", "safety", "review"} {
		plays = append(plays, play{step, on, to(step)})
	}
	for i := range plays {
		plays[i].name = name + "-" + plays[i].name
	}
	return plays
}

func TestSizes(t *testing.T) {
	playAll(t, sized("60x16", 60, 16))
	playAll(t, sized("132x43", 132, 43))
}

// On a terminal without UTF-8 every line and block has a character of ASCII in its place.
func TestASCII(t *testing.T) {
	ascii := func(keys func(*testing.T, *operator)) func(*testing.T, *operator) {
		return func(t *testing.T, op *operator) {
			op.Shell.ASCII = true
			keys(t, op)
			for _, r := range op.Screen() {
				if r > 0x7e {
					t.Errorf("%q is on the screen", r)
				}
			}
		}
	}
	playAll(t, []play{
		{"ascii-nic", real, ascii(to("nic"))},
		{"ascii-vms", real, ascii(to("vms", "space"))},
		{"ascii-review", real, ascii(to("review"))},
		{"ascii-picture", real, ascii(to("review", "2"))},
		{"ascii-confirm", real, ascii(trialOf())},
	})
}
