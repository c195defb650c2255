package sim

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"bridgehead/backend"
)

// link is a network interface of the kernel.
type link struct {
	backend.Link
	nic      *NIC   // the card, for hardware
	cable    bool   // something is at the other end
	together bool   // and that is another NIC of this host
	internal bool   // an internal port of Open vSwitch
	bond     bool   // a kernel bond
	given    bool   // its MAC was chosen, and is not its first member's
	mode     string // of a kernel bond: active-backup, 802.3ad, balance-rr …
	rate     string // of its LACP
	active   string // its member in use
	own      owned  // what a member of a bond has back when it leaves
}

// owned is what a bond replaces in its members.
type owned struct {
	mac string
	mtu int
}

// makeKernel builds links, addresses and routes as they are after boot.
func (m *Machine) makeKernel() {
	m.makeHardware()
	for _, v := range m.spec.Links {
		l := m.addLink(v)
		l.Virtual, l.bond, l.mode = true, v.Kind == "bond", m.spec.BondMode[v.Name]
	}
	configured := append(nicLinks(m.spec.NICs), m.spec.Links...)
	for _, c := range configured {
		m.link(c.Name).Master = c.Master
		if c.Up {
			m.setUp(m.link(c.Name), true)
		}
	}
	for _, c := range configured {
		for _, a := range c.Addrs {
			must(m.setAddr(m.link(c.Name), a))
		}
	}
	m.rules = slices.Clone(m.spec.Rules)
	for _, r := range m.spec.Routes {
		must(m.setRoute(r))
	}
}

// makeHardware builds what the kernel has by itself: lo and the cards, down.
func (m *Machine) makeHardware() {
	m.nextIndex = 1
	m.makeSysctls()
	lo := m.addLink(backend.Link{Name: "lo", MAC: "00:00:00:00:00:00", MTU: 65536, Loopback: true, Virtual: true})
	m.setUp(lo, true)
	must(m.setAddr(lo, backend.Addr{Prefix: netip.MustParsePrefix("127.0.0.1/8"), Scope: "host"}))
	if !m.disabled6(lo) {
		must(m.setAddr(lo, backend.Addr{Prefix: netip.MustParsePrefix("::1/128"), Scope: "host"}))
	}
	for i := range m.spec.NICs {
		n := &m.spec.NICs[i]
		l := m.addLink(n.Link)
		l.nic, l.cable, l.Master = n, n.Wire != "", ""
		l.PermMAC = cmp.Or(l.PermMAC, l.MAC)
	}
}

func nicLinks(nics []NIC) []backend.Link {
	var out []backend.Link
	for _, n := range nics {
		out = append(out, n.Link)
	}
	return out
}

// addLink creates a link, down and without addresses.
func (m *Machine) addLink(l backend.Link) *link {
	if m.link(l.Name) != nil {
		panic("sim: link " + l.Name + " twice")
	}
	l.Index, l.Up, l.Carrier, l.Addrs = m.nextIndex, false, false, nil
	l.MTU = cmp.Or(l.MTU, 1500)
	if l.MAC == "" {
		l.MAC = madeMAC(l.Name)
	}
	m.nextIndex++
	k := &link{Link: l}
	m.links = append(m.links, k)
	for _, key := range linkSysctls {
		m.defaultSysctl(key.family+"/conf/"+l.Name+"/"+key.name, m.sysctls[key.family+"/conf/default/"+key.name])
	}
	return k
}

// linkSysctls are the per-link keys that are simulated, with the kernel's defaults.
var linkSysctls = []struct{ family, name, value string }{
	{"ipv4", "accept_local", "0"}, {"ipv4", "arp_announce", "0"}, {"ipv4", "arp_filter", "0"}, {"ipv4", "arp_ignore", "0"},
	{"ipv4", "arp_notify", "0"}, {"ipv4", "forwarding", "0"}, {"ipv4", "ignore_routes_with_linkdown", "0"},
	{"ipv4", "promote_secondaries", "0"}, {"ipv4", "proxy_arp", "0"}, {"ipv4", "rp_filter", "0"},
	{"ipv6", "accept_dad", "1"}, {"ipv6", "accept_ra", "1"}, {"ipv6", "addr_gen_mode", "0"}, {"ipv6", "autoconf", "1"},
	{"ipv6", "disable_ipv6", "0"}, {"ipv6", "forwarding", "0"}, {"ipv6", "keep_addr_on_down", "0"}, {"ipv6", "ndisc_notify", "0"},
	{"ipv6", "use_tempaddr", "0"},
}

// makeSysctls sets what a boot sets: the kernel's defaults and those of the Spec.
func (m *Machine) makeSysctls() {
	m.sysctls = maps.Clone(m.spec.Sysctls)
	if m.sysctls == nil {
		m.sysctls = map[string]string{}
	}
	for _, scope := range []string{"all", "default"} {
		for _, key := range linkSysctls {
			m.defaultSysctl(key.family+"/conf/"+scope+"/"+key.name, key.value)
		}
	}
}

func (m *Machine) defaultSysctl(path, value string) {
	if _, ok := m.sysctls[path]; !ok {
		m.sysctls[path] = value
	}
}

// conf is a per-link key as the kernel reads it: the larger of all and the link's
// own (ip-sysctl.rst: rp_filter, arp_ignore, promote_secondaries …).
func (m *Machine) conf(family, name, key string) string {
	return max(m.sysctls[family+"/conf/all/"+key], m.sysctls[family+"/conf/"+name+"/"+key])
}

