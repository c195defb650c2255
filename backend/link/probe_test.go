package link

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ndp"
	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"bridgehead/backend"
	"bridgehead/backend/hosttest"
)

const peerMAC = "02:00:00:00:00:fe"

// soon is time enough for an answer on a wire without delay, and short enough to
// wait for none.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestARP(t *testing.T) {
	lan(t, []string{"eth0"}, "192.0.2.1/24", "2001:db8::1/64")
	p := NewProber(open(t))
	ask := func(addr, want string) {
		t.Helper()
		mac, err := p.ARP(soon(t), "eth0", netip.MustParseAddr(addr))
		if mac != want || (err == nil) != (want != "") {
			t.Errorf("%s is at %q, want %q: %v", addr, mac, want, err)
		}
		if err != nil && !strings.Contains(err.Error(), "no answer from "+addr+" on eth0") {
			t.Error(err)
		}
	}
	for _, step := range []func(){
		func() {}, // without an address of our own
		func() {
			ok(t, p.links.SetAddr(t.Context(), "eth0", at("192.0.2.10/24")))
			ok(t, p.links.SetAddr(t.Context(), "eth0", at("2001:db8::10/64")))
		},
		func() { ok(t, p.links.SetSysctl(t.Context(), "ipv6/conf/eth0/disable_ipv6", "1")) },
	} {
		step()
		ask("192.0.2.1", peerMAC)
		ask("2001:db8::1", peerMAC)
	}
	ask("192.0.2.2", "")
	ask("2001:db8::2", "")
}

func TestPing(t *testing.T) {
	lan(t, []string{"eth0", "eth1"}, "192.0.2.1/24", "2001:db8::1/64", "fe80::1/64")
	p := NewProber(open(t))
	ok(t, p.links.SetAddr(t.Context(), "eth0", at("192.0.2.10/24")))
	ok(t, p.links.SetAddr(t.Context(), "eth0", at("2001:db8::10/64")))
	hosttest.Eventually(t, "eth0 has its link-local address", func() bool {
		return !strings.Contains(ip(t, "-6 addr show dev eth0"), "tentative")
	})
	for _, dev := range []string{"", "eth0"} {
		for _, addr := range []string{"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1%eth0"} {
			rtt, err := p.Ping(soon(t), dev, netip.MustParseAddr(addr))
			if err != nil || rtt <= 0 || rtt > 500*time.Millisecond {
				t.Errorf("%s through %q: %v, %v", addr, dev, rtt, err)
			}
		}
	}
	if _, err := p.Ping(soon(t), "eth0", netip.MustParseAddr("fe80::1")); err != nil {
		t.Error(err) // the link says which
	}
	ok(t, p.links.SetUp(t.Context(), "eth1", false))
	for _, c := range []struct{ dev, addr, want string }{
		{"eth0", "192.0.2.2", "no answer to a ping of 192.0.2.2 through eth0"},
		{"eth1", "192.0.2.1", "192.0.2.1 through eth1"}, // it is down: not by way of eth0
		{"", "198.51.100.1", "network is unreachable"},
		{"eth7", "192.0.2.1", backend.ErrNoLink.Error()},
	} {
		if _, err := p.Ping(soon(t), c.dev, netip.MustParseAddr(c.addr)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s through %q: %v, want %q", c.addr, c.dev, err, c.want)
		}
	}
}

// Answers to other people's pings, and forged ones, do not count.
func TestPingKnowsItsOwn(t *testing.T) {
	e := echo{addr: netip.MustParseAddr("192.0.2.1"), token: []byte("0123456789abcdef"), sent: make([]time.Time, 2)}
	from := &net.IPAddr{IP: net.IPv4(192, 0, 2, 1)}
	reply := func(kind byte, id string, seq byte, data string) []byte {
		return append([]byte{kind, 0, 0, 0, id[0], id[1], 0, seq}, data...)
	}
	if seq, ok := e.answered(reply(0, "01", 1, "0123456789abcdef"), from); !ok || seq != 1 {
		t.Error("its own is not known")
	}
	for name, b := range map[string][]byte{
		"a request":     reply(8, "01", 1, "0123456789abcdef"),
		"another id":    reply(0, "02", 1, "0123456789abcdef"),
		"other data":    reply(0, "01", 1, "0123456789abcdeF"),
		"never sent":    reply(0, "01", 2, "0123456789abcdef"),
		"cut short":     reply(0, "01", 1, "")[:6],
		"nothing":       nil,
		"without token": reply(0, "01", 1, ""),
	} {
		if _, ok := e.answered(b, from); ok {
			t.Errorf("%s counts", name)
		}
	}
	if _, ok := e.answered(reply(0, "01", 1, "0123456789abcdef"), &net.IPAddr{IP: net.IPv4(192, 0, 2, 9)}); ok {
		t.Error("another sender counts")
	}
}

