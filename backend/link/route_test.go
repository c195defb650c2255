package link

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mdlayher/ndp"
	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"bridgehead/backend"
	"bridgehead/backend/hosttest"
)

var (
	any6     = netip.MustParsePrefix("::/0")
	any4     = netip.MustParsePrefix("0.0.0.0/0")
	router6  = netip.MustParseAddr("fe80::ff:fe00:fe")
	gateway4 = netip.MustParseAddr("192.0.2.1")
)

// Routes that ip made are replaced, whatever sort they are: one stays.
func TestSetRouteReplacesWhatIPMade(t *testing.T) {
	lan(t, []string{"eth0", "eth1"})
	l := open(t)
	for _, nic := range []string{"eth0", "eth1"} {
		ok(t, l.SetAddr(t.Context(), nic, at("192.0.2.10/24")))
		ok(t, l.SetAddr(t.Context(), nic, at("2001:db8::10/64")))
	}
	for _, c := range []struct {
		made  []string
		set   backend.Route
		after []string
	}{
		{[]string{"-6 route add default via 2001:db8::1 dev eth0 metric 50", "-6 route append default via 2001:db8::2 dev eth0 metric 50"},
			backend.Route{Dst: any6, Gateway: netip.MustParseAddr("2001:db8::1"), Dev: "eth1", Metric: 50, Protocol: "static"},
			[]string{"default via 2001:db8::1 dev eth1 proto static metric 50 pref medium"}},
		{[]string{"-6 route add default dev eth0 metric 50", "-6 route append default dev eth1 metric 50"},
			backend.Route{Dst: any6, Dev: "eth1", Metric: 50},
			[]string{"default dev eth1 metric 50 pref medium"}},
		{[]string{"-6 route add blackhole default metric 50"},
			backend.Route{Dst: any6, Gateway: netip.MustParseAddr("2001:db8::1"), Dev: "eth1", Metric: 50},
			[]string{"default via 2001:db8::1 dev eth1 metric 50 pref medium"}},
		{[]string{"-4 route add default via 192.0.2.1 dev eth0", "-4 route append default via 192.0.2.2 dev eth1"},
			backend.Route{Dst: any4, Gateway: netip.MustParseAddr("192.0.2.2"), Dev: "eth1"},
			[]string{"default via 192.0.2.2 dev eth1"}},
		{[]string{"-4 route add default nexthop via 192.0.2.1 dev eth0 nexthop via 192.0.2.2 dev eth1 weight 2"},
			backend.Route{Dst: any4, Gateway: netip.MustParseAddr("fe80::1"), Dev: "eth1", OnLink: true},
			[]string{"default via inet6 fe80::1 dev eth1 onlink"}},
	} {
		for _, command := range c.made {
			ip(t, command)
		}
		show := c.made[0][:3] + "route show default"
		for range 2 {
			ok(t, l.SetRoute(t.Context(), c.set))
			lines(t, show, c.after...)
		}
		ok(t, l.DelRoute(t.Context(), c.set))
		lines(t, show)
	}
}

// Each link has its own route to the link-local net, of one metric; no route of
// one may take another's away.
func TestLinkLocalRoutesArePerLink(t *testing.T) {
	lan(t, []string{"eth0", "eth1"})
	l := open(t)
	list := func() (routes []backend.Route) {
		all, err := l.Routes(t.Context())
		ok(t, err)
		for _, r := range all {
			if r.Dst.Addr().IsLinkLocalUnicast() {
				routes = append(routes, r)
			}
		}
		return routes
	}
	before := list()
	if len(before) != 2 {
		t.Fatalf("link-local routes: %+v", before)
	}
	for _, r := range before {
		ok(t, l.SetRoute(t.Context(), r))
	}
	ok(t, l.DelRoute(t.Context(), before[1]))
	ok(t, l.SetRoute(t.Context(), before[1]))
	if got := list(); len(got) != 2 || !slices.Contains(devs(got), "eth0") || !slices.Contains(devs(got), "eth1") {
		t.Errorf("got %+v, want %+v", got, before)
	}
}

func devs(routes []backend.Route) (names []string) {
	for _, r := range routes {
		names = append(names, r.Dev)
	}
	return names
}

// A default route that a router advertised is told with its lifetime, and is
// replaced by one through another link, as a move does.
func TestAdvertisedRoute(t *testing.T) {
	lan(t, []string{"eth0", "eth1"})
	l := open(t)
	ok(t, l.SetSysctl(t.Context(), "ipv6/conf/eth1/accept_ra", "0"))
	advertise(t, 1800*time.Second)
	var learnt backend.Route
	hosttest.Eventually(t, "the host has learnt a default route", func() bool {
		all, err := l.Routes(t.Context())
		ok(t, err)
		i := slices.IndexFunc(all, func(r backend.Route) bool { return r.Dst == any6 })
		if i >= 0 {
			learnt = all[i]
		}
		return i >= 0
	})
	if learnt.Protocol != "ra" || learnt.Gateway != router6 || learnt.Dev != "eth0" || learnt.Expires < 1700 || learnt.Expires > 1800 {
		t.Fatalf("learnt %+v", learnt)
	}
	moved := learnt
	moved.Dev = "eth1"
	ok(t, l.SetRoute(t.Context(), moved))
	all, err := l.Routes(t.Context())
	ok(t, err)
	all = slices.DeleteFunc(all, func(r backend.Route) bool { return r.Dst != any6 })
	if len(all) != 1 || all[0].Dev != "eth1" || all[0].Protocol != "ra" || all[0].Expires == 0 {
		t.Errorf("moved: %+v", all)
	}
	ok(t, l.SetRoute(t.Context(), learnt))
	lines(t, "-6 route show default dev eth1")
	ok(t, l.DelRoute(t.Context(), learnt))
	lines(t, "-6 route show default")
}

