package steps

import (
	"errors"
	"fmt"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/answers"
	"bridgehead/tui"
)

func bridgeStep(w *Wizard) tui.Step {
	return tui.Step{ID: "bridge", Title: "Bridge", When: w.builds, Page: func() tui.Page { return newBridgePage(w) }}
}

// bridgePage names the bridge. The names of port and network follow the bridge's until they are typed over.
type bridgePage struct {
	tui.Form
	w        *Wizard
	datapath *tui.ChoiceField
	mtu      *tui.TextField
}

func newBridgePage(w *Wizard) *bridgePage {
	d := &w.draft
	p := &bridgePage{w: w}
	p.datapath = &tui.ChoiceField{Label: "Datapath", Value: &d.Datapath, Options: []tui.Option{
		{Value: "system", Label: "kernel", Explain: "fast; the usual one"},
		{Value: "netdev", Label: "userspace", Explain: "slower; needs no kernel module"},
	}}
	p.mtu = &tui.TextField{Label: "MTU", Value: &d.MTU, Check: p.fits}
	p.Fields = []tui.Field{
		&tui.TextField{Label: "Bridge", Value: &d.Bridge, Check: p.free, Help: "Its name, 15 characters at most, for example examplebr0."},
		&tui.TextField{Label: "Internal port", Value: &d.Port, Check: p.freePort, Help: "Gets the host's address, for example examplebr0p1."},
		p.datapath,
		&tui.TextField{Label: "VLAN tag", Value: &d.Tag, Check: p.checkTag, Help: "Empty, unless the host's own address is in a tagged VLAN."},
		p.mtu,
	}
	p.LongHelp = "The bridge is a switch inside this host. The NIC becomes one of its ports, each VM gets one, and the internal port carries the host's own address. Bridge and port keep the NIC's MAC address, so that DHCP reservations and port security see no new machine."
	return p
}

func (p *bridgePage) Enter() tea.Cmd {
	n := p.w.nic()
	p.Intro = fmt.Sprintf("%s becomes a port of this bridge.", p.w.draft.Answers().UplinkName())
	if v, ok := p.w.managed(n); ok {
		p.Intro += fmt.Sprintf(" The host's address is on %s: the internal port takes it over with the tag %d.", v.Name, v.VLAN)
	}
	p.mtu.Help = fmt.Sprintf("Empty keeps that of %s, %d.", n.Name, n.MTU)
	p.datapath.Options[0].Off = ""
	if sw := p.w.facts.Switch; sw.Installed && !sw.KernelModule {
		p.datapath.Options[0].Off = "this kernel has no module openvswitch"
	}
	return p.Form.Enter()
}

func (p *bridgePage) Update(msg tea.Msg) tea.Cmd {
	name, tag := p.w.draft.Bridge, p.w.draft.Tag
	cmd := p.Form.Update(msg)
	if p.w.draft.Bridge != name || p.w.draft.Tag != tag {
		p.w.propose()
		p.Form.Enter() // shows the names that followed
	}
	return cmd
}

func (p *bridgePage) free(name string) error {
	if err := answers.LinkName(name); err != nil {
		return err
	}
	if p.w.taken(name) {
		return fmt.Errorf("%s exists already on this host; choose another name", name)
	}
	return nil
}

func (p *bridgePage) freePort(name string) error {
	if name == p.w.draft.Bridge {
		return errors.New("bridge and port need different names")
	}
	return p.free(name)
}

func (p *bridgePage) fits(s string) error {
	if err := numberIn(576, 65535)(s); err != nil || s == "" {
		return err
	}
	if n, _ := strconv.Atoi(s); n > p.w.nic().MTU {
		return fmt.Errorf("%s does not fit through %s, whose MTU is %d", s, p.w.nic().Name, p.w.nic().MTU)
	}
	return nil
}

// numberIn accepts nothing, or a number from low to high.
func numberIn(low, high int) func(string) error {
	return func(s string) error {
		if s == "" {
			return nil
		}
		if n, err := strconv.Atoi(s); err != nil || n < low || n > high {
			return fmt.Errorf("give a number from %d to %d, or nothing", low, high)
		}
		return nil
	}
}
