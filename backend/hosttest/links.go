package hosttest

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"bridgehead/backend"
)

// LinksEnv is what the host of a Links has to offer to these tests.
type LinksEnv struct {
	// NICs are two network cards with a cable, up, without addresses (but for the
	// link-local ones that the kernel makes) and without routes. So they are left.
	NICs []string
	// Bonding says that the kernel has the module bonding.
	Bonding bool
}

// linksTest drives the links of a host by the interface alone.
type linksTest struct {
	*testing.T
	l       backend.Links
	a, b    string // the two NICs
	bonding bool
}

// Links holds what every backend.Links promises, the real one and the simulated:
// of what the kernel does by itself, that which a move of addresses leans on.
func Links(t *testing.T, l backend.Links, env LinksEnv) {
	for _, c := range []struct {
		name string
		test func(linksTest)
	}{
		{"a link that is not there", linksUnknown},
		{"up and down, twice each", linksUpDown},
		{"MTU", linksMTU},
		{"an address brings its connected route, and takes it along", linksConnected},
		{"the metric of a connected route changes in place", linksMetric},
		{"an address without prefix route", linksNoPrefixRoute},
		{"a point-to-point address", linksPeer},
		{"the same address on two links", linksTwice},
		{"a move in one step", linksMove},
		{"the last address of a link takes its IPv4 routes along", linksLastAddress},
		{"a route goes with its source address", linksSource},
		{"a link that goes down loses routes and IPv6 addresses", linksDown},
		{"a route replaces the one of its metric", linksReplace},
		{"a route is removed exactly", linksDelRoute},
		{"a gateway must be reachable", linksGateway},
		{"routes of all sorts come back as they were set", linksRoutes},
		{"rules", linksRules},
		{"sysctls", linksSysctl},
		{"a bond, or the reason why there can be none", linksBond},
	} {
		t.Run(c.name, func(t *testing.T) {
			lt := linksTest{t, l, env.NICs[0], env.NICs[1], env.Bonding}
			lt.clean()
			t.Cleanup(lt.clean)
			c.test(lt)
		})
	}
}

var (
	v4, v4Net, v4Gateway = addr("192.0.2.10/24"), prefix("192.0.2.0/24"), ip("192.0.2.1")
	v6, v6Net, v6Gateway = nodad("2001:db8::10/64"), prefix("2001:db8::/64"), ip("2001:db8::1")
	default4, default6   = prefix("0.0.0.0/0"), prefix("::/0")
)

func linksUnknown(t linksTest) {
	ctx, no := t.Context(), "nosuch0"
	for what, err := range map[string]error{
		"SetUp":    t.l.SetUp(ctx, no, true),
		"SetMTU":   t.l.SetMTU(ctx, no, 1500),
		"SetAddr":  t.l.SetAddr(ctx, no, v4),
		"DelAddr":  t.l.DelAddr(ctx, no, v4),
		"SetRoute": t.l.SetRoute(ctx, backend.Route{Dst: prefix("198.51.100.0/24"), Dev: no}),
		"Announce": t.l.Announce(ctx, no, []netip.Addr{v4.Prefix.Addr()}),
		"Acquaint": errors.Join(t.l.Acquaint(ctx, t.a, no), t.l.Acquaint(ctx, t.a, t.b)),
		"Blink":    t.l.Blink(ctx, no, 0),
	} {
		if !errors.Is(err, backend.ErrNoLink) {
			t.Errorf("%s of %s: %v, want ErrNoLink", what, no, err)
		}
	}
	if _, err := t.l.Sysctl(ctx, "ipv4/conf/"+no+"/rp_filter"); err == nil {
		t.Error("Sysctl of a link that is not there is no error")
	}
}

func linksUpDown(t linksTest) {
	for _, up := range []bool{false, false, true, true} {
		t.up(t.a, up)
		if got := t.link(t.a); got.Up != up || up && !got.Carrier {
			t.Errorf("%s: up %v, carrier %v, want %v", t.a, got.Up, got.Carrier, up)
		}
	}
}

