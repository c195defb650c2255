package steps

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/plan"
	"bridgehead/backend/trial"
	"bridgehead/tui"
)

func applyStep(w *Wizard) tui.Step {
	return tui.Step{ID: "apply", Title: "Apply",
		When: func() bool { return w.run.id == "" || w.run.status.Phase == trial.Applying },
		Page: func() tui.Page { return &applyPage{w: w} }}
}

// applyPage does the trial operations, each in view with its state and time.
type applyPage struct {
	w        *Wizard
	progress tui.Progress
	events   chan trial.Event
	running  bool
	err      error
}

type progressMsg struct{ event trial.Event }

type appliedMsg struct {
	id     string
	status trial.Status
	at     time.Time
	err    error
}

func (p *applyPage) Enter() tea.Cmd {
	if p.running {
		return nil
	}
	w, pl := p.w, p.w.plan
	p.running, w.run.locked, w.run.status.Phase = true, true, trial.Applying
	p.progress.Items = nil
	for _, i := range pl.Items {
		text := i.Op.Describe().Text
		if i.Phase == plan.Persist {
			text += " (when you confirm)"
		}
		p.progress.Items = append(p.progress.Items, tui.Item{Title: text})
	}
	p.events = make(chan trial.Event, 256)
	t := *w.Trial
	t.Progress = func(e trial.Event) { p.events <- e }
	window := time.Duration(pl.Answers.Apply.ConfirmWithin)
	return tea.Batch(p.nextEvent(), func() tea.Msg {
		id, err := t.Apply(context.Background(), pl, window)
		close(p.events)
		s, serr := t.Status(context.Background(), id)
		return appliedMsg{id, s, time.Now(), errors.Join(err, serr)}
	})
}

func (p *applyPage) nextEvent() tea.Cmd {
	events := p.events
	return func() tea.Msg {
		if e, ok := <-events; ok {
			return progressMsg{e}
		}
		return nil
	}
}

func (p *applyPage) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case progressMsg:
		showEvent(&p.progress, msg.event)
		return p.nextEvent()
	case appliedMsg:
		p.running, p.err = false, msg.err
		p.w.run.id, p.w.run.err = msg.id, msg.err
		p.w.run.follow(msg.status, msg.at)
		if msg.err == nil {
			return tui.Goto("confirm")
		}
		var unchanged *trial.UnchangedError
		p.w.run.locked = !errors.As(msg.err, &unchanged)
		if !p.w.run.locked {
			p.w.run.id = ""
		}
		return nil
	}
	return p.progress.Update(msg)
}

// showEvent gives the operation of an event its new state.
func showEvent(p *tui.Progress, e trial.Event) {
	if e.Op < 0 || e.Op >= len(p.Items) {
		return
	}
	states := map[string]tui.State{"doing": tui.Doing, "done": tui.Done, "failed": tui.Failed,
		"undoing": tui.Undoing, "undone": tui.Undone, "undo-failed": tui.Failed}
	p.Set(e.Op, states[e.Name])
	if e.Text != "" {
		p.Note(e.Op, e.Text)
	}
}

func (p *applyPage) Next() error {
	if p.running {
		return errors.New("one moment: the change is being applied")
	}
	return nil
}

func (p *applyPage) Keys() []tui.Key { return p.progress.Keys() }

func (p *applyPage) View(width, height int) string {
	head := "The guard is armed before the first change. If a line fails, everything is taken back at once."
	if p.err != nil {
		head = sentence(p.err)
	}
	lines := tui.Wrap(tui.Clean(head), width)
	return strings.Join(lines, "\n") + "\n\n" + p.progress.View(width, height-len(lines)-1)
}

func (p *applyPage) Help() string {
	return "Each line is written to the journal before it is done. If this terminal dies now, the guard takes back what was done."
}

// sentence is an error as the operator reads it.
func sentence(err error) string {
	if err == nil {
		return ""
	}
	s := err.Error()
	if s == "" {
		return s
	}
	return fmt.Sprintf("%s%s.", strings.ToUpper(s[:1]), strings.TrimSuffix(s[1:], "."))
}
