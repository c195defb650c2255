package survey

import (
	"fmt"
	"net/netip"
	"slices"

	"bridgehead/backend"
)

// nics puts together what is known of each NIC. Usable and the problems come
// last: they depend on all the rest.
func (e *evidence) nics(sessions []Session, dhcp []DHCPClient) ([]NIC, map[string][]claim) {
	list := []NIC{}
	claims := map[string][]claim{}
	for _, l := range e.links {
		if !looksLikeNIC(l) {
			continue
		}
		if l.Addrs == nil {
			l.Addrs = []backend.Addr{}
		}
		n := NIC{Link: l, Addresses: []string{}, Gateway: []string{}, Routes: []backend.Route{}, MemberOf: e.memberOf(l)}
		for _, a := range l.Addrs {
			n.Addresses = append(n.Addresses, a.Prefix.String())
		}
		for _, r := range e.routes {
			if !through(r, l.Name) {
				continue
			}
			n.Routes = append(n.Routes, r)
			if r.Dst.Bits() == 0 {
				n.Gateway = append(n.Gateway, gateways(r, l.Name)...)
			}
		}
		n.Gateway = slices.Compact(n.Gateway)
		n.SessionOf = carried(l.Name, sessions)
		claims[l.Name] = e.claims(l, dhcp)
		n.Owner = Owner{Kind: "none"}
		if c := claims[l.Name]; len(c) > 0 {
			n.Owner = c[0].Owner
		}
		n.Problems, n.Usable = e.judge(n)
		list = append(list, n)
	}
	return list, claims
}

func through(r backend.Route, dev string) bool {
	return r.Dev == dev || slices.ContainsFunc(r.NextHops, func(h backend.NextHop) bool { return h.Dev == dev })
}

// gateways are the next hops of a route through dev; none where it is on-link.
func gateways(r backend.Route, dev string) []string {
	var list []string
	add := func(d string, a netip.Addr) {
		if d == dev && a.IsValid() {
			list = append(list, a.String())
		}
	}
	add(r.Dev, r.Gateway)
	for _, h := range r.NextHops {
		add(h.Dev, h.Gateway)
	}
	return list
}

// carried are the sessions that go through a link, as the operator reads them.
func carried(name string, sessions []Session) []string {
	list := []string{}
	count := map[string]int{}
	for _, s := range sessions {
		if s.Via != name && !slices.Contains(s.nics(), name) {
			continue
		}
		what := "ssh from " + s.From
		if s.Own {
			what += " (this session)"
		}
		if count[what]++; count[what] == 1 {
			list = append(list, what)
		}
	}
	for i, what := range list {
		if count[what] > 1 {
			list[i] = fmt.Sprintf("%s, %d times", what, count[what])
		}
	}
	return list
}