func linksMTU(t linksTest) {
	before := t.link(t.a).MTU
	for _, mtu := range []int{1400, 1400, before} {
		t.ok(t.l.SetMTU(t.Context(), t.a, mtu))
		t.equal("MTU", t.link(t.a).MTU, mtu)
	}
	if err := t.l.SetMTU(t.Context(), t.a, 1<<30); err == nil {
		t.Error("an MTU of 1 GiB is no error")
	}
}

func linksConnected(t linksTest) {
	for _, c := range []struct {
		addr   backend.Addr
		net    netip.Prefix
		src    netip.Addr
		scope  string
		metric int
	}{
		{v4, v4Net, v4.Prefix.Addr(), "link", 0},
		{v6, v6Net, netip.Addr{}, "global", 256},
	} {
		for range 2 {
			t.setAddr(t.a, c.addr)
			t.routes(c.net, backend.Route{Dst: c.net, Dev: t.a, Src: c.src, Metric: c.metric, Table: 254, Scope: c.scope, Protocol: "kernel", Type: "unicast"})
		}
		for range 2 {
			t.delAddr(t.a, c.addr)
			t.routes(c.net)
			t.equal("addresses", len(t.addrs(t.a, c.addr)), 0)
		}
	}
	other := v4
	other.Prefix = netip.PrefixFrom(v4.Prefix.Addr(), 25)
	t.setAddr(t.a, v4)
	t.delAddr(t.a, other) // the same address with another prefix is another one
	t.equal("addresses", len(t.addrs(t.a, v4)), 1)
}

func linksMetric(t linksTest) {
	for _, c := range []struct {
		addr   backend.Addr
		net    netip.Prefix
		normal int
	}{{v4, v4Net, 0}, {v6, v6Net, 256}} {
		for _, metric := range []int{1000, 1000, 0, 0, 1000, 0} {
			a := c.addr
			a.Metric = metric
			t.setAddr(t.a, a)
			t.equal("addresses", len(t.addrs(t.a, a)), 1)
			want := metric
			if metric == 0 {
				want = c.normal
			}
			t.metrics(c.net, t.a, want)
		}
	}
}

func linksNoPrefixRoute(t linksTest) {
	for net, a := range map[netip.Prefix]backend.Addr{v4Net: v4, v6Net: v6} {
		a.NoPrefixRoute = true
		t.setAddr(t.a, a)
		t.routes(net)
		t.equal("noprefixroute", t.addrs(t.a, a)[0].NoPrefixRoute, true)
	}
}

func linksPeer(t linksTest) {
	a := addr("192.0.2.10/32")
	a.Peer = prefix("198.51.100.1/32")
	for range 2 {
		t.setAddr(t.a, a)
	}
	t.equal("peer", t.addrs(t.a, a)[0].Peer, a.Peer)
	t.metrics(a.Peer, t.a, 0)
	t.delAddr(t.a, a)
	t.equal("addresses", len(t.addrs(t.a, a)), 0)
	t.routes(a.Peer)
}

func linksTwice(t linksTest) {
	staged4, staged6 := v4, v6
	staged4.Metric, staged6.Metric = 1000, 1000
	t.setAddr(t.a, v4, v6)
	t.setAddr(t.b, staged4, staged6)
	t.metrics(v4Net, t.a, 0)
	t.metrics(v4Net, t.b, 1000)
	t.metrics(v6Net, t.a, 256)
	t.metrics(v6Net, t.b, 1000)
	t.delAddr(t.b, staged4, staged6)
	t.metrics(v4Net, t.a, 0)
	t.metrics(v4Net, t.b)
	t.metrics(v6Net, t.a, 256)
	t.metrics(v6Net, t.b)
}

