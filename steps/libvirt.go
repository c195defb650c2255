package steps

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/op"
	"bridgehead/backend/plan"
	"bridgehead/backend/virt"
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
	existing *tui.ChoiceField // the network that has the name already
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
	p.existing = &tui.ChoiceField{Label: "It exists", Value: &d.Existing, When: func() bool { return d.Libvirt && p.differs() }, Detail: p.difference, Options: []tui.Option{
		{Value: answers.ExistingUpdate, Label: "update", Explain: "it leads to the bridge from now on"},
		{Value: answers.ExistingLeave, Label: "keep", Explain: "it goes on as it is, and does not lead to the bridge"},
	}}
	p.Fields = []tui.Field{
		&tui.ToggleField{Label: "Change libvirt", Value: &d.Libvirt, Help: "No leaves libvirt alone."},
		&tui.TextField{Label: "New network", Value: &d.Network, When: on, Check: p.check, Help: "Defined on the bridge, started now and with the host."},
		p.existing,
		&tui.TextField{Label: "Port groups", Value: &d.PortGroups, When: func() bool {
			return d.Libvirt && d.Network != "" && !(p.differs() && d.Existing == answers.ExistingLeave)
		}, Check: checkGroups, Detail: p.difference,
			Help: "Empty: none. office=10 is an access port in VLAN 10, all=10+20 a trunk, all=1n+20 one whose VLAN 1 is not tagged."},
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
	if n, found := p.network(p.w.draft.Network); found && !p.differs() {
		p.Intro += " " + n.Name + " leads there already: it stays, with the port groups that are typed here."
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

// difference is what changes of a network that is there already.
func (p *libvirtPage) difference(width int) []string {
	old, found := p.network(p.w.draft.Network)
	a := p.w.draft.Answers()
	if !found || a.Libvirt == nil || a.Libvirt.Existing == answers.ExistingLeave {
		return nil
	}
	after, err := plan.NetworkXML(p.w.facts.Virt, a)
	if err != nil || after == old.XML {
		return nil
	}
	return tui.FileDiff{Path: "libvirt network " + old.Name, Before: old.XML, After: after}.Lines(width)
}

// Speak is what the form is about, and what changes of a network that is there already.
func (p *libvirtPage) Speak(width int) string {
	text := p.Form.Speak(width)
	if diff := p.difference(width); len(diff) > 0 {
		text += "\n\n" + strings.Join(diff, "\n")
	}
	return text
}

func (p *libvirtPage) has(network string) bool {
	_, found := p.network(network)
	return found
}

// differs says that there is a network of that name which does not lead to the bridge.
func (p *libvirtPage) differs() bool {
	n, found := p.network(p.w.draft.Network)
	return found && !virt.OnBridge(n.XML, p.w.draft.bridge())
}

func (p *libvirtPage) network(name string) (backend.Network, bool) {
	for _, n := range p.w.facts.Virt.Networks {
		if n.Name == name {
			return n, true
		}
	}
	return backend.Network{}, false
}

func (p *libvirtPage) check(name string) error {
	if err := answers.NetworkName(name); err != nil {
		return err
	}
	if users := op.Users(p.w.facts.Virt, name); len(users) > 0 && p.differs() && p.w.draft.Existing != answers.ExistingLeave {
		return fmt.Errorf("%s exists, and running VMs use it (%s); choose another name, or leave it as it is", name, strings.Join(users, ", "))
	}
	return nil
}

func checkGroups(text string) error {
	_, err := answers.ParsePortGroups(text)
	return err
}
