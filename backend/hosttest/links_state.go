package hosttest

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"bridgehead/backend"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func ip(s string) netip.Addr       { return netip.MustParseAddr(s) }
func addr(s string) backend.Addr   { return backend.Addr{Prefix: prefix(s), Scope: "global"} }

// nodad is an IPv6 address that is good at once.
func nodad(s string) backend.Addr {
	a := addr(s)
	a.NoDAD = true
	return a
}

// clean leaves the two NICs up and without addresses and routes.
func (t linksTest) clean() {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	for _, nic := range []string{t.a, t.b} {
		t.ok(t.l.SetUp(ctx, nic, true))
	}
	routes, err := t.l.Routes(ctx)
	t.ok(err)
	for _, r := range routes {
		if r.Protocol != "kernel" {
			t.ok(t.l.DelRoute(ctx, r))
		}
	}
	links, err := t.l.List(ctx)
	t.ok(err)
	for _, link := range links {
		for _, a := range link.Addrs {
			if (link.Name == t.a || link.Name == t.b) && a.Scope != "link" {
				t.ok(t.l.DelAddr(ctx, link.Name, a))
			}
		}
	}
}

func (t linksTest) ok(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (t linksTest) refused(what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s is accepted", what)
	}
}

func (t linksTest) equal(what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}

func (t linksTest) up(name string, up bool) {
	t.Helper()
	t.ok(t.l.SetUp(t.Context(), name, up))
	if up {
		Eventually(t, name+" has a carrier", func() bool { return t.link(name).Carrier })
	}
}

func (t linksTest) setAddr(name string, addrs ...backend.Addr) {
	t.Helper()
	for _, a := range addrs {
		t.ok(t.l.SetAddr(t.Context(), name, a))
	}
}

func (t linksTest) delAddr(name string, addrs ...backend.Addr) {
	t.Helper()
	for _, a := range addrs {
		t.ok(t.l.DelAddr(t.Context(), name, a))
	}
}

func (t linksTest) setRoute(routes ...backend.Route) {
	t.Helper()
	for _, r := range routes {
		t.ok(t.l.SetRoute(t.Context(), r))
	}
}

func (t linksTest) link(name string) backend.Link {
	t.Helper()
	links, err := t.l.List(t.Context())
	t.ok(err)
	at := slices.IndexFunc(links, func(l backend.Link) bool { return l.Name == name })
	if at < 0 {
		t.Fatalf("there is no link %s", name)
	}
	return links[at]
}

// addrs are those of the link that have a's address and prefix.
func (t linksTest) addrs(name string, a backend.Addr) []backend.Addr {
	t.Helper()
	return slices.DeleteFunc(t.link(name).Addrs, func(x backend.Addr) bool { return x.Prefix != a.Prefix })
}

// find returns the routes to dst, the best first.
func (t linksTest) find(dst netip.Prefix) []backend.Route {
	t.Helper()
	all, err := t.l.Routes(t.Context())
	t.ok(err)
	all = slices.DeleteFunc(all, func(r backend.Route) bool { return r.Dst != dst })
	slices.SortStableFunc(all, func(a, b backend.Route) int { return a.Metric - b.Metric })
	return all
}

// routes checks that dst has exactly these routes.
func (t linksTest) routes(dst netip.Prefix, want ...backend.Route) {
	t.Helper()
	if got := t.find(dst); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("routes to %s:\ngot  %+v\nwant %+v", dst, got, want)
	}
}

// metrics checks the metrics of the routes to dst through dev.
func (t linksTest) metrics(dst netip.Prefix, dev string, want ...int) {
	t.Helper()
	var got []int
	for _, r := range t.find(dst) {
		if r.Dev == dev {
			got = append(got, r.Metric)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("metrics of %s through %s: got %v, want %v", dst, dev, got, want)
	}
}

func (t linksTest) rules() []backend.Rule {
	t.Helper()
	rules, err := t.l.Rules(t.Context())
	t.ok(err)
	slices.SortFunc(rules, func(a, b backend.Rule) int { return a.Priority - b.Priority })
	return rules
}
