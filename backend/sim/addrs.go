package sim

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"

	"bridgehead/backend"
)

// setAddr adds an address, or changes the metric and the lifetimes of one that is there.
func (m *Machine) setAddr(l *link, a backend.Addr) error {
	if !a.Prefix.IsValid() {
		return errors.New("any valid prefix is expected")
	}
	a = normalAddr(l, a)
	if a.Prefix.Addr().Is6() && m.disabled6(l) {
		return errors.New("RTNETLINK answers: Permission denied: IPv6 is disabled on this device")
	}
	if i := l.find(a.Prefix); i >= 0 {
		m.changeAddr(l, i, a)
		return nil
	}
	a.Tentative = a.Prefix.Addr().Is6() && !a.NoDAD && !(l.Up && l.Carrier) && !l.Loopback
	a.DADFailed = a.Prefix.Addr().Is6() && !a.NoDAD && m.duplicate(l, a.Prefix.Addr()) != ""
	a.Tentative = a.Tentative || a.DADFailed
	i := l.place(a)
	l.Addrs = slices.Insert(l.Addrs, i, a)
	m.connect(l, i, a)
	return nil
}

func normalAddr(l *link, a backend.Addr) backend.Addr {
	a.Scope = cmp.Or(a.Scope, "global")
	a.Dynamic = a.ValidSec != 0
	a.Tentative, a.DADFailed = false, false
	if a.Prefix.Addr().Is4() {
		a.Label = cmp.Or(a.Label, l.Name)
		a.NoDAD = false
	}
	return a
}

// find returns the position of the address with its prefix length, or -1.
func (l *link) find(p netip.Prefix) int {
	return slices.IndexFunc(l.Addrs, func(a backend.Addr) bool { return a.Prefix == p })
}

// place is where the kernel puts a new address: IPv4 primaries before
// secondaries, IPv6 global before link-local, the newest first.
func (l *link) place(a backend.Addr) int {
	if a.Prefix.Addr().Is4() {
		secondary := l.primary(len(l.Addrs), a) >= 0
		for i, other := range l.Addrs {
			if other.Prefix.Addr().Is6() || !secondary && l.primary(i, other) >= 0 {
				return i
			}
		}
		return len(l.Addrs)
	}
	for i, other := range l.Addrs {
		if other.Prefix.Addr().Is6() && (a.Scope != "link" || other.Scope == "link") {
			return i
		}
	}
	return len(l.Addrs)
}

// primary returns the position before i of the address to which a is secondary
// (the same subnet, ip-address(8)), or -1.
func (l *link) primary(i int, a backend.Addr) int {
	if a.Prefix.Addr().Is6() || a.Peer.IsValid() {
		return -1
	}
	return slices.IndexFunc(l.Addrs[:i], func(b backend.Addr) bool {
		return !b.Peer.IsValid() && b.Prefix.Masked() == a.Prefix.Masked() && b.Prefix.Bits() < 32
	})
}

func (m *Machine) changeAddr(l *link, i int, a backend.Addr) {
	old := l.Addrs[i]
	m.disconnect(l, i, old)
	old.Metric, old.ValidSec, old.PreferredSec, old.Dynamic = a.Metric, a.ValidSec, a.PreferredSec, a.Dynamic
	if a.Prefix.Addr().Is6() {
		old.NoPrefixRoute, old.MngTmpAddr, old.NoDAD = a.NoPrefixRoute, a.MngTmpAddr, a.NoDAD
	}
	l.Addrs[i] = old
	m.connect(l, i, old)
}

// connectedRoute is the route the kernel makes for an address, if any.
func (m *Machine) connectedRoute(l *link, i int, a backend.Addr) (backend.Route, bool) {
	dst := a.Prefix.Masked()
	if a.Peer.IsValid() {
		dst = a.Peer.Masked()
	}
	v4 := dst.Addr().Is4()
	if l.Loopback || !l.Up || a.NoPrefixRoute || l.primary(i, a) >= 0 || v4 && dst.Bits() == 32 && !a.Peer.IsValid() {
		return backend.Route{}, false
	}
	r := backend.Route{Dst: dst, Dev: l.Name, Table: 254, Protocol: "kernel", Type: "unicast", Scope: "global", Metric: cmp.Or(a.Metric, 256)}
	if v4 {
		r.Scope, r.Src, r.Metric = "link", a.Prefix.Addr(), a.Metric
	}
	return r, true
}

