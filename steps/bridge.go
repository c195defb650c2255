package steps

import (
	"fmt"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/answers"
	"bridgehead/tui"
)

func bridgeStep(w *Wizard) tui.Step {
	return tui.Step{ID: "bridge", Title: "Bridge", Page: func() tui.Page { return newBridgePage(w) }}
}

// bridgePage names the bridge. The port's name follows the bridge's until it is typed over.
type bridgePage struct {
	tui.Form
	w *Wizard
}

func newBridgePage(w *Wizard) *bridgePage {
	d := &w.draft
	p := &bridgePage{w: w}
	p.Fields = []tui.Field{
		&tui.TextField{Label: "Bridge", Value: &d.Bridge, Check: p.free, Help: "Name of the bridge, 15 characters at most, for example examplebr0."},
		&tui.TextField{Label: "Internal port", Value: &d.Port, Check: p.free, Help: "This port gets the host's address, for example examplebr0p1."},
		&tui.ChoiceField{Label: "Datapath", Value: &d.Datapath, Options: []tui.Option{
			{Value: "system", Label: "kernel", Explain: "fast; the usual one", Off: p.noKernelDatapath()},
			{Value: "netdev", Label: "userspace", Explain: "slower; needs no kernel module"},
		}},
		&tui.TextField{Label: "VLAN tag", Value: &d.Tag, Check: numberIn(1, 4094), Help: "Leave empty unless the host's own address is in a tagged VLAN."},
		&tui.TextField{Label: "MTU", Value: &d.MTU, Check: numberIn(576, 65535), Help: "Leave empty to keep the NIC's."},
	}
	p.LongHelp = "The bridge is a switch inside this host. The NIC becomes one of its ports, each VM gets one, and the internal port carries the host's own address. Bridge and port keep the NIC's MAC address, so that DHCP reservations and port security see no new machine."
	return p
}

func (p *bridgePage) Enter() tea.Cmd {
	p.Intro = fmt.Sprintf("%s becomes a port of this bridge.", p.w.draft.NIC)
	return p.Form.Enter()
}

func (p *bridgePage) Update(msg tea.Msg) tea.Cmd {
	d := &p.w.draft
	before := d.Bridge
	cmd := p.Form.Update(msg)
	if d.Bridge != before && d.Port == before+"p1" {
		d.Port = d.Bridge + "p1"
	}
	return cmd
}

func (p *bridgePage) Next() error {
	if p.w.draft.Bridge == p.w.draft.Port {
		return fmt.Errorf("bridge and port need different names")
	}
	return p.Form.Next()
}

func (p *bridgePage) noKernelDatapath() string {
	if sw := p.w.facts.Switch; sw.Installed && !sw.KernelModule {
		return "This kernel has no module openvswitch."
	}
	return ""
}

func (p *bridgePage) free(name string) error {
	if err := answers.LinkName(name); err != nil {
		return err
	}
	if p.w.taken(name) {
		return fmt.Errorf("%s exists already on this host", name)
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
