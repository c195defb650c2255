package golden_test

import (
	"fmt"
	"strings"
	"testing"

	"bridgehead/steps/stepstest"
	"bridgehead/tui"
)

// wrong are answers that hardly any field can take. What a field says to them can be read in fields.txt.
var wrong = []string{"-1", "99999", "a b", "192.168.1.300/24", "nowhere/"}

// Every field of every step says what it is for, and what is wrong with an answer, as a sentence: in fields.txt one reads them all.
func TestFields(t *testing.T) {
	var b strings.Builder
	seen := map[string]bool{}
	walk := func(name string, choose func(op *operator)) {
		stepstest.Run(t, setup{Badge: tui.Real}, func(op *operator) {
			for op.On() != "review" {
				if choose != nil {
					choose(op)
				}
				fields(t, op, seen, &b)
				at := op.On()
				if op.Press("ctrl+n"); op.On() == at {
					t.Errorf("%s: the way ends at %s:\n%s", name, at, op.Screen())
					return
				}
			}
		})
	}
	answer := func(step, label, value string) func(*operator) {
		return func(op *operator) {
			if op.On() != step {
				return
			}
			for _, q := range op.Shell.Page().(tui.Asker).Ask() {
				if q.Label == label {
					op.Send(tui.AnswerMsg{ID: q.ID, Values: strings.Fields(value)})
				}
			}
		}
	}
	all := func(choices ...func(*operator)) func(*operator) {
		return func(op *operator) {
			for _, choose := range choices {
				choose(op)
			}
		}
	}
	walk("as proposed", nil)
	walk("another address", answer("address", "Address", "static"))
	members := answer("members", "NICs", "eth1")
	walk("a bond", all(answer("uplink", "Uplink", "ovs-bond"), members, answer("bond", "LACP", "active"), answer("bond", "Mode", "balance-tcp")))
	walk("a bond with a primary", all(answer("uplink", "Uplink", "ovs-bond"), members))
	walk("a kernel bond", all(answer("uplink", "Uplink", "kernel-bond"), members))
	stepstest.Run(t, setup{Badge: tui.Real}, func(op *operator) {
		trialOf("k", "enter")(t, op)
		op.Press("v")
		if op.On() != "newvm" {
			t.Errorf("no new VM:\n%s", op.Screen())
			return
		}
		fields(t, op, seen, &b)
	})
	golden(t, "fields.txt", b.String())
}

// fields writes down the questions of the page shown that were not seen before, and leaves the answers as they were.
func fields(t *testing.T, op *operator, seen map[string]bool, b *strings.Builder) {
	page, ok := op.Shell.Page().(tui.Asker)
	if !ok {
		return
	}
	for _, q := range page.Ask() {
		name := op.Shell.Step().Title + ": " + q.Label
		for _, o := range q.Options {
			if q.Detail != nil { // a list of the host's things, not a choice of words
				break
			}
			name += " / " + o.Label
			if q.Help == "" && o.Explain == "" && o.Off == "" {
				t.Errorf("%s: neither the field nor the option says what it is", name)
			}
		}
		if seen[name] {
			continue
		}
		seen[name] = true
		if q.Help == "" && len(q.Options) == 0 {
			t.Errorf("%s: no line of help", name)
		}
		fmt.Fprintf(b, "%s\n    %s\n", name, q.Help)
		if len(q.Options) > 0 {
			continue
		}
		for _, bad := range wrong {
			op.Send(tui.AnswerMsg{ID: q.ID, Values: []string{bad}})
			for _, now := range page.Ask() {
				if now.Label != q.Label || now.Err == nil {
					continue
				}
				fmt.Fprintf(b, "    %s -> %v\n", bad, now.Err)
				if len(strings.Fields(now.Err.Error())) < 4 {
					t.Errorf("%s: %q says too little: %v", name, bad, now.Err)
				}
			}
		}
		op.Send(tui.AnswerMsg{ID: q.ID, Values: q.Now})
	}
}