// advertise sends one router advertisement from the peer.
func advertise(t testing.TB, lifetime time.Duration) {
	t.Helper()
	inPeer(t, func() (struct{}, error) {
		lan, err := peerLAN()
		if err != nil {
			return struct{}{}, err
		}
		f, err := icmpv6(lan.HardwareAddr, router6, netip.IPv6LinkLocalAllNodes(), &ndp.RouterAdvertisement{RouterLifetime: lifetime})
		if err != nil {
			return struct{}{}, err
		}
		conn, err := packet.Listen(lan, packet.Raw, 0, nil)
		if err != nil {
			return struct{}{}, err
		}
		defer conn.Close()
		return struct{}{}, send(conn, [][]byte{f})
	})
}

// At no instant of a replacement is there no route: lookups go on meanwhile.
func TestReplacingLeavesNoGap(t *testing.T) {
	lan(t, []string{"eth0", "eth1"}, "192.0.2.1/24", "2001:db8::1/64")
	l := open(t)
	for _, nic := range []string{"eth0", "eth1"} {
		ok(t, l.SetAddr(t.Context(), nic, at("192.0.2.10/24")))
		ok(t, l.SetAddr(t.Context(), nic, at("2001:db8::10/64")))
	}
	for _, c := range []struct{ dst, gateway, far string }{
		{"0.0.0.0/0", "192.0.2.1", "198.51.100.1"}, {"::/0", "2001:db8::1", "2001:db8:ffff::1"},
	} {
		r := backend.Route{Dst: netip.MustParsePrefix(c.dst), Gateway: netip.MustParseAddr(c.gateway), Dev: "eth0"}
		ok(t, l.SetRoute(t.Context(), r))
		moved, lookups := make(chan struct{}), make(chan error)
		go func() { lookups <- lookUp(c.far, moved) }()
		for i := range 300 {
			r.Dev = []string{"eth1", "eth0"}[i%2]
			if err := l.SetRoute(t.Context(), r); err != nil {
				t.Error(err)
			}
		}
		close(moved)
		ok(t, <-lookups)
	}
}

// lookUp looks for the way to an address until done, and fails when there is none.
func lookUp(addr string, done <-chan struct{}) error {
	kernel, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer kernel.Close()
	for n := 0; ; n++ {
		way, err := kernel.RouteGet(net.ParseIP(addr))
		if err != nil {
			return fmt.Errorf("lookup %d of %s: %w", n, addr, err)
		}
		if way[0].Gw == nil {
			return fmt.Errorf("lookup %d of %s: %v", n, addr, way)
		}
		select {
		case <-done:
			return nil
		default:
		}
	}
}

