package steps

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/plan"
	"bridgehead/backend/trial"
	"bridgehead/tui"
)

func doneStep(w *Wizard) tui.Step {
	return tui.Step{ID: "done", Title: "Done",
		When: func() bool { return !w.run.unfinished() },
		Page: func() tui.Page { return &donePage{w: w} }}
}

// donePage says how it ended, where the old state is, and what to do next.
type donePage struct {
	w     *Wizard
	prose tui.Prose
}

func (p *donePage) Enter() tea.Cmd {
	p.prose.Text, p.w.newVM.wanted = outcome(p.w), false
	if remains := p.w.run.status.Remains; remains != "" {
		p.prose.Text += "\n\n" + remains
	}
	return nil
}

func (p *donePage) confirmed() bool { return p.w.run.status.Phase == trial.Confirmed }

func (p *donePage) Update(msg tea.Msg) tea.Cmd {
	if tui.Pressed(msg, "s") {
		p.w.again()
		return tui.Goto("survey")
	}
	if tui.Pressed(msg, "v") {
		return p.w.makeVM("done")
	}
	return p.prose.Update(msg)
}

func outcome(w *Wizard) string {
	var (
		unchanged  *trial.UnchangedError
		rolledBack *trial.RolledBackError
	)
	switch err := w.run.err; {
	case w.run.status.Phase == trial.Confirmed:
		return confirmedText(w)
	case w.run.status.Phase == trial.Staged:
		return stagedText(w)
	case errors.As(err, &unchanged):
		return "Nothing has been changed on this host.\n\nWhy: " + sentence(unchanged.Err) + "\n\nPress s to look at the host again. What you typed is kept."
	case errors.As(err, &rolledBack):
		return rolledBackText(w)
	case err != nil:
		return sentence(err) + "\n\nWhat has become of the change:\n  bridgehead status"
	}
	return "Nothing has been changed on this host."
}

func confirmedText(w *Wizard) string {
	var b strings.Builder
	a := w.plan.Answers
	lead, stays, kept := "Confirmed.", " It stays so after a restart.", ""
	next := w.plan.Next()
	switch w.Badge {
	case tui.Rehearse:
		lead, stays, kept = "The rehearsal has worked, and this host was not touched. On the replica:", "", "When it is done in earnest, the host keeps:\n"
		next = []plan.Hint{{What: "To do it in earnest:", Command: "bridgehead"}}
	case tui.Demo:
		lead, stays, kept = "The demo has worked, and nothing was touched. On the simulated host:", "", "When it is done in earnest, the host keeps:\n"
		next = []plan.Hint{{What: "To rehearse it on a replica of this host:", Command: "bridgehead rehearse"}}
	}
	if a.Existing() {
		fmt.Fprintf(&b, "%s What hangs on bridge %s:\n\n", lead, a.Bridge.Name)
	} else {
		fmt.Fprintf(&b, "%s %s is a port of bridge %s, and the host's address is on %s.%s\n\n",
			lead, a.UplinkName(), a.Bridge.Name, a.Bridge.Port, stays)
	}
	for _, l := range plan.Tree(w.plan.Picture.After[:1]) {
		b.WriteString("  " + l + "\n")
	}
	fmt.Fprintf(&b, "\nChanged: %s.\n%s", strings.Join(changed(w.plan), ", "), kept)
	fmt.Fprintf(&b, "Report:       %s\nOld files:    %s\nTake it back: bridgehead undo   (under the same guard)\n\n",
		w.Trial.ReportPath(w.run.id), w.Trial.BeforePath(w.run.id))
	for _, h := range next {
		fmt.Fprintf(&b, "%s\n  %s\n", h.What, h.Command)
	}
	return strings.TrimRight(b.String(), "\n")
}

// changed names what a plan changes: each file, bridge and network once.
func changed(pl plan.Plan) []string {
	var out []string
	for _, c := range pl.Changes() {
		if !slices.Contains(out, c.Path) && !strings.Contains(c.Path, " of bridge ") { // part of the bridge
			out = append(out, c.Path)
		}
	}
	return out
}

func stagedText(w *Wizard) string {
	return "Written down. The change begins with the next restart of this host. After that you have " + span(w.window()) +
		" to confirm; if nobody does, everything is taken back.\n\nAfter the restart, from any login:\n  bridgehead confirm\n\nTo take it back before:\n  bridgehead rollback"
}

func rolledBackText(w *Wizard) string {
	var b strings.Builder
	b.WriteString("Everything has been taken back. The host is as it was before: files, Open vSwitch, addresses, routes and libvirt have been compared, and what answered before answers again.\n")
	if reason := w.run.status.Reason; reason != "" {
		fmt.Fprintf(&b, "\nWhy: %s\n", sentence(errors.New(reason)))
	}
	for _, n := range w.run.status.Notes {
		fmt.Fprintf(&b, "\n%s\n", sentence(errors.New(n)))
	}
	if len(w.installed) > 0 {
		fmt.Fprintf(&b, "\nThese packages stay installed: %s.\n", strings.Join(w.installed, ", "))
	}
	fmt.Fprintf(&b, "\nWhat was tried:\n  %s\n\nPress s to start again. What you typed is kept.", w.Trial.ReportPath(w.run.id))
	return b.String()
}

func (p *donePage) Next() error { return nil }

func (p *donePage) Keys() []tui.Key {
	back := tui.Bind("back", "esc", "ctrl+p")
	if p.confirmed() {
		return append([]tui.Key{tui.Bind("create a VM", "v").Unless(p.w.noNewVM()), back.Unless(p.w.lock())}, p.prose.Keys()...)
	}
	if p.w.run.status.Phase == trial.Staged {
		return append([]tui.Key{back.Unless(p.w.lock())}, p.prose.Keys()...)
	}
	return append([]tui.Key{tui.Bind("start again", "s"), back.Unless("This attempt is over. Press s to start again.")}, p.prose.Keys()...)
}

func (p *donePage) View(width, height int) string { return p.prose.View(width, height) }

// Speak is how it ended.
func (p *donePage) Speak(width int) string { return p.prose.Speak(width) }

func (p *donePage) Help() string { return "Enter ends the wizard." }
