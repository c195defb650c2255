package steps

import (
	"errors"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/survey"
	"bridgehead/backend/trial"
	"bridgehead/tui"
)

func surveyStep(w *Wizard) tui.Step {
	return tui.Step{ID: "survey", Title: "Survey", Page: func() tui.Page { return &surveyPage{w: w} }}
}

// surveyPage looks at the host and says what it found. An unfinished earlier run comes first.
type surveyPage struct {
	w       *Wizard
	prose   drawn
	began   time.Time
	running bool
	again   bool // it has been looked at before
	err     error
}

type surveyedMsg struct {
	facts survey.Facts
	run   look
	past  []trial.Status // changes that have ended, newest first
	err   error
}

func (p *surveyPage) Enter() tea.Cmd {
	if p.running {
		return nil
	}
	p.running, p.began = true, time.Now()
	w := p.w
	return func() tea.Msg {
		f, err := survey.Take(background(), w.Host, w.Look)
		if err != nil {
			return surveyedMsg{err: err}
		}
		l := lookAt(w.Trial, "")
		past, err := w.Trial.History(background())
		return surveyedMsg{f, l, past, errors.Join(l.err, err)}
	}
}

func (p *surveyPage) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case surveyedMsg:
		return p.surveyed(msg)
	case tea.KeyPressMsg:
		if tui.Pressed(msg, "r") {
			return p.Enter()
		}
		return p.prose.Update(msg)
	}
	return nil
}

func (p *surveyPage) surveyed(m surveyedMsg) tea.Cmd {
	p.running, p.err = false, m.err
	if m.err != nil {
		return nil
	}
	w := p.w
	w.facts, w.surveyed = m.facts, true
	w.propose()
	p.prose.text = func(width int) []string { return surveyText(w, m.past, width) }
	switch phase := m.run.status.Phase; {
	case phase == trial.Incomplete:
		w.meet(m.run)
		return tui.Goto("unfinished")
	case !phase.Over():
		w.meet(m.run)
		return tui.Goto("confirm")
	}
	if at := p.opens(); at != "" {
		return tui.Goto(at)
	}
	return nil
}

// opens is the step to go to at once, the first time; "": none.
func (p *surveyPage) opens() string {
	w, again := p.w, p.again
	p.again = true
	switch {
	case again || p.Next() != nil:
		return ""
	case w.At != "":
		return w.At
	case !w.builds() && w.facts.Virt.Available:
		return "vms"
	}
	return ""
}

// meet takes up a run that was there before this wizard.
func (w *Wizard) meet(l look) {
	w.run = run{met: true}
	w.run.follow(l)
	w.plan = l.status.Plan
}

func (p *surveyPage) Next() error {
	switch refused := p.w.facts.Refused(); {
	case p.running:
		return errors.New("One moment: the host is still being looked at.")
	case p.err != nil:
		return errors.New("The host could not be looked at: press r to look again.")
	case len(refused) > 0:
		return errors.New("This host cannot be changed as it is: once that is mended, press r to look again.")
	}
	return nil
}

func (p *surveyPage) Keys() []tui.Key {
	again := tui.Bind("look again", "r")
	if p.running {
		again = again.Unless("The host is being looked at.")
	}
	keys := append([]tui.Key{again}, p.prose.Keys()...)
	if err := p.Next(); err != nil {
		keys = append(keys, tui.Bind("continue", "enter", "ctrl+n").Unless(sentence(err)))
	}
	return keys
}

func (p *surveyPage) working() tui.Working {
	return tui.Working{What: "looking at this host", Since: p.began}
}

func (p *surveyPage) failed() string {
	return "Cannot look at this host: " + tui.Clean(sentence(p.err)) + "\n\nPress r to look again. Nothing has been changed."
}

func (p *surveyPage) View(width, height int) string {
	switch {
	case p.running:
		return p.working().View(width)
	case p.err != nil:
		return strings.Join(tui.Wrap(p.failed(), width), "\n")
	}
	return p.prose.View(width, height)
}

// Speak is the survey in lines.
func (p *surveyPage) Speak(width int) string {
	switch {
	case p.running:
		return p.working().Speak(width)
	case p.err != nil:
		return p.failed()
	}
	return p.prose.Speak(width)
}

func (p *surveyPage) Help() string {
	return `The survey only looks. It reads the kernel, /etc/network/interfaces, Open vSwitch, libvirt and the process table; nothing is changed.

REFUSED means that Bridgehead cannot change this host safely. It says why, and what to do.`
}

