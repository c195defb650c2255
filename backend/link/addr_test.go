package link

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"bridgehead/backend"
)

func at(s string) backend.Addr {
	return backend.Addr{Prefix: netip.MustParsePrefix(s), Scope: "global", NoDAD: true}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The connected route ends up just as the kernel makes it, and ip sees nothing
// odd about the address.
func TestStagedAddressBecomesNormal(t *testing.T) {
	lan(t, []string{"eth0"})
	l := open(t)
	for _, c := range []struct{ addr, normal, staged, route string }{
		{"192.0.2.10/24", "192.0.2.0/24 proto kernel scope link src 192.0.2.10", "192.0.2.0/24 proto kernel scope link src 192.0.2.10 metric 1000", "-4 route show dev eth0"},
		{"2001:db8::10/64", "2001:db8::/64 proto kernel metric 256 pref medium", "2001:db8::/64 proto kernel metric 1000 pref medium", "-6 route show dev eth0 to 2001:db8::/64"},
	} {
		a := at(c.addr)
		for range 2 {
			a.Metric = 1000
			ok(t, l.SetAddr(t.Context(), "eth0", a))
			lines(t, c.route, c.staged)
			a.Metric = 0
			ok(t, l.SetAddr(t.Context(), "eth0", a))
			lines(t, c.route, c.normal)
		}
		ok(t, l.DelAddr(t.Context(), "eth0", a))
		lines(t, c.route)
	}
}

// Every field of an address is set as asked, and List tells it back.
func TestAddressFields(t *testing.T) {
	lan(t, []string{"eth0"})
	l := open(t)
	for _, c := range []struct {
		a    backend.Addr
		want string
	}{
		{backend.Addr{Prefix: netip.MustParsePrefix("192.0.2.10/24"), Scope: "global", Broadcast: netip.MustParseAddr("192.0.2.255"), Label: "eth0:1"},
			"inet 192.0.2.10/24 brd 192.0.2.255 scope global eth0:1 valid_lft forever preferred_lft forever"},
		{backend.Addr{Prefix: netip.MustParsePrefix("192.0.2.10/24"), Scope: "global", Label: "eth0"},
			"inet 192.0.2.10/24 scope global eth0 valid_lft forever preferred_lft forever"},
		{backend.Addr{Prefix: netip.MustParsePrefix("192.0.2.10/32"), Peer: netip.MustParsePrefix("192.0.2.1/24"), Scope: "link", Label: "eth0", NoPrefixRoute: true, Metric: 7},
			"inet 192.0.2.10 peer 192.0.2.1/24 metric 7 scope link noprefixroute eth0 valid_lft forever preferred_lft forever"},
		{backend.Addr{Prefix: netip.MustParsePrefix("192.0.2.10/24"), Scope: "global", Label: "eth0", ValidSec: 3000, PreferredSec: 2000, Dynamic: true},
			"inet 192.0.2.10/24 scope global dynamic eth0 valid_lft 3000sec preferred_lft 2000sec"},
		{backend.Addr{Prefix: netip.MustParsePrefix("2001:db8::10/64"), Scope: "global", NoDAD: true, MngTmpAddr: true, NoPrefixRoute: true},
			"inet6 2001:db8::10/64 scope global nodad mngtmpaddr noprefixroute valid_lft forever preferred_lft forever"},
		{backend.Addr{Prefix: netip.MustParsePrefix("2001:db8::10/64"), Scope: "global", NoDAD: true, Deprecated: true},
			"inet6 2001:db8::10/64 scope global nodad deprecated valid_lft forever preferred_lft 0sec"},
		{backend.Addr{Prefix: netip.MustParsePrefix("2001:db8::10/128"), Peer: netip.MustParsePrefix("2001:db8::1/128"), Scope: "global", NoDAD: true},
			"inet6 2001:db8::10 peer 2001:db8::1/128 scope global nodad valid_lft forever preferred_lft forever"},
	} {
		ok(t, l.SetAddr(t.Context(), "eth0", c.a))
		family := "-6"
		if c.a.Prefix.Addr().Is4() {
			family = "-4"
		}
		shown := strings.Fields(strings.ReplaceAll(ip(t, "-o "+family+" addr show dev eth0 to "+c.a.Prefix.String()), `\`, ""))
		if got := strings.Join(shown[2:], " "); got != c.want {
			t.Errorf("ip addr:\ngot  %s\nwant %s", got, c.want)
		}
		links, err := l.List(t.Context())
		ok(t, err)
		found := false
		for _, link := range links {
			for _, a := range link.Addrs {
				found = found || fmt.Sprint(a) == fmt.Sprint(c.a)
			}
		}
		if !found {
			t.Errorf("List lacks %+v: %+v", c.a, links)
		}
		ok(t, l.DelAddr(t.Context(), "eth0", c.a))
	}
}

// The cut: a connection through eth0 goes on through eth1.
func TestConnectionOutlivesTheMove(t *testing.T) {
	for _, c := range []struct{ ours, theirs, listen string }{
		{"192.0.2.10/24", "192.0.2.1/24", "192.0.2.1:0"},
		{"2001:db8::10/64", "2001:db8::1/64", "[2001:db8::1]:0"},
	} {
		t.Run(c.ours, func(t *testing.T) {
			lan(t, []string{"eth0", "eth1"}, c.theirs)
			l := open(t)
			ok(t, l.SetAddr(t.Context(), "eth0", at(c.ours)))
			server := inPeer(t, func() (net.Listener, error) { return net.Listen("tcp", c.listen) })
			defer server.Close()
			go func() {
				conn, err := server.Accept()
				if err == nil {
					_, _ = io.Copy(conn, conn)
					conn.Close()
				}
			}()
			conn, err := net.Dial("tcp", server.Addr().String())
			ok(t, err)
			defer conn.Close()
			talk(t, conn, "before")

			staged := at(c.ours)
			staged.Metric = 1000
			ok(t, l.SetAddr(t.Context(), "eth1", staged))
			talk(t, conn, "staged")
			ok(t, l.SetAddr(t.Context(), "eth1", at(c.ours)))
			ok(t, l.DelAddr(t.Context(), "eth0", at(c.ours)))
			ok(t, l.Announce(t.Context(), "eth1", []netip.Addr{staged.Prefix.Addr()}))
			ok(t, l.SetUp(t.Context(), "eth0", false)) // so that nothing can go that way
			talk(t, conn, "after")
		})
	}
}

func talk(t testing.TB, conn net.Conn, what string) {
	t.Helper()
	_, err := io.WriteString(conn, what)
	ok(t, err)
	back := make([]byte, len(what))
	_, err = io.ReadFull(conn, back)
	ok(t, err)
	if string(back) != what {
		t.Fatalf("sent %q, got %q", what, back)
	}
}