// linksMove is the cut: everything from one link to the other, and back.
func linksMove(t linksTest) {
	via := func(dev string, dst netip.Prefix, gateway netip.Addr) backend.Route {
		return backend.Route{Dst: dst, Gateway: gateway, Dev: dev, Metric: 100, Table: 254, Scope: "global", Protocol: "static", Type: "unicast"}
	}
	t.setAddr(t.a, v4, v6)
	t.setRoute(via(t.a, default4, v4Gateway), via(t.a, default6, v6Gateway))
	for _, way := range [][2]string{{t.a, t.b}, {t.b, t.a}} {
		from, to := way[0], way[1]
		staged4, staged6 := v4, v6
		staged4.Metric, staged6.Metric = 1000, 1000
		t.setAddr(to, staged4, staged6)

		t.setAddr(to, v4, v6)
		t.setRoute(via(to, default4, v4Gateway), via(to, default6, v6Gateway))
		t.routes(default4, via(to, default4, v4Gateway))
		t.routes(default6, via(to, default6, v6Gateway))
		t.delAddr(from, v4, v6)
		t.metrics(v4Net, from)
		t.metrics(v6Net, from)
		t.metrics(v4Net, to, 0)
		t.metrics(v6Net, to, 256)
		t.routes(default4, via(to, default4, v4Gateway))
		t.routes(default6, via(to, default6, v6Gateway))
	}
}

func linksLastAddress(t linksTest) {
	second := addr("203.0.113.10/24")
	r := backend.Route{Dst: default4, Gateway: v4Gateway, Dev: t.a, OnLink: true}
	t.setAddr(t.a, v4, second)
	t.setRoute(r)
	t.delAddr(t.a, v4)
	t.equal("default routes with one address left", len(t.find(default4)), 1)
	t.delAddr(t.a, second)
	t.routes(default4)

	t.setAddr(t.a, v6)
	t.setRoute(backend.Route{Dst: default6, Gateway: v6Gateway, Dev: t.a})
	t.delAddr(t.a, v6)
	t.equal("IPv6 default routes, which stay", len(t.find(default6)), 1)
}

func linksSource(t linksTest) {
	other := addr("203.0.113.10/24")
	r := backend.Route{Dst: prefix("198.51.100.0/24"), Gateway: ip("203.0.113.1"), Dev: t.b, Src: v4.Prefix.Addr()}
	t.setAddr(t.b, other)
	t.refused("a route with a source address that the host lacks", t.l.SetRoute(t.Context(), r))
	t.setAddr(t.a, v4)
	t.setAddr(t.b, v4)
	t.setRoute(r)
	t.delAddr(t.a, v4)
	t.equal("routes while another link has the source", len(t.find(r.Dst)), 1)
	t.delAddr(t.b, v4)
	t.routes(r.Dst)
}

func linksDown(t linksTest) {
	t.setAddr(t.a, v4, v6)
	t.setRoute(backend.Route{Dst: default4, Gateway: v4Gateway, Dev: t.a}, backend.Route{Dst: default6, Gateway: v6Gateway, Dev: t.a})
	t.up(t.a, false)
	for _, dst := range []netip.Prefix{v4Net, default4, v6Net, default6} {
		t.routes(dst)
	}
	t.equal("IPv4 addresses", len(t.addrs(t.a, v4)), 1)
	t.equal("IPv6 addresses", len(t.addrs(t.a, v6)), 0)
	t.refused("a route through a link that is down", t.l.SetRoute(t.Context(), backend.Route{Dst: default4, Gateway: v4Gateway, Dev: t.a}))
	t.up(t.a, true)
	t.metrics(v4Net, t.a, 0)
	t.routes(default4)
	t.routes(v6Net)
}

func linksReplace(t linksTest) {
	t.setAddr(t.a, v4, v6)
	t.setAddr(t.b, v4, v6)
	for dst, gateway := range map[netip.Prefix]netip.Addr{default4: v4Gateway, default6: v6Gateway} {
		first := backend.Route{Dst: dst, Gateway: gateway, Dev: t.a, Metric: 10, Table: 254, Scope: "global", Protocol: "boot", Type: "unicast"}
		worse := first
		worse.Metric = 20
		second := first
		second.Dev = t.b
		third := second
		third.MTU = 1400
		many := first
		many.Gateway, many.Dev = netip.Addr{}, ""
		many.NextHops = []backend.NextHop{{Gateway: gateway, Dev: t.a, Weight: 1}, {Gateway: gateway, Dev: t.b, Weight: 1}}
		onLink := first
		onLink.Gateway = netip.Addr{}
		if dst == default4 {
			onLink.Scope = "link"
		}
		for _, r := range []backend.Route{first, first, second, third, many, many, second, onLink, first} {
			t.setRoute(worse, r)
			t.routes(dst, r, worse)
		}
	}
}

