package op

import (
	"context"
	"slices"
	"strings"

	"bridgehead/backend"
)

// Reverse can bring the port's addressing and settings back as they are now: somebody may have added some or taken some
// away. Addresses with a lifetime come and go by themselves, and so do the routes of a DHCP client.
func (o *MoveAddress) Reverse(ctx context.Context, h backend.Host) (Op, error) {
	port, ok, err := maybeLink(ctx, h, o.Port)
	if err != nil || !ok {
		return &Inverse{Of: o}, err
	}
	routes, err := h.Links.Routes(ctx)
	if err != nil {
		return nil, err
	}
	rules, err := h.Links.Rules(ctx)
	if err != nil {
		return nil, err
	}
	now := *o
	has := Carried(o.Port, nil, routes, rules)
	differs := slices.Concat(now.addrsNow(port), o.To.drift(has, o.dynamic(port)), now.settingsNow(ctx, h))
	now.To.Routes, now.To.Rules = has.Routes, has.Rules
	if len(differs) > 0 {
		err = &ChangedError{What: o.Port + " has " + strings.Join(differs, ", ") + " since"}
	}
	return &Inverse{Of: &now}, err
}

// dynamic says that the port is addressed by a DHCP client.
func (o *MoveAddress) dynamic(port backend.Link) bool {
	dhcp := func(a backend.Addr) bool { return a.Dynamic && a.Prefix.Addr().Is4() }
	return len(o.To.Addrs) == 0 || slices.ContainsFunc(o.To.Addrs, dhcp) || slices.ContainsFunc(port.Addrs, dhcp)
}

// addrsNow takes the addresses that the port has now, and says how those differ.
func (o *MoveAddress) addrsNow(port backend.Link) (differs []string) {
	was := o.To.Addrs
	o.To.Addrs = nil
	for _, a := range was {
		if _, has := hasAddr(port, a); has || a.Dynamic {
			o.To.Addrs = append(o.To.Addrs, a)
		} else {
			differs = append(differs, "lost the address "+a.Prefix.String())
		}
	}
	for _, a := range port.Addrs {
		if !a.Dynamic && !selfMade(a) && !slices.ContainsFunc(was, func(x backend.Addr) bool { return x.Prefix == a.Prefix }) {
			o.To.Addrs = append(o.To.Addrs, a)
			differs = append(differs, "got the address "+a.Prefix.String())
		}
	}
	return differs
}

// drift says which routes and rules somebody took away or added since was. A restart may have written a route in other
// words: only where it leads counts.
func (was Addressing) drift(now Addressing, dynamic bool) (differs []string) {
	if !dynamic {
		leads := func(r backend.Route) string {
			return routeText(backend.Route{Dst: r.Dst, Gateway: r.Gateway, Table: r.Table, NextHops: r.NextHops, Type: r.Type})
		}
		learnt := func(r backend.Route) bool { return r.Protocol == "ra" }
		differs = moved("route", words(slices.DeleteFunc(slices.Clone(was.Routes), learnt), leads), words(slices.DeleteFunc(slices.Clone(now.Routes), learnt), leads))
	}
	return append(differs, moved("rule", words(was.Rules, ruleText), words(now.Rules, ruleText))...)
}

func moved(what string, had, has []string) (out []string) {
	for _, x := range had {
		if !slices.Contains(has, x) {
			out = append(out, "lost the "+what+" "+x)
		}
	}
	for _, x := range has {
		if !slices.Contains(had, x) {
			out = append(out, "got the "+what+" "+x)
		}
	}
	return out
}

// settingsNow takes the kernel's settings that the move changes, and those of the port that a new one would not have, as
// they are now. It names those that somebody has set; a restart leaves the usual ones.
func (o *MoveAddress) settingsNow(ctx context.Context, h backend.Host) (differs []string) {
	was := o.Sysctls
	o.Sysctls = slices.Clone(was)
	read := func(key string) string {
		v, err := h.Links.Sysctl(ctx, key)
		if err != nil { // a kernel without it
			return ""
		}
		return v
	}
	usual := func(key string) string {
		part := strings.Split(key, "/")
		part[2] = "default"
		return read(strings.Join(part, "/"))
	}
	for i, s := range was {
		if v := read(s.Key); v != "" && s.After != "" && v != s.After {
			o.Sysctls[i].After = v
			if v != usual(s.Key) {
				differs = append(differs, "net/"+s.Key+" set to "+v)
			}
		}
	}
	for _, key := range portSettings(o.Port) {
		v := read(key)
		if v == "" || v == usual(key) || slices.ContainsFunc(was, func(s Sysctl) bool { return s.Key == key }) {
			continue
		}
		o.Sysctls = append(o.Sysctls, Sysctl{Key: key, After: v})
		if strings.HasPrefix(key, "ipv4/") { // of IPv6, ifup sets some
			differs = append(differs, "net/"+key+" set to "+v)
		}
	}
	return differs
}

// portSettings are the keys of a link that an operator may have set.
func portSettings(link string) (keys []string) {
	for _, family := range []string{"ipv4", "ipv6"} {
		for _, name := range backend.LinkSettings[family] {
			keys = append(keys, family+"/conf/"+link+"/"+name)
		}
	}
	return keys
}
