package steps

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/bond"
	"bridgehead/backend/check"
	"bridgehead/backend/trial"
	"bridgehead/tui"
)

func confirmStep(w *Wizard) tui.Step {
	return tui.Step{ID: "confirm", Title: "Check and confirm",
		When: func() bool { return !w.run.failed() },
		Page: func() tui.Page { return &confirmPage{w: w} }}
}

const extendBy = 5 * time.Minute

const toGoOn = "Press k to keep the change, e for more time, or r to roll back."

// operatorAsked is the reason that the journal has for a rollback from a screen.
const operatorAsked = "the operator asked for it"

// confirmPage shows the checks live and has the change kept, extended or taken back.
type confirmPage struct {
	w        *Wizard
	checks   tui.Checks
	checking bool
	checked  bool
	passed   bool
	waits    bool         // nothing fails, and the bond is not ready
	waited   time.Time    // since when
	remedy   bond.Finding // what can be done about the bond by one key
	running  []string     // VMs on the bridge
	ask      string       // "keep" or "roll back", once its key was pressed; Enter answers
	working  tui.Working
	lost     error // why the run could not be looked at
}

var errOver = errors.New("the change does not wait any more")

type checkedMsg struct {
	id      string
	results []check.Result
	err     error
}

type followedMsg struct{ look look }

// endedMsg is the answer to keep, extend, or roll back.
type endedMsg struct {
	look look
	say  string
	err  error
}

func (p *confirmPage) Enter() tea.Cmd {
	*p = confirmPage{w: p.w}
	return tea.Batch(p.check(), p.follow())
}

func (p *confirmPage) check() tea.Cmd {
	if p.checking || p.w.run.status.Phase != trial.Waiting {
		return nil
	}
	p.checking = true
	t, id := p.w.Trial, p.w.run.id
	return func() tea.Msg {
		results, err := t.Checks(background())
		if now := lookAt(t, id); now.err == nil && now.status.Phase != trial.Waiting {
			err = errOver // what fails while it is taken back says nothing
		}
		return checkedMsg{id, results, err}
	}
}

// follow looks what has become of the run: another login may have confirmed it, or the guard taken it back. Where there is
// no guard, this wizard is it.
func (p *confirmPage) follow() tea.Cmd {
	t, id := p.w.Trial, p.w.run.id
	return func() tea.Msg {
		now := lookAt(t, id)
		if now.err == nil && now.status.ID != "" {
			_ = t.StandIn(background(), now.status) // what came of it the next look shows
		}
		return followedMsg{now}
	}
}

func (p *confirmPage) busy() bool { return p.working.What != "" }

func (p *confirmPage) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tui.TickMsg:
		if !p.busy() && !p.w.run.status.Phase.Over() {
			return tea.Batch(p.follow(), p.check())
		}
	case checkedMsg:
		p.checking = false
		p.show(msg)
	case followedMsg:
		if p.lost = msg.look.err; !p.busy() {
			return p.took(msg.look)
		}
	case endedMsg:
		p.working = tui.Working{}
		cmd := p.took(msg.look)
		if msg.err != nil && !p.w.run.status.Phase.Over() {
			return func() tea.Msg { return tui.ErrorMsg{Err: msg.err} }
		}
		if msg.say != "" {
			return tui.Say(msg.say)
		}
		return cmd
	case tea.KeyPressMsg:
		return p.key(msg)
	}
	return nil
}

// took takes up what was read about the run, and goes where it leads.
func (p *confirmPage) took(l look) tea.Cmd {
	if l.err != nil || l.status.ID == "" {
		return nil
	}
	p.w.run.follow(l)
	switch {
	case l.status.Phase == trial.Incomplete:
		return tui.Goto("unfinished")
	case l.status.Phase.Over():
		return tui.Goto("done")
	}
	return p.check()
}

func (p *confirmPage) show(m checkedMsg) {
	if m.err != nil || m.id != p.w.run.id {
		return // the run has just ended; the next look at it says how
	}
	p.checked, p.passed, p.remedy = true, check.Passed(m.results), bond.Finding{}
	waited := p.waits
	p.waits = !p.passed && !slices.ContainsFunc(m.results, func(r check.Result) bool { return r.State == check.Failed })
	if p.waits && !waited {
		p.waited = time.Now()
	}
	p.running = nil
	for _, r := range m.results {
		if r.On {
			p.running = append(p.running, r.Spec.Name)
		}
		verdict, text := tui.CheckOK, ""
		switch r.State {
		case check.Failed:
			verdict, text = tui.CheckFailed, strings.TrimRight(r.Why, ".")+". What to do: "+stop(r.Do)
		case check.Silent:
			verdict, text = tui.CheckNote, r.Why
		case check.Waiting:
			verdict, text = tui.CheckRunning, whyDo(r)
		case check.Degraded:
			verdict, text = tui.CheckNote, whyDo(r)
		}
		p.checks.Set(r.Text, verdict, text)
		p.members(r)
	}
}

