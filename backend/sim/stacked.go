package sim

import (
	"errors"
	"fmt"
	"slices"

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
		l := m.addLink(backend.Link{Name: name, Kind: "bond", Driver: "bonding", Virtual: true})
		l.bond, l.mode = true, word("mode")
	case "vlan":
		parent, err := m.needLink(word("link"))
		if err != nil {
			return err
		}
		var id int
		if _, err := fmt.Sscan(word("id"), &id); err != nil {
			return errors.New("vlan: id is invalid")
		}
		m.addLink(backend.Link{Name: name, Kind: "vlan", MAC: parent.MAC, MTU: parent.MTU, Parent: parent.Name, VLAN: id, Virtual: true})
	default:
		return errors.New("RTNETLINK answers: Operation not supported")
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
		l.Master = ""
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
	if to.bond && !slices.ContainsFunc(m.links, func(x *link) bool { return x.Master == master }) {
		to.MAC = l.MAC
	}
	l.Master = master
	if to.bond {
		l.MAC = to.MAC
		m.setUp(l, true)
	}
	m.carriers()
	return nil
}
