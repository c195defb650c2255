package steps

import (
	"errors"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/plan"
	"bridgehead/backend/trial"
	"bridgehead/tui"
)

func doneStep(w *Wizard) tui.Step {
	return tui.Step{ID: "done", Title: "Done", Page: func() tui.Page { return &donePage{w: w} }}
}

// donePage says how it ended, where the old state is, and what to do next.
type donePage struct {
	w *Wizard
	tui.Prose
}

func (p *donePage) Enter() tea.Cmd {
	p.Text = outcomeText(p.w)
	return nil
}

func outcomeText(w *Wizard) string {
	var incomplete *trial.IncompleteError
	var b strings.Builder
	s := w.run.status
	switch {
	case errors.As(w.run.err, &incomplete):
		fmt.Fprintf(&b, "NOT EVERYTHING COULD BE TAKEN BACK: %s.\n\nWhat is left:\n", trimStop(incomplete.Reason))
		for _, l := range incomplete.Left {
			fmt.Fprintf(&b, "  - %s\n", l)
		}
		b.WriteString("\nCorrect that, then run: bridgehead rollback\n")
	case w.run.err != nil:
		fmt.Fprintf(&b, "%s\n\nWhat was tried and why it was taken back: bridgehead history\n", sentence(w.run.err))
	case s.Phase == trial.Confirmed:
		br := w.plan.Answers.Bridge
		fmt.Fprintf(&b, "Done. %s is a port of bridge %s, and the host's address is on %s. It stays so after a restart.\n\n",
			strings.Join(w.plan.Answers.Uplink.NICs, ", "), br.Name, br.Port)
		for _, o := range w.plan.Ops(plan.Persist) {
			fmt.Fprintf(&b, "  %s\n", o.Describe().Text)
		}
		fmt.Fprintf(&b, "\nOld files:   %s/history/%s/before/files\nTake back:   bridgehead undo\nLook:        ovs-vsctl show\n", w.Trial.Dir, s.ID)
		if l := w.plan.Answers.Libvirt; l != nil && l.Network != "" {
			fmt.Fprintf(&b, "\nConnect a VM: virsh attach-interface VM network %s --model virtio --config\n", l.Network)
		}
	default:
		b.WriteString("Nothing has been changed.\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

func (p *donePage) Next() error { return nil }

func (p *donePage) Help() string { return "Enter ends the wizard." }
