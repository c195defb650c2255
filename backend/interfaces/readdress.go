package interfaces

import (
	"net/netip"
	"slices"
)

var (
	ofStatic = []string{"address", "netmask", "broadcast", "network", "gateway", "pointopoint", "scope", "preferred-lifetime", "dad-attempts", "dad-interval"}
	ofLease  = []string{"hostname", "leasetime", "leasehours", "vendor", "client", "dhcp", "request_prefix", "ll-attempts", "ll-interval", "accept_ra", "autoconf"}
)

// readdress puts the wanted address in place of the one in the file: stanza by
// stanza, as long as there are both; then new stanzas follow, or old ones go.
func (v *mover) readdress() error {
	a := v.Address
	if a.Method == Keep {
		v.liveAddress()
		return nil
	}
	if v.assigning != nil {
		return v.assigning.refuse("this command gives %s an address, which cannot be replaced: keep it, or remove the command", v.NIC)
	}
	v.configured = true
	for _, f := range []string{"inet", "inet6"} {
		prefixes, lease := a.family(f), a.Method == DHCP && f == "inet"
		if len(prefixes) == 0 && !lease {
			continue
		}
		rest, err := v.replaceFamily(f, prefixes, lease)
		if err != nil {
			return err
		}
		v.freshStatic(f, rest, len(rest) == len(prefixes))
	}
	v.nameServers()
	return nil
}

// replaceFamily readdresses the parts of a family, and returns the prefixes that found none.
func (v *mover) replaceFamily(f string, prefixes []netip.Prefix, lease bool) ([]netip.Prefix, error) {
	gateway := v.Address.gateway(f)
	for _, p := range v.parts {
		if p.Family != f {
			continue
		}
		if p.Inherits != "" {
			return nil, p.head.refuse("the stanza inherits from %s, so that its address cannot be replaced", p.Inherits)
		}
		switch {
		case p.Name != v.NIC || len(prefixes) == 0 && !lease:
			if err := v.surplus(p); err != nil {
				return nil, err
			}
		case lease:
			p.lease()
			lease = false
		default:
			p.static(prefixes[0], gateway)
			prefixes, gateway = prefixes[1:], ""
		}
	}
	if lease {
		v.fresh = append(v.fresh, newStanza{family: f, method: "dhcp"})
	}
	return prefixes, nil
}

// surplus takes the address out of a stanza; without anything else in it, it goes.
func (v *mover) surplus(p *part) error {
	p.drop(ofStatic...)
	p.drop(ofLease...)
	p.drop("metric", "mtu", "hwaddress")
	p.method = "manual"
	p.gone = len(p.kept()) == 0
	switch {
	case p.gone:
		v.notes = append(v.notes, p.head.note("this stanza goes: its address is not among those wanted"))
	case p.Name != v.NIC:
		return p.head.refuse("the alias %s has more than an address, and that address is not among those wanted", p.Name)
	}
	return nil
}

func (p *part) static(prefix netip.Prefix, gateway string) {
	p.drop(ofStatic...)
	if p.Method != "static" {
		p.drop(ofLease...)
	}
	p.method = "static"
	p.set("address", prefix.String())
	if gateway != "" {
		p.set("gateway", gateway, "address")
	}
}

// lease makes the part inet dhcp, whose method does not heed an MTU.
func (p *part) lease() {
	if p.Method == "dhcp" {
		return
	}
	p.drop(ofStatic...)
	p.method = "dhcp"
	for i := range p.items {
		if it := &p.items[i]; it.Name == "mtu" {
			it.text = "pre-up ip link set dev $IFACE mtu " + it.Value
		}
	}
}

// freshStatic adds a stanza for each prefix; the first has the gateway where the family is new.
func (v *mover) freshStatic(f string, prefixes []netip.Prefix, first bool) {
	for i, p := range prefixes {
		s := newStanza{family: f, method: "static", options: []string{"address " + p.String()}}
		if g := v.Address.gateway(f); g != "" && first && i == 0 {
			s.options = append(s.options, "gateway "+g)
		}
		v.fresh = append(v.fresh, s)
	}
}

// liveAddress writes down the address that the NIC has where the file gives it none.
func (v *mover) liveAddress() {
	if v.configured {
		return
	}
	for _, f := range []string{"inet", "inet6"} {
		v.freshStatic(f, v.Address.family(f), true)
	}
	if len(v.fresh) > 0 {
		v.nameServers()
	}
}

// nameServers puts the wanted name servers into the port's first stanza.
func (v *mover) nameServers() {
	servers := v.Address.servers()
	if servers == "" {
		return
	}
	for _, p := range v.parts {
		p.drop("dns-nameservers")
	}
	if first := slices.IndexFunc(v.parts, func(p *part) bool { return !p.gone && p.Name == v.NIC }); first >= 0 {
		v.parts[first].set("dns-nameservers", servers, "address", "gateway")
	} else if len(v.fresh) > 0 {
		v.fresh[0].options = append(v.fresh[0].options, "dns-nameservers "+servers)
	}
}