func linksDelRoute(t linksTest) {
	t.setAddr(t.a, v4, v6)
	t.setAddr(t.b, v4, v6)
	for dst, gateway := range map[netip.Prefix]netip.Addr{prefix("198.51.100.0/24"): v4Gateway, prefix("2001:db8:1::/48"): v6Gateway} {
		r := backend.Route{Dst: dst, Gateway: gateway, Dev: t.a, Metric: 10, Table: 254, Scope: "global", Protocol: "static", Type: "unicast"}
		t.setRoute(r)
		for _, change := range []func(*backend.Route){
			func(r *backend.Route) { r.Metric = 0 },
			func(r *backend.Route) { r.Metric = 20 },
			func(r *backend.Route) { r.Dev = t.b },
			func(r *backend.Route) { r.Gateway = gateway.Next() },
			func(r *backend.Route) { r.Gateway = netip.Addr{} },
			func(r *backend.Route) { r.Table = 100 },
			func(r *backend.Route) { r.Protocol = "boot" },
			func(r *backend.Route) { r.Type, r.Dev, r.Gateway = "blackhole", "", netip.Addr{} },
		} {
			other := r
			change(&other)
			t.ok(t.l.DelRoute(t.Context(), other))
			t.routes(dst, r)
		}
		for range 2 {
			t.ok(t.l.DelRoute(t.Context(), r))
			t.routes(dst)
		}
	}
}

func linksGateway(t linksTest) {
	t.up(t.b, true)
	for _, r := range []backend.Route{
		{Dst: default4, Gateway: v4Gateway, Dev: t.a},
		{Dst: default6, Gateway: v6Gateway, Dev: t.a},
	} {
		t.refused("a gateway out of reach", t.l.SetRoute(t.Context(), r))
		t.routes(r.Dst)
		r.OnLink = true
		t.setRoute(r)
		t.equal("onlink", t.find(r.Dst)[0].OnLink, true)
		t.ok(t.l.DelRoute(t.Context(), r))
		t.routes(r.Dst)
	}
	host := backend.Route{Dst: prefix("192.0.2.1/32"), Dev: t.a}
	t.setAddr(t.a, addr("198.51.100.7/32"))
	t.setRoute(host, backend.Route{Dst: default4, Gateway: v4Gateway, Dev: t.a}) // through the route just made
	t.equal("scope of an on-link route", t.find(host.Dst)[0].Scope, "link")
}

