package steps

import (
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/trial"
	"bridgehead/tui"
)

func unfinishedStep(w *Wizard) tui.Step {
	return tui.Step{ID: "unfinished", Title: "Rollback is not complete",
		When: func() bool { return w.run.unfinished() },
		Page: func() tui.Page { return &unfinishedPage{w: w} }}
}

// unfinishedPage says what a rollback could not restore, and has it tried again.
type unfinishedPage struct {
	w       *Wizard
	prose   drawn
	working tui.Working
}

func (p *unfinishedPage) Enter() tea.Cmd {
	p.prose.text = p.text
	return nil
}

func (p *unfinishedPage) busy() bool { return p.working.What != "" }

func (p *unfinishedPage) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tui.TickMsg: // another login may have ended it
		if !p.busy() {
			t, id := p.w.Trial, p.w.run.id
			return func() tea.Msg { return followedMsg{lookAt(t, id)} }
		}
	case followedMsg:
		if !p.busy() {
			return p.took(msg.look)
		}
	case endedMsg:
		p.working = tui.Working{}
		cmd := p.took(msg.look)
		if p.w.run.unfinished() && msg.err != nil {
			var incomplete *trial.IncompleteError
			if !errors.As(msg.err, &incomplete) {
				return func() tea.Msg { return tui.ErrorMsg{Err: msg.err} }
			}
			return tui.Say("Tried again. Something is still left.")
		}
		return cmd
	case tea.KeyPressMsg:
		if tui.Pressed(msg, "r") {
			return p.rollback()
		}
		return p.prose.Update(msg)
	}
	return nil
}

func (p *unfinishedPage) took(l look) tea.Cmd {
	if l.err != nil || l.status.ID == "" {
		return nil
	}
	p.w.run.follow(l)
	if !p.w.run.unfinished() {
		return tui.Goto("done")
	}
	return nil
}

func (p *unfinishedPage) rollback() tea.Cmd {
	p.working = tui.Working{What: "rolling back again", Since: time.Now()}
	t, id := p.w.Trial, p.w.run.id
	reason := p.w.run.status.Reason
	return func() tea.Msg {
		m := endedMsg{err: t.Rollback(background(), reason)}
		m.look = lookAt(t, id)
		return m
	}
}

func (p *unfinishedPage) text(width int) []string {
	s := p.w.run.status
	what := "The change was taken back"
	if p.w.run.met {
		what = "A change begun " + moment(s.Began) + " was taken back"
	}
	lines := append(tui.Wrap(what+", but NOT EVERYTHING COULD BE RESTORED. What is left:", width), "")
	for _, l := range p.w.run.left {
		lines = append(lines, hang("  - ", l, width)...)
	}
	lines = append(append(lines, ""), tui.Wrap("Why it was taken back: "+tui.Clean(stop(s.Reason)), width)...)
	if s.Phase == trial.RollingBack {
		lines = append(lines, "The guard tries again just now.")
	}
	lines = append(append(lines, ""), tui.Wrap("Correct what you can from another login. Then press r here, or run there:", width)...)
	lines = append(lines, "  bridgehead rollback", "")
	return append(append(lines, tui.Wrap("The files as they were before:", width)...), "  "+p.w.Trial.Dir+"/current/before/files")
}

func (p *unfinishedPage) Next() error {
	if p.busy() {
		return errors.New("One moment: " + p.working.What + ".")
	}
	return nil
}

func (p *unfinishedPage) Keys() []tui.Key {
	again := tui.Bind("roll back again", "r")
	switch {
	case p.busy():
		again = again.Unless("One moment: " + p.working.What + ".")
	case !p.w.facts.Host.Root:
		again = again.Unless("Only root may change the network: start bridgehead with sudo.")
	}
	return append([]tui.Key{again, tui.Bind("back", "esc", "ctrl+p").Unless(p.w.lock())}, p.prose.Keys()...)
}

func (p *unfinishedPage) View(width, height int) string {
	if p.busy() {
		return p.working.View(width)
	}
	return p.prose.View(width, height)
}

// Speak says what is left.
func (p *unfinishedPage) Speak(width int) string {
	if p.busy() {
		return p.working.Speak(width)
	}
	return p.prose.Speak(width)
}

func (p *unfinishedPage) Help() string {
	return "Rolling back again is safe at any time: what is already as it was is left alone, and at the end everything is compared with the state before.\n\nUntil that succeeds, no other change can be begun."
}
