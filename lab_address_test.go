package main

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"bridgehead/backend/lab"
)

// A NIC with several addresses of both families, routes and rules of its own, and strict reverse-path
// filtering: all of it moves, and all of it comes back.
func TestEverythingOfTheNIC(t *testing.T) {
	h := up(t, lab.Spec{
		IPv6:    true,
		Sysctls: map[string]string{"ipv4/conf/all/rp_filter": "1", "ipv4/conf/default/rp_filter": "1"},
		Interfaces: `auto lo
iface lo inet loopback

auto eth0
iface eth0 inet static
    address 10.77.0.10/24
    gateway 10.77.0.1
    up ip addr add 10.77.0.11/24 dev $IFACE
    up ip addr add 192.0.2.10/25 dev $IFACE
    up ip route add 203.0.113.0/24 via 10.77.0.1 dev $IFACE
    up ip route add default via 10.77.0.1 dev $IFACE table 100
    up ip rule add from 192.0.2.10 lookup 100 priority 100
    up ip rule add iif $IFACE lookup 100 priority 101

iface eth0 inet6 static
    address fd00:77::10/64
    gateway fd00:77::1
`,
	})
	addr6 := netip.MustParseAddr(lab.HostAddr6)
	four, six := h.session(hostAddr), h.session(addr6)
	h.goAndReturn(func() {
		h.alive(four)
		h.alive(six)
		for script, want := range map[string]string{
			"ip -4 -br addr show examplebr0p1":              "10.77.0.10/24 192.0.2.10/25 10.77.0.11/24",
			"ip -6 addr show dev examplebr0p1 scope global": "inet6 fd00:77::10/64",
			"ip -6 route show default":                      "default via fd00:77::1 dev examplebr0p1",
			"ip route show 203.0.113.0/24":                  "203.0.113.0/24 via 10.77.0.1 dev examplebr0p1",
			"ip route show table 100":                       "default via 10.77.0.1 dev examplebr0p1",
			"ip rule":                                       "101: from all iif examplebr0p1 lookup 100",
			"cat /proc/sys/net/ipv4/conf/examplebr0p1/rp_filter /proc/sys/net/ipv4/conf/eth0/rp_filter": "1 1",
		} {
			if got := h.sh(script); !strings.Contains(words(got), want) {
				t.Errorf("%s prints %q, want %q", script, got, want)
			}
		}
		if got := h.sh("ip -o addr show dev eth0 scope global"); got != "" {
			t.Errorf("addresses left on the NIC: %s", got)
		}
		h.reaches(addr6)
	})
}

// A host with a lease keeps it; the client moves with the address, and back.
func TestDHCP(t *testing.T) {
	h := up(t, lab.Spec{DHCP: true, Interfaces: "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet dhcp\n"})
	login := h.session(hostAddr)
	h.goAndReturn(func() {
		h.alive(login)
		if got := h.sh("pgrep -a dhclient"); !strings.Contains(got, "examplebr0p1") || strings.Contains(got, "eth0") {
			t.Errorf("DHCP clients: %s", got)
		}
		if got := h.sh("ip -4 -br addr show examplebr0p1"); !strings.Contains(got, " 10.77.0.10/24") {
			t.Errorf("address of the port: %s", got)
		}
	})
}

// Another address than before.
func TestNewAddress(t *testing.T) {
	h := up(t, lab.Spec{})
	h.answers("address: {method: static, addresses: [10.77.0.20/24], gateway: 10.77.0.1}")
	h.goAndReturn(func() {
		h.reaches(netip.MustParseAddr("10.77.0.20"))
		if h.Client("ping", "-q", "-c1", "-W0.3", lab.HostAddr).Run() == nil {
			t.Error("the old address still answers")
		}
	})
}

// A change that does not work is never confirmed by itself.
func TestUnreachableIsNotConfirmed(t *testing.T) {
	h := up(t, lab.Spec{})
	before := h.snapshot()
	h.answers("address: {method: static, addresses: [192.0.2.20/24], gateway: 192.0.2.1}")
	h.run("apply", "--answers", answersPath, "--auto-confirm", "--confirm-within", "10s").
		want(t, 4, "failed: gateway 192.0.2.1 answers ARP through examplebr0p1", "nobody confirmed in time")
	h.same(before)
	h.unguarded()
}

// The address is hardly ever off the net, there and back, near by and through the gateway: on a machine that is busy
// with other tests not for a tenth of a second. Figures are the benchmark's.
func TestTheCutIsShort(t *testing.T) {
	h := up(t, lab.Spec{})
	near := h.probe(lab.Probe{Target: hostAddr, Interval: 10 * time.Millisecond})
	far := h.probe(lab.Probe{Target: hostAddr, Source: netip.MustParseAddr(lab.FarAddr), Interval: 10 * time.Millisecond})
	h.apply()
	h.run("rollback").want(t, 0)
	for _, r := range []lab.Report{near.Stop(), far.Stop()} {
		t.Log(r)
		if r.Longest > 100*time.Millisecond || r.Down || r.Sent < 10 {
			t.Error(r)
		}
	}
}
