package survey

import (
	"fmt"
	"slices"

	"bridgehead/backend"
)

// VLANs are the VLAN links on a NIC. As long as one exists, the kernel gives it the frames of its VLAN before
// Open vSwitch sees them, and drops them where it is down (__netif_receive_skb_core).
func (f Facts) VLANs(nic string) []NIC {
	return slices.DeleteFunc(slices.Clone(f.NICs), func(n NIC) bool { return n.Kind != "vlan" || n.Parent != nic })
}

// Tagged is the VLAN link whose address moves when nic is the uplink and the port has the tag.
func (f Facts) Tagged(nic string, tag int) (NIC, bool) {
	all := f.VLANs(nic)
	if i := slices.IndexFunc(all, func(v NIC) bool { return v.VLAN == tag }); i >= 0 && tag != 0 {
		return all[i], true
	}
	return NIC{}, false
}

// Addressed says that the host is addressed by a link.
func (f Facts) Addressed(n NIC) bool {
	return slices.ContainsFunc(n.Addrs, func(a backend.Addr) bool { return a.Scope != "link" }) ||
		slices.ContainsFunc(f.DHCP, func(c DHCPClient) bool { return c.NIC == n.Name })
}

// Immovable says why a VLAN link cannot give its address to a bridge's port, "" where it can: it goes with
// the move, and a rollback has to make it again exactly.
func (f Facts) Immovable(v NIC) string {
	for _, l := range f.Links {
		if l.Parent == v.Name {
			return fmt.Sprintf("%s sits on it", l.Name)
		}
	}
	nic, _ := f.NIC(v.Parent)
	switch {
	case f.Addressed(nic):
		return fmt.Sprintf("%s has an address of its own as well, and the port can take over one of them", nic.Name)
	case v.Master != "":
		return fmt.Sprintf("it is a port of %s", v.MemberOf)
	case v.VLANOptions != "":
		return fmt.Sprintf("it has options that a rollback could not bring back (%s)", v.VLANOptions)
	case len(v.AltNames) > 0:
		return "it has other names, which a rollback could not bring back"
	case v.Owner.Kind != "ifupdown":
		return "no stanza in /etc/network/interfaces makes it, so that it would not come back after a restart"
	}
	return ""
}

// aboutVLAN says what becomes of a VLAN link that the host is addressed by.
func (e *evidence) aboutVLAN(f Facts, v NIC, r *report) {
	what := fmt.Sprintf("%s carries VLAN %d of %s", v.Name, v.VLAN, v.Parent)
	if why := f.Immovable(v); why != "" {
		r.warn(what+", and its address cannot be moved", "It would have to go, and "+why, "Correct that, or choose another NIC than "+v.Parent)
		return
	}
	r.info(what, fmt.Sprintf("On the bridge that becomes a port with tag=%d", v.VLAN),
		fmt.Sprintf("Choose %s as uplink and the VLAN tag %d: the address moves from %s to the port", v.Parent, v.VLAN, v.Name))
}