func whyDo(r check.Result) string {
	if r.Do == "" {
		return r.Why
	}
	return strings.TrimRight(r.Why, ".") + ". What to do: " + stop(r.Do)
}

// members shows each member of a bond as it is now.
func (p *confirmPage) members(r check.Result) {
	if r.Bond == nil {
		return
	}
	working := r.Bond.Working()
	for _, m := range r.Bond.Members {
		verdict := tui.CheckNote
		if slices.ContainsFunc(working, func(x bond.Member) bool { return x.Name == m.Name }) {
			verdict = tui.CheckOK
		}
		p.checks.Set(m.Name+" in "+r.Bond.Name, verdict, m.Words(*r.Bond))
	}
	if f, ok := r.Remedy(); ok {
		p.remedy = f
	}
}

func (p *confirmPage) key(msg tea.KeyPressMsg) tea.Cmd {
	ask := p.ask
	switch {
	case ask != "" && tui.Pressed(msg, "esc"):
		p.ask = ""
	case ask == "keep" && tui.Pressed(msg, "enter"):
		return p.do("keeping the change", "", func(t *trial.Trial) error { return t.Confirm(background()) })
	case ask != "" && tui.Pressed(msg, "enter"):
		return p.do("taking everything back", "", func(t *trial.Trial) error { return t.Rollback(background(), operatorAsked) })
	case tui.Pressed(msg, "k"):
		p.ask = "keep"
	case tui.Pressed(msg, "r"):
		p.ask = "roll back"
	case tui.Pressed(msg, "f") && p.remedy.Remedy != "":
		f := p.remedy
		return p.do("changing the bond", "Done: "+f.Key()+". At least 2 minutes remain.", func(t *trial.Trial) error { return t.Remedy(background(), f) })
	case tui.Pressed(msg, "e"):
		return p.do("extending", "You have 5 minutes more.", func(t *trial.Trial) error {
			_, err := t.Extend(background(), extendBy)
			return err
		})
	default:
		return p.checks.Update(msg)
	}
	return nil
}

func (p *confirmPage) do(what, say string, f func(*trial.Trial) error) tea.Cmd {
	p.ask, p.working = "", tui.Working{What: what, Since: time.Now()}
	t, id := p.w.Trial, p.w.run.id
	return func() tea.Msg {
		m := endedMsg{err: f(t), say: say}
		m.look = lookAt(t, id)
		return m
	}
}

func (p *confirmPage) Next() error {
	if phase := p.w.run.status.Phase; phase.Over() || phase == trial.Staged {
		return nil
	}
	return errors.New(toGoOn)
}

func (p *confirmPage) Keys() []tui.Key {
	if p.ask != "" {
		return []tui.Key{tui.Bind("yes, "+p.ask, "enter"), tui.Bind("no", "esc"),
			{Keys: []string{"ctrl+n"}, Off: "Enter answers."}, {Keys: []string{"ctrl+p"}, Off: "Esc answers."}}
	}
	keep, off := "", ""
	if p.w.run.status.Phase == trial.Staged && !p.busy() {
		return []tui.Key{tui.Bind("take it back", "r"), tui.Bind("back", "esc", "ctrl+p").Unless(p.w.lock())}
	}
	switch {
	case p.busy():
		off = "One moment: " + p.working.What + "."
	case p.w.run.status.Phase != trial.Waiting:
		off = "The change does not wait for confirmation now."
	}
	switch {
	case off != "":
		keep = off
	case !p.checked:
		keep = "The checks are still running."
	case p.waits:
		keep = "The bond is not ready yet."
	case !p.passed:
		keep = "A check fails. Correct it, or roll back. To keep the change all the same: bridgehead confirm --anyway"
	}
	var remedy []tui.Key
	if p.remedy.Remedy != "" {
		remedy = []tui.Key{tui.Bind(p.remedy.Key(), "f").Unless(off)}
	}
	return slices.Concat(remedy, []tui.Key{
		tui.Bind("keep", "k").Unless(keep), tui.Bind("5 minutes more", "e").Unless(off), tui.Bind("roll back", "r").Unless(off),
		tui.Bind("continue", "enter", "ctrl+n").Unless(toGoOn),
		tui.Bind("back", "esc", "ctrl+p").Unless(p.w.lock()),
	}, p.checks.Keys())
}

