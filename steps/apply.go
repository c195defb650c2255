package steps

import (
	"context"
	"errors"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/answers"
	"bridgehead/backend/op"
	"bridgehead/backend/plan"
	"bridgehead/backend/trial"
	"bridgehead/tui"
)

func applyStep(w *Wizard) tui.Step {
	return tui.Step{ID: "apply", Title: "Apply", Page: func() tui.Page { return &applyPage{w: w} }}
}

// applyPage does the trial operations, each in view with its state and time.
type applyPage struct {
	w        *Wizard
	progress tui.Progress
	events   chan trial.Event
	running  bool
	undoing  bool
	told     bool        // every event has arrived
	applied  *appliedMsg // how it ended
}

type progressMsg struct{ event trial.Event }

// toldMsg says that no more events come.
type toldMsg struct{}

type appliedMsg struct {
	look look
	err  error
}

func (p *applyPage) Enter() tea.Cmd {
	if p.running {
		return nil
	}
	w, pl := p.w, p.w.plan
	w.run = run{status: trial.Status{Phase: trial.Applying}}
	p.running, p.undoing, p.told, p.applied = true, false, false, nil
	p.progress = tui.Progress{Items: items(pl)}
	p.events = make(chan trial.Event, 256)
	t, events := *w.Trial, p.events
	t.Progress = func(e trial.Event) { events <- e }
	window := time.Duration(pl.Answers.Apply.ConfirmWithin)
	return tea.Batch(p.nextEvent(), func() tea.Msg {
		defer close(events)
		begin := t.Apply
		if pl.Answers.Apply.When == answers.WhenReboot {
			begin = t.Stage
		}
		id, err := begin(context.Background(), pl, window)
		if id == "" {
			return appliedMsg{err: err}
		}
		return appliedMsg{lookAt(&t, id), err}
	})
}

func items(pl plan.Plan) []tui.Item {
	var out []tui.Item
	for _, i := range pl.Items {
		text := i.Op.Describe().Text
		switch reboot := pl.Answers.Apply.When == answers.WhenReboot; {
		case i.Phase == plan.Persist && !reboot:
			text += " (when you confirm)"
		case reboot && (i.Phase == plan.Trial || i.Op.Lasts() != op.OnDisk):
			text += " (at the restart)"
		}
		out = append(out, tui.Item{Title: text})
	}
	return out
}

func (p *applyPage) nextEvent() tea.Cmd {
	events := p.events
	return func() tea.Msg {
		if e, ok := <-events; ok {
			return progressMsg{e}
		}
		return toldMsg{}
	}
}

func (p *applyPage) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case progressMsg:
		p.undoing = p.undoing || msg.event.Name == "rollback"
		showEvent(&p.progress, msg.event)
		return p.nextEvent()
	case toldMsg:
		p.told = true
		return p.ended()
	case appliedMsg:
		p.applied = &msg
		return p.ended()
	}
	return p.progress.Update(msg)
}

// ended takes up how it ended, once every event before is on the screen.
func (p *applyPage) ended() tea.Cmd {
	if p.applied == nil || !p.told {
		return nil
	}
	end := *p.applied
	if end.look.status.ID != "" {
		p.w.run.follow(end.look)
	}
	p.w.run.end(end.err)
	p.running = false
	if end.err == nil {
		return tui.Goto("confirm")
	}
	return nil
}

// busy: it runs, or is just about to lead to the next page.
func (p *applyPage) busy() bool { return p.running || p.applied != nil && p.applied.err == nil }

var eventStates = map[string]tui.State{"doing": tui.Doing, "done": tui.Done, "failed": tui.Failed,
	"undoing": tui.Undoing, "undone": tui.Undone, "undo-failed": tui.Failed}

// showEvent gives the operation of an event its new state.
func showEvent(p *tui.Progress, e trial.Event) {
	state, known := eventStates[e.Name]
	if !known || e.Op < 0 || e.Op >= len(p.Items) {
		return
	}
	if p.Items[e.Op].State == tui.Failed && state == tui.Undoing {
		return // that it failed, and why, is what one wants to read
	}
	if p.Items[e.Op].State == tui.Failed && state == tui.Undone {
		return
	}
	p.Set(e.Op, state)
	if e.Text != "" {
		p.Note(e.Op, e.Text)
	}
}

func (p *applyPage) Next() error {
	if p.busy() {
		return errors.New("One moment: the change is being applied.")
	}
	return nil
}

// Keys: while it runs, there is nothing to go on to.
func (p *applyPage) Keys() []tui.Key {
	if !p.busy() {
		return p.progress.Keys()
	}
	return append([]tui.Key{
		tui.Bind("continue", "enter", "ctrl+n").Unless("One moment: the change is being applied."),
		tui.Bind("back", "esc", "ctrl+p").Unless(p.w.lock()),
	}, p.progress.Keys()...)
}

func (p *applyPage) View(width, height int) string {
	lines := tui.Wrap(tui.Clean(p.head()), width)
	if room := max(height-8, 1); len(lines) > room {
		lines = lines[:room]
	}
	return strings.Join(lines, "\n") + "\n\n" + p.progress.View(width, height-len(lines)-1)
}

func (p *applyPage) head() string {
	var (
		unchanged  *trial.UnchangedError
		incomplete *trial.IncompleteError
		err        = p.w.run.err
	)
	switch {
	case p.running && p.undoing:
		return "A part failed. Everything is being taken back."
	case p.running:
		return "The guard is armed. If a part fails, everything is taken back at once."
	case errors.As(err, &unchanged):
		return sentence(err) + " Esc goes back."
	case errors.As(err, &incomplete):
		return "A part failed, and not everything could be taken back. Press Enter to see what is left."
	case err != nil:
		return "A part failed. Everything has been taken back, and the host is as it was before. Press Enter to go on."
	}
	return "Applied."
}

// Speak is what has been done so far.
func (p *applyPage) Speak(width int) string {
	head := tui.Clean(p.head())
	if p.running { // first what happens, last how it ended
		return head + "\n" + p.progress.Speak(width)
	}
	return p.progress.Speak(width) + "\n" + head
}

func (p *applyPage) Help() string {
	return "Each line is written to the journal before it is done. If this terminal dies now, the guard takes back what was done."
}
