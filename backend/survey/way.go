package survey

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"bridgehead/backend"
)

// way is how packets of one connection leave this host.
type way struct {
	via  string   // link that has the local address
	nics []string // NICs below it; none where that cannot be known
	why  string   // how it was found, or why not
}

// way finds the NICs that carry a connection: the link that owns the local
// address must also be the one that the route to the other end leaves by.
// From there it goes down: VLAN, bond, bridge, Open vSwitch.
func (e *evidence) way(local, remote netip.Addr) way {
	local, remote = local.Unmap(), remote.Unmap()
	if remote.IsLoopback() {
		return way{why: fmt.Sprintf("it comes from %s, through another program on this host", remote)}
	}
	owners := e.owning(local)
	if len(owners) == 0 {
		return way{why: fmt.Sprintf("no interface has its local address %s", local)}
	}
	if remote.Is6() && remote.IsLinkLocalUnicast() {
		return e.linkLocal(owners, local, remote)
	}
	out := e.route(local, remote)
	switch {
	case len(out) == 0:
		return way{via: owners[0], why: fmt.Sprintf("%s has %s, but no route leads to %s", owners[0], local, remote)}
	case len(out) > 1 || !slices.Contains(owners, out[0]):
		return way{via: owners[0], why: fmt.Sprintf("%s has %s, but the route to %s leaves by %s",
			owners[0], local, remote, strings.Join(out, " and "))}
	}
	nics, why := e.below(out[0])
	if len(nics) == 0 {
		return way{via: out[0], why: why}
	}
	return way{out[0], nics, fmt.Sprintf("%s has %s, and the route to %s leaves by it%s", out[0], local, remote, why)}
}

// linkLocal is way for link-local addresses, which say nothing without a link (RFC 4007).
func (e *evidence) linkLocal(owners []string, local, remote netip.Addr) way {
	zone := remote.Zone()
	if zone == "" {
		zone = local.Zone()
	}
	switch {
	case zone != "" && slices.Contains(owners, zone):
	case len(owners) == 1:
		zone = owners[0]
	default:
		return way{why: fmt.Sprintf("%s have the link-local address %s", strings.Join(owners, " and "), local)}
	}
	nics, why := e.below(zone)
	if len(nics) == 0 {
		return way{via: zone, why: why}
	}
	return way{zone, nics, fmt.Sprintf("%s has the link-local address %s%s", zone, local, why)}
}

// owning are the links with an address.
func (e *evidence) owning(a netip.Addr) []string {
	var names []string
	for _, l := range e.links {
		if slices.ContainsFunc(l.Addrs, func(x backend.Addr) bool { return x.Prefix.Addr().Unmap() == a.WithZone("") }) {
			names = append(names, l.Name)
		}
	}
	return names
}

// route returns the links by which a packet from src to dst leaves, as
// ip-rule(8) and ip-route(8) say: rules by priority, the longest prefix, the
// smallest metric. Several for a multipath route; none where none leads there.
func (e *evidence) route(src, dst netip.Addr) []string {
	for _, table := range e.tables(src, dst) {
		var best *backend.Route
		for i, r := range e.routes {
			if r.Table != table || !r.Dst.Contains(dst) {
				continue
			}
			if best == nil || r.Dst.Bits() > best.Dst.Bits() || r.Dst.Bits() == best.Dst.Bits() && r.Metric < best.Metric {
				best = &e.routes[i]
			}
		}
		switch {
		case best == nil:
			continue
		case best.Type != "" && best.Type != "unicast":
			return nil
		case best.Dev != "":
			return []string{best.Dev}
		}
		var devs []string
		for _, h := range best.NextHops {
			if !slices.Contains(devs, h.Dev) {
				devs = append(devs, h.Dev)
			}
		}
		return devs
	}
	return nil
}

// Routing tables that the kernel's own rules name.
const (
	tableMain    = 254
	tableDefault = 253
)

