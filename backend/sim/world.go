package sim

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"bridgehead/backend"
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
	master := m.link(l.Master)
	switch {
	case master != nil && master.bond:
		if m.activeMember(master) != l {
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
		return append(up, l)
	}
	for _, child := range m.links {
		if child.Kind == "vlan" && child.Parent == l.Name && child.VLAN == vlan {
			up = append(up, m.arrive(child, 0)...)
		}
	}
	return up
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

// activeMember is the member through which a kernel bond talks.
func (m *Machine) activeMember(bond *link) *link {
	for _, l := range m.links {
		if l.Master == bond.Name && l.Up && l.Carrier && m.portChannelPasses(l) {
			return l
		}
	}
	return nil
}

// portChannelPasses says whether the switch port of a NIC passes frames: a plain
// port does, a port of an LACP group only once LACP is negotiated.
func (m *Machine) portChannelPasses(nic *link) bool {
	if nic.nic.PortChannel == "" {
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

func (p *Peer) at(s segment) bool { return p.Behind == "" && p.Wire == s.wire && p.VLAN == s.vlan }

func (p *Peer) has(a netip.Addr) bool {
	return slices.ContainsFunc(p.Addrs, func(x netip.Prefix) bool { return x.Addr() == a })
}

// onLink says whether the peer would ask for a itself.
func (p *Peer) onLink(a netip.Addr) bool {
	return slices.ContainsFunc(p.Addrs, func(x netip.Prefix) bool { return x.Contains(a) })
}

func (p *Peer) source(a netip.Addr) (netip.Addr, bool) {
	var other netip.Addr
	for _, x := range p.Addrs {
		switch {
		case x.Contains(a):
			return x.Addr(), true
		case x.Addr().Is4() == a.Is4() && !x.Addr().IsLinkLocalUnicast() && !other.IsValid():
			other = x.Addr()
		}
	}
	return other, other.IsValid()
}

func (m *Machine) peer(name string) *Peer {
	for i := range m.spec.Peers {
		if m.spec.Peers[i].Name == name {
			return &m.spec.Peers[i]
		}
	}
	return nil
}

// owner returns the peer on s that has the address a.
func (m *Machine) owner(s segment, a netip.Addr) *Peer {
	for i := range m.spec.Peers {
		if p := &m.spec.Peers[i]; p.at(s) && p.has(a) {
			return p
		}
	}
	return nil
}

// Reachable says whether Spec.Client can talk to an address of the host right
// now: nil, or the reason why not.
func (m *Machine) Reachable(a netip.Addr) error { return m.ReachableFrom(m.spec.Client, a) }

// ReachableFrom is Reachable from any peer.
func (m *Machine) ReachableFrom(peer string, a netip.Addr) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.peer(peer)
	if c == nil {
		return fmt.Errorf("there is no peer %q", peer)
	}
	if err := m.exchange(c, a); err != nil {
		return fmt.Errorf("%s does not reach %s: %w", c.Name, a, err)
	}
	return nil
}

// exchange is one packet from c to the host's address a, and the answer.
func (m *Machine) exchange(c *Peer, a netip.Addr) error {
	src, ok := c.source(a)
	if !ok {
		return fmt.Errorf("%s has no address of that family", c.Name)
	}
	_, last, err := m.deliver(c, a, src)
	if err == nil {
		err = m.reply(a, src)
	}
	if err == nil {
		m.world.confirm(neighbour{last.Name, a}, m.now)
	}
	return err
}

// confirm: what a peer knows has just worked.
func (w *world) confirm(key neighbour, now time.Duration) {
	if e, ok := w.arp[key]; ok {
		w.arp[key] = entry{e.mac, now}
	}
}

// deliver brings a packet from c to the stack of a link.
func (m *Machine) deliver(c *Peer, a, src netip.Addr) (*link, *Peer, error) {
	last := c
	if c.Behind != "" {
		last = m.peer(c.Behind)
	} else if !c.onLink(a) {
		last = m.routerFor(c, a)
	}
	if last == nil || !last.onLink(a) {
		return nil, nil, fmt.Errorf("no router of %s is on its network", c.Name)
	}
	from, _ := last.source(a)
	s := segment{last.Wire, last.VLAN}
	mac, err := m.resolvedBy(last, s, a, from)
	if err != nil {
		return nil, last, err
	}
	why := fmt.Errorf("%s sends to %s, and no link with that MAC gets frames from its segment", last.Name, mac)
	for _, l := range m.hear(s, mac) {
		if !m.accepts(l, a, src) {
			why = fmt.Errorf("%s drops it: no such address, or the reverse path filter", l.Name)
			continue
		}
		return l, last, nil
	}
	return nil, last, why
}

func (m *Machine) routerFor(c *Peer, a netip.Addr) *Peer {
	for i := range m.spec.Peers {
		if p := &m.spec.Peers[i]; p.Router && p.Behind == "" && p.onLink(a) {
			return p
		}
	}
	return nil
}

// resolvedBy is the MAC that peer p sends to for a: what it knows, or what answers.
func (m *Machine) resolvedBy(p *Peer, s segment, a, from netip.Addr) (string, error) {
	key := neighbour{p.Name, a}
	if e, ok := m.world.arp[key]; ok && m.now-e.at < neighbourAge {
		return e.mac, nil
	}
	for _, l := range m.hear(s, "") {
		if m.answers(l, a, from) {
			m.world.arp[key] = entry{l.MAC, m.now}
			m.learn(l, a)
			return l.MAC, nil
		}
	}
	return "", fmt.Errorf("nothing answers for it where %s is", p.Name)
}

// answers says whether the host answers on l who asks for a. IPv4 answers for
// every address of the host (arp_ignore 0), if the route back to who asks is as
// the reverse path filter wants it; IPv6 only for those of the link.
func (m *Machine) answers(l *link, a, from netip.Addr) bool {
	own := slices.ContainsFunc(l.Addrs, func(x backend.Addr) bool { return x.Prefix.Addr() == a && !x.Tentative })
	if a.Is6() || m.conf("ipv4", l.Name, "arp_ignore") != "0" {
		return own
	}
	return m.accepts(l, a, from)
}

// accepts says whether a packet to a from src that came in on l is for the host.
func (m *Machine) accepts(l *link, a, src netip.Addr) bool {
	if !m.local(a) {
		return false
	}
	if a.Is6() {
		return true
	}
	switch m.conf("ipv4", l.Name, "rp_filter") {
	case "1":
		back, ok := m.lookup(src, a, "")
		return ok && back.Dev == l.Name
	case "2":
		_, ok := m.lookup(src, a, "")
		return ok
	}
	return true
}

// reply is a packet of the host from a to a peer's address dst.
func (m *Machine) reply(a, dst netip.Addr) error {
	r, ok := m.lookup(dst, a, "")
	if !ok {
		return fmt.Errorf("the host has no route to %s", dst)
	}
	dev := m.link(r.Dev)
	_, err := m.send(dev, cmp.Or(r.Gateway, dst), dst, a)
	return err
}

// send brings a packet of the host out of dev to its next hop, which owns dst or
// is a router to it.
func (m *Machine) send(dev *link, next, dst, src netip.Addr) (*Peer, error) {
	if dev == nil || !dev.Up {
		return nil, fmt.Errorf("the route to %s leads nowhere", dst)
	}
	var to *Peer
	for _, e := range m.exits(dev, 0) {
		if p := m.owner(e.segment, next); p != nil && !m.storm(e.wire) {
			to = p
		}
	}
	if to == nil {
		return nil, fmt.Errorf("%s does not get from %s to %s", dst, dev.Name, next)
	}
	if err := m.resolve(dev, to, next, src); err != nil {
		return nil, err
	}
	if next == dst {
		return to, nil
	}
	for i := range m.spec.Peers {
		if p := &m.spec.Peers[i]; to.Router && p.has(dst) {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%s does not know %s", next, dst)
}

// resolve asks who has next, on dev: the answer must come back to dev. An answer
// is believed for a while.
func (m *Machine) resolve(dev *link, to *Peer, next, src netip.Addr) error {
	key := hop{dev.Name, next}
	at, known := m.world.cached[key]
	known = known && m.now-at < neighbourAge
	m.teach(dev)
	if slices.Contains(m.hear(segment{to.Wire, to.VLAN}, dev.MAC), dev) && !to.NoARP {
		m.world.cached[key] = m.now
		if !known {
			m.learn(dev, src) // the question names who asks
		}
		return nil
	}
	if known {
		return nil
	}
	return fmt.Errorf("%s does not answer on %s", next, dev.Name)
}

// duplicate is the MAC of a peer that claims a on the segments of l, or "".
func (m *Machine) duplicate(l *link, a netip.Addr) string {
	for _, e := range m.exits(l, 0) {
		if p := m.owner(e.segment, a); p != nil && !p.NoARP {
			return p.MAC
		}
	}
	return ""
}

// traffic is what the peers and the host exchange all the time; it keeps what
// they know of each other fresh.
func (m *Machine) traffic() {
	for i := range m.spec.Peers {
		for _, l := range m.links {
			m.settle(l)
			for _, a := range l.Addrs {
				if c := &m.spec.Peers[i]; !l.Loopback && !a.Tentative && c.onLink(a.Prefix.Addr()) {
					_ = m.exchange(c, a.Prefix.Addr())
				}
			}
		}
	}
}

// SetPortChannel puts the switch port of a NIC into an LACP group, or with "" out of it.
func (m *Machine) SetPortChannel(nic, group string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.link(nic).nic.PortChannel = group
}
