package steps

import (
	"errors"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/answers"
	"bridgehead/backend/op"
	"bridgehead/backend/plan"
	"bridgehead/tui"
)

func reviewStep(w *Wizard) tui.Step {
	return tui.Step{ID: "review", Title: "Review", Page: func() tui.Page { return &reviewPage{w: w} }}
}

// reviewPage shows every change before it is made. The plan that it shows is the one that is applied.
type reviewPage struct {
	w    *Wizard
	tabs tui.Tabs
	err  error
}

func (p *reviewPage) Enter() tea.Cmd {
	p.w.plan, p.err = plan.Build(p.w.facts, p.w.draft.Answers())
	if p.err != nil {
		return nil
	}
	p.tabs.Tabs = []tui.Tab{
		{Title: "Files", Widget: &tui.Diff{Files: fileDiffs(p.w.plan)}},
		{Title: "Commands", Widget: &tui.Prose{Text: commands(p.w.plan)}},
		{Title: "Timeline", Widget: &tui.Prose{Text: timeline(p.w.plan)}},
		{Title: "Risk", Widget: &tui.Prose{Text: riskText(p.w.plan)}},
	}
	return nil
}

func fileDiffs(pl plan.Plan) []tui.FileDiff {
	var out []tui.FileDiff
	for _, c := range pl.Changes() {
		out = append(out, tui.FileDiff{Path: c.Path, Before: c.Before, After: c.After, Created: c.Created, Removed: c.Removed})
	}
	return out
}

func commands(pl plan.Plan) string {
	var b strings.Builder
	b.WriteString("What is done, as you would type it:\n\n")
	for _, i := range pl.Items {
		if _, file := i.Op.(*op.WriteFile); file {
			fmt.Fprintf(&b, "# %s, see the tab Files\n", i.Op.Describe().Text)
			continue
		}
		n := i.Op.Describe()
		fmt.Fprintf(&b, "# %s\n%s\n\n", n.Text, strings.Join(n.Commands, "\n"))
	}
	return strings.TrimRight(b.String(), "\n")
}

func timeline(pl plan.Plan) string {
	var b strings.Builder
	b.WriteString("1. Now: what answers is noted, and the guard is armed.\n\n2. The trial. Only the running host changes:\n")
	for _, o := range pl.Ops(plan.Trial) {
		n := o.Describe()
		mark := "   "
		if n.Cut {
			mark = " ! "
		}
		fmt.Fprintf(&b, "%s%s\n", mark, n.Text)
	}
	fmt.Fprintf(&b, "   (!: traffic through the NIC may stall for some milliseconds)\n\n3. The checks run. You have %s to confirm. Silence takes everything back.\n\n4. When you confirm:\n", pl.Answers.Apply.ConfirmWithin)
	for _, o := range pl.Ops(plan.Persist) {
		fmt.Fprintf(&b, "   %s\n", o.Describe().Text)
	}
	return strings.TrimRight(b.String(), "\n")
}

func riskText(pl plan.Plan) string {
	lines := append(pl.Risk.Lines(), pl.Notes...)
	if len(lines) == 0 {
		lines = []string{"Nothing that is known to be at risk."}
	}
	return strings.Join(lines, "\n\n")
}

func (p *reviewPage) Update(msg tea.Msg) tea.Cmd {
	if key, ok := msg.(tea.KeyPressMsg); ok && tui.Pressed(key, "w") {
		return p.export()
	}
	return p.tabs.Update(msg)
}

// export writes the answers, the script and the undo script beside each other.
func (p *reviewPage) export() tea.Cmd {
	w, pl := p.w, p.w.plan
	return func() tea.Msg {
		var where []string
		file, err := answers.Encode(pl.Answers)
		if err != nil {
			return tui.ErrorMsg{Err: err}
		}
		var script, undo strings.Builder
		if err := errors.Join(plan.Render(&script, pl, plan.FormatScript), plan.Render(&undo, pl, plan.FormatUndoScript)); err != nil {
			return tui.ErrorMsg{Err: err}
		}
		for _, x := range []struct {
			name string
			data []byte
			mode uint32
		}{{"bridgehead-answers.yaml", file, 0o600}, {"bridgehead-apply.sh", []byte(script.String()), 0o700}, {"bridgehead-undo.sh", []byte(undo.String()), 0o700}} {
			path, err := w.Save(x.name, x.data, x.mode)
			if err != nil {
				return tui.ErrorMsg{Err: fmt.Errorf("cannot write %s: %w", x.name, err)}
			}
			where = append(where, path)
		}
		return tui.SayMsg{Text: "Written: " + strings.Join(where, ", ")}
	}
}

func (p *reviewPage) Next() error { return p.err }

func (p *reviewPage) Keys() []tui.Key {
	if p.err != nil {
		return nil
	}
	return append(p.tabs.Keys(), tui.Bind("write to files", "w"))
}

func (p *reviewPage) View(width, height int) string {
	if p.err != nil {
		return strings.Join(tui.Wrap("This cannot be done as answered:\n\n"+tui.Clean(p.err.Error())+"\n\nGo back with Esc and correct it. Nothing has been changed.", width), "\n")
	}
	return p.tabs.View(width, height)
}

func (p *reviewPage) Help() string {
	return "Nothing has been changed yet. What you see here is the list that is applied, checked and, if need be, taken back.\n\nPress w to write the answers, the commands as a shell script, and the script that undoes them. With the answers another host is done unattended: bridgehead apply --answers FILE."
}
