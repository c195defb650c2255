package sim

import (
	"net/netip"
	"slices"
	"time"
)

// segment is a broadcast domain as the host sees it: a wire and the VLAN tag of
// the frames on it, 0 for untagged ones.
type segment struct {
	wire string
	vlan int
}

// world is what the machines around have learnt, and what the host has learnt of them.
type world struct {
	arp    map[neighbour]entry // of the peers: host address -> MAC
	fdb    map[station]string  // of the switches: MAC -> the NIC behind whose port it was last seen
	cached map[hop]time.Duration
}

type neighbour struct {
	peer string
	addr netip.Addr
}

type entry struct {
	mac string
	at  time.Duration
}

type station struct {
	wire, mac string
}

type hop struct {
	dev  string
	addr netip.Addr
}

// How long a neighbour is believed without an answer: REACHABLE, DELAY and PROBE
// of a Linux peer (arp(7)), rounded.
const neighbourAge = 10 * time.Second

func (w *world) init() {
	w.arp, w.fdb, w.cached = map[neighbour]entry{}, map[station]string{}, map[hop]time.Duration{}
}

// forget drops what the host knows through a link that went down, and what the
// switch learnt behind its port.
func (w *world) forget(l *link) {
	for h := range w.cached {
		if h.dev == l.Name {
			delete(w.cached, h)
		}
	}
	for s, nic := range w.fdb {
		if nic == l.Name {
			delete(w.fdb, s)
		}
	}
}

// Plug connects or pulls the cable of a NIC.
func (m *Machine) Plug(nic string, connected bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.link(nic)
	l.cable = connected && l.nic.Wire != ""
	m.world.forget(l)
	m.carriers()
}

// CableTogether has the cable of one NIC lead to the other, instead of to the network.
func (m *Machine) CableTogether(nics [2]string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, nic := range nics {
		l := m.link(nic)
		l.together, l.nic.Wire, l.nic.PortChannel = true, "between "+nics[0]+" and "+nics[1], ""
		m.world.forget(l)
	}
	m.carriers()
}

// exit is where a frame leaves the host: through which NIC onto which segment.
type exit struct {
	nic *link
	segment
}

// exits follows a frame of l's own, tagged vlan (0: not), down to the wires.
func (m *Machine) exits(l *link, vlan int) []exit {
	switch {
	case !l.Up:
		return nil
	case l.nic != nil:
		if !l.Carrier || !m.portChannelPasses(l) {
			return nil
		}
		return []exit{{l, segment{l.nic.Wire, vlan}}}
	case l.Kind == "vlan" && vlan == 0:
		if parent := m.link(l.Parent); parent != nil {
			return m.exits(parent, l.VLAN)
		}
	case l.bond:
		if active := m.activeMember(l); active != nil {
			return m.exits(active, vlan)
		}
	case l.Kind == "bridge":
		var out []exit
		for _, port := range m.links {
			if port.Master == l.Name {
				out = append(out, m.exits(port, vlan)...)
			}
		}
		return out
	case l.internal:
		return m.ovs.out(m, l, vlan)
	}
	return nil
}

// arrive follows a frame that comes in on l, tagged vlan, up to the links whose
// stack gets it.
func (m *Machine) arrive(l *link, vlan int) []*link {
	if !l.Up || !l.Carrier {
		return nil
	}
	if child := m.vlan(l.Name, vlan); child != nil {
		// The kernel looks for a VLAN link before it asks bond, bridge or Open vSwitch, and drops the frame where
		// that link is down (__netif_receive_skb_core, vlan_do_receive). The userspace datapath gets a copy.
		stolen, up := m.ovs.in(m, l, vlan)
		if stolen {
			up = nil
		}
		return append(up, m.arrive(child, 0)...)
	}
	master := m.link(l.Master)
	switch {
	case master != nil && master.bond:
		if !m.hears(master, l) {
			return nil
		}
		return m.arrive(master, vlan)
	case master != nil && master.Kind == "bridge":
		return m.arrive(master, vlan)
	}
	stolen, up := m.ovs.in(m, l, vlan)
	if stolen {
		return up
	}
	if vlan == 0 {
		up = append(up, l)
	}
	return up
}

