package steps

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/answers"
	"bridgehead/backend/survey"
	"bridgehead/tui"
)

func addressStep(w *Wizard) tui.Step {
	return tui.Step{ID: "address", Title: "Address", When: w.builds, Page: func() tui.Page { return newAddressPage(w) }}
}

// addressPage decides where the port's addresses come from, prefilled with what the NIC has.
type addressPage struct {
	tui.Form
	w      *Wizard
	method *tui.ChoiceField
}

func newAddressPage(w *Wizard) *addressPage {
	d := &w.draft
	p := &addressPage{w: w}
	static := func() bool { return d.Method == answers.MethodStatic }
	p.method = &tui.ChoiceField{Label: "Address", Value: &d.Method, Options: []tui.Option{
		{Value: answers.MethodKeep, Label: "keep"},
		{Value: answers.MethodStatic, Label: "static", Explain: "type addresses and gateway"},
		{Value: answers.MethodDHCP, Label: "DHCP", Explain: "the port asks a DHCP server"},
	}}
	p.Fields = []tui.Field{
		p.method,
		&tui.TextField{Label: "Addresses", Value: &d.Addresses, When: static, Check: checkAddresses, Help: "With prefix length, commas between: 192.168.1.100/24, fd00::100/64"},
		&tui.TextField{Label: "Gateway", Value: &d.Gateway, When: static, Check: p.checkGateway, Help: "One for each family at most; empty: none."},
		&tui.TextField{Label: "DNS servers", Value: &d.DNS, When: static, Check: checkAddrs, Help: "Commas between; empty: none are written."},
	}
	p.LongHelp = "With keep, addresses of both families, the gateway, further routes, policy rules, DNS settings and the hooks of the stanza move over, and an SSH session through the NIC survives.\n\nWith other addresses it does not: log in again at the new one, and confirm there."
	return p
}

func (p *addressPage) Enter() tea.Cmd {
	n := p.w.source()
	dhcp := slices.ContainsFunc(p.w.facts.DHCP, func(c survey.DHCPClient) bool { return c.NIC == n.Name })
	p.Intro = addressNow(n, dhcp)
	if n.Kind == "vlan" {
		p.Intro += fmt.Sprintf(" It is VLAN %d of %s and goes, since the kernel would give it the frames of the port.", n.VLAN, n.Parent)
	}
	keep := &p.method.Options[0]
	switch {
	case dhcp:
		keep.Explain = "the DHCP client moves to the port, with its lease"
	case len(globalAddrs(n)) == 0:
		keep.Explain = "the port has none either: a bridge for the VMs alone"
	default:
		keep.Explain = "all that " + n.Name + " has moves to the port, as it is"
	}
	return p.Form.Enter()
}

// addressNow says what n has, and from where.
func addressNow(n survey.NIC, dhcp bool) string {
	addrs := globalAddrs(n)
	if len(addrs) == 0 {
		return n.Name + " has no address."
	}
	s := n.Name + " has " + strings.Join(addrs, ", ")
	if len(n.Gateway) > 0 {
		s += ", gateway " + strings.Join(n.Gateway, ", ")
	}
	switch {
	case dhcp:
		s += ", from DHCP"
	case n.Owner.File != "":
		s += fmt.Sprintf(", from %s:%d", n.Owner.File, n.Owner.Line)
	}
	return s + "."
}

func checkAddresses(s string) error {
	if len(list(s)) == 0 {
		return errors.New("type at least one address, for example 192.168.1.100/24")
	}
	for _, a := range list(s) {
		if _, err := answers.HostAddress(a); err != nil {
			return err
		}
	}
	return nil
}

func (p *addressPage) checkGateway(s string) error {
	var own []netip.Prefix
	for _, a := range list(p.w.draft.Addresses) {
		if x, err := netip.ParsePrefix(a); err == nil {
			own = append(own, x)
		}
	}
	for _, g := range list(s) {
		if err := answers.Gateway(g, own); err != nil {
			return err
		}
	}
	return nil
}

func checkAddrs(s string) error {
	for _, a := range list(s) {
		if _, err := netip.ParseAddr(a); err != nil {
			return fmt.Errorf("%q is no IP address; write it like 192.168.1.1 or fd00::1", a)
		}
	}
	return nil
}