func linksRoutes(t linksTest) {
	t.setAddr(t.a, v4, v6)
	t.setAddr(t.b, v4, v6)
	for _, r := range []backend.Route{
		{Dst: prefix("198.51.100.0/24"), Gateway: v4Gateway, Dev: t.a, Src: v4.Prefix.Addr(), Metric: 5, Table: 254, Scope: "global", Protocol: "dhcp", Type: "unicast", MTU: 1300, Options: "advmss 1260 initcwnd 20 rto_min 40ms"},
		{Dst: prefix("198.51.101.0/24"), Gateway: v4Gateway, Dev: t.a, Table: 254, Scope: "global", Protocol: "static", Type: "unicast", Options: "mtu lock 1300 initrwnd 20 quickack 1"},
		{Dst: prefix("198.51.100.0/24"), Gateway: v4Gateway, Dev: t.a, Table: 100, Scope: "global", Protocol: "static", Type: "unicast"},
		{Dst: prefix("198.51.100.0/25"), Gateway: v4Gateway, Dev: t.a, Table: 1000, Scope: "global", Protocol: "186", Type: "unicast", OnLink: true},
		{Dst: prefix("198.51.100.7/32"), Dev: t.b, Src: v4.Prefix.Addr(), Table: 254, Scope: "link", Protocol: "kernel", Type: "unicast"},
		{Dst: prefix("203.0.113.0/24"), Table: 254, Scope: "global", Protocol: "static", Type: "blackhole"},
		{Dst: prefix("203.0.113.0/25"), Metric: 7, Table: 254, Scope: "global", Protocol: "static", Type: "unreachable"},
		{Dst: prefix("203.0.113.128/25"), Table: 254, Scope: "global", Protocol: "static", Type: "prohibit"},
		{Dst: prefix("198.18.0.0/15"), Table: 254, Scope: "global", Protocol: "static", Type: "unicast", NextHops: []backend.NextHop{
			{Gateway: v4Gateway, Dev: t.a, Weight: 3}, {Gateway: ip("192.0.2.2"), Dev: t.b, Weight: 1, OnLink: true}}},
		{Dst: prefix("2001:db8:1::/48"), Gateway: v6Gateway, Dev: t.a, Src: v6.Prefix.Addr(), Metric: 5, Table: 254, Scope: "global", Protocol: "static", Type: "unicast", MTU: 1300},
		{Dst: prefix("2001:db8:1::/48"), Gateway: ip("fe80::1"), Dev: t.b, Metric: 1024, Table: 100, Scope: "global", Protocol: "ra", Type: "unicast"},
		{Dst: prefix("2001:db8:5::/48"), Gateway: v6Gateway, Dev: t.a, Metric: 5, Table: 254, Scope: "global", Protocol: "static", Type: "unicast", Options: "hoplimit 70 pref high"},
		{Dst: prefix("2001:db8:2::/48"), Metric: 1024, Table: 254, Scope: "global", Protocol: "static", Type: "blackhole"},
		{Dst: prefix("2001:db8:3::/48"), Metric: 1024, Table: 254, Scope: "global", Protocol: "static", Type: "unicast", NextHops: []backend.NextHop{
			{Gateway: v6Gateway, Dev: t.a, Weight: 1}, {Gateway: ip("2001:db8::2"), Dev: t.b, Weight: 1}}},
		{Dst: prefix("2001:db8:4::/48"), Dev: t.a, Metric: 1024, Table: 254, Scope: "global", Protocol: "boot", Type: "unicast"},
	} {
		for range 2 {
			t.setRoute(r)
			got := slices.DeleteFunc(t.find(r.Dst), func(x backend.Route) bool { return x.Table != r.Table })
			if len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(r) {
				t.Errorf("got  %+v\nwant %+v", got, r)
			}
		}
		for range 2 {
			t.ok(t.l.DelRoute(t.Context(), r))
			if got := slices.DeleteFunc(t.find(r.Dst), func(x backend.Route) bool { return x.Table != r.Table }); len(got) != 0 {
				t.Errorf("still there: %+v", got)
			}
		}
	}
}

func linksRules(t linksTest) {
	before := t.rules()
	want := []backend.Rule{
		{Priority: 1000, Src: prefix("192.0.2.10/32"), Table: 100},
		{Priority: 1001, Dst: prefix("198.51.100.0/24"), Table: 1000, Invert: true},
		{Priority: 1002, Mark: 7, Mask: 0xff, IIF: t.a, Table: 254},
		{Priority: 1003, V6: true, Src: prefix("2001:db8::10/128"), OIF: t.b, Table: 100},
	}
	for _, r := range want {
		for range 2 {
			t.ok(t.l.SetRule(t.Context(), r))
		}
	}
	t.equal("rules", t.rules(), append(slices.Clone(before), want...))
	any := want[0]
	any.Src = netip.Prefix{}
	t.ok(t.l.DelRule(t.Context(), any)) // from all: not this one
	t.equal("rules", t.rules(), append(slices.Clone(before), want...))
	for _, r := range want {
		for range 2 {
			t.ok(t.l.DelRule(t.Context(), r))
		}
	}
	t.equal("rules", t.rules(), before)
}

func linksSysctl(t linksTest) {
	key := "ipv4/conf/" + t.a + "/rp_filter"
	before, err := t.l.Sysctl(t.Context(), key)
	t.ok(err)
	for _, v := range []string{"2", "2", "0", before} {
		t.ok(t.l.SetSysctl(t.Context(), key, v))
		got, err := t.l.Sysctl(t.Context(), key)
		t.ok(err)
		t.equal(key, got, v)
	}
	for _, key := range []string{"ipv4/no_such_key", "../kernel/hostname", "/etc/hostname", ""} {
		if _, err := t.l.Sysctl(t.Context(), key); err == nil {
			t.Errorf("Sysctl %q is no error", key)
		}
		t.refused("SetSysctl "+key, t.l.SetSysctl(t.Context(), key, "0"))
	}
}
