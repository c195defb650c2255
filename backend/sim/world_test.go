package sim_test

import (
	"errors"
	"net/netip"
	"testing"

	"bridgehead/backend"
	"bridgehead/backend/sim"
)

var (
	host    = netip.MustParseAddr("192.168.1.100")
	gateway = netip.MustParseAddr("192.168.1.1")
	lan     = netip.MustParsePrefix("192.168.1.100/24")
	outside = netip.MustParseAddr("9.9.9.9")
	all4    = netip.MustParsePrefix("0.0.0.0/0")
)

func TestDemoIsReachable(t *testing.T) {
	m := sim.Demo()
	if err := m.Reachable(host); err != nil {
		t.Error(err)
	}
	if err := m.Ping("", gateway); err != nil {
		t.Error(err)
	}
	if err := m.Ping("eth0", outside); err != nil {
		t.Error(err)
	}
	if mac, err := m.Host().Prober.ARP(t.Context(), "eth0", gateway); err != nil || mac != "00:00:5e:00:01:01" {
		t.Error(mac, err)
	}
}

// step is one thing that an operator does, and whether the client reaches the host after it.
type step struct {
	what    string
	do      func(backend.Host) error
	reaches bool
}

func run(t *testing.T, m *sim.Machine, steps []step) {
	t.Helper()
	h := m.Host()
	for _, s := range steps {
		if err := s.do(h); err != nil {
			t.Fatalf("%s: %v", s.what, err)
		}
		if err := m.Reachable(host); (err == nil) != s.reaches {
			t.Fatalf("after %s: reachable %v, want %v (%v)\n%s", s.what, err == nil, s.reaches, err, m.Snapshot())
		}
	}
}

func vsctl(args ...string) func(backend.Host) error {
	return func(h backend.Host) error { return h.Switch.Transact(tctx, args...) }
}

func addAddr(dev string, metric int) func(backend.Host) error {
	return func(h backend.Host) error {
		return h.Links.SetAddr(tctx, dev, backend.Addr{Prefix: lan, Scope: "global", Metric: metric})
	}
}

func delAddr(dev string) func(backend.Host) error {
	return func(h backend.Host) error { return h.Links.DelAddr(tctx, dev, backend.Addr{Prefix: lan}) }
}

func defaultRoute(dev string) func(backend.Host) error {
	return func(h backend.Host) error {
		return h.Links.SetRoute(tctx, backend.Route{Dst: all4, Gateway: gateway, Dev: dev, OnLink: true})
	}
}

func up(dev string, on bool) func(backend.Host) error {
	return func(h backend.Host) error { return h.Links.SetUp(tctx, dev, on) }
}

func announce(dev string) func(backend.Host) error {
	return func(h backend.Host) error { return h.Links.Announce(tctx, dev, []netip.Addr{host}) }
}

func sysctl(key, value string) func(backend.Host) error {
	return func(h backend.Host) error { return h.Links.SetSysctl(tctx, key, value) }
}

const nicMAC = "00:1b:21:3a:4f:10"

var prepare = []step{
	{"bridge", vsctl("add-br", "br0", "--", "set", "Bridge", "br0", `other_config:hwaddr="`+nicMAC+`"`,
		"--", "add-port", "br0", "br0p1", "--", "set", "Interface", "br0p1", "type=internal", `mac="`+nicMAC+`"`), true},
	{"port up", up("br0p1", true), true},
	{"staged address", addAddr("br0p1", 1000), true},
}

// The order that costs nothing (labs.md, "The cut, measured").
func TestCutOfNothing(t *testing.T) {
	m := sim.Demo()
	run(t, m, append(prepare, []step{
		{"add-port", vsctl("add-port", "br0", "eth0"), true},
		{"connected route", addAddr("br0p1", 0), true},
		{"default route", defaultRoute("br0p1"), true},
		{"address off eth0", delAddr("eth0"), true},
		{"announce", announce("br0p1"), true},
	}...))
	m.Advance(3600e9)
	if err := m.Reachable(host); err != nil {
		t.Error(err)
	}
	if err := m.Ping("br0p1", gateway); err != nil {
		t.Error(err)
	}
}

func TestAddPortCutsTheNICOff(t *testing.T) {
	m := sim.Demo()
	run(t, m, []step{
		{"bridge", vsctl("add-br", "br0"), true},
		{"add-port", vsctl("add-port", "br0", "eth0"), false},
		{"del-port", vsctl("del-port", "br0", "eth0"), true},
	})
}

