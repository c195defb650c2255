package steps_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"bridgehead/steps"
	"bridgehead/steps/stepstest"
	"bridgehead/tui"
	"bridgehead/tui/tuitest"
)

// Every page can be told line by line.
func TestEveryPageCanBeTold(t *testing.T) {
	for _, step := range steps.All(&steps.Wizard{}) {
		if _, ok := step.Page().(tui.Speaker); !ok {
			t.Errorf("the page of step %s has no Speak; a page with a form, a table or a word to type also needs Ask", step.ID)
		}
	}
}

// Line by line the same answers make the same plan.
func TestLinesMakeTheSamePlan(t *testing.T) {
	for name, c := range map[string]struct {
		keys  func(*testing.T, *operator)
		lines []string
	}{
		"as proposed": {func(t *testing.T, op *operator) {}, []string{"", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", ""}},
		"all else": {func(t *testing.T, op *operator) {
			op.Go(t, "bridge")
			typeOver(op, "br7")
			op.Press("tab", "tab", "down", "tab")
			op.Type("12")
			op.Go(t, "address")
			op.Press("down", "tab")
			typeOver(op, "192.168.1.55/24")
			op.Press("tab", "tab", "ctrl+u")
			op.Go(t, "libvirt")
			op.Press("tab")
			typeOver(op, "lan")
			op.Go(t, "safety")
			op.Press("down", "tab")
			typeOver(op, "4m")
		}, []string{"", "eth0", "1", "br7", "", "userspace", "12", "", "static", "192.168.1.55/24", "", "-", "yes", "lan", "", "keep", "", "restart", "4m", "", ""}},
		"a bond": {func(t *testing.T, op *operator) {
			op.Go(t, "uplink")
			op.Press("down")
			op.Go(t, "members")
			op.Press("space", "down", "space")
		}, []string{"", "", "OVS bond", "eth1, eth2", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			want, got := "", ""
			stepstest.Run(t, setup{}, func(op *operator) {
				c.keys(t, op)
				op.Go(t, "review")
				want = encoded(t, op.Wizard.Plan())
			})
			stepstest.RunLines(t, setup{}, func(op *operator, o *tuitest.Teller) {
				o.Answer(c.lines...)
				if op.On() != "review" && op.On() != "risk" {
					t.Fatalf("on %s:\n%s", op.On(), o.Told())
				}
				got = encoded(t, op.Wizard.Plan())
			})
			if got != want {
				t.Errorf("line by line:\n%s\non screens:\n%s", got, want)
			}
		})
	}
}

// Whatever is typed, nothing is changed before the word was.
func TestRandomLinesChangeNothing(t *testing.T) {
	lines := []string{"", "", "", "", "back", "esc", "help", "?", "no", "yes", "1", "2", "3", "eth1", "b eth0", "d eth2", "b", "d x", "/eth", "more", "-", "s", "r", "k", "w",
		"10.0.0.1", "br0", "a b c", "99", "0", "-1", "%s\x1b[2J", "q", "aply", "APPLY!", "quit", "n"}
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			stepstest.RunLines(t, setup{}, func(op *operator, o *tuitest.Teller) {
				before, r := op.Machine.Snapshot(), rand.New(rand.NewPCG(seed, 3))
				for range 200 {
					if op.Ended() {
						break
					}
					o.Answer(lines[r.IntN(len(lines))])
					if r.IntN(10) == 0 {
						op.Wait(time.Duration(r.IntN(3000)) * time.Millisecond)
					}
				}
				if got := op.Machine.Snapshot(); got != before {
					t.Errorf("the host has changed:\n%s\nbefore:\n%s", got, before)
				}
			})
		})
	}
}