// tables are the tables to look into, in order, for a packet that this host
// sends without a mark.
func (e *evidence) tables(src, dst netip.Addr) []int {
	rules := slices.Clone(e.rules)
	slices.SortStableFunc(rules, func(a, b backend.Rule) int { return a.Priority - b.Priority })
	var tables []int
	for _, r := range rules {
		if r.V6 != dst.Is6() || r.IIF != "" && r.IIF != "lo" || r.OIF != "" || r.Table == 0 {
			continue
		}
		match := r.Mark == 0 &&
			(!r.Src.IsValid() || r.Src.Contains(src)) &&
			(!r.Dst.IsValid() || r.Dst.Contains(dst))
		if match != r.Invert {
			tables = append(tables, r.Table)
		}
	}
	return append(tables, tableMain, tableDefault)
}

func (e *evidence) link(name string) (backend.Link, bool) {
	for _, l := range e.links {
		if l.Name == name || slices.Contains(l.AltNames, name) {
			return l, true
		}
	}
	return backend.Link{}, false
}

// below goes from a link down to its NICs. why says which way, or what ends it.
func (e *evidence) below(name string) (nics []string, why string) {
	seen := map[string]bool{}
	var down func(name string) string
	down = func(name string) string {
		l, ok := e.link(name)
		if !ok || seen[name] {
			return ""
		}
		seen[name] = true
		lower, what := e.lower(l)
		switch {
		case what == "":
			nics = append(nics, l.Name)
			return ""
		case lower == nil:
			return what
		}
		why += ", " + what
		var dead string
		for _, n := range lower {
			if d := down(n); d != "" {
				dead = d
			}
		}
		return dead
	}
	dead := down(name)
	slices.Sort(nics)
	if len(nics) == 0 {
		if dead == "" {
			dead = name + " has no NIC below it"
		}
		return nil, dead
	}
	return nics, why
}

// lower are the links that a link sends through, with what it is; for a NIC
// what is empty, for a link where the trail ends there are none.
func (e *evidence) lower(l backend.Link) (names []string, what string) {
	if b, ok := e.internalPort(l.Name); ok {
		return e.uplinks(b), "a port of Open vSwitch bridge " + b.Name
	}
	switch l.Kind {
	case "", "veth":
		if l.Loopback {
			return nil, fmt.Sprintf("%s is the loopback interface", l.Name)
		}
		return nil, ""
	case "vlan", "macvlan", "ipvlan":
		if l.Parent != "" {
			return []string{l.Parent}, fmt.Sprintf("a %s of %s", l.Kind, l.Parent)
		}
	case "bond", "team", "bridge":
		for _, m := range e.links {
			if m.Master == l.Name && m.Kind != "tun" && m.Kind != "macvtap" { // not the guests' ports
				names = append(names, m.Name)
			}
		}
		if names != nil {
			return names, fmt.Sprintf("a %s over %s", l.Kind, strings.Join(names, " and "))
		}
		return nil, fmt.Sprintf("%s %s has no NIC", l.Kind, l.Name)
	}
	return nil, fmt.Sprintf("it goes through %s, of kind %s: which NIC carries that cannot be seen", l.Name, l.Kind)
}

// internalPort is the Open vSwitch bridge that a link is the host's own port of.
func (e *evidence) internalPort(name string) (backend.Bridge, bool) {
	for _, b := range e.sw.Bridges {
		for _, p := range b.Ports {
			for _, i := range p.Interfaces {
				if i.Name == name && (i.Type == "internal" || name == b.Name) {
					return b, true
				}
			}
		}
		if b.Name == name {
			return b, true
		}
	}
	return backend.Bridge{}, false
}

// uplinks are the links that are ports of an Open vSwitch bridge and no guest's.
func (e *evidence) uplinks(b backend.Bridge) []string {
	names := []string{}
	for _, p := range b.Ports {
		for _, i := range p.Interfaces {
			if l, ok := e.link(i.Name); ok && i.Type == "" && l.Kind != "tun" && i.Name != b.Name {
				names = append(names, i.Name)
			}
		}
	}
	return names
}
