package interfaces

import (
	"slices"
	"strings"
)

// making are the options that say on what NIC a VLAN link is made, and how (interfaces(5),
// vlan-interfaces(5)): they go with the link.
var making = []string{"vlan-raw-device", "vlan_raw_device", "vlan-id", "vlan_id", "vlan"}

// stacked says that the address comes from a VLAN link.
func (m Move) stacked() bool { return m.On != "" }

// readUplink finds the stanza of the NIC below, which must not lean on the VLAN link.
func (v *mover) readUplink() error {
	if err := v.up.read(); err != nil {
		return err
	}
	for _, s := range v.c.Stanzas() {
		for i, o := range s.Options {
			if own(s.Name, v.On) && mentions(o.Value, v.NIC) {
				return place{s.head.file, s.lines[i]}.refuse("the stanza of %s names %s, which goes: take this line out first", v.On, v.NIC)
			}
		}
	}
	return nil
}

// ofLink says that an option of the VLAN link's stanza goes with the link. It refuses what
// nobody would do any more.
func (v *mover) ofLink(o Option, at place) (bool, error) {
	if slices.Contains(making, o.Name) {
		return true, nil
	}
	if !slices.Contains(hooks, o.Name) {
		if who, _ := ownerOf(o.Name); who == atNIC {
			return false, at.refuse("%s is about the link %s, which goes: take it out first", o.Name, v.NIC)
		}
		return false, nil
	}
	if sets(o, v.NIC, "up") || sets(o, v.NIC, "down") {
		return true, nil
	}
	slashed := strings.ReplaceAll(v.NIC, ".", "/") // as sysctl(8) writes it
	h := inspect(o.Value, v.NIC, v.Port)
	if h.refuse != "" && mentions(o.Value, v.On) {
		return false, at.refuse("this command makes the link %s: let ifupdown do that (vlan-raw-device %s), and take it out first", v.NIC, v.On)
	}
	if h.link || slashed != v.NIC && mentions(o.Value, slashed) {
		return false, at.refuse("this command is about the link %s, which goes: take it out first", v.NIC)
	}
	return false, nil
}
