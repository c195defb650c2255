package steps

import (
	"errors"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/check"
	"bridgehead/backend/trial"
	"bridgehead/tui"
)

func confirmStep(w *Wizard) tui.Step {
	return tui.Step{ID: "confirm", Title: "Check and confirm",
		When: func() bool { return w.run.id != "" },
		Page: func() tui.Page { return &confirmPage{w: w} }}
}

const extendBy = 5 * time.Minute

// confirmPage shows the checks live and has the change kept, extended or taken back.
type confirmPage struct {
	w        *Wizard
	checks   tui.Checks
	checking bool
	checked  bool
	passed   bool
	ask      string // "keep" or "roll back", once its key was pressed; Enter answers
	working  string // what is being done, while it is
}

type checkedMsg struct {
	results []check.Result
	err     error
}

type followedMsg struct {
	status trial.Status
	at     time.Time
	err    error
}

// endedMsg is the answer to keep, extend, or roll back.
type endedMsg struct {
	err    error
	status trial.Status
	at     time.Time
}

func (p *confirmPage) Enter() tea.Cmd {
	p.ask = ""
	return tea.Batch(p.check(), p.follow())
}

func (p *confirmPage) check() tea.Cmd {
	if p.checking || p.w.run.status.Phase != trial.Waiting {
		return nil
	}
	p.checking = true
	t := p.w.Trial
	return func() tea.Msg {
		results, err := t.Checks(background())
		return checkedMsg{results, err}
	}
}

// follow looks what has become of the run: another login may have confirmed it, or the guard taken it back.
func (p *confirmPage) follow() tea.Cmd {
	t, id, tick := p.w.Trial, p.w.run.id, p.w.Tick
	return func() tea.Msg {
		if tick != nil {
			tick(time.Second)
		}
		s, err := t.Status(background(), id)
		return followedMsg{s, time.Now(), err}
	}
}

func (p *confirmPage) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tui.TickMsg:
		if p.working == "" && !p.w.run.status.Phase.Over() {
			return tea.Batch(p.follow(), p.check())
		}
	case checkedMsg:
		p.checking = false
		p.show(msg)
	case followedMsg:
		return p.followed(msg)
	case endedMsg:
		p.working = ""
		p.w.run.follow(msg.status, msg.at)
		if msg.err != nil {
			p.w.run.err = msg.err
		}
		if p.w.run.status.Phase.Over() {
			return tui.Goto("done")
		}
		if msg.err != nil {
			return func() tea.Msg { return tui.ErrorMsg{Err: msg.err} }
		}
		return nil
	case tea.KeyPressMsg:
		return p.key(msg)
	}
	return p.checks.Update(msg)
}

func (p *confirmPage) show(m checkedMsg) {
	if m.err != nil {
		return // the run has just ended; the next look at it says how
	}
	p.checked, p.passed = true, check.Passed(m.results)
	for _, r := range m.results {
		verdict, text := tui.CheckOK, ""
		switch r.State {
		case check.Failed:
			verdict, text = tui.CheckFailed, r.Why+". What to do: "+r.Do
		case check.Silent:
			text = r.Why
		}
		p.checks.Set(r.Text, verdict, text)
	}
}

func (p *confirmPage) followed(m followedMsg) tea.Cmd {
	if m.err != nil || p.working != "" {
		return nil
	}
	p.w.run.follow(m.status, m.at)
	if !m.status.Phase.Over() {
		return p.check()
	}
	if m.status.Phase == trial.RolledBack {
		p.w.run.err = &trial.RolledBackError{Reason: m.status.Reason}
	}
	if m.status.Phase == trial.Incomplete {
		p.w.run.err = &trial.IncompleteError{Reason: m.status.Reason, Left: m.status.Left}
	}
	return tui.Goto("done")
}

func (p *confirmPage) key(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case tui.Pressed(msg, "k"):
		p.ask = "keep"
	case tui.Pressed(msg, "r"):
		p.ask = "roll back"
	case tui.Pressed(msg, "e"):
		return p.do("extending", func(t *trial.Trial) error {
			_, err := t.Extend(background(), extendBy)
			return err
		})
	case p.ask == "keep" && tui.Pressed(msg, "enter"):
		p.ask = ""
		return p.do("keeping the change", func(t *trial.Trial) error { return t.Confirm(background()) })
	case p.ask != "" && tui.Pressed(msg, "enter"):
		p.ask = ""
		return p.do("taking everything back", func(t *trial.Trial) error {
			if err := t.Rollback(background(), "the operator asked for it"); err != nil {
				return err
			}
			return &trial.RolledBackError{Reason: "the operator asked for it"}
		})
	case p.ask != "" && tui.Pressed(msg, "esc"):
		p.ask = ""
	default:
		return p.checks.Update(msg)
	}
	return nil
}

func (p *confirmPage) do(what string, f func(*trial.Trial) error) tea.Cmd {
	p.working = what
	t, id := p.w.Trial, p.w.run.id
	return func() tea.Msg {
		err := f(t)
		s, serr := t.Status(background(), id)
		return endedMsg{errors.Join(err, serr), s, time.Now()}
	}
}

func (p *confirmPage) Next() error {
	if p.w.run.status.Phase.Over() {
		return nil
	}
	return errors.New("press k to keep the change, e for more time, or r to roll back")
}

func (p *confirmPage) Keys() []tui.Key {
	if p.ask != "" {
		return []tui.Key{tui.Bind("yes, "+p.ask, "enter"), tui.Bind("no", "esc")}
	}
	keep := tui.Bind("keep", "k")
	busy := ""
	if p.working != "" {
		busy = "One moment: " + p.working + "."
	}
	switch {
	case busy != "":
		keep = keep.Unless(busy)
	case !p.checked:
		keep = keep.Unless("The checks are still running.")
	case !p.passed:
		keep = keep.Unless("A check failed. Correct it, or roll back. To keep the change all the same: bridgehead confirm --anyway")
	}
	return append([]tui.Key{keep, tui.Bind("5 minutes more", "e").Unless(busy), tui.Bind("roll back", "r").Unless(busy)}, p.checks.Keys()...)
}

func (p *confirmPage) View(width, height int) string {
	var head string
	switch {
	case p.working != "":
		head = strings.ToUpper(p.working[:1]) + p.working[1:] + " ..."
	case p.ask == "keep":
		head = "Keep this change? Enter writes the files and ends the guard. Esc goes back."
	case p.ask != "":
		head = "Take everything back now? Enter rolls back. Esc goes back."
	case !p.checked:
		head = "The change is active. Looking whether it works ..."
	case p.passed:
		head = "The change is active and every check passes. Best is to log in anew over the network now; then press k to keep it."
	default:
		head = "The change is active, but a check fails. It is taken back by itself unless that is corrected and you keep it."
	}
	lines := tui.Wrap(head, width)
	clock := tui.Countdown{Label: "Rolls back in", Total: p.w.windowTotal(), Deadline: func() time.Time { return p.w.run.deadline }}
	return strings.Join(lines, "\n") + "\n" + clock.View(width) + "\n\n" + p.checks.View(width, height-len(lines)-2)
}

func (w *Wizard) windowTotal() time.Duration {
	return time.Duration(w.plan.Answers.Apply.ConfirmWithin)
}

func (p *confirmPage) Help() string {
	return fmt.Sprintf("Until you keep it, only the running host is changed; a restart of the host is a rollback, too.\n\nFrom another login: bridgehead status, bridgehead confirm, bridgehead extend 5m, bridgehead rollback.\n\nThe checks are repeated every second. What did not answer before the change is shown but not counted. Nothing can stay unconfirmed for longer than an hour.")
}
