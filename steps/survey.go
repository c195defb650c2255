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
	prose   tui.Prose
	began   time.Time
	now     time.Time
	running bool
	err     error
}

type surveyedMsg struct {
	facts  survey.Facts
	status trial.Status
	at     time.Time
	err    error
}

func (p *surveyPage) Enter() tea.Cmd {
	if p.running {
		return nil
	}
	p.running, p.began = true, time.Now()
	p.now = p.began
	w := p.w
	return func() tea.Msg {
		f, err := survey.Take(background(), w.Host, w.Look)
		if err != nil {
			return surveyedMsg{err: err}
		}
		s, err := w.Trial.Status(background(), "")
		return surveyedMsg{f, s, time.Now(), err}
	}
}

func (p *surveyPage) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case surveyedMsg:
		return p.surveyed(msg)
	case tui.TickMsg:
		p.now = msg.Now
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
	first := !p.w.surveyed
	p.w.facts, p.w.surveyed = m.facts, true
	if first {
		p.w.propose()
	}
	p.prose.Text = p.text()
	if !m.status.Phase.Over() {
		p.w.run.id = m.status.ID
		p.w.run.follow(m.status, m.at)
		p.w.plan, p.w.run.locked = m.status.Plan, true
		return tui.Goto("confirm")
	}
	return nil
}

func (p *surveyPage) Next() error {
	switch refused := p.w.facts.Refused(); {
	case p.err != nil:
		return p.err
	case p.running || !p.w.surveyed:
		return errors.New("one moment: the host is still being looked at")
	case len(refused) > 0:
		return fmt.Errorf("this host cannot be changed: %s", refused[0].What)
	}
	return nil
}

func (p *surveyPage) Keys() []tui.Key {
	return append(p.prose.Keys(), tui.Bind("look again", "r"))
}

func (p *surveyPage) View(width, height int) string {
	switch {
	case p.err != nil:
		return strings.Join(tui.Wrap("Cannot look at this host: "+p.err.Error(), width), "\n")
	case p.running && !p.w.surveyed:
		return "Looking at this host ... " + tui.Elapsed(p.now.Sub(p.began))
	}
	return p.prose.View(width, height)
}

func (p *surveyPage) Help() string {
	return `The survey only looks. It reads the kernel, /etc/network/interfaces, Open vSwitch, libvirt and the process table; nothing is changed.

A line that begins with REFUSED means that Bridgehead cannot change this host safely. It says why, and what to do.`
}

func (p *surveyPage) text() string {
	f := p.w.facts
	var b strings.Builder
	fmt.Fprintf(&b, "Bridgehead moves this host onto Open vSwitch, and takes everything back by itself unless you confirm that it works.\n\n")
	fmt.Fprintf(&b, "Host:      %s, %s\n", f.Host.Name, f.Host.OS)
	fmt.Fprintf(&b, "NICs:      %s\n", nicNames(f))
	fmt.Fprintf(&b, "Network:   %s\n", networkLine(f))
	fmt.Fprintf(&b, "Switch:    %s\n", switchLine(f))
	fmt.Fprintf(&b, "libvirt:   %s\n", virtLine(f))
	fmt.Fprintf(&b, "Sessions:  %s\n", sessionLine(f))
	for _, level := range []string{survey.Refuse, survey.Warn, survey.Info} {
		for _, x := range f.Findings {
			if x.Level == level {
				fmt.Fprintf(&b, "\n%s: %s.\n  %s.\n  What to do: %s.\n", levelWord[level], trimStop(x.What), trimStop(x.Why), trimStop(x.Do))
			}
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

var levelWord = map[string]string{survey.Refuse: "REFUSED", survey.Warn: "Warning", survey.Info: "Note"}

func trimStop(s string) string { return strings.TrimSuffix(strings.TrimSpace(s), ".") }

func nicNames(f survey.Facts) string {
	var out []string
	for _, n := range f.NICs {
		s := n.Name
		if len(n.Addrs) > 0 && len(n.Gateway) > 0 {
			s += " (" + n.Addrs[0].Prefix.String() + ", default route)"
		}
		out = append(out, s)
	}
	if len(out) > 8 {
		out = append(out[:8], fmt.Sprintf("and %d more", len(out)-8))
	}
	return strings.Join(out, ", ")
}

func networkLine(f survey.Facts) string {
	if f.Config.Owner == "ifupdown" {
		return "ifupdown, " + strings.Join(f.Config.Files, ", ")
	}
	return f.Config.Owner
}

func switchLine(f survey.Facts) string {
	sw := f.Switch
	switch {
	case !sw.Installed:
		return "Open vSwitch is not installed yet"
	case !sw.Running:
		return "Open vSwitch does not run: " + sw.Reason
	}
	line := fmt.Sprintf("Open vSwitch %s, %d bridges", sw.Version, len(sw.Bridges))
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
		return "not used: " + f.Virt.Reason
	}
	running := 0
	for _, d := range f.Virt.Domains {
		if d.Running {
			running++
		}
	}
	return fmt.Sprintf("%d networks, %d VMs (%d running)", len(f.Virt.Networks), len(f.Virt.Domains), running)
}

func sessionLine(f survey.Facts) string {
	if f.Console.Unknown != "" {
		return "cannot tell which NIC carries this session: " + f.Console.Unknown
	}
	var out []string
	for _, s := range f.Sessions {
		t := "SSH from " + s.From + " through " + s.NIC
		if s.Own {
			t += " (this session)"
		}
		out = append(out, t)
	}
	if len(out) == 0 {
		return "no login through the network"
	}
	return strings.Join(out, "; ")
}
