package lab

import (
	"errors"
	"net/netip"
	"regexp"

	"bridgehead/backend"
)

var asksDHCP = regexp.MustCompile(`(?m)^\s*iface\s+\S+\s+inet\s+dhcp\b`)

// SpecFrom is the Spec of a replica of a host: its NICs with names, MACs, MTUs, addresses
// and carrier, its configuration files by absolute path (/etc/network/interfaces and what it
// sources), and upstream a router that answers at the gateways of its routes. Other links
// than NICs (bridges, bonds, VLANs, tunnels) are not copied: what the files say of them
// ifup makes, or fails to make.
func SpecFrom(hostname string, links []backend.Link, routes []backend.Route, files map[string]string) (Spec, error) {
	s := Spec{Hostname: hostname, Files: map[string]string{}}
	for _, l := range links {
		if l.Loopback || l.Kind != "" && l.Kind != "veth" || l.Kind == "veth" && l.Master != "" || l.MAC == "" {
			continue
		}
		nic := NIC{Name: l.Name, MAC: l.MAC, MTU: l.MTU, Up: l.Up, Cut: l.Up && !l.Carrier}
		for _, a := range l.Addrs {
			if a.Scope == "link" || a.Temporary {
				continue
			}
			nic.Addrs = append(nic.Addrs, a.Prefix)
			s.IPv6 = s.IPv6 || a.Prefix.Addr().Is6()
		}
		s.NICs = append(s.NICs, nic)
	}
	if len(s.NICs) == 0 {
		return s, errors.New("cannot build a replica: this host has no NIC that could be copied")
	}
	s.Interfaces = "# no /etc/network/interfaces on the host\n"
	for path, content := range files {
		if path == "/etc/network/interfaces" {
			s.Interfaces = content
		} else {
			s.Files[path] = content
		}
		s.DHCP = s.DHCP || asksDHCP.MatchString(content)
	}
	s.Gateways = gateways(s.NICs, routes)
	if s.Gateways == nil {
		s.Gateways = s.neighbours() // a host without gateway has a router to talk to all the same
	}
	s.Client = s.neighbours()
	if s.Client == nil && s.Gateways != nil {
		s.Client = []netip.Prefix{} // no room in its networks: reached through the router
	}
	return s, nil
}

// gateways are those of the routes, with the prefix length of the NIC's network they lie in,
// or as single addresses where they lie in none (an on-link gateway). The router's links are Ethernet:
// a link-local gateway is one with a /64.
func gateways(nics []NIC, routes []backend.Route) []netip.Prefix {
	var found []netip.Prefix
	seen := map[netip.Addr]bool{}
	add := func(gw netip.Addr) {
		if !gw.IsValid() || seen[gw] {
			return
		}
		seen[gw] = true
		if gw.IsLinkLocalUnicast() {
			found = append(found, netip.PrefixFrom(gw, 64))
			return
		}
		found = append(found, netip.PrefixFrom(gw, networkBits(nics, gw)))
	}
	for _, r := range routes {
		add(r.Gateway)
		for _, hop := range r.NextHops {
			add(hop.Gateway)
		}
	}
	return found
}

func networkBits(nics []NIC, a netip.Addr) int {
	for _, n := range nics {
		for _, p := range n.Addrs {
			if p.Contains(a) {
				return p.Bits()
			}
		}
	}
	return a.BitLen()
}

// neighbours are free addresses, one in each network of the NICs that has room for one.
func (s Spec) neighbours() []netip.Prefix {
	var found []netip.Prefix
	seen := map[netip.Prefix]bool{}
	for _, n := range s.NICs {
		for _, p := range n.Addrs {
			if a, ok := s.freeAddr(p); ok && !seen[p.Masked()] {
				seen[p.Masked()] = true
				found = append(found, a)
			}
		}
	}
	return found
}

// freeAddr is an address in p's network that nobody in s has, the lowest there is.
func (s Spec) freeAddr(p netip.Prefix) (netip.Prefix, bool) {
	if p.Addr().IsLinkLocalUnicast() || p.IsSingleIP() {
		return netip.Prefix{}, false
	}
	taken := map[netip.Addr]bool{}
	for _, list := range [][]netip.Prefix{s.Gateways, s.Client} {
		for _, q := range list {
			taken[q.Addr()] = true
		}
	}
	for _, n := range s.NICs {
		for _, q := range n.Addrs {
			taken[q.Addr()] = true
		}
	}
	first := p.Masked().Addr()
	if p.Bits() < p.Addr().BitLen()-1 {
		first = first.Next() // the network itself has no number; in a /31 it is an address (RFC 3021)
	}
	for a := first; p.Contains(a); a = a.Next() {
		last := !p.Contains(a.Next())
		if !taken[a] && !(last && a.Is4() && p.Bits() < 31) {
			return netip.PrefixFrom(a, p.Bits()), true
		}
	}
	return netip.Prefix{}, false
}
