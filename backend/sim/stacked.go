package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"bridgehead/backend"
)

// This file makes links on top of links, in the words of ip-link(8): "add NAME type
// bond mode MODE", "add link PARENT name NAME type vlan id N", and "set [dev] NAME
// master M|nomaster|up|down".

func (m *Machine) ipLinkAdd(a []string) error {
	word := func(key string) string {
		if i := slices.Index(a, key); i >= 0 && i+1 < len(a) {
			return a[i+1]
		}
		return ""
	}
	name := word("name")
	if name == "" {
		name = a[0]
	}
	if m.link(name) != nil {
		return errors.New("RTNETLINK answers: File exists")
	}
	switch word("type") {
	case "bond":
		if !m.spec.Bonding {
			return backend.ErrNoBonding
		}
		l := m.addLink(backend.Link{Name: name, Kind: "bond", Driver: "bonding", Virtual: true, MAC: word("address")})
		l.bond, l.mode, l.rate, l.given = true, word("mode"), word("lacp_rate"), l.MAC == word("address")
		if mtu, err := strconv.Atoi(word("mtu")); err == nil {
			l.MTU = mtu
		}
	case "vlan":
		parent, err := m.needLink(word("link"))
		if err != nil {
			return err
		}
		var id int
		if _, err := fmt.Sscan(word("id"), &id); err != nil {
			return errors.New("vlan: id is invalid")
		}
		return m.addVLAN(backend.Link{Name: name, MAC: parent.MAC, MTU: parent.MTU, Parent: parent.Name, VLAN: id})
	default:
		return errors.New("RTNETLINK answers: Operation not supported")
	}
	m.reconfigure() // a port of Open vSwitch may have waited for it
	return nil
}

// ipLinkDel is "ip link delete NAME".
func (m *Machine) ipLinkDel(name string) error {
	l, err := m.needLink(name)
	if err == nil {
		m.removeLink(l)
	}
	return err
}

// addVLAN makes a VLAN link, or finds that it is there already.
func (m *Machine) addVLAN(v backend.Link) error {
	parent, err := m.needLink(v.Parent)
	if err != nil {
		return err
	}
	have, other := m.link(v.Name), m.vlan(v.Parent, v.VLAN)
	switch {
	case v.VLAN < 1 || v.VLAN > 4094:
		return errors.New("RTNETLINK answers: Numerical result out of range")
	case v.MTU > parent.MTU:
		return errors.New("RTNETLINK answers: Numerical result out of range")
	case v.Up && !parent.Up:
		return errors.New("RTNETLINK answers: Network is down")
	case have == nil && other == nil:
		m.addLink(backend.Link{Name: v.Name, Kind: "vlan", MAC: v.MAC, MTU: v.MTU, Parent: v.Parent, VLAN: v.VLAN, Virtual: true})
		m.setUp(m.link(v.Name), v.Up)
		return nil
	case have == nil || have != other || have.MAC != v.MAC || have.MTU != v.MTU || have.Up != v.Up:
		return errors.New("RTNETLINK answers: File exists")
	}
	return nil
}

func (m *Machine) ipLinkSet(a []string) error {
	if a[0] == "dev" {
		a = a[1:]
	}
	l, err := m.needLink(a[0])
	if err != nil {
		return err
	}
	switch a[1] {
	case "up", "down":
		m.setUp(l, a[1] == "up")
	case "nomaster":
		m.release(l)
	case "master":
		if len(a) < 3 {
			return errors.New("argument of \"master\" is missing")
		}
		return m.enslave(l, a[2])
	default:
		return errors.New("this form is not simulated")
	}
	m.carriers()
	return nil
}

// enslave puts a link into a bond or a bridge. A bond takes only members that are
// down, brings them up, and has the MAC of its first (bonding.rst).
func (m *Machine) enslave(l *link, master string) error {
	to, err := m.needLink(master)
	switch {
	case err != nil:
		return err
	case l.Master != "" && l.Master != master:
		return errors.New("RTNETLINK answers: Device or resource busy")
	case !to.bond && to.Kind != "bridge":
		return errors.New("RTNETLINK answers: Operation not supported")
	case to.bond && l.Up && l.Master == "":
		return errors.New("RTNETLINK answers: Operation not permitted: Device can not be enslaved while up")
	}
	if l.Master == master {
		return nil
	}
	l.Master = master
	if to.bond {
		first := !slices.ContainsFunc(m.links, func(x *link) bool { return x.Master == master && x != l })
		if first && !to.given {
			to.MAC = l.MAC
		}
		l.own = owned{l.MAC, l.MTU}
		l.MAC, l.MTU = to.MAC, to.MTU
		m.setUp(l, true)
	}
	m.carriers()
	return nil
}

// release takes a link out of its bond or bridge. What leaves a bond is down (bond_main.c, __bond_release_one).
func (m *Machine) release(l *link) {
	master := m.link(l.Master)
	l.Master = ""
	if master != nil && master.bond {
		m.setUp(l, false)
		if l.own.mac != "" {
			l.MAC, l.MTU, l.own = l.own.mac, l.own.mtu, owned{}
		}
	}
	m.carriers()
}

// AddBond is one of three changes that a process asks for: see backend.Links.
func (h links) AddBond(ctx context.Context, name string, b backend.KernelBond) error {
	what := fmt.Sprintf("ip link add %s address %s mtu %d type bond mode %s", name, b.MAC, b.MTU, b.Mode)
	return h.p.change(ctx, what, func() error {
		m := h.p.m
		if m.link(name) != nil {
			return nil
		}
		if err := m.ipLinkAdd([]string{name, "type", "bond", "mode", b.Mode}); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		l := m.link(name)
		l.MAC, l.MTU, l.given, l.rate = b.MAC, b.MTU, true, b.Rate
		return nil
	})
}

func (h links) DelBond(ctx context.Context, name string) error {
	return h.p.change(ctx, "ip link delete "+name+" type bond", func() error {
		l := h.p.m.link(name)
		if l == nil {
			return nil
		}
		if !l.bond {
			return fmt.Errorf("%s is no bond", name)
		}
		h.p.m.removeLink(l)
		return nil
	})
}

func (h links) SetMaster(ctx context.Context, name, master string) error {
	word := "master " + master
	if master == "" {
		word = "nomaster"
	}
	return h.on(ctx, "ip link set "+name+" "+word, name, func(l *link) error {
		if master == "" {
			if l.Master != "" {
				h.p.m.release(l)
			}
			return nil
		}
		return h.p.m.enslave(l, master)
	})
}

// LACPDUs are always as many; of a switch that speaks LACP come as many back. A NIC that is cabled to another one
// hears one each second.
func (h links) LACPDUs(ctx context.Context, member string) (sent, received int, err error) {
	const some = 9
	received, err = ask(ctx, h.p, func() (int, error) {
		l, err := h.p.m.needLink(member)
		if err != nil {
			return 0, err
		}
		b := h.p.m.link(l.Master)
		switch {
		case b == nil || !b.bond || b.mode != "802.3ad":
			return 0, fmt.Errorf("%s is in no bond that speaks LACP", member)
		case l.Up && l.Carrier && l.nic != nil && l.nic.PortChannel != "":
			return some, nil
		case l.Up && l.Carrier && l.together:
			return int((h.p.m.now - h.p.m.booted) / time.Second), nil
		}
		return 0, nil
	})
	return some, received, err
}
