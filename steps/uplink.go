package steps

import (
	"fmt"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/answers"
	"bridgehead/backend/bond"
	"bridgehead/tui"
)

func uplinkStep(w *Wizard) tui.Step {
	return tui.Step{ID: "uplink", Title: "Uplink", When: w.builds, Page: func() tui.Page { return newUplinkPage(w) }}
}

// uplinkPage asks for one NIC or several.
type uplinkPage struct {
	tui.Form
	w    *Wizard
	kind *tui.ChoiceField
}

func newUplinkPage(w *Wizard) *uplinkPage {
	p := &uplinkPage{w: w}
	p.kind = &tui.ChoiceField{
		Label: "Uplink", Value: &w.draft.Kind,
		Options: []tui.Option{
			{Value: answers.KindNIC, Label: "one NIC", Explain: "simple; needs nothing on the switch; no redundancy"},
			{Value: answers.KindOVSBond, Label: "OVS bond", Explain: "several NICs, bonded by Open vSwitch; with or without LACP"},
			{Value: answers.KindKernelBond, Label: "kernel bond", Explain: "several NICs, bonded by the kernel; one port of the bridge"},
		},
	}
	p.Fields = []tui.Field{p.kind}
	p.LongHelp = "A bond goes on working when a cable, a switch port or a switch fails. Without LACP it needs nothing on the switch (active-backup: one NIC is in use). With LACP all NICs are in use, and the switch ports have to be in one port-channel with LACP.\n\nA bond of Open vSwitch falls back to one NIC where the switch does not answer, and what is wrong with it can be put right during the trial. A bond of the kernel is the one that other Linux hosts have; it is used whole, as one port.\n\nTwo NICs must never be added to a bridge as two separate ports: that is a loop, and takes the whole network down."
	return p
}

func (p *uplinkPage) Enter() tea.Cmd {
	p.Intro = "How is the bridge connected to the network?"
	free := p.w.free()
	p.kind.Options[1].Off, p.kind.Options[2].Off = "", ""
	if !p.w.facts.Host.Bonding {
		p.kind.Options[2].Off = "the running kernel has no module bonding"
	}
	p.kind.Options[0].Label, p.kind.Options[0].Explain = "one NIC", "simple; needs nothing on the switch; no redundancy"
	if n := p.w.nic(); n.Kind == "bond" {
		p.kind.Options[0].Label, p.kind.Options[0].Explain = n.Name, "the bond as it is, as one port of the bridge"
		p.kind.Options[1].Off = n.Name + " is a bond already, and is taken over whole"
		p.kind.Options[2].Off = p.kind.Options[1].Off
	} else if len(free) == 0 {
		p.kind.Options[1].Off = "this host has no second NIC that is free"
		p.kind.Options[2].Off = p.kind.Options[1].Off
	}
	if p.kind.Help = "One NIC needs nothing on the switch."; p.w.nic().Kind == "bond" {
		p.kind.Help = "A bond is taken over whole."
	}
	all := append(p.w.one(), withLink(free)...)
	if r := bond.Recommend(links(all), p.w.heard); r.Kind != bond.Single {
		p.kind.Help = fmt.Sprintf("Recommended: an OVS bond. %d NICs have a link; one of them may then fail.", len(all))
	}
	return p.Form.Enter()
}
