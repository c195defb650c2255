package sim

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"bridgehead/backend"
)

// This file is the conversation between the host and its peers: who answers whom.

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
		last = m.routerFor(a)
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

func (m *Machine) routerFor(a netip.Addr) *Peer {
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
