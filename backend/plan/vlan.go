package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"bridgehead/backend/op"
)

// tagged finds the link that has the host's address: the NIC, or its link of the VLAN whose tag the port
// gets. VLAN links that would stay are refused where the host is addressed by them.
func (b *builder) tagged() error {
	b.source = b.nic
	if v, ok := b.facts.Tagged(b.nic.Name, b.answers.Bridge.Tag); ok {
		if why := b.facts.Immovable(v); why != "" {
			return refuse(fmt.Sprintf("the address of %s cannot be moved", v.Name), why, "correct that, or choose another NIC")
		}
		if b.kernelBonds() || nicBond(b.nic) {
			return refuse(fmt.Sprintf("%s cannot give its address to a bridge on a kernel bond", v.Name), "that is not part of this version",
				"use one NIC, or an OVS bond (uplink.kind: ovs-bond)")
		}
		b.source = v
	}
	for _, m := range b.members {
		for _, v := range b.facts.VLANs(m.Name) {
			switch {
			case v.Name == b.source.Name:
			case !b.facts.Addressed(v):
				b.out.Notes = append(b.out.Notes, fmt.Sprintf("%s stays: as long as it exists, frames of VLAN %d do not reach the bridge", v.Name, v.VLAN))
			case b.source.Name == m.Name && b.owns(m) == "":
				return b.wrong("bridge.tag", "the host's address is on %s, in VLAN %d of %s: give the tag %d, so that it moves to the port", v.Name, v.VLAN, m.Name, v.VLAN)
			default:
				return refuse(fmt.Sprintf("%s would keep the address of %s", m.Name, v.Name),
					fmt.Sprintf("as long as %s exists, frames of VLAN %d do not reach the bridge", v.Name, v.VLAN), "take the address off it, or choose another NIC")
			}
		}
	}
	return nil
}

// stacked says that the address comes from a VLAN link, which goes.
func (b *builder) stacked() bool { return b.source.Name != b.nic.Name }

// carriers are the NICs of the uplink, and the VLAN link that goes.
func (b *builder) carriers() []string {
	all := slices.Clone(b.answers.Uplink.NICs)
	if b.stacked() {
		all = append(all, b.source.Name)
	}
	return all
}

// removal takes the VLAN link out of the way, and knows how to make it again: with the settings
// that a new one would not have, and those that hold while it and the port both have the address.
func (b *builder) removal(staged []op.Sysctl) op.Op {
	o := &op.RemoveVLAN{VLAN: b.source.Link, Port: b.answers.Bridge.Port, Addrs: b.to.Addrs}
	o.VLAN.Addrs = nil
	for _, key := range slices.Sorted(maps.Keys(b.facts.Sysctls)) {
		value := b.facts.Sysctls[key]
		if s := slices.IndexFunc(staged, func(s op.Sysctl) bool { return s.Key == key }); s >= 0 {
			value = staged[s].During
		}
		if family, name, ok := strings.Cut(key, "/conf/"+b.source.Name+"/"); ok && value != b.facts.Sysctls[family+"/conf/default/"+name] {
			o.Sysctls = append(o.Sysctls, op.Sysctl{Key: key, During: value})
		}
	}
	return o
}
