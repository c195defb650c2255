package steps

import (
	"errors"
	"fmt"
	"strings"
	"time"

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
	pl := p.w.plan
	text := func(lay func(plan.Plan, int) []string) tui.Widget {
		return &drawn{text: func(width int) []string { return lay(pl, width) }}
	}
	p.tabs.Tabs = []tui.Tab{
		{Title: "Changes", Widget: &tui.Diff{Files: diffs(pl)}},
		{Title: "Picture", Widget: text(picture)},
		{Title: "Commands", Widget: text(script)},
		{Title: "Timeline", Widget: text(timeline)},
		{Title: "Risks", Widget: text(risks)},
	}
	return nil
}

// diffs are what changes: in files, in Open vSwitch, in libvirt.
func diffs(pl plan.Plan) []tui.FileDiff {
	var out []tui.FileDiff
	for _, c := range pl.Changes() {
		out = append(out, tui.FileDiff{Path: c.Path, Before: c.Before, After: c.After, Created: c.Created, Removed: c.Removed})
	}
	return out
}

// picture is how the host is wired, before and after.
func picture(pl plan.Plan, width int) []string { return pl.Picture.Draw(width) }

// timeline says what happens when, also if nothing is confirmed.
func timeline(pl plan.Plan, width int) []string {
	if pl.Answers.Apply.When == answers.WhenReboot {
		return restartTimeline(pl, width)
	}
	lines := hang("1. ", "What answers now is noted, and the guard is armed.", width)
	lines = append(append(lines, ""), hang("2. ", "The trial. Only the running host changes, no file:", width)...)
	for _, o := range pl.Ops(plan.Trial) {
		n := o.Describe()
		if n.Cut {
			n.Text += " (traffic may stall for milliseconds)"
		}
		lines = append(lines, hang("   - ", n.Text, width)...)
	}
	lines = append(append(lines, ""), hang("3. ", "You have "+span(pl.Window(time.Duration(pl.Answers.Apply.ConfirmWithin)))+" to confirm. Meanwhile this is checked:", width)...)
	for _, c := range pl.Checks {
		lines = append(lines, hang("   - ", c.String(), width)...)
	}
	last := "When you confirm, it is made to last:"
	if len(pl.Ops(plan.Persist)) == 0 {
		last = "When you confirm, it stays; nothing more is changed."
	}
	lines = append(append(lines, ""), hang("4. ", last, width)...)
	for _, o := range pl.Ops(plan.Persist) {
		lines = append(lines, hang("   - ", o.Describe().Text, width)...)
	}
	return append(append(lines, ""), tui.Wrap("If you do not confirm, if this terminal or the wizard dies, or if the host restarts: everything is taken back.", width)...)
}

// restartTimeline is that of a change that begins with a restart: files first, and the rest at boot.
func restartTimeline(pl plan.Plan, width int) []string {
	lines := hang("1. ", "Now the guard is armed, and this is written. The running host does not change:", width)
	for _, o := range pl.Ops(plan.Persist) {
		if o.Lasts() == op.OnDisk {
			lines = append(lines, hang("   - ", o.Describe().Text, width)...)
		}
	}
	lines = append(append(lines, ""), hang("2. ", "You restart the host when it suits you. Before the network comes up:", width)...)
	for _, o := range pl.Ops(plan.Trial) {
		lines = append(lines, hang("   - ", o.Describe().Text, width)...)
	}
	lines = append(append(lines, ""), hang("3. ", "You have "+span(pl.Window(time.Duration(pl.Answers.Apply.ConfirmWithin)))+" to confirm. Meanwhile this is checked:", width)...)
	for _, c := range pl.Checks {
		lines = append(lines, hang("   - ", c.String(), width)...)
	}
	return append(append(lines, ""), tui.Wrap("If you do not confirm, or if the host restarts once more: everything is taken back, the files too.", width)...)
}