func (p *confirmPage) View(width, height int) string {
	head := p.head(width)
	if p.waits && head == p.waiting() {
		head += " Waiting for " + tui.Elapsed(time.Since(p.waited)) + "."
	}
	lines := tui.Wrap(tui.Clean(head), width)
	clock := tui.Countdown{Label: "Rolls back in", Total: p.w.window(), Deadline: func() time.Time { return p.w.run.deadline }}
	return strings.Join(lines, "\n") + "\n" + clock.View(width) + "\n\n" + p.checks.View(width, height-len(lines)-2)
}

// Speak is what one is asked, or what the checks say, and then what to make of it.
func (p *confirmPage) Speak(width int) string {
	head := tui.Clean(p.head(width))
	switch {
	case p.busy():
		head = p.working.Speak(width)
	case p.w.run.status.Phase.Over(), p.w.run.status.Phase == trial.RollingBack:
		return head
	}
	return p.checks.Speak(width) + "\n" + head
}

func (p *confirmPage) head(width int) string {
	s := p.w.run.status
	switch {
	case p.busy():
		return p.working.View(width)
	case p.ask == "keep":
		return "Keep this change? Enter: yes, it is made to last. Esc: not yet."
	case p.ask != "":
		return "Take everything back now? Enter: yes. Esc: no."
	case p.lost != nil:
		return "Cannot look what has become of the change: " + sentence(p.lost) + " From another login: bridgehead status"
	case s.Phase == trial.Staged:
		return "The change is written down and begins with the next restart of this host. After that you have " + span(p.w.window()) + " to confirm. Enter goes on; r takes it back."
	case s.Phase == trial.Booting:
		return "The host comes up with the change. The checks begin when the network is there."
	case s.Phase == trial.Applying:
		return "Another bridgehead applies a change."
	case s.Phase == trial.Confirming:
		return "The change is being confirmed from another login."
	case s.Phase == trial.RollingBack:
		return "The change is being taken back."
	case s.Phase == trial.Confirmed:
		return "The change is confirmed."
	case s.Phase.Over():
		return "The change has been taken back."
	}
	return p.waiting()
}

// waiting is what to know while the change waits for confirmation.
func (p *confirmPage) waiting() string {
	s := p.w.run.status
	what := "The change is active"
	if p.w.run.met {
		what = "A change begun " + moment(s.Began) + " is active and waits for you"
	}
	if s.Guard == "" {
		what = "NO GUARD IS SEEN: do not rely on the countdown. " + what
	}
	switch {
	case !p.checked:
		return what + ". Looking whether it works ..."
	case p.passed && len(p.running) > 0 && p.w.plan.MakesBridge():
		return fmt.Sprintf("%s, and every check passes. %s by now: if it is taken back, that ends the connection until the next start. Log in anew over the network as a test; then press k to keep it.", what, runOn(p.running))
	case p.passed:
		if p.w.plan.Answers.Existing() { // no login depends on it
			return what + ", and every check passes. Press k to keep it."
		}
		return what + ", and every check passes. Best is to log in anew over the network now, as a test. Then press k to keep it."
	case p.waits:
		return what + ". The bond is not ready yet, which may take up to " + span(bond.Patience) + "; see what it says."
	}
	return what + ", but A CHECK FAILS. It is taken back by itself, unless that is corrected and you keep it."
}

// runOn is "VM web runs on the bridge".
func runOn(vms []string) string {
	if len(vms) == 1 {
		return "VM " + vms[0] + " runs on the bridge"
	}
	return "VMs " + strings.Join(vms, ", ") + " run on the bridge"
}

// window is what a full countdown stands for.
func (w *Wizard) window() time.Duration {
	return w.plan.Window(time.Duration(w.plan.Answers.Apply.ConfirmWithin))
}

func (p *confirmPage) Help() string {
	return "Until you keep it, only the running host is changed; a restart of the host is a rollback, too.\n\nFrom another login: bridgehead status, bridgehead confirm, bridgehead extend 5m, bridgehead rollback.\n\nThe checks are repeated every second. What did not answer before the change is shown but not counted. Nothing can stay unconfirmed for longer than an hour."
}
