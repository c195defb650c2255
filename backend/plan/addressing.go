package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/op"
	"bridgehead/backend/survey"
)

const mainTable = 254

// addressing works out what the source has and what the port will have.
func (b *builder) addressing() error {
	b.from = op.Carried(b.source.Name, b.source.Addrs, b.facts.Routes, b.facts.Rules)
	if err := b.foreign(); err != nil {
		return err
	}
	for _, c := range b.facts.DHCP {
		if c.NIC == b.source.Name {
			b.dhcp = append(b.dhcp, c)
		}
	}
	if len(b.dhcp) > 0 { // the lease's end is the client's business, not the kernel's, until the next renewal
		b.from.Addrs = lasting(b.from.Addrs)
	}
	port := b.answers.Bridge.Port
	switch b.answers.Address.Method {
	case answers.MethodKeep:
		b.to = renamed(b.from, b.source.Name, port)
		if len(b.from.Addrs) == 0 && len(b.dhcp) == 0 {
			return nil // a bridge for the VMs alone
		}
	case answers.MethodStatic:
		b.to = b.static(port)
	case answers.MethodDHCP:
		b.to = renamed(b.from, b.source.Name, port)
		if !b.hadDHCP() {
			b.to = without(b.to, true)
		}
	}
	for i := range b.to.Addrs {
		// The address is the host's own already; asking for duplicates would make it unusable for a second.
		b.to.Addrs[i].NoDAD = b.to.Addrs[i].Prefix.Addr().Is6()
	}
	return nil
}

// foreign refuses routes and rules of the NIC that could not be given back exactly.
func (b *builder) foreign() error {
	no := func(which, kind, foreign string) error {
		return refuse(which+" cannot be moved", "it has "+foreign+", which could not be made again exactly",
			"remove that "+kind+" for the change, and set it again on "+b.answers.Bridge.Port+" afterwards")
	}
	for _, r := range b.from.Routes {
		if r.Foreign != "" {
			return no(fmt.Sprintf("the route to %s through %s", r.Dst, b.source.Name), "route", r.Foreign)
		}
	}
	for _, r := range b.from.Rules {
		if r.Foreign != "" {
			return no(fmt.Sprintf("the routing rule %d, which names %s,", r.Priority, b.source.Name), "rule", r.Foreign)
		}
	}
	return nil
}

func (b *builder) hadDHCP() bool { return len(b.dhcp) > 0 }

func lasting(addrs []backend.Addr) []backend.Addr {
	out := slices.Clone(addrs)
	for i := range out {
		if out[i].Prefix.Addr().Is4() {
			out[i].ValidSec, out[i].PreferredSec, out[i].Dynamic = 0, 0, false
		}
	}
	return out
}

// renamed is x on another link.
func renamed(x op.Addressing, from, to string) op.Addressing {
	var out op.Addressing
	for _, a := range x.Addrs {
		if a.Label == from || strings.HasPrefix(a.Label, from+":") {
			a.Label = to + strings.TrimPrefix(a.Label, from)
			if len(a.Label) > 15 { // IFNAMSIZ; a label is only a name
				a.Label = to
			}
		}
		out.Addrs = append(out.Addrs, a)
	}
	for _, r := range x.Routes {
		if r.Dev == from {
			r.Dev = to
		}
		r.NextHops = slices.Clone(r.NextHops)
		for i := range r.NextHops {
			if r.NextHops[i].Dev == from {
				r.NextHops[i].Dev = to
			}
		}
		out.Routes = append(out.Routes, r)
	}
	for _, r := range x.Rules {
		if r.IIF == from {
			r.IIF = to
		}
		if r.OIF == from {
			r.OIF = to
		}
		out.Rules = append(out.Rules, r)
	}
	return out
}

// without is x without one family.
func without(x op.Addressing, v4 bool) op.Addressing {
	x.Addrs = slices.DeleteFunc(slices.Clone(x.Addrs), func(a backend.Addr) bool { return a.Prefix.Addr().Is4() == v4 })
	x.Routes = slices.DeleteFunc(slices.Clone(x.Routes), func(r backend.Route) bool { return r.Dst.Addr().Is4() == v4 })
	return x
}