// risks are all that is known of them; the screen before apply has the first few.
func risks(pl plan.Plan, width int) []string {
	var lines []string
	for _, l := range append(pl.Risk.Lines(), pl.Notes...) {
		lines = append(lines, hang("- ", stop(l), width)...)
	}
	if lines == nil {
		return []string{"Nothing is known to be at risk."}
	}
	return lines
}

func (p *reviewPage) Update(msg tea.Msg) tea.Cmd {
	if key, ok := msg.(tea.KeyPressMsg); ok && p.saves(key) {
		return p.export()
	}
	return p.tabs.Update(msg)
}

// saves says whether key is s, and not part of something that is being typed.
func (p *reviewPage) saves(key tea.KeyPressMsg) bool {
	for _, k := range p.tabs.Keys() {
		if k.Matches(key) {
			return false
		}
	}
	return tui.Pressed(key, "s")
}

// export writes the answers, the script and the undo script beside each other.
func (p *reviewPage) export() tea.Cmd {
	w, pl := p.w, p.w.plan
	return func() tea.Msg {
		file, err := answers.Encode(pl.Answers)
		var script, undo strings.Builder
		err = errors.Join(err, plan.Render(&script, pl, plan.FormatScript), plan.Render(&undo, pl, plan.FormatUndoScript))
		if err != nil {
			return tui.ErrorMsg{Err: err}
		}
		var dir string
		for _, x := range []struct {
			name string
			data []byte
			mode uint32
		}{{"bridgehead-answers.yaml", file, 0o600}, {"bridgehead-apply.sh", []byte(script.String()), 0o700}, {"bridgehead-undo.sh", []byte(undo.String()), 0o700}} {
			if dir, err = w.Save(x.name, x.data, x.mode); err != nil {
				return tui.ErrorMsg{Err: fmt.Errorf("cannot write %s: %w", x.name, err)}
			}
		}
		return tui.SayMsg{Text: "Saved in " + dir + ": bridgehead-answers.yaml, bridgehead-apply.sh, bridgehead-undo.sh"}
	}
}

func (p *reviewPage) Next() error {
	if p.err != nil {
		return errors.New("This cannot be done as answered: go back with Esc and correct it.")
	}
	return nil
}

func (p *reviewPage) Keys() []tui.Key {
	if err := p.Next(); err != nil {
		return []tui.Key{tui.Bind("continue", "enter", "ctrl+n").Unless(err.Error())}
	}
	keys := p.tabs.Keys()
	return append(keys[:1:1], append([]tui.Key{tui.Bind("save", "s")}, keys[1:]...)...)
}

func (p *reviewPage) View(width, height int) string {
	if p.err == nil {
		return p.tabs.View(width, height)
	}
	var b strings.Builder
	b.WriteString("This cannot be done as answered:\n\n")
	var refusal *plan.Refusal
	if errors.As(p.err, &refusal) {
		for _, f := range refusal.Findings {
			fmt.Fprintf(&b, "  %s\n  %s What to do: %s\n\n", sentence(errors.New(f.What)), sentence(errors.New(f.Why)), stop(f.Do))
		}
	} else {
		fmt.Fprintf(&b, "  %s\n\n", stop(p.err.Error()))
	}
	b.WriteString("Go back with Esc and correct it. Nothing has been changed.")
	lines := tui.Wrap(tui.Clean(b.String()), width)
	return strings.Join(lines[:min(len(lines), height)], "\n")
}

// Speak is the part of the review that is chosen, or why it cannot be done.
func (p *reviewPage) Speak(width int) string {
	if p.err != nil {
		const enough = 1000 // lines
		return p.View(width, enough)
	}
	return p.tabs.Speak(width)
}

func (p *reviewPage) Help() string {
	return "Nothing has been changed yet. What you see here is the list that is applied, checked and, if need be, taken back.\n\nPress s to save the answers, the commands as a shell script, and the script that undoes them. With the answers another host is done unattended:\n\n  bridgehead apply --answers FILE"
}