// vlan is the link of that VLAN on parent, nil where there is none.
func (m *Machine) vlan(parent string, id int) *link {
	for _, l := range m.links {
		if l.Kind == "vlan" && l.Parent == parent && l.VLAN == id {
			return l
		}
	}
	return nil
}

// hear returns the links whose stack gets a frame to mac from a segment; "" is broadcast.
func (m *Machine) hear(s segment, mac string) []*link {
	if m.storm(s.wire) {
		return nil
	}
	var out []*link
	for _, nic := range m.links {
		if nic.nic == nil || nic.nic.Wire != s.wire || !nic.Up || !nic.Carrier || !m.portChannelPasses(nic) {
			continue
		}
		if at, known := m.world.fdb[station{s.wire, mac}]; mac != "" && known && at != nic.Name {
			continue
		}
		for _, l := range m.arrive(nic, s.vlan) {
			if mac == "" || l.MAC == mac {
				out = append(out, l)
			}
		}
	}
	return out
}

// activeMember is the member through which a kernel bond talks: it stays so as long as it has a link.
func (m *Machine) activeMember(bond *link) *link {
	var first *link
	for _, l := range m.members(bond) {
		if !l.Up || !l.Carrier || !m.portChannelPasses(l) {
			continue
		}
		if l.Name == bond.active {
			return l
		}
		if first == nil {
			first = l
		}
	}
	bond.active = nameOf(first)
	return first
}

// hears says whether a kernel bond takes what comes in on a member: the active one, or all of its aggregate.
func (m *Machine) hears(bond, l *link) bool {
	active := m.activeMember(bond)
	together := active != nil && bond.mode == "802.3ad" && active.nic != nil && l.nic != nil && active.nic.PortChannel != ""
	return active == l || together && active.nic.PortChannel == l.nic.PortChannel
}

// portChannelPasses says whether the switch port of a NIC passes frames: a plain
// port does, a port of an LACP group only once LACP is negotiated, unless it passes individual hosts.
func (m *Machine) portChannelPasses(nic *link) bool {
	if nic.nic.PortChannel == "" || nic.nic.Individual {
		return true
	}
	if bond := m.link(nic.Master); bond != nil && bond.bond {
		return bond.mode == "802.3ad"
	}
	return m.ovs.speaksLACP(nic.Name)
}

// storm says whether a bridge of the host closes a loop on a wire: it has two
// ports there and no spanning tree.
func (m *Machine) storm(wire string) bool { return m.ovs.loops(m, wire) }

// wayTo returns the segment s as reachable from dev.
func (m *Machine) wayTo(dev *link, s segment) (segment, bool) {
	if m.storm(s.wire) {
		return s, false
	}
	return s, slices.ContainsFunc(m.exits(dev, 0), func(e exit) bool { return e.segment == s })
}

// teach shows the switches where the MAC of dev is: any frame of it does.
func (m *Machine) teach(dev *link) {
	for _, e := range m.exits(dev, 0) {
		if !m.storm(e.wire) {
			m.world.fdb[station{e.wire, dev.MAC}] = e.nic.Name
		}
	}
}

// learn is what a frame of dev with the source address a teaches: the switches
// where the MAC is, the peers which MAC has the address.
func (m *Machine) learn(dev *link, a netip.Addr) {
	m.teach(dev)
	for _, e := range m.exits(dev, 0) {
		if m.storm(e.wire) {
			continue
		}
		for _, p := range m.spec.Peers {
			if p.at(e.segment) {
				m.world.arp[neighbour{p.Name, a}] = entry{dev.MAC, m.now}
			}
		}
	}
}

func (m *Machine) announce(l *link, addrs []netip.Addr) {
	for _, a := range addrs {
		m.learn(l, a)
	}
}
