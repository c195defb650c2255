package steps

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/answers"
	"bridgehead/backend/virt"
	"bridgehead/tui"
)

// vmForm asks how one VM is connected.
type vmForm struct {
	tui.Form
	vm              vm
	nic, model, tag string
	via, group      string
	grouped         func() bool // whether a port group can be chosen
}

func (p *vmsPage) form(v vm) *vmForm {
	a := p.how(v)
	f := &vmForm{vm: v, nic: a.NIC, model: a.Model, tag: number(a.Tag), via: a.Via, group: a.PortGroup}
	if f.nic == "" {
		f.nic = answers.NewNIC
		if len(v.defined) == 1 {
			f.nic = v.defined[0].MAC
		}
	}
	if f.model == "" {
		f.model = "virtio"
	}
	named := p.w.network().Libvirt != nil && p.w.draft.Network != ""
	switch {
	case f.via == "" && named:
		f.via = answers.ViaNetwork
	case f.via == "":
		f.via = answers.ViaBridge
	}
	f.Intro = "How is " + v.Name + " connected to the bridge?"
	groups := p.w.portGroups()
	f.grouped = func() bool { return named && f.via == answers.ViaNetwork && len(groups) > 1 }
	f.Fields = []tui.Field{
		&tui.ChoiceField{Label: "NIC", Value: &f.nic, Options: p.nics(v)},
		&tui.TextField{Label: "Model", Value: &f.model, When: func() bool { return f.nic == answers.NewNIC }, Check: answers.NICModel, Help: "virtio; e1000 where the VM's system has no driver for that."},
		&tui.TextField{Label: "VLAN tag", Value: &f.tag, Check: numberIn(1, 4094), Help: "Empty, unless the VM is to be in one VLAN."},
		&tui.ChoiceField{Label: "Connected to", Value: &f.via, When: func() bool { return named }, Options: []tui.Option{
			{Value: answers.ViaNetwork, Label: "network", Explain: p.w.draft.Network + " of libvirt, by its name; the usual one"},
			{Value: answers.ViaBridge, Label: "bridge", Explain: p.w.draft.bridge() + ", by its name; goes on without the network"},
		}},
		&tui.ChoiceField{Label: "Port group", Value: &f.group, When: f.grouped, Options: groups},
	}
	f.Check = func() error {
		if f.grouped() && f.group != "" && f.tag != "" {
			return errors.New("A port group has its VLANs: empty the VLAN tag, or choose no port group.")
		}
		_, err := p.attachment(v, f.answer())
		return err
	}
	return f
}

// nics are the NICs of a VM to choose from, and a new one.
func (p *vmsPage) nics(v vm) []tui.Option {
	var out []tui.Option
	const otherTag = -1 // the NIC that is there already could still get another tag
	for _, n := range v.defined {
		_, explain, _ := strings.Cut(nicLine(v, n), ": ")
		o := tui.Option{Value: n.MAC, Label: n.MAC, Explain: explain}
		if when, err := p.attachment(v, answers.AttachVM{Name: v.Name, NIC: n.MAC, Tag: otherTag}); err != nil {
			o.Off = err.Error()
		} else {
			o.Explain += "; moves " + when
		}
		out = append(out, o)
	}
	explain := "in addition, from its next start on"
	if v.Running {
		explain = "in addition, plugged in at once"
	}
	another := tui.Option{Value: answers.NewNIC, Label: "a new NIC", Explain: explain}
	if _, err := p.attachment(v, answers.AttachVM{Name: v.Name, NIC: answers.NewNIC}); err != nil {
		another.Off = err.Error()
	}
	return append(out, another)
}

// answer is what is typed. The only NIC of a VM needs no name.
func (f *vmForm) answer() answers.AttachVM {
	a := answers.AttachVM{Name: f.vm.Name, NIC: f.nic}
	a.Tag, _ = strconv.Atoi(f.tag) // checked by its field
	if f.via == answers.ViaBridge && f.hasNetwork() {
		a.Via = f.via
	}
	if f.grouped() {
		a.PortGroup = f.group
	}
	if f.nic == answers.NewNIC && f.model != "virtio" {
		a.Model = f.model
	}
	if len(f.vm.defined) == 1 && f.nic == f.vm.defined[0].MAC || len(f.vm.defined) == 0 {
		a.NIC = ""
	}
	return a
}

func (f *vmForm) hasNetwork() bool {
	return slices.ContainsFunc(f.Ask(), func(q tui.Question) bool { return q.Label == "Connected to" })
}

