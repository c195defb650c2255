package survey

import (
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/bond"
)

// looksLikeNIC says whether a link is shown among the NICs: hardware, and what
// an operator may take for it. Bridges, guests' taps and tunnels are not.
func looksLikeNIC(l backend.Link) bool {
	switch l.Kind {
	case "", "veth", "vlan", "bond", "team", "macvlan", "ipvlan", "dummy":
		return !l.Loopback && l.Name != "ovs-system" && l.Name != "ovs-netdev"
	}
	return false
}

// memberOf says what a link is a port of: "Open vSwitch bridge br0", "bond bond0".
// The OVS database is believed before the kernel: with the userspace datapath a
// port has no master.
func (e *evidence) memberOf(l backend.Link) string {
	for _, b := range e.sw.Bridges {
		for _, p := range b.Ports {
			for _, i := range p.Interfaces {
				if i.Name != l.Name {
					continue
				}
				if len(p.Interfaces) > 1 {
					return "bond " + p.Name + " of Open vSwitch bridge " + b.Name
				}
				return "Open vSwitch bridge " + b.Name
			}
		}
	}
	switch master, ok := e.link(l.Master); {
	case l.Master == "":
		return ""
	case l.Master == "ovs-system":
		return "Open vSwitch"
	case !ok || master.Kind == "":
		return l.Master
	default:
		return master.Kind + " " + master.Name
	}
}

// judge says whether a NIC may be chosen as an uplink, and everything to know
// about that.
func (e *evidence) judge(n NIC) (problems []string, usable bool) {
	problems, usable = []string{}, true
	no := func(format string, args ...any) {
		problems = append(problems, fmt.Sprintf(format, args...))
		usable = false
	}
	note := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }

	switch {
	case n.Kind == "vlan":
		no("is VLAN %d on %s: choose %s, the tag goes to the bridge port", n.VLAN, n.Parent, n.Parent)
	case n.Kind == "bond":
		if why := e.judgeBond(n.Name); why != "" {
			no("%s", why)
		} else {
			note("is a bond of the kernel (%s): it is taken over whole, as one port", strings.Join(e.membersOf(n.Name), ", "))
		}
	case n.Kind == "team":
		no("is a team, not a NIC")
	case n.Kind != "" && n.Kind != "veth":
		no("is virtual (%s)", n.Kind)
	case n.Kind == "" && n.Virtual:
		no("is virtual: no device is behind it")
	}
	if n.MemberOf != "" {
		no("is a port of %s already", n.MemberOf)
	}
	if n.Wireless {
		no("is Wi-Fi: an access point passes no frames of other MAC addresses (IEEE 802.11), so guests would get none")
	}
	if foreign(n.Owner.Kind) {
		no("%s configures it%s", ownerNames[n.Owner.Kind], at(n.Owner))
	}
	for _, name := range e.onTop(n.Name) {
		no("%s sits on it: Open vSwitch and macvlan cannot share a NIC", name)
	}
	if n.VF {
		note("is a virtual function (SR-IOV): the NIC may drop frames of other MAC addresses, guests' among them")
	}
	switch {
	case !n.Up:
		note("is down: whether it has a carrier shows once it is up")
	case !n.Carrier:
		note("no carrier: no cable, or the switch port is shut")
	case strings.EqualFold(n.Duplex, "half"):
		note("runs at half duplex")
	}
	return problems, usable
}

// judgeBond says why a bond of the kernel cannot be a port of a bridge, "" where it can.
func (e *evidence) judgeBond(name string) string {
	if len(e.membersOf(name)) == 0 {
		return "is a bond without members"
	}
	s := bond.State{Name: name}
	if text := e.files.text("/proc/net/bonding/" + name); text != "" && s.ReadKernel(text) == nil && strings.Contains(s.Mode, "adaptive load balancing") {
		return "is a bond in mode balance-alb, which answers for other MAC addresses and so cannot be a port of a bridge"
	}
	return ""
}

// membersOf are the links in a bond.
func (e *evidence) membersOf(bond string) []string {
	var names []string
	for _, l := range e.links {
		if l.Master == bond {
			names = append(names, l.Name)
		}
	}
	return names
}

// onTop are the macvlan, macvtap and ipvlan links on a NIC, and guests attached
// to it directly. A device has one rx_handler, and Open vSwitch wants it
// (netdev_rx_handler_register: EBUSY).
func (e *evidence) onTop(nic string) []string {
	var names []string
	for _, l := range e.links {
		if l.Parent == nic && slices.Contains([]string{"macvlan", "macvtap", "ipvlan", "ipvtap"}, l.Kind) {
			names = append(names, l.Name)
		}
	}
	for _, d := range e.virt.Domains {
		for _, i := range d.NICs {
			if i.Type == "direct" && i.Source == nic && !slices.Contains(names, i.Target) {
				names = append(names, "guest "+d.Name)
			}
		}
	}
	return names
}
