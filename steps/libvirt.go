package steps

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/answers"
	"bridgehead/backend/op"
	"bridgehead/tui"
)

func libvirtStep(w *Wizard) tui.Step {
	return tui.Step{ID: "libvirt", Title: "libvirt network",
		When: func() bool { return w.facts.Virt.Available },
		Page: func() tui.Page { return &libvirtPage{w: w} }}
}

// libvirtPage decides about libvirt's networks.
type libvirtPage struct {
	tui.Form
	w *Wizard
}

func (p *libvirtPage) Enter() tea.Cmd {
	d := &p.w.draft
	if d.Network == "" {
		d.Network = d.Bridge
	}
	on := func() bool { return d.Libvirt }
	used := ""
	if users := op.Users(p.w.facts.Virt, "default"); len(users) > 0 {
		used = "Running VMs use it and would lose their connection for good: " + strings.Join(users, ", ") + "."
	}
	p.Intro = "A libvirt network lets VMs be connected to the bridge by name."
	if p.Fields == nil {
		p.Fields = []tui.Field{
			&tui.ToggleField{Label: "Change libvirt", Value: &d.Libvirt, Help: "No leaves libvirt alone."},
			&tui.TextField{Label: "New network", Value: &d.Network, When: on, Check: p.networkName, Help: "Defined on the bridge, started, and started with the host."},
			&tui.ChoiceField{Label: "Network default", Value: &d.Default, When: func() bool { return d.Libvirt && p.hasDefault() }, Options: []tui.Option{
				{Value: answers.DefaultKeep, Label: "keep", Explain: "it goes on as it is"},
				{Value: answers.DefaultStop, Label: "stop", Explain: "stopped, and not started with the host", Off: used},
				{Value: answers.DefaultRemove, Label: "remove", Explain: "its definition goes too", Off: used},
			}},
		}
	}
	p.LongHelp = "libvirt's network default is a NAT of its own. It does no harm beside the bridge. It is never stopped while a running VM uses it: the VM's connection would not come back."
	return p.Form.Enter()
}

func (p *libvirtPage) hasDefault() bool {
	for _, n := range p.w.facts.Virt.Networks {
		if n.Name == "default" {
			return true
		}
	}
	return false
}

func (p *libvirtPage) networkName(s string) error { return answers.NetworkName(s) }
