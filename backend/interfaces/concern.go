package interfaces

import (
	"fmt"
	"slices"
	"strings"
)

// longestName is IFNAMSIZ without its NUL; alias labels count too.
const longestName = 15

func checkName(what, name string) error {
	ok := name != "" && name != "." && name != ".." && strings.IndexFunc(name, func(r rune) bool {
		return notInDirectory(r) && r != '.'
	}) < 0 && name[0] != '-'
	switch {
	case !ok:
		return fmt.Errorf("%q is no name for %s", name, what)
	case len(name) > longestName:
		return fmt.Errorf("%q is too long a name for %s: an interface name has at most %d characters", name, what, longestName)
	}
	return nil
}

// concerns refuses what else in the configuration hangs on the NIC or on the
// port's name, and notes what only mentions the NIC. The stanzas of vlan, a VLAN link of
// the NIC that goes, do not count.
func (c *Config) concerns(nic, port, vlan string) ([]Note, error) {
	for _, name := range []string{nic, port} {
		if name == "" {
			continue
		}
		logical, err := c.logical(name)
		if err != nil {
			return nil, err
		}
		if logical.word != "" && logical.word != name {
			return nil, logical.at.refuse("%s is brought up as %s; give it a stanza of its own name first", name, logical.word)
		}
	}
	for _, at := range c.idle {
		return nil, at.refuse("%q names no interface; after an edit it might mean another one: remove it", at.line().text)
	}
	for _, m := range c.classes {
		switch literal, _, _ := strings.Cut(m.word, "="); {
		case port != "" && own(literal, port):
			return nil, m.at.refuse("%s is already configured here", port)
		case own(literal, nic) && m.kind == "ovs":
			return nil, m.at.refuse("%s is configured for Open vSwitch in this file", nic)
		}
	}
	var notes []Note
	for _, s := range c.stanzas {
		switch {
		case vlan != "" && own(s.Name, vlan):
			continue
		case port != "" && (own(s.Name, port) || s.Inherits == port):
			return nil, s.head.refuse("%s is already configured here", port)
		case own(s.Inherits, nic):
			return nil, s.head.refuse("the stanza inherits from %s", nic)
		case strings.HasPrefix(s.Name, nic+"."):
			return nil, s.head.refuse("%s is a VLAN of %s: as long as it exists, its frames do not reach the bridge", s.Name, nic)
		case own(s.Name, nic):
			continue
		}
		for i, o := range s.Options {
			at := place{s.head.file, s.lines[i]}
			if reason := uses(o, nic); reason != "" {
				return nil, at.refuse("%s %s", s.Name, reason)
			}
			if mentions(o.Value, nic) {
				notes = append(notes, at.warn("the stanza of %s mentions %s; it stays as it is", s.Name, nic))
			}
		}
	}
	return notes, nil
}

// uses says that an option of another stanza takes the NIC for itself.
func uses(o Option, nic string) string {
	name := strings.ReplaceAll(o.Name, "-", "_")
	list := words(o.Value)
	named := slices.ContainsFunc(list, func(w string) bool { return own(w, nic) || strings.HasPrefix(w, nic+".") })
	switch name {
	case "bridge_ports":
		if named || slices.Contains(list, "all") || slices.Contains(list, "regex") {
			return "is a bridge that takes " + nic + " as a port (" + o.Name + ")"
		}
	case "bond_slaves", "slaves", "bond_primary":
		if named || slices.Contains(list, "all") {
			return "is a bond that takes " + nic + " (" + o.Name + ")"
		}
	case "ovs_ports", "ovs_bonds", "ovs_bridge":
		if named {
			return "takes " + nic + " into Open vSwitch in this file (" + o.Name + ")"
		}
	case "vlan_raw_device":
		if named {
			return "is a VLAN of " + nic + ": as long as it exists, its frames do not reach the bridge"
		}
	}
	return ""
}