func TestUserspaceDatapathLeavesTheNICItsFrames(t *testing.T) {
	m := sim.Demo()
	run(t, m, []step{
		{"bridge", vsctl("add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev"), true},
		{"add-port", vsctl("add-port", "br0", "eth0"), true},
	})
}

// With a MAC of its own the port is found only once it has announced itself, or
// the neighbours have given up on the old one.
func TestAnotherMACNeedsAnAnnouncement(t *testing.T) {
	move := []step{
		{"bridge", vsctl("add-br", "br0", "--", "add-port", "br0", "br0p1", "--", "set", "Interface", "br0p1", "type=internal"), true},
		{"port up", up("br0p1", true), true},
		{"add-port", vsctl("add-port", "br0", "eth0"), false},
		{"address", addAddr("br0p1", 0), false},
		{"address off eth0", delAddr("eth0"), false},
		{"default route", defaultRoute("br0p1"), false},
	}
	m := sim.Demo()
	run(t, m, append(move, step{"announce", announce("br0p1"), true}))
	m = sim.Demo()
	run(t, m, move)
	m.Advance(30e9)
	if err := m.Reachable(host); err != nil {
		t.Errorf("after the neighbours asked again: %v", err)
	}
}

func TestStrictReversePathFilter(t *testing.T) {
	m := sim.Demo()
	run(t, m, prepare)
	run(t, m, []step{
		{"strict", sysctl("ipv4/conf/br0p1/rp_filter", "1"), true},
		{"add-port", vsctl("add-port", "br0", "eth0"), false},
		{"loose", sysctl("ipv4/conf/br0p1/rp_filter", "2"), true},
		{"strict again", sysctl("ipv4/conf/br0p1/rp_filter", "1"), false},
		{"the route follows", func(h backend.Host) error {
			if err := addAddr("eth0", 2000)(h); err != nil {
				return err
			}
			return addAddr("br0p1", 0)(h)
		}, true},
	})
}

func TestDownAndBack(t *testing.T) {
	m := sim.Demo()
	run(t, m, []step{
		{"down", up("eth0", false), false},
		{"up", up("eth0", true), true}, // the client is on the same network
	})
	if err := m.Ping("", outside); err == nil {
		t.Error("the default route came back with the link")
	}
	m.Plug("eth0", false)
	if m.Reachable(host) == nil {
		t.Error("reachable without a cable")
	}
}

func TestVLANTagMustMatch(t *testing.T) {
	spec := sim.DemoSpec()
	for i := range spec.Peers {
		spec.Peers[i].VLAN = 10
	}
	spec.NICs[0].Addrs = nil
	spec.Routes = nil
	spec.Links = []backend.Link{{Name: "eth0.10", Kind: "vlan", Parent: "eth0", VLAN: 10, MAC: nicMAC, Up: true,
		Addrs: []backend.Addr{{Prefix: lan, Scope: "global"}}}}
	m := sim.New(spec)
	if err := m.Reachable(host); err != nil {
		t.Fatal(err)
	}
	run(t, m, prepare)
	run(t, m, []step{
		{"tag", vsctl("set", "Port", "br0p1", "tag=10"), true},
		{"add-port", vsctl("add-port", "br0", "eth0"), true},
		{"address off eth0.10", delAddr("eth0.10"), false}, // which hears the answers all the same
		{"eth0.10 down", up("eth0.10", false), false},
		{"eth0.10 removed", func(h backend.Host) error { return h.Links.DelVLAN(tctx, "eth0.10") }, true},
		{"wrong tag", vsctl("set", "Port", "br0p1", "tag=11"), false},
		{"no tag", vsctl("clear", "Port", "br0p1", "tag"), false},
		{"right tag", vsctl("set", "Port", "br0p1", "tag=10"), true},
		{"secure", vsctl("set", "Bridge", "br0", "fail_mode=secure"), false},
		{"eth0.10 again", func(h backend.Host) error {
			v := backend.Link{Name: "eth0.10", Parent: "eth0", VLAN: 10, MAC: nicMAC, MTU: 1500}
			return errors.Join(h.Links.AddVLAN(tctx, v), h.Links.SetUp(tctx, v.Name, true), addAddr(v.Name, 0)(h))
		}, true}, // eth0 is the bridge's, and its VLAN links are asked first
	})
}