func (m *Machine) connect(l *link, i int, a backend.Addr) {
	r, ok := m.connectedRoute(l, i, a)
	if !ok || slices.ContainsFunc(m.routes, func(x backend.Route) bool { return sameRoute(x, r) }) {
		return
	}
	m.routes = append(m.routes, r)
	if a.Prefix.Addr().Is6() && l.Addrs[i].Tentative && !l.Addrs[i].DADFailed && l.Up {
		l.Addrs[i].Tentative = false
	}
}

func (m *Machine) disconnect(l *link, i int, a backend.Addr) {
	if r, ok := m.connectedRoute(l, i, a); ok {
		m.routes = slices.DeleteFunc(m.routes, func(x backend.Route) bool { return sameRoute(x, r) })
	}
}

// delAddr removes an address and what the kernel removes with it: its secondaries
// (unless promote_secondaries), the connected route, routes with it as source, and
// with the last IPv4 address every IPv4 route of the link.
func (m *Machine) delAddr(l *link, p netip.Prefix) {
	i := l.find(p)
	if i < 0 {
		return
	}
	a := l.Addrs[i]
	secondary := l.primary(i, a) >= 0
	m.disconnect(l, i, a)
	l.Addrs = slices.Delete(l.Addrs, i, i+1)
	if a.Prefix.Addr().Is6() {
		m.keepShared6(l, a)
		m.dropRoutesFrom(a.Prefix.Addr())
		return
	}
	if !secondary && !a.Peer.IsValid() {
		m.secondaries(l, a)
	}
	m.dropRoutesFrom(a.Prefix.Addr())
	if !slices.ContainsFunc(l.Addrs, func(x backend.Addr) bool { return x.Prefix.Addr().Is4() }) {
		m.routes = slices.DeleteFunc(m.routes, func(r backend.Route) bool { return r.Dst.Addr().Is4() && m.through(r, l) })
	}
}

// keepShared6 keeps the prefix route while another address of the link needs it.
func (m *Machine) keepShared6(l *link, gone backend.Addr) {
	for i, a := range l.Addrs {
		if a.Prefix.Masked() == gone.Prefix.Masked() {
			m.connect(l, i, a)
		}
	}
}

// secondaries removes the addresses that were secondary to gone, or promotes the first.
func (m *Machine) secondaries(l *link, gone backend.Addr) {
	promote := m.conf("ipv4", l.Name, "promote_secondaries") != "0"
	for _, a := range slices.Clone(l.Addrs) {
		if a.Peer.IsValid() || a.Prefix.Masked() != gone.Prefix.Masked() {
			continue
		}
		if promote {
			m.connect(l, l.find(a.Prefix), a)
			return
		}
		l.Addrs = slices.DeleteFunc(l.Addrs, func(x backend.Addr) bool { return x.Prefix == a.Prefix })
		m.dropRoutesFrom(a.Prefix.Addr())
	}
}

// dropRoutesFrom removes the routes whose preferred source is no longer an
// address of the host.
func (m *Machine) dropRoutesFrom(a netip.Addr) {
	if m.local(a) {
		return
	}
	m.routes = slices.DeleteFunc(m.routes, func(r backend.Route) bool { return r.Src == a })
}

// local says whether a is an address of the host, on any link.
func (m *Machine) local(a netip.Addr) bool { return m.holder(a) != nil }

func (m *Machine) holder(a netip.Addr) *link {
	for _, l := range m.links {
		for _, b := range l.Addrs {
			if b.Prefix.Addr() == a {
				return l
			}
		}
	}
	return nil
}

// settle ends duplicate address detection on the addresses of a ready link.
func (m *Machine) settle(l *link) {
	for i, a := range l.Addrs {
		if a.Tentative && !a.DADFailed && l.Up && l.Carrier {
			l.Addrs[i].Tentative = false
			if m.duplicate(l, a.Prefix.Addr()) != "" {
				l.Addrs[i].Tentative, l.Addrs[i].DADFailed = true, true
			}
		}
	}
}
