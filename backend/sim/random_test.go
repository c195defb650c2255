package sim_test

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/sim"
)

// anything is what may happen to a host, wise or not.
var anything = []func(*rand.Rand, *sim.Machine, backend.Host) error{
	func(r *rand.Rand, _ *sim.Machine, h backend.Host) error {
		return h.Links.SetUp(tctx, dev(r), r.IntN(3) > 0)
	},
	func(r *rand.Rand, _ *sim.Machine, h backend.Host) error {
		return h.Links.SetMTU(tctx, dev(r), 1000+r.IntN(9000))
	},
	func(r *rand.Rand, _ *sim.Machine, h backend.Host) error {
		return h.Links.SetAddr(tctx, dev(r), backend.Addr{Prefix: pick(r, addrs...), Metric: r.IntN(3) * 100, NoPrefixRoute: r.IntN(4) == 0})
	},
	func(r *rand.Rand, _ *sim.Machine, h backend.Host) error {
		return h.Links.DelAddr(tctx, dev(r), backend.Addr{Prefix: pick(r, addrs...)})
	},
	func(r *rand.Rand, _ *sim.Machine, h backend.Host) error {
		return h.Links.SetRoute(tctx, backend.Route{Dst: pick(r, all4, lan.Masked(), netip.MustParsePrefix("::/0")), Gateway: pick(r, gateway, netip.Addr{}, netip.MustParseAddr("fe80::1")), Dev: dev(r), Metric: r.IntN(2)})
	},
	func(r *rand.Rand, _ *sim.Machine, h backend.Host) error {
		return h.Links.DelRoute(tctx, backend.Route{Dst: all4, Gateway: gateway, Dev: dev(r), OnLink: true})
	},
	func(r *rand.Rand, _ *sim.Machine, h backend.Host) error {
		return h.Links.SetSysctl(tctx, pick(r, "ipv4/conf/all/rp_filter", "ipv4/conf/eth0/rp_filter", "ipv6/conf/all/disable_ipv6", "ipv6/conf/eth0/disable_ipv6"), pick(r, "0", "1", "2"))
	},
	func(r *rand.Rand, _ *sim.Machine, h backend.Host) error {
		return h.Links.Announce(tctx, dev(r), []netip.Addr{host})
	},
	func(r *rand.Rand, _ *sim.Machine, h backend.Host) error {
		return h.Switch.Transact(tctx, strings.Fields(pick(r, lines...))...)
	},
	func(r *rand.Rand, _ *sim.Machine, h backend.Host) error { return h.Switch.Release(tctx, dev(r)) },
	func(r *rand.Rand, _ *sim.Machine, h backend.Host) error {
		return h.Processes.Start(tctx, strings.Fields(pick(r, "ifup eth0", "ifdown eth0", "ifup br0p1", "dhclient eth0", "dhclient br0p1"))...)
	},
	func(r *rand.Rand, _ *sim.Machine, h backend.Host) error {
		return pick(r, h.Virt.StartNetwork, h.Virt.StopNetwork, h.Virt.UndefineNetwork)(tctx, "default")
	},
	func(r *rand.Rand, m *sim.Machine, _ backend.Host) error {
		pick(r, m.Stop, m.Hang, m.Start, m.Start, m.Start)(pick(r, sim.Vswitchd, sim.OVSDB, sim.Libvirtd))
		return nil
	},
	func(r *rand.Rand, m *sim.Machine, _ backend.Host) error {
		m.Plug(pick(r, "eth0", "eth1"), r.IntN(3) > 0)
		return nil
	},
	func(r *rand.Rand, m *sim.Machine, _ backend.Host) error { m.Advance(time.Second); return nil },
}

var (
	addrs = []netip.Prefix{lan, netip.MustParsePrefix("192.168.1.101/24"), netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("2001:db8::1/64")}
	lines = []string{
		"--may-exist add-br br0", "--if-exists del-br br0", "add-br br1 -- set Bridge br1 datapath_type=netdev", "--if-exists del-br br1",
		"--may-exist add-port br0 br0p1 -- set Interface br0p1 type=internal", "--if-exists del-port br0p1", "--may-exist add-port br0 eth0", "--may-exist add-port br1 eth0",
		"--if-exists del-port eth0", "add-bond br0 bond0 eth0 eth1 lacp=active", "--if-exists del-port bond0", "set Port br0p1 tag=10", "clear Port br0p1 tag",
		"add-port br0 vnet0", "add-port br0 virbr0", "set Interface br0p1 type=\"\"", "set Bridge br0 fail_mode=secure", "add-port br1 eth9",
	}
)

func dev(r *rand.Rand) string { return pick(r, "eth0", "eth1", "br0", "br0p1", "lo", "virbr0") }

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// Whatever happens: no panic, the same again from the same seed, no address, route
// or master without its link, and a reboot brings the host back to its files.
func TestWhateverHappens(t *testing.T) {
	for seed := range uint64(300) {
		once, again := happen(t, seed), happen(t, seed)
		if once.Snapshot() != again.Snapshot() {
			t.Fatalf("seed %d gives two states:\n%s\n%s", seed, once.Snapshot(), again.Snapshot())
		}
		once.Plug("eth0", true)
		h := once.Host()
		once.Start(sim.OVSDB)
		once.Start(sim.Vswitchd)
		for _, br := range []string{"br0", "br1"} {
			must(t, h.Switch.Transact(tctx, "--if-exists", "del-br", br))
		}
		once.Reboot()
		if err := once.Reachable(host); err != nil {
			t.Fatalf("seed %d: after a reboot without bridges: %v %q\n%s", seed, err, once.BootLog(), once.Snapshot())
		}
	}
}

func happen(t *testing.T, seed uint64) *sim.Machine {
	r := rand.New(rand.NewPCG(seed, 1))
	m := sim.Demo()
	h := m.Host()
	for range 40 {
		_ = pick(r, anything...)(r, m, h) // refusals are part of it
		_ = m.Reachable(host)
		consistent(t, seed, h)
	}
	return m
}

func consistent(t *testing.T, seed uint64, h backend.Host) {
	t.Helper()
	links, err := h.Links.List(tctx)
	must(t, err)
	there := map[string]bool{"": true}
	for _, l := range links {
		there[l.Name] = l.Up
	}
	for _, l := range links {
		if _, ok := there[l.Master]; !ok {
			t.Fatalf("seed %d: %s has the master %s, which is not there", seed, l.Name, l.Master)
		}
	}
	routes, err := h.Links.Routes(tctx)
	must(t, err)
	for _, r := range routes {
		if !there[r.Dev] {
			t.Fatalf("seed %d: a route through %s, which is not up: %+v", seed, r.Dev, r)
		}
	}
}