// surveyText says first whether it can be done at all.
func surveyText(w *Wizard, past []trial.Status, width int) []string {
	f := w.facts
	var lines []string
	if len(f.Refused()) > 0 {
		lines = tui.Wrap("This host cannot be moved onto Open vSwitch as it is. Nothing has been changed.", width)
		lines = append(append(lines, findings(f, survey.Refuse, width)...), "")
	} else {
		text := "This host can be moved onto Open vSwitch. The next screens only ask; nothing is changed before you have seen all of it and typed a word."
		if on := f.Home(); on != "" {
			text = "This host is on Open vSwitch already: bridge " + on + ". VMs can be connected to it. The next screens only ask; nothing is changed before you have seen all of it and typed a word."
		}
		if !f.Host.Root {
			text = "This host can be moved onto Open vSwitch, but only by root: start bridgehead with sudo. Without, you can look at everything and change nothing."
		}
		lines = append(tui.Wrap(text, width), "")
	}
	for _, x := range [][2]string{
		{"Host      ", f.Host.Name + ", " + f.Host.OS},
		{"NICs      ", nicNames(f)},
		{"Network   ", networkLine(f)},
		{"Switch    ", switchLine(f)},
		{"libvirt   ", virtLine(f)},
		{"Logins    ", sessionLine(w)},
	} {
		lines = append(lines, hang(x[0], x[1], width)...)
	}
	if len(past) > 0 {
		lines = append(lines, hang("Last time ", lastLine(past[0]), width)...)
	}
	return append(append(lines, findings(f, survey.Warn, width)...), findings(f, survey.Info, width)...)
}

var levelWord = map[string]string{survey.Refuse: "REFUSED", survey.Warn: "Warning", survey.Info: "Note"}

// findings are those of one level, each a paragraph after an empty line.
func findings(f survey.Facts, level string, width int) []string {
	var lines []string
	for _, x := range f.Findings {
		if x.Level != level {
			continue
		}
		why := stop(x.Why)
		switch rest, nothing := strings.CutPrefix(x.Do, "Nothing: "); {
		case nothing:
			why += " Nothing to do: " + stop(rest)
		case x.Do != "" && x.Do != "Nothing":
			why += " What to do: " + stop(x.Do)
		}
		lines = append(append(lines, ""), tui.Wrap(tui.Clean(levelWord[level]+": "+stop(x.What)), width)...)
		lines = append(lines, hang("  ", why, width)...)
	}
	return lines
}

func nicNames(f survey.Facts) string {
	var out []string
	for _, n := range f.NICs {
		s := n.Name
		if a := globalAddrs(n); len(a) > 0 {
			s += " (" + a[0]
			if len(n.Gateway) > 0 {
				s += ", default route"
			}
			s += ")"
		}
		out = append(out, s)
	}
	const most = 8
	if len(out) > most {
		out = append(out[:most], fmt.Sprintf("and %d more", len(out)-most))
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

func networkLine(f survey.Facts) string {
	if f.Config.Owner == "ifupdown" {
		return "ifupdown, " + strings.Join(f.Config.Files, ", ")
	}
	return "not ifupdown, but " + f.Config.OwnerName()
}

func switchLine(f survey.Facts) string {
	sw := f.Switch
	switch {
	case !sw.Installed:
		return "Open vSwitch is not installed yet"
	case !sw.Running:
		return "Open vSwitch does not run: " + sw.Reason
	}
	line := fmt.Sprintf("Open vSwitch %s, %s", sw.Version, count(len(sw.Bridges), "bridge"))
	if len(sw.Bridges) == 1 {
		line = fmt.Sprintf("Open vSwitch %s, bridge %s", sw.Version, sw.Bridges[0].Name)
	}
	if !sw.KernelModule {
		line += ", no kernel datapath"
	}
	return line
}

func virtLine(f survey.Facts) string {
	if !f.Virt.Available {
		return "left alone: " + f.Virt.Reason
	}
	running := 0
	for _, d := range f.Virt.Domains {
		if d.Running {
			running++
		}
	}
	line := count(len(f.Virt.Networks), "network") + ", " + count(len(f.Virt.Domains), "VM")
	if running > 0 {
		line += fmt.Sprintf(" (%d running)", running)
	}
	return line
}

func sessionLine(w *Wizard) string {
	f := w.facts
	var out []string
	if f.Console.Unknown != "" {
		out = append(out, "cannot tell which NIC carries this one")
	}
	for _, s := range f.Sessions {
		nic := s.NIC
		if nic == "" {
			nic = "an unknown NIC"
		}
		t := "SSH from " + s.From + " through " + nic
		if s.Own {
			t += " (this one)"
		}
		out = append(out, t)
	}
	if w.rehearsal() {
		out = append(out, "this one is outside of the rehearsal and cannot be cut")
	}
	const most = 4
	switch {
	case len(out) == 0:
		return "none through the network"
	case len(out) > most:
		out = append(out[:most], fmt.Sprintf("and %d more", len(out)-most))
	}
	return strings.Join(out, "; ")
}

// lastLine says how the last change ended: perhaps nobody was there to see the guard take it back.
func lastLine(s trial.Status) string {
	when := s.Began.UTC().Format("2006-01-02 15:04 UTC")
	what := s.Plan.Answers.What()
	if s.Undoes != "" {
		what = "undoing " + what
	}
	if s.Phase == trial.RolledBack {
		return fmt.Sprintf("%s, %s: taken back, %s", when, what, s.Reason)
	}
	return fmt.Sprintf("%s, %s: confirmed", when, what)
}
