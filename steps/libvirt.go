package steps

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/op"
	"bridgehead/tui"
)

func libvirtStep(w *Wizard) tui.Step {
	return tui.Step{ID: "libvirt", Title: "libvirt network",
		When: func() bool { return w.facts.Virt.Available || w.draft.Libvirt },
		Page: func() tui.Page { return newLibvirtPage(w) }}
}

// libvirtPage decides about libvirt's networks.
type libvirtPage struct {
	tui.Form
	w        *Wizard
	standard *tui.ChoiceField // the network "default"
}

func newLibvirtPage(w *Wizard) *libvirtPage {
	d := &w.draft
	p := &libvirtPage{w: w}
	on := func() bool { return d.Libvirt }
	p.standard = &tui.ChoiceField{Label: "Network default", Value: &d.Default, When: func() bool { return d.Libvirt && p.has("default") }, Options: []tui.Option{
		{Value: answers.DefaultKeep, Label: "keep", Explain: "it goes on as it is"},
		{Value: answers.DefaultStop, Label: "stop", Explain: "stopped, and not started with the host"},
		{Value: answers.DefaultRemove, Label: "remove", Explain: "its definition goes too"},
	}}
	p.Fields = []tui.Field{
		&tui.ToggleField{Label: "Change libvirt", Value: &d.Libvirt, Help: "No leaves libvirt alone."},
		&tui.TextField{Label: "New network", Value: &d.Network, When: on, Check: p.check, Help: "Defined on the bridge, started now and with the host."},
		p.standard,
	}
	p.LongHelp = "libvirt's network default is a NAT of its own. It does no harm beside the bridge. It is never stopped while a running VM uses it: the VM's connection would not come back."
	return p
}

func (p *libvirtPage) Enter() tea.Cmd {
	p.Intro = "A libvirt network lets VMs be connected to the bridge by name."
	if v := p.w.facts.Virt; !v.Available {
		p.Intro = "libvirt does not answer: " + stop(v.Reason) + " Choose no to go on without it."
	}
	off := ""
	if users := op.Users(p.w.facts.Virt, "default"); len(users) > 0 {
		off = strings.Join(users, ", ") + " would be cut off for good"
	}
	for i := range p.standard.Options[1:] {
		p.standard.Options[1+i].Off = off
	}
	return p.Form.Enter()
}

func (p *libvirtPage) has(network string) bool {
	return slices.ContainsFunc(p.w.facts.Virt.Networks, func(n backend.Network) bool { return n.Name == network })
}

func (p *libvirtPage) check(name string) error {
	if err := answers.NetworkName(name); err != nil {
		return err
	}
	if users := op.Users(p.w.facts.Virt, name); len(users) > 0 {
		return fmt.Errorf("%s exists, and running VMs use it (%s); choose another name", name, strings.Join(users, ", "))
	}
	return nil
}
