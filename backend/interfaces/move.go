package interfaces

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Move is the tutorial's edit: the address of NIC goes to Port, the internal
// port of a bridge, with all that belongs to it. Port is brought up at boot;
// NIC is left without an address ("inet manual") and only brought up. Where NIC is a
// VLAN link, its stanzas become the port's, and the NIC that it is On is so left.
type Move struct {
	NIC     string
	Port    string
	Address Address
	Bond    bool   // NIC is a bond of the kernel, and stays one
	Member  bool   // NIC becomes a member of a bond of the kernel, which brings it up
	On      string // the NIC below a VLAN link; "" where NIC is the uplink itself
}

// Method says where Port's address comes from.
type Method string

const (
	Keep   Method = "keep"   // what NIC has in the file
	Static Method = "static" // what Address lists
	DHCP   Method = "dhcp"   // IPv4 by DHCP
)

// Address is what Port gets. With Static, the families that Addresses holds are
// replaced, each with its gateway, and the other keeps what the file says; with
// DHCP so for IPv4. With Keep, the rest counts only where the file gives NIC no
// address at all: it is the live address, to be written down.
type Address struct {
	Method    Method
	Addresses []netip.Prefix // the address itself with its prefix length
	Gateways  []netip.Addr   // at most one of each family; it may be out of the prefix (on link)
	DNS       []netip.Addr   // name servers; none: those in the file stay
}

// Move edits the configuration, or leaves it untouched and says why it cannot.
// A refusal that has its cause in the file is an *Error.
func (c *Config) Move(m Move) ([]Note, error) {
	notes, err := m.edit(c)
	if err != nil {
		return nil, fmt.Errorf("cannot move the address of %s to %s: %w", m.NIC, m.Port, err)
	}
	return notes, nil
}

// Uplink leaves NIC, a further uplink of the bridge, without an address: it is
// brought up at boot, and nothing else; member as in Move. It refuses a NIC that has an address in the file.
func (c *Config) Uplink(nic string, member bool) ([]Note, error) {
	notes, err := uplinkOnly(c, nic, member)
	if err != nil {
		return nil, fmt.Errorf("cannot make %s an uplink: %w", nic, err)
	}
	return notes, nil
}

func (m Move) edit(c *Config) ([]Note, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	notes, err := c.concerns(m.NIC, m.Port, "")
	if err == nil && m.On != "" {
		var more []Note
		more, err = c.concerns(m.On, "", m.NIC)
		notes = append(notes, more...)
	}
	if err != nil {
		return nil, err
	}
	v := &mover{edit: &edit{c: c, lines: map[place]*lineEdit{}, notes: notes}, Move: m}
	v.up = uplink{edit: v.edit, nic: m.uplink(), member: m.Member}
	if v.stacked() {
		if err := v.readUplink(); err != nil {
			return nil, err
		}
	}
	if err := v.read(); err != nil {
		return nil, err
	}
	if err := v.readdress(); err != nil {
		return nil, err
	}
	v.write()
	next, err := v.result()
	if err != nil {
		return nil, err
	}
	if err := v.verify(next); err != nil {
		return nil, err
	}
	*c = *next
	slices.SortStableFunc(v.notes, func(a, b Note) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line)
	})
	return v.notes, nil
}

// uplink is the NIC that becomes a port of the bridge.
func (m Move) uplink() string { return cmp.Or(m.On, m.NIC) }

func (m Move) check() error {
	if err := checkName("the NIC", m.NIC); err != nil {
		return err
	}
	if err := checkName("the port", m.Port); err != nil {
		return err
	}
	if m.On != "" {
		if err := checkName("the NIC below", m.On); err != nil {
			return err
		}
	}
	if m.NIC == m.Port || m.On == m.Port {
		return fmt.Errorf("NIC and port have the same name")
	}
	for _, p := range m.Address.Addresses {
		if !p.IsValid() || p.Addr().Zone() != "" || p.Addr().IsUnspecified() || p.Addr().IsMulticast() || p.Addr().Is4In6() {
			return fmt.Errorf("%s is no address for an interface", p)
		}
	}
	for i, g := range m.Address.Gateways {
		if !g.IsValid() || g.IsUnspecified() || g.Zone() != "" || g.Is4In6() {
			return fmt.Errorf("%s is no address of a gateway", g)
		}
		if slices.ContainsFunc(m.Address.Gateways[:i], func(o netip.Addr) bool { return o.Is4() == g.Is4() }) {
			return fmt.Errorf("two gateways of one address family: %v", m.Address.Gateways)
		}
		if len(m.Address.family(family(g))) == 0 {
			return fmt.Errorf("gateway %s without an address of its family", g)
		}
	}
	for _, d := range m.Address.DNS {
		if !d.IsValid() {
			return fmt.Errorf("a name server without an address")
		}
	}
	switch {
	case m.Address.Method == Static && len(m.Address.Addresses) == 0:
		return fmt.Errorf("a static address is wanted, but none is given")
	case m.Address.Method == DHCP && len(m.Address.family("inet")) > 0:
		return fmt.Errorf("an address is given where DHCP is wanted")
	case !slices.Contains([]Method{Keep, Static, DHCP}, m.Address.Method):
		return fmt.Errorf("%q is none of keep, static, dhcp", m.Address.Method)
	}
	return nil
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "inet"
	}
	return "inet6"
}

// family returns the addresses of one family.
func (a Address) family(f string) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(a.Addresses), func(p netip.Prefix) bool { return family(p.Addr()) != f })
}

func (a Address) gateway(f string) string {
	for _, g := range a.Gateways {
		if family(g) == f {
			return g.String()
		}
	}
	return ""
}

func (a Address) servers() string {
	var all []string
	for _, d := range a.DNS {
		all = append(all, d.String())
	}
	return strings.Join(all, " ")
}