// static is the addressing that the operator typed. A family of which nothing was
// typed stays; so do routes of the NIC whose gateway is still in reach.
func (b *builder) static(port string) op.Addressing {
	kept := renamed(b.from, b.source.Name, port)
	out := kept
	out.Routes = nil
	var prefixes []netip.Prefix
	for _, s := range b.answers.Address.Addresses {
		p, _ := netip.ParsePrefix(s) // validated
		out = without(out, p.Addr().Is4())
		kept.Routes = slices.DeleteFunc(kept.Routes, func(r backend.Route) bool {
			return r.Dst.Bits() == 0 && r.Dst.Addr().Is4() == p.Addr().Is4()
		})
	}
	for _, a := range out.Addrs {
		prefixes = append(prefixes, a.Prefix)
	}
	for _, s := range b.answers.Address.Addresses {
		p, _ := netip.ParsePrefix(s) // validated
		prefixes = append(prefixes, p)
		a := backend.Addr{Prefix: p, Scope: "global"}
		if p.Addr().Is4() {
			a.Label = port
			if p.Bits() < 31 {
				a.Broadcast = answers.Broadcast(p)
			}
		}
		out.Addrs = append(out.Addrs, a)
	}
	inReach := func(g netip.Addr) bool {
		return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(g) })
	}
	for _, r := range kept.Routes {
		if r.Gateway.IsValid() && (inReach(r.Gateway) || r.Gateway.IsLinkLocalUnicast()) {
			if !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Addr() == r.Src }) {
				r.Src = netip.Addr{}
			}
			out.Routes = append(out.Routes, r)
		}
	}
	for _, s := range b.answers.Address.Gateway {
		g, _ := netip.ParseAddr(s)
		if !inReach(g) && !g.IsLinkLocalUnicast() {
			out.Routes = append(out.Routes, backend.Route{Dst: netip.PrefixFrom(g, g.BitLen()), Dev: port, Table: mainTable, Scope: linkScope(g), Protocol: "boot", Type: "unicast"})
		}
		out.Routes = append(out.Routes, backend.Route{Dst: everywhere(g), Gateway: g, Dev: port, Table: mainTable, Scope: "global", Protocol: "boot", Type: "unicast"})
	}
	slices.SortStableFunc(out.Routes, op.ByDependency)
	return out
}

// displaced are the routes through other links that a route of the port replaces,
// since they lead to the same net with the same metric.
func (b *builder) displaced() []backend.Route {
	var out []backend.Route
	for _, r := range b.facts.Routes {
		ours := slices.ContainsFunc(b.from.Routes, func(x backend.Route) bool { return sameEntry(x, r) })
		if !ours && slices.ContainsFunc(b.to.Routes, func(x backend.Route) bool { return sameEntry(x, r) }) {
			out = append(out, r)
			b.out.Notes = append(b.out.Notes, fmt.Sprintf("the route to %s through %s is replaced by one through %s", r.Dst, r.Dev, b.answers.Bridge.Port))
		}
	}
	return out
}

// sameEntry says that x and y are one entry of a routing table, of which there is one.
func sameEntry(x, y backend.Route) bool {
	return x.Table == y.Table && x.Dst == y.Dst && metric(x) == metric(y)
}

// metric is that of r once the kernel has it (IP6_RT_PRIO_USER).
func metric(r backend.Route) int {
	if r.Dst.Addr().Is6() && r.Metric == 0 {
		return 1024
	}
	return r.Metric
}

func linkScope(a netip.Addr) string {
	if a.Is4() {
		return "link"
	}
	return "global" // IPv6 routes have no other scope
}

func everywhere(like netip.Addr) netip.Prefix {
	if like.Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

// dhcpClient is the client that the port needs: the NIC's own with the name
// changed, or the one that ifupdown 0.8.41 would start.
func (b *builder) dhcpClient() (client []string, leases []op.LeaseFile, ok bool) {
	method := b.answers.Address.Method
	nic, port := b.source.Name, b.answers.Bridge.Port
	if method == answers.MethodStatic || method == answers.MethodKeep && !b.hadDHCP() {
		return nil, nil, false
	}
	lease := "/var/lib/dhcp/dhclient." + port + ".leases"
	client = []string{"dhclient", "-4", "-v", "-i", "-pf", "/run/dhclient." + port + ".pid",
		"-lf", lease, "-I", "-df", "/var/lib/dhcp/dhclient6." + port + ".leases", port}
	if i := slices.IndexFunc(b.dhcp, func(c survey.DHCPClient) bool { return c.Name == "dhclient" }); i >= 0 {
		old := b.dhcp[i].Args
		client = make([]string, len(old))
		for i, arg := range old {
			client[i] = renameWord(arg, nic, port)
		}
		if i := slices.Index(old, "-lf"); i >= 0 && i+1 < len(old) && client[i+1] != old[i+1] {
			leases = []op.LeaseFile{{Path: client[i+1], From: old[i+1], NIC: nic}}
		}
	} else if len(b.dhcp) > 0 {
		client = make([]string, len(b.dhcp[0].Args))
		for i, arg := range b.dhcp[0].Args {
			client[i] = renameWord(arg, nic, port)
		}
	}
	return client, leases, true
}

// renameWord replaces name by to where it stands as a word of its own: "eth0", "/run/dhclient.eth0.pid", not "eth01".
func renameWord(s, name, to string) string {
	var out strings.Builder
	for {
		i := strings.Index(s, name)
		if i < 0 {
			break
		}
		end := i + len(name)
		whole := (i == 0 || !wordByte(s[i-1])) && (end == len(s) || !wordByte(s[end]))
		out.WriteString(s[:i])
		if whole {
			out.WriteString(to)
		} else {
			out.WriteString(name)
		}
		s = s[end:]
	}
	out.WriteString(s)
	return out.String()
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}
