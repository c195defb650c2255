package steps

import (
	tea "charm.land/bubbletea/v2"

	"bridgehead/tui"
)

func taskStep(w *Wizard) tui.Step {
	return tui.Step{ID: "task", Title: "What to do",
		When: func() bool { return !w.run.met && len(w.facts.Uplinked()) > 0 || !w.builds() },
		Page: func() tui.Page { return newTaskPage(w) }}
}

// taskPage asks, on a host that has a bridge, whether that is used or a new one is made.
type taskPage struct {
	tui.Form
	w  *Wizard
	on *tui.ChoiceField
}

func newTaskPage(w *Wizard) *taskPage {
	p := &taskPage{w: w, on: &tui.ChoiceField{Label: "Bridge", Value: &w.draft.On}}
	p.Fields = []tui.Field{p.on}
	p.LongHelp = "A host that has been moved onto Open vSwitch once needs nothing more of that. What is left are its VMs, and libvirt's networks; neither touches the host's own network. Another bridge needs an uplink of its own: another NIC, in another network."
	return p
}

func (p *taskPage) Enter() tea.Cmd {
	have := p.w.facts.Uplinked()
	p.Intro = "This host has been moved onto Open vSwitch already."
	if p.w.facts.Home() == "" {
		p.Intro = "This host has a bridge of Open vSwitch already, which does not carry the host's address."
	}
	if len(have) == 0 {
		p.Intro = "The answers are about the bridge " + p.w.draft.On + ", which is to be there already."
		have = []string{p.w.draft.On}
	}
	p.on.Options = nil
	for _, name := range have {
		p.on.Options = append(p.on.Options, tui.Option{Value: name, Label: "use " + name, Explain: "connect VMs to it; the host's own network stays as it is"})
	}
	another := tui.Option{Label: "a new bridge", Explain: "with a NIC that is free"}
	if p.w.likelyNIC() == "" {
		another.Off = "no NIC is free for it"
	}
	p.on.Options = append(p.on.Options, another)
	return p.Form.Enter()
}

func (p *taskPage) Update(msg tea.Msg) tea.Cmd {
	cmd := p.Form.Update(msg)
	p.w.propose()
	return cmd
}
