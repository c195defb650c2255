package survey

import (
	"slices"
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/interfaces"
)

// all are the iface stanzas, none where there is no file or it is not understood.
func (s stanzaSet) all() []interfaces.Stanza {
	if s.config == nil {
		return nil
	}
	return s.config.Stanzas()
}

// configured turns the stanzas into what network_config shows, options as written.
func (s stanzaSet) configured() []Interface {
	list := []Interface{}
	for _, x := range s.all() {
		i := Interface{Name: x.Name, Family: x.Family, Method: x.Method, Auto: x.Auto, Hotplug: x.Hotplug,
			Options: [][2]string{}, File: x.File, Line: x.Line}
		for _, o := range x.Options {
			i.Options = append(i.Options, [2]string{o.Name, o.Value})
		}
		list = append(list, i)
	}
	return list
}

func (s stanzaSet) files() []string {
	names := []string{}
	if s.config != nil {
		for _, f := range s.config.Files() {
			names = append(names, f.Path)
		}
	}
	return names
}

// memberOptions name other interfaces in the stanza of a bridge, bond or VLAN
// (bridge-utils-interfaces(5), interfaces-bond(5), interfaces-vlan(5), and the
// ifupdown integration of Open vSwitch).
var memberOptions = []string{"bridge_ports", "bridge-ports", "bond-slaves", "bond_slaves", "slaves",
	"vlan-raw-device", "vlan_raw_device", "ovs_ports", "ovs_bonds", "ovs_bridge"}

// ifupdown finds the stanza that configures a link: its own, or that of the
// bridge or bond which takes it in.
func (s stanzaSet) ifupdown(l backend.Link) (Owner, bool) {
	if s.config == nil {
		return Owner{}, false
	}
	for _, name := range append([]string{l.Name}, l.AltNames...) {
		if own, err := s.config.Interface(name); err == nil && len(own) > 0 {
			return Owner{"ifupdown", own[0].File, own[0].Line}, true
		}
	}
	for _, x := range s.all() {
		if x.Name == l.Name {
			return Owner{"ifupdown", x.File, x.Line}, true
		}
		for _, o := range x.Options {
			if slices.Contains(memberOptions, o.Name) && slices.Contains(strings.Fields(o.Value), l.Name) {
				return Owner{"ifupdown", x.File, o.Line}, true
			}
		}
	}
	return Owner{}, false
}