// portGroups are those that the chosen network will have, to choose from; none of them first.
func (w *Wizard) portGroups() []tui.Option {
	groups, _ := answers.ParsePortGroups(w.draft.PortGroups) // checked by its field
	for _, n := range w.facts.Virt.Networks {
		if n.Name != w.draft.Network || !virt.OnBridge(n.XML, w.draft.bridge()) {
			continue
		}
		for _, g := range virt.PortGroups(n.XML) {
			if !slices.ContainsFunc(groups, func(x answers.PortGroup) bool { return x.Name == g.Name }) {
				groups = append(groups, answers.PortGroup(g))
			}
		}
	}
	usual := tui.Option{Label: "none", Explain: "every VLAN of the bridge, or the tag above"}
	var out []tui.Option
	for _, g := range groups {
		var vlans []string
		for _, id := range g.VLANs {
			if vlans = append(vlans, strconv.Itoa(id)); id == g.Native {
				vlans[len(vlans)-1] += " (untagged)"
			}
		}
		if g.Default {
			usual.Explain = "the network's usual one, " + g.Name
		}
		out = append(out, tui.Option{Value: g.Name, Label: g.Name, Explain: "VLAN " + strings.Join(vlans, ", ")})
	}
	return append([]tui.Option{usual}, out...)
}

// Keys are the form's. Enter behind the last field takes what is typed, and Esc drops it.
func (f *vmForm) Keys() []tui.Key {
	keys := f.Form.Keys()
	last := true
	for _, k := range keys {
		last = last && !k.Matches(tea.KeyPressMsg{Code: tea.KeyEnter})
	}
	take := tui.Bind("take it", "ctrl+n")
	if last {
		take = tui.Bind("take it", "enter", "ctrl+n")
	}
	return append([]tui.Key{take, tui.Bind("leave it as it was", "esc", "ctrl+p")}, keys...)
}

// open asks how the VM under the cursor is connected.
func (p *vmsPage) open() tea.Cmd {
	row, ok := p.table.Cursor()
	v, at := p.find(row.ID)
	if !ok || at < 0 || row.Off != "" {
		return nil
	}
	p.one = p.form(v)
	return p.one.Enter()
}

func (p *vmsPage) inForm(msg tea.Msg) tea.Cmd {
	f := p.one
	press, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return f.Update(msg)
	}
	switch keys := f.Keys(); {
	case keys[1].Matches(press):
		p.one = nil
	case keys[0].Matches(press):
		if err := f.Next(); err != nil {
			return func() tea.Msg { return tui.ErrorMsg{Err: err} }
		}
		p.one = nil
		p.take(f.answer())
	default:
		return f.Update(msg)
	}
	return nil
}

// take has a VM connected as said.
func (p *vmsPage) take(a answers.AttachVM) {
	p.typed[a.Name] = a
	p.table.Choose(append(p.table.Chosen, a.Name))
	p.sync()
}

// What is asked line by line: the VMs, about which of them more is asked, and that.
const (
	askVMs   = 0
	askMore  = 1
	askNew   = 2
	askFirst = 10 // of the first VM; each has perVM places
	perVM    = 10
)

// Ask asks for the VMs, and about those with several NICs, and those of which the operator wants to say more.
func (p *vmsPage) Ask() []tui.Question {
	out := p.table.Ask()
	if len(p.table.Chosen) == 0 {
		if !p.w.builds() {
			out = append(out, tui.Question{ID: askNew, Label: "Create a VM", Help: "Instead: with virt-install, on the bridge.", Off: p.w.noNewVM(),
				Options: []tui.Option{{Value: "no", Label: "no"}, {Value: "yes", Label: "yes"}}, Now: []string{"no"}})
		}
		return out
	}
	more := tui.Question{ID: askMore, Label: "Say more about", Help: "another NIC, a VLAN tag, or the bridge itself.", Many: true, Now: p.asked}
	for _, name := range p.table.Chosen {
		v, _ := p.find(name)
		more.Options = append(more.Options, tui.Option{Value: name, Label: name, Explain: p.told(v)})
	}
	out = append(out, more)
	for _, name := range p.asked {
		v, at := p.find(name)
		if at < 0 {
			continue
		}
		for i, q := range p.form(v).Ask() {
			q.ID, q.Label = askFirst+at*perVM+q.ID, name+": "+q.Label
			if i == 0 {
				_, q.Err = p.attachment(v, p.how(v))
			}
			out = append(out, q)
		}
	}
	return out
}

func (p *vmsPage) answered(a tui.AnswerMsg) tea.Cmd {
	switch a.ID {
	case askVMs:
		cmd := p.table.Update(a)
		p.leaveOut()
		p.sync()
		p.asked = nil
		for _, name := range p.table.Chosen {
			if v, _ := p.find(name); len(v.defined) > 1 {
				p.asked = append(p.asked, name)
			}
		}
		return cmd
	case askMore:
		p.asked = a.Values
		return nil
	case askNew:
		if a.Text() == "yes" {
			return p.w.makeVM("vms")
		}
		return nil
	}
	at := (a.ID - askFirst) / perVM
	if at < 0 || at >= len(p.vms) {
		return nil
	}
	f := p.form(p.vms[at])
	f.Enter()
	f.Update(tui.AnswerMsg{ID: (a.ID - askFirst) % perVM, Values: a.Values})
	p.take(f.answer())
	return nil
}