func TestDuplicate(t *testing.T) {
	lan(t, []string{"eth0", "eth1"}, "192.0.2.1/24", "2001:db8::1/64")
	p := NewProber(open(t))
	for _, a := range []string{"192.0.2.10/24", "2001:db8::10/64"} { // our own, on another link of the same wire
		ok(t, p.links.SetAddr(t.Context(), "eth1", at(a)))
	}
	for addr, want := range map[string]string{
		"192.0.2.1": peerMAC, "2001:db8::1": peerMAC,
		"192.0.2.10": "", "2001:db8::10": "",
		"192.0.2.20": "", "2001:db8::20": "",
	} {
		mac, err := p.Duplicate(soon(t), "eth0", netip.MustParseAddr(addr))
		if err != nil || mac != want {
			t.Errorf("%s: %q, %v, want %q", addr, mac, err, want)
		}
	}
	if _, err := p.Duplicate(soon(t), "lo", netip.MustParseAddr("192.0.2.1")); err == nil {
		t.Error("a link without MAC is no error")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Duplicate(gone, "eth0", netip.MustParseAddr("192.0.2.20")); err == nil {
		t.Error("a cancelled probe says that nobody has the address")
	}
}

// Another machine that probes for the address at the same time claims it, too.
func TestClaims(t *testing.T) {
	other, _ := net.ParseMAC(peerMAC)
	for _, addr := range []string{"192.0.2.20", "2001:db8::20"} {
		a := netip.MustParseAddr(addr)
		probe, err := question{addr: a, from: func(*net.Interface, netip.Addr) netip.Addr { return unspecified(a) }}.frame(&net.Interface{HardwareAddr: other})
		ok(t, err)
		if mac, claimed := claims(probe, a); !claimed || mac.String() != peerMAC {
			t.Errorf("%s: %v, %v", addr, mac, claimed)
		}
		if _, claimed := claims(probe, a.Next()); claimed {
			t.Errorf("%s: a probe for another address counts", addr)
		}
		if _, answered := answers(probe, a); answered {
			t.Errorf("%s: a probe is no answer", addr)
		}
	}
}

// The peer hears three rounds, from the port's MAC, the first of them before
// Announce returns, and a last one of addresses that the link has.
func TestAnnounce(t *testing.T) {
	lan(t, []string{"eth0"}, "192.0.2.1/24", "2001:db8::1/64")
	l := open(t)
	ip(t, "link set eth0 address 52:54:00:12:34:56")
	ours := []netip.Addr{netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("2001:db8::10")}
	ears := map[bool]*packet.Conn{}
	for kind, is4 := range map[int]bool{unix.ETH_P_ARP: true, unix.ETH_P_IPV6: false} {
		ears[is4] = inPeer(t, func() (*packet.Conn, error) {
			lan, err := peerLAN()
			if err != nil {
				return nil, err
			}
			return packet.Listen(lan, packet.Raw, kind, nil)
		})
		defer ears[is4].Close()
	}
	ok(t, l.Announce(t.Context(), "eth0", ours))
	for _, addr := range ours {
		ear := ears[addr.Is4()]
		ok(t, ear.SetReadDeadline(time.Now().Add(10*time.Second)))
		for heard := 0; heard < 3; {
			f := make([]byte, 2048)
			n, _, err := ear.ReadFrom(f)
			if err != nil {
				t.Fatalf("heard %d of 3 announcements of %s: %v", heard, addr, err)
			}
			if announces(f[:n], addr) {
				heard++
			}
		}
	}
	ip(t, "addr add 192.0.2.10/24 dev eth0")
	ok(t, l.Announce(t.Context(), "eth0", ours[:1]))
	ok(t, ears[true].SetReadDeadline(time.Now().Add(10*time.Second)))
	for heard := 0; heard < 4; {
		f := make([]byte, 2048)
		n, _, err := ears[true].ReadFrom(f)
		if err != nil {
			t.Fatalf("heard %d of 4 announcements of an address that the link has: %v", heard, err)
		}
		if announces(f[:n], ours[0]) {
			heard++
		}
	}
	ip(t, "link set eth0 down")
	if err := l.Announce(t.Context(), "eth0", ours); err == nil || !strings.Contains(err.Error(), "set the link up first") {
		t.Errorf("while down: %v", err)
	}
	ok(t, l.Announce(t.Context(), "lo", ours)) // nobody to tell
}

func announces(f []byte, addr netip.Addr) bool {
	if len(f) < etherHeader || source(f).String() != "52:54:00:12:34:56" {
		return false
	}
	if addr.Is4() {
		a, ok := parseARP(f)
		return ok && a.Operation == arp.OperationRequest && a.SenderIP == addr && a.TargetIP == addr &&
			a.SenderHardwareAddr.String() == "52:54:00:12:34:56" && net.HardwareAddr(f[:6]).String() == "ff:ff:ff:ff:ff:ff"
	}
	m, from, ok := parseNDP(f)
	na, isNA := m.(*ndp.NeighborAdvertisement)
	return ok && isNA && from == addr && na.Override && !na.Solicited && na.TargetAddress == addr &&
		net.HardwareAddr(f[:6]).String() == "33:33:00:00:00:01" && len(na.Options) == 1
}

// A neighbour that knows the old MAC learns the new one from the announcement.
func TestAnnounceMovesNeighbours(t *testing.T) {
	lan(t, []string{"eth0"}, "192.0.2.1/24", "2001:db8::1/64")
	l := open(t)
	ip(t, "link set eth0 address 52:54:00:12:34:56")
	for _, addr := range []string{"192.0.2.10", "2001:db8::10"} {
		ip(t, "-n peer neigh add "+addr+" dev lan lladdr 52:54:00:aa:aa:aa nud reachable")
		ok(t, l.Announce(t.Context(), "eth0", []netip.Addr{netip.MustParseAddr(addr)}))
		hosttest.Eventually(t, "the peer knows the new MAC of "+addr, func() bool {
			return strings.Contains(ip(t, "-n peer neigh show "+addr+" dev lan"), "52:54:00:12:34:56")
		})
	}
}

func TestBlink(t *testing.T) {
	hosttest.NIC(t, "eth0")
	err := open(t).Blink(t.Context(), "eth0", time.Second)
	if err == nil || !strings.Contains(err.Error(), "look for MAC "+strings.Fields(ip(t, "-br link show eth0"))[2]) {
		t.Errorf("got %v", err)
	}
}

func TestCommand(t *testing.T) {
	p := NewProber(open(t))
	ok(t, p.Command(soon(t), "test -z \"$(cat)\" && echo fine"))
	err := p.Command(soon(t), "echo on stdout; echo on stderr >&2; exit 3")
	if err == nil || !strings.Contains(err.Error(), "exit status 3; it said: on stdout\non stderr") {
		t.Errorf("got %v", err)
	}
	long := p.Command(soon(t), "yes ä | head -n 100000; echo the end; false")
	if long == nil || len(long.Error()) > outputKept+200 || !strings.HasSuffix(long.Error(), "the end") {
		t.Errorf("got %v", long)
	}
}

// The whole process group goes with its deadline.
func TestCommandInTime(t *testing.T) {
	p := NewProber(open(t))
	pidFile := t.TempDir() + "/pid"
	err := p.Command(soon(t), "sleep 1000 & echo $! > "+pidFile+"; echo waiting; wait")
	if err == nil || !strings.Contains(err.Error(), "did not end in time; it said: waiting") {
		t.Errorf("got %v", err)
	}
	b, err := os.ReadFile(pidFile)
	ok(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	ok(t, err)
	hosttest.Eventually(t, "the sleeping child has ended", func() bool {
		return syscall.Kill(pid, 0) == syscall.ESRCH
	})
}

// What comes from the wire is parsed without trust.
func FuzzFrames(f *testing.F) {
	mac, _ := net.ParseMAC(peerMAC)
	addr4, addr6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for _, make := range []func() ([]byte, error){
		func() ([]byte, error) { return arpRequest(mac, addr4, addr4) },
		func() ([]byte, error) { return solicitation(mac, addr6, addr6) },
		func() ([]byte, error) { return advertisement(mac, addr6, true) },
	} {
		frame, err := make()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		for _, a := range []netip.Addr{addr4, addr6} {
			if mac, ok := claims(frame, a); ok && len(mac) != 6 {
				t.Errorf("claimed by %v", mac)
			}
		}
	})
}