func (m *Machine) link(name string) *link {
	for _, l := range m.links {
		if l.Name == name {
			return l
		}
	}
	for _, l := range m.links {
		if slices.Contains(l.AltNames, name) {
			return l
		}
	}
	return nil
}

func (m *Machine) needLink(name string) (*link, error) {
	if l := m.link(name); l != nil {
		return l, nil
	}
	return nil, fmt.Errorf("%w: %s", backend.ErrNoLink, name)
}

// removeLink removes a link with all that hangs on it: addresses, routes, VLANs.
func (m *Machine) removeLink(l *link) {
	m.setUp(l, false)
	for _, other := range slices.Clone(m.links) {
		if other.Parent == l.Name && other != l {
			m.removeLink(other)
		}
		if other.Master == l.Name {
			m.release(other)
		}
	}
	for _, a := range slices.Clone(l.Addrs) {
		m.delAddr(l, a.Prefix)
	}
	m.links = slices.DeleteFunc(m.links, func(x *link) bool { return x == l })
	for key := range m.sysctls {
		if strings.Contains(key, "/conf/"+l.Name+"/") {
			delete(m.sysctls, key)
		}
	}
}

// setUp brings a link up or down with all that follows: connected routes and the
// link-local address come; every route through it and its IPv6 addresses go.
func (m *Machine) setUp(l *link, up bool) {
	if l.Up == up {
		return
	}
	l.Up = up
	if !up {
		m.linkDown(l)
	} else {
		for i, a := range l.Addrs {
			m.connect(l, i, a)
		}
	}
	m.carriers()
}

func (m *Machine) linkDown(l *link) {
	m.routes = slices.DeleteFunc(m.routes, func(r backend.Route) bool { return m.through(r, l) })
	m.world.forget(l)
	if m.conf("ipv6", l.Name, "keep_addr_on_down") == "0" && !l.Loopback {
		l.Addrs = slices.DeleteFunc(l.Addrs, func(a backend.Addr) bool { return a.Prefix.Addr().Is6() })
	}
}

// through says whether r is lost with l: l is its only way.
func (m *Machine) through(r backend.Route, l *link) bool {
	if len(r.NextHops) == 0 {
		return r.Dev == l.Name
	}
	for _, hop := range r.NextHops {
		if other := m.link(hop.Dev); other != nil && other != l && other.Up {
			return false
		}
	}
	return true
}

// carriers computes the carrier of every link, and gives links that have become
// ready their link-local address.
func (m *Machine) carriers() {
	for range 3 { // a VLAN on a bond on a NIC
		for _, l := range m.links {
			l.Carrier = m.carrier(l)
		}
	}
	for _, l := range m.links {
		m.linkLocal(l)
	}
}

func (m *Machine) carrier(l *link) bool {
	if !l.Up {
		return false
	}
	switch {
	case l.nic != nil:
		return l.cable
	case l.Kind == "vlan" || l.Kind == "macvlan":
		parent := m.link(l.Parent)
		return parent != nil && parent.Up && parent.Carrier
	case l.bond || l.Kind == "bridge":
		return slices.ContainsFunc(m.links, func(x *link) bool { return x.Master == l.Name && x.Up && x.Carrier })
	}
	return true
}

// linkLocal adds fe80::/64 by the MAC (RFC 4291 appendix A) where a link is ready.
func (m *Machine) linkLocal(l *link) {
	if l.Loopback || !l.Up || !l.Carrier || m.disabled6(l) || m.sysctls["ipv6/conf/"+l.Name+"/addr_gen_mode"] != "0" ||
		l.Kind == "openvswitch" && !l.internal {
		return
	}
	if master := m.link(l.Master); master != nil && master.bond {
		return // members of a bond have none
	}
	if slices.ContainsFunc(l.Addrs, func(a backend.Addr) bool { return a.Prefix.Addr().IsLinkLocalUnicast() && a.Prefix.Addr().Is6() }) {
		return
	}
	must(m.setAddr(l, backend.Addr{Prefix: netip.PrefixFrom(eui64(l.MAC), 64), Scope: "link"}))
}

func (m *Machine) disabled6(l *link) bool {
	return m.sysctls["ipv6/conf/"+l.Name+"/disable_ipv6"] != "0"
}

func eui64(mac string) netip.Addr {
	b := parseMAC(mac)
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: b[0] ^ 2, 9: b[1], 10: b[2], 11: 0xff, 12: 0xfe, 13: b[3], 14: b[4], 15: b[5]})
}

func parseMAC(s string) [6]byte {
	var b [6]byte
	if n, err := fmt.Sscanf(s, "%02x:%02x:%02x:%02x:%02x:%02x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]); n != 6 || err != nil {
		panic("sim: no MAC: " + s)
	}
	return b
}

// madeMAC is a locally administered unicast MAC, always the same for a name.
func madeMAC(name string) string {
	h := fnv.New64a()
	h.Write([]byte(name))
	v := h.Sum64()
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", byte(v)&^1|2, byte(v>>8), byte(v>>16), byte(v>>24), byte(v>>32), byte(v>>40))
}

// uuid is a version 4 UUID, always the same for a name.
func uuid(name string) string {
	h := fnv.New128a()
	h.Write([]byte(name))
	b := h.Sum(nil)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
