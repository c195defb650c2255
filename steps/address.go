package steps

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/answers"
	"bridgehead/tui"
)

func addressStep(w *Wizard) tui.Step {
	return tui.Step{ID: "address", Title: "Address", Page: func() tui.Page { return newAddressPage(w) }}
}

// addressPage decides where the port's addresses come from, prefilled with what the NIC has.
type addressPage struct {
	tui.Form
	w *Wizard
}

func newAddressPage(w *Wizard) *addressPage {
	d := &w.draft
	p := &addressPage{w: w}
	static := func() bool { return d.Method == answers.MethodStatic }
	p.Fields = []tui.Field{
		&tui.ChoiceField{Label: "Address", Value: &d.Method, Options: []tui.Option{
			{Value: answers.MethodKeep, Label: "keep", Explain: "everything the NIC has moves to the port, as it is"},
			{Value: answers.MethodStatic, Label: "static", Explain: "type addresses and gateway"},
			{Value: answers.MethodDHCP, Label: "DHCP", Explain: "the port asks a DHCP server"},
		}},
		&tui.TextField{Label: "Addresses", Value: &d.Addresses, When: static, Check: checkAddresses, Help: "With prefix length, commas between: 192.168.1.100/24, fd00::100/64"},
		&tui.TextField{Label: "Gateway", Value: &d.Gateway, When: static, Check: p.checkGateway, Help: "One for each family at most; empty: none."},
		&tui.TextField{Label: "DNS servers", Value: &d.DNS, When: static, Check: checkAddrs, Help: "Commas between; empty: none are written."},
	}
	p.LongHelp = "With keep, addresses of both families, the gateway, further routes, policy rules, DNS settings and the hooks of the stanza move over, and an SSH session through the NIC survives. With other addresses it does not: log in again at the new one, and confirm there."
	return p
}

func (p *addressPage) Enter() tea.Cmd {
	n, d := p.w.nic(), &p.w.draft
	var addrs []string
	for _, a := range n.Addrs {
		if a.Scope == "global" && !a.Temporary {
			addrs = append(addrs, a.Prefix.String())
		}
	}
	has := "no address"
	if len(addrs) > 0 {
		has = strings.Join(addrs, ", ")
	}
	p.Intro = fmt.Sprintf("%s has %s.", n.Name, has)
	if len(n.Gateway) > 0 {
		p.Intro += " Gateway " + strings.Join(n.Gateway, ", ") + "."
	}
	if d.Addresses == "" { // prefilled, so that one changes what is there
		d.Addresses, d.Gateway = strings.Join(addrs, ", "), strings.Join(n.Gateway, ", ")
	}
	return p.Form.Enter()
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
			return fmt.Errorf("%q is no IP address", a)
		}
	}
	return nil
}