// Several goroutines may use one Links.
func TestAtTheSameTime(t *testing.T) {
	lan(t, []string{"eth0", "eth1"})
	l := open(t)
	var all sync.WaitGroup
	for _, nic := range []string{"eth0", "eth1"} {
		a := at(map[string]string{"eth0": "192.0.2.10/24", "eth1": "198.51.100.10/24"}[nic])
		all.Go(func() {
			for range 50 {
				for _, err := range []error{
					l.SetAddr(t.Context(), nic, a),
					l.SetRoute(t.Context(), backend.Route{Dst: netip.PrefixFrom(a.Prefix.Addr().Next(), 32), Dev: nic}),
					l.DelAddr(t.Context(), nic, a),
				} {
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
		all.Go(func() {
			for range 50 {
				if links, err := l.List(t.Context()); err != nil || len(links) < 3 {
					t.Error(links, err)
				}
			}
		})
	}
	all.Wait()
}

// What ip adds to every link is not a route of the host.
func TestRoutesLeavesOutWhatIsNotForwarding(t *testing.T) {
	lan(t, []string{"eth0"}, "192.0.2.1/24")
	l := open(t)
	ok(t, l.SetAddr(t.Context(), "eth0", at("192.0.2.10/24")))
	ok(t, l.SetAddr(t.Context(), "eth0", at("2001:db8::10/64")))
	ip(t, "route add throw 198.51.100.0/24")
	ip(t, "route add 203.0.113.0/24 via 192.0.2.1 table 99")
	defer ip(t, "route del throw 198.51.100.0/24")
	all, err := l.Routes(t.Context())
	ok(t, err)
	var got []string
	for _, r := range all {
		got = append(got, fmt.Sprintf("%s %d", Describe(r), r.Table))
	}
	slices.Sort(got)
	want := []string{
		"192.0.2.0/24 dev eth0 254", "2001:db8::/64 dev eth0 metric 256 254",
		"203.0.113.0/24 via 192.0.2.1 dev eth0 table 99 99", "fe80::/64 dev eth0 metric 256 254",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// An error carries what the kernel says and what to do.
func TestErrorsSayWhatToDo(t *testing.T) {
	lan(t, []string{"eth0"})
	l := open(t)
	for want, err := range map[string]error{
		"cannot set the route default via 192.0.2.1 dev eth0: network is unreachable: Nexthop has invalid gateway; add an address or route that reaches the gateway first, or make the route onlink": l.SetRoute(t.Context(), backend.Route{Dst: any4, Gateway: gateway4, Dev: "eth0"}),
		"cannot set the address 192.0.2.1/24 on eth7: there is no such link; see the names with: ip link":                                                                                            l.SetAddr(t.Context(), "eth7", at("192.0.2.1/24")),
		"cannot set the route default dev eth7: eth7: there is no such link; see the names with: ip link":                                                                                            l.SetRoute(t.Context(), backend.Route{Dst: any4, Dev: "eth7"}),
		"cannot read the kernel setting net/ipv4/conf/eth7/rp_filter: open /proc/sys/net/ipv4/conf/eth7/rp_filter: no such file or directory; is the name of the link right?": func() error {
			_, err := l.Sysctl(t.Context(), "ipv4/conf/eth7/rp_filter")
			return err
		}(),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func FuzzDecodeRoute(f *testing.F) {
	hop := binary.NativeEndian.AppendUint16(nil, 16)
	hop = append(hop, 0, 0, 2, 0, 0, 0, 8, 0, unix.RTA_GATEWAY, 0, 192, 0, 2, 1)
	way := nl.NewRtAttr(unix.RTA_MULTIPATH, hop).Serialize()
	for _, attrs := range [][]byte{
		nil, way,
		nl.NewRtAttr(unix.RTA_DST, []byte{192, 0, 2, 0}).Serialize(),
		nl.NewRtAttr(unix.RTA_VIA, []byte{10, 0, 1}).Serialize(),
		nl.NewRtAttr(unix.RTA_CACHEINFO, make([]byte, 12)).Serialize(),
		nl.NewRtAttr(unix.RTA_METRICS, nl.NewRtAttr(unix.RTAX_MTU, []byte{1}).Serialize()).Serialize(),
	} {
		f.Add(append([]byte{unix.AF_INET, 24, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0}, attrs...))
	}
	f.Fuzz(func(t *testing.T, m []byte) {
		if r, listed, err := decodeRoute(m, map[int]string{2: "eth0"}); listed && err == nil && !r.Dst.IsValid() {
			t.Errorf("a route to nowhere: %+v", r)
		}
	})
}

func FuzzDecodeAddr(f *testing.F) {
	f.Add(append([]byte{unix.AF_INET, 24, 0, 0, 2, 0, 0, 0}, nl.NewRtAttr(unix.IFA_LOCAL, []byte{192, 0, 2, 1}).Serialize()...))
	f.Add(append([]byte{unix.AF_INET6, 64, 0, 0, 2, 0, 0, 0}, nl.NewRtAttr(unix.IFA_CACHEINFO, make([]byte, 4)).Serialize()...))
	f.Fuzz(func(t *testing.T, m []byte) {
		_, a, err := decodeAddr(m)
		if err == nil && a.Peer.IsValid() && !a.Prefix.IsValid() {
			t.Errorf("a peer without an address: %+v", a)
		}
	})
}

// What a route or a rule has that cannot be made again is told, and neither is touched.
func TestForeignRoutesAndRules(t *testing.T) {
	lan(t, []string{"eth0", "eth1"})
	l := open(t)
	ok(t, l.SetAddr(t.Context(), "eth0", at("192.0.2.10/24")))
	ip(t, "route add 198.51.100.0/24 via 192.0.2.1 dev eth0 tos 0x10 metric 5")
	ip(t, "rule add iif eth0 dport 22 ipproto tcp lookup 100 priority 1000")
	routes, err := l.Routes(t.Context())
	ok(t, err)
	at := slices.IndexFunc(routes, func(r backend.Route) bool { return r.Metric == 5 })
	if at < 0 || routes[at].Foreign != "tos" {
		t.Fatalf("the route is read as %+v", routes)
	}
	if err := l.DelRoute(t.Context(), routes[at]); err == nil {
		t.Error("a route is removed that could not be made again")
	}
	lines(t, "route show 198.51.100.0/24", "198.51.100.0/24 tos 0x10 via 192.0.2.1 dev eth0 metric 5")
	rules, err := l.Rules(t.Context())
	ok(t, err)
	if len(rules) != 1 || rules[0].Foreign != "dport, ipproto" {
		t.Fatalf("the rules are read as %+v", rules)
	}
	if l.DelRule(t.Context(), rules[0]) == nil || l.SetRule(t.Context(), rules[0]) == nil {
		t.Error("a rule is changed that could not be made again")
	}
}