func TestBond(t *testing.T) {
	bond := func(group string, settings ...string) *sim.Machine {
		spec := sim.DemoSpec()
		spec.NICs[0].PortChannel, spec.NICs[1].PortChannel = "", ""
		m := sim.New(spec)
		run(t, m, prepare)
		if group != "" {
			m.SetPortChannel("eth0", group)
			m.SetPortChannel("eth1", group)
		}
		h := m.Host()
		for _, do := range []func(backend.Host) error{
			delAddr("eth0"),
			vsctl(append([]string{"add-bond", "br0", "bond0", "eth0", "eth1"}, settings...)...),
			addAddr("br0p1", 0), announce("br0p1"),
		} {
			if err := do(h); err != nil {
				t.Fatal(err)
			}
		}
		return m
	}
	for _, c := range []struct {
		name, group string
		settings    []string
		reaches     bool
	}{
		{"active-backup on plain ports", "", nil, true},
		{"LACP without a partner", "", []string{"lacp=active"}, false},
		{"LACP without a partner, with fallback", "", []string{"lacp=active", "other_config:lacp-fallback-ab=true"}, true},
		{"LACP with a partner", "po1", []string{"lacp=active", "bond_mode=balance-tcp"}, true},
		{"no LACP on a port channel", "po1", nil, false},
		{"balance-tcp without LACP", "", []string{"bond_mode=balance-tcp"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := bond(c.group, c.settings...)
			if err := m.Reachable(host); (err == nil) != c.reaches {
				t.Errorf("reachable: %v, want %v (%v)", err == nil, c.reaches, err)
			}
		})
	}
}

func TestTwoUplinksAreALoop(t *testing.T) {
	m := sim.Demo()
	run(t, m, prepare)
	run(t, m, []step{
		{"add-port", vsctl("add-port", "br0", "eth0"), true},
		{"second uplink", vsctl("add-port", "br0", "eth1"), false},
		{"spanning tree", vsctl("set", "Bridge", "br0", "rstp_enable=true"), true},
	})
}

// The upstream switch sends to the port where it last saw the MAC: a bond that
// talks through another NIC is deaf until it has announced itself (labs.md, "Bonds").
func TestUpstreamSwitchLearns(t *testing.T) {
	for primary, reaches := range map[string]bool{"eth0": true, "eth1": false} {
		m := sim.Demo()
		run(t, m, prepare)
		run(t, m, []step{
			{"bond over " + primary, vsctl("add-bond", "br0", "bond0", "eth0", "eth1", "other_config:bond-primary="+primary), reaches},
			{"connected route", addAddr("br0p1", 0), reaches},
			{"address off eth0", delAddr("eth0"), reaches},
			{"announce", announce("br0p1"), true},
		})
	}
}

// field-notes.md: "A bridge takes its MAC from the lowest port, skips locally
// administered ones"; an internal port follows the smallest MTU.
func TestMACAndMTUOfABridge(t *testing.T) {
	spec := sim.DemoSpec()
	spec.NICs[1].MAC = "52:54:00:00:00:01"
	m := sim.New(spec)
	h := m.Host()
	expect := func(what, mac string, mtu int) {
		t.Helper()
		links, err := h.Links.List(tctx)
		must(t, err)
		for _, l := range links {
			if l.Name == "br0" && (mac != "" && l.MAC != mac || l.MTU != mtu) {
				t.Errorf("%s: MAC %s, MTU %d; want %s, %d", what, l.MAC, l.MTU, mac, mtu)
			}
		}
	}
	must(t, h.Links.SetMTU(tctx, "eth0", 9000))
	must(t, h.Links.SetMTU(tctx, "eth1", 9000))
	must(t, h.Switch.Transact(tctx, "add-br", "br0"))
	expect("without ports", "", 1500)
	must(t, h.Switch.Transact(tctx, "add-port", "br0", "eth1"))
	expect("a locally administered NIC", "", 9000)
	if own(t, h) == "52:54:00:00:00:01" {
		t.Error("the bridge took a locally administered MAC")
	}
	must(t, h.Switch.Transact(tctx, "add-port", "br0", "eth0"))
	expect("a second NIC", nicMAC, 9000)
	must(t, h.Links.SetMTU(tctx, "eth0", 1400))
	expect("a smaller MTU", nicMAC, 1400)
	must(t, h.Switch.Transact(tctx, "set", "Bridge", "br0", `other_config:hwaddr="52:54:00:aa:bb:cc"`, "--", "set", "Interface", "br0", "mtu_request=1300", `mac="52:54:00:00:00:99"`))
	expect("hwaddr, and the ignored mac of the bridge's own port", "52:54:00:aa:bb:cc", 1300)
}

// own is the MAC of br0 now.
func own(t *testing.T, h backend.Host) string {
	t.Helper()
	links, err := h.Links.List(tctx)
	must(t, err)
	for _, l := range links {
		if l.Name == "br0" {
			return l.MAC
		}
	}
	t.Fatal("there is no br0")
	return ""
}
