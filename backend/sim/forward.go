package sim

import (
	"slices"
	"strconv"
)

// This file is the datapath: which frames a bridge passes from where to where.

// forwards says whether a bridge passes frames: fail_mode secure without a
// controller passes nothing, and the userspace datapath needs its daemon.
func (o *vswitch) forwards(b *row) bool {
	return o.opened(b) && b.one("fail_mode") != "secure" && (o.kernelDatapath(b) || o.daemon)
}

// trunks says whether a port of the bridge passes VLAN v of its trunks.
func trunks(p *row, v int) bool {
	return len(p.set["trunks"]) == 0 || slices.Contains(p.set["trunks"], strconv.Itoa(v))
}

// admit returns the VLAN in which a frame tagged vlan enters the bridge through p
// (ovs-vswitchd.conf.db(5), Port, vlan_mode).
func admit(p *row, vlan int) (int, bool) {
	tag := p.number("tag")
	switch p.vlanMode() {
	case "access":
		return tag, vlan == 0
	case "native-tagged", "native-untagged":
		if vlan == 0 {
			return tag, true
		}
		return vlan, vlan == tag || trunks(p, vlan)
	}
	return vlan, trunks(p, vlan)
}

// emit returns the tag with which a frame of the bridge's VLAN v leaves through p.
func emit(p *row, v int) (int, bool) {
	tag := p.number("tag")
	switch p.vlanMode() {
	case "access":
		return 0, v == tag
	case "native-untagged":
		if v == tag {
			return 0, true
		}
		return v, trunks(p, v)
	case "native-tagged":
		return v, v == tag || trunks(p, v)
	}
	return v, trunks(p, v)
}

func (p *row) vlanMode() string {
	if mode := p.one("vlan_mode"); mode != "" {
		return mode
	}
	if p.one("tag") != "" {
		return "access"
	}
	return "trunk"
}

// in follows a frame that comes in on l, where l is a port of a bridge, up to the
// links whose stack gets it. stolen says that l's own stack does not.
func (o *vswitch) in(m *Machine, l *link, vlan int) (stolen bool, up []*link) {
	b, p := o.applied.bridgeOf(l.Name)
	if b == nil || l.internal || o.status[l.Name] == nil || o.status[l.Name].ofport <= 0 {
		return false, nil
	}
	stolen = o.kernelDatapath(b)
	if !o.forwards(b) || !slices.Contains(o.carrying(m, p), l) {
		return stolen, nil
	}
	v, ok := admit(p, vlan)
	if !ok {
		return stolen, nil
	}
	for _, other := range o.ports(b) {
		tag, ok := emit(other, v)
		if other == p || !ok {
			continue
		}
		for _, to := range o.openedMembers(m, other) {
			if to.internal {
				up = append(up, m.arrive(to, tag)...)
			}
		}
	}
	return stolen, up
}

// out follows a frame that the host sends through an internal port.
func (o *vswitch) out(m *Machine, l *link, vlan int) []exit {
	b, p := o.applied.bridgeOf(l.Name)
	if b == nil || !o.forwards(b) {
		return nil
	}
	v, ok := admit(p, vlan)
	if !ok {
		return nil
	}
	var out []exit
	for _, other := range o.ports(b) {
		tag, ok := emit(other, v)
		if other == p || !ok {
			continue
		}
		for _, to := range o.carrying(m, other) {
			if !to.internal {
				out = append(out, m.exits(to, tag)...)
				break // one member carries a flow
			}
		}
	}
	return out
}

// carrying returns the members of a port through which frames pass now, the
// active one first.
func (o *vswitch) carrying(m *Machine, p *row) []*link {
	var live []*link
	for _, l := range o.openedMembers(m, p) {
		if l.Up && l.Carrier {
			live = append(live, l)
		}
	}
	if len(p.members) == 1 {
		return live
	}
	primary := p.maps["other_config"]["bond-primary"]
	slices.SortStableFunc(live, func(a, b *link) int { return rank(a, primary) - rank(b, primary) })
	attached := slices.DeleteFunc(slices.Clone(live), func(l *link) bool { return l.nic == nil || l.nic.PortChannel == "" })
	lacp := p.one("lacp") == "active" || p.one("lacp") == "passive"
	switch {
	case lacp && len(attached) > 0:
		group := attached[0].nic.PortChannel
		return slices.DeleteFunc(attached, func(l *link) bool { return l.nic.PortChannel != group })
	case lacp && p.maps["other_config"]["lacp-fallback-ab"] != "true":
		return nil // nobody to negotiate with: everything is dropped
	case !lacp && p.one("bond_mode") == "balance-tcp":
		return nil
	case !lacp && p.one("bond_mode") == "balance-slb":
		return live
	}
	return live[:min(1, len(live))]
}

func rank(l *link, primary string) int {
	if l.Name == primary {
		return 0
	}
	return 1
}

// speaksLACP says whether LACP is negotiated on a NIC by an OVS bond.
func (o *vswitch) speaksLACP(nic string) bool {
	_, p := o.applied.bridgeOf(nic)
	return p != nil && len(p.members) > 1 && (p.one("lacp") == "active" || p.one("lacp") == "passive")
}

// loops says whether two ports of one bridge lie on the same wire, untagged.
func (o *vswitch) loops(m *Machine, wire string) bool {
	for _, b := range o.applied.tables[bridgeTable] {
		if !o.forwards(b) || b.one("stp_enable") == "true" || b.one("rstp_enable") == "true" {
			continue
		}
		on := 0
		for _, p := range o.ports(b) {
			for _, l := range o.carrying(m, p) {
				if l.nic != nil && l.nic.Wire == wire {
					on++
					break
				}
			}
		}
		if on > 1 {
			return true
		}
	}
	return false
}
