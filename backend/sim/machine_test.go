package sim_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/sim"
)

var tctx = context.Background()

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// moved is the demo host with its address on br0p1, the files written, nothing lost.
func moved(t *testing.T) *sim.Machine {
	t.Helper()
	m := sim.Demo()
	run(t, m, append(prepare, []step{
		{"add-port", vsctl("add-port", "br0", "eth0"), true},
		{"connected route", addAddr("br0p1", 0), true},
		{"default route", defaultRoute("br0p1"), true},
		{"address off eth0", delAddr("eth0"), true},
	}...))
	return m
}

const convertedInterfaces = `auto lo
iface lo inet loopback

auto eth0
iface eth0 inet manual
	up ip link set $IFACE up
	down ip link set $IFACE down

auto br0p1
iface br0p1 inet static
	address 192.168.1.100/24
	gateway 192.168.1.1
`

func TestSameMachineSameSnapshot(t *testing.T) {
	if a, b := sim.Demo().Snapshot(), sim.Demo().Snapshot(); a != b {
		t.Errorf("two demo hosts differ:\n%s\n%s", a, b)
	}
	a, b := moved(t).Snapshot(), moved(t).Snapshot()
	if a != b || a == sim.Demo().Snapshot() {
		t.Error("the snapshot of the moved host")
	}
}

func TestMoveAndBackIsNothing(t *testing.T) {
	m := moved(t)
	run(t, m, []step{
		{"address on eth0", addAddrBrd("eth0"), true},
		{"del-port", vsctl("del-port", "br0", "eth0"), false}, // the host still answers through br0p1
		{"default route", defaultRoute("eth0"), false},
		{"address off br0p1", delAddr("br0p1"), true},
		{"del-br", vsctl("del-br", "br0"), true},
	})
	if got, want := m.Snapshot(), sim.Demo().Snapshot(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func addAddrBrd(dev string) func(backend.Host) error {
	return func(h backend.Host) error {
		return h.Links.SetAddr(tctx, dev, backend.Addr{Prefix: lan, Scope: "global", Broadcast: netip.MustParseAddr("192.168.1.255")})
	}
}

func TestRebootBringsBackWhatTheFilesSay(t *testing.T) {
	m := sim.Demo()
	before, boot := m.Snapshot(), m.Host().Clock.BootID()
	m.Reboot()
	if m.Host().Clock.BootID() == boot {
		t.Error("the boot id did not change")
	}
	kernel := func(s string) string { _, s, _ = strings.Cut(s, "eth0:"); s, _, _ = strings.Cut(s, "eth1:"); return s }
	if got, want := kernel(m.Snapshot()), kernel(before); got != want {
		t.Errorf("eth0 after the boot:\n%s\nwant:\n%s\n%s", got, want, m.BootLog())
	}
	must(t, m.Reachable(host))
	must(t, m.Ping("", outside))

	m = moved(t)
	m.Reboot() // OVSDB is new, the files are old: eth0 has the address and hears nothing
	if m.Reachable(host) == nil {
		t.Error("reachable with the NIC in the bridge and the address on the NIC")
	}
	m = moved(t)
	m.Edit("/etc/network/interfaces", convertedInterfaces)
	m.Reboot()
	if err := m.Reachable(host); err != nil {
		t.Errorf("converted host: %v %q\n%s", err, m.BootLog(), m.Snapshot())
	}
	m = moved(t)
	m.OnBoot(func() { must(t, m.Spawn(1, "bridgehead").Switch.Transact(tctx, "del-br", "br0")) })
	m.Reboot()
	must(t, m.Reachable(host)) // the boot unit took the bridge away before the network came up
}

func TestPowerCutLosesWhatWasNotSynced(t *testing.T) {
	for _, sync := range []bool{false, true} {
		m := sim.Demo()
		h := m.Host()
		must(t, h.Switch.Transact(tctx, "add-br", "old"))
		m.Advance(time.Minute)
		must(t, h.Switch.Transact(tctx, "add-br", "new"))
		if sync {
			must(t, h.Switch.Sync(tctx))
		}
		m.PowerCut(3 * time.Second)
		st, err := m.Host().Switch.State(tctx)
		must(t, err)
		if want := 1 + map[bool]int{true: 1}[sync]; len(st.Bridges) != want {
			t.Errorf("synced %v: %d bridges, want %d", sync, len(st.Bridges), want)
		}
	}
}

func TestPowerCutLosesWhatLibvirtDidNotSync(t *testing.T) {
	for _, sync := range []bool{false, true} {
		m := sim.Demo()
		h := m.Host()
		must(t, h.Virt.AutostartNetwork(tctx, "default", true))
		m.Advance(time.Minute)
		must(t, h.Virt.AutostartNetwork(tctx, "default", false))
		if sync {
			must(t, h.Virt.Sync(tctx))
		}
		m.PowerCut(3 * time.Second)
		st, err := m.Host().Virt.State(tctx)
		must(t, err)
		for _, n := range st.Networks {
			if n.Name == "default" && n.Autostart == sync {
				t.Errorf("synced %v: it starts with the host: %v", sync, n.Autostart)
			}
		}
	}
}

func TestKilledProcess(t *testing.T) {
	m := sim.Demo()
	a, b := m.Host(), m.Host()
	_, err := a.Files.Lock("/var/lib/bridgehead/lock")
	must(t, err)
	if _, err := b.Files.Lock("/var/lib/bridgehead/lock"); !errors.Is(err, backend.ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	fired := a.Clock.After(time.Second)
	m.Kill(a.Processes.Self())
	release, err := b.Files.Lock("/var/lib/bridgehead/lock")
	must(t, err)
	release()
	if err := a.Links.SetUp(tctx, "eth0", false); !errors.Is(err, sim.ErrKilled) {
		t.Errorf("a change by a dead process: %v", err)
	}
	if _, err := a.Files.Read("/etc/hosts"); !errors.Is(err, sim.ErrKilled) {
		t.Errorf("a look by a dead process: %v", err)
	}
	m.Advance(time.Minute)
	select {
	case <-fired:
		t.Error("a timer of a dead process fired")
	default:
	}
	must(t, m.Reachable(host))
}

func TestDisk(t *testing.T) {
	m := sim.Demo()
	h := m.Host()
	before := m.Snapshot()
	file := backend.File{Exists: true, Data: []byte("x"), Mode: 0o644}
	refused := func(what string) {
		t.Helper()
		for name, err := range map[string]error{
			"write":  h.Files.Write("/etc/network/interfaces", file),
			"append": h.Files.Append("/etc/network/journal", []byte("x")),
			"room":   h.Files.Room("/etc/network/interfaces", 1),
		} {
			if err == nil {
				t.Errorf("%s: %s is no error", what, name)
			}
		}
	}
	m.FillDisk(true)
	refused("full")
	m.FillDisk(false)
	m.MountReadOnly("/etc")
	refused("read-only")
	must(t, h.Files.Write("/var/lib/bridgehead/x", file))
	m.MountReadOnly()
	if m.Snapshot() != before {
		t.Error("something was written, or the snapshot has Bridgehead's own directory")
	}
	must(t, h.Files.Write("/etc/network/interfaces", file))
	if m.Snapshot() == before {
		t.Error("the snapshot does not show a file that changed")
	}
}

func TestDHCP(t *testing.T) {
	spec := sim.DemoSpec()
	spec.NICs[0].Addrs, spec.Routes = nil, nil
	spec.DHCP = []sim.DHCPServer{{Wire: "lan", Leases: map[string]netip.Prefix{nicMAC: lan}, Gateway: gateway}}
	m := sim.New(spec)
	h := m.Host()
	must(t, h.Processes.Start(tctx, "dhclient", "-v", "eth0"))
	must(t, m.Reachable(host))
	must(t, h.Switch.Transact(tctx, "add-br", "br0", "--", "add-port", "br0", "br0p1", "--", "set", "Interface", "br0p1", "type=internal", `mac="`+nicMAC+`"`, "--", "add-port", "br0", "eth0"))
	must(t, h.Processes.Start(tctx, "dhclient", "-v", "br0p1"))
	procs, err := h.Processes.List(tctx)
	must(t, err)
	clients := 0
	for _, p := range procs {
		if p.Name == "dhclient" {
			clients++
		}
	}
	if clients != 2 {
		t.Errorf("%d DHCP clients", clients)
	}
	must(t, h.Links.DelAddr(tctx, "eth0", backend.Addr{Prefix: lan}))
	must(t, h.Links.SetRoute(tctx, backend.Route{Dst: all4, Gateway: gateway, Dev: "br0p1"}))
	must(t, m.Reachable(host))
	if err := h.Processes.Start(tctx, "dhclient", "eth3"); err == nil {
		t.Error("a lease on a NIC without a cable")
	}
}

func TestPackages(t *testing.T) {
	spec := sim.DemoSpec()
	spec.OVS = nil
	delete(spec.Packages, "openvswitch-switch")
	m := sim.New(spec)
	h := m.Host()
	if st, _ := h.Switch.State(tctx); st.Installed {
		t.Fatal("Open vSwitch is there")
	}
	var lines []string
	must(t, h.Packages.Install(tctx, []string{"openvswitch-switch"}, func(l string) { lines = append(lines, l) }))
	if st, _ := h.Switch.State(tctx); !st.Running || len(lines) < 3 {
		t.Errorf("after the installation: %+v %q", st, lines)
	}
	if err := h.Packages.Install(tctx, []string{"nonesuch"}, nil); err == nil {
		t.Error("an unknown package was installed")
	}
	u, err := h.Services.Unit(tctx, "ovs-vswitchd")
	must(t, err)
	if u.Active != "active" || len(u.Before) == 0 {
		t.Errorf("%+v", u)
	}
}

func TestClock(t *testing.T) {
	m := sim.Demo()
	c := m.Host().Clock
	ticks := 0
	m.OnTick(func() { ticks++ })
	now, up := c.Now(), c.Boottime()
	after := c.After(90 * time.Second)
	m.Advance(89 * time.Second)
	select {
	case <-after:
		t.Fatal("too early")
	default:
	}
	m.Advance(time.Second)
	<-after
	m.JumpWallClock(time.Hour)
	if d := c.Now().Sub(now); d != time.Hour+90*time.Second || c.Boottime()-up != 90*time.Second || ticks != 90 {
		t.Errorf("%v %v %d", d, c.Boottime()-up, ticks)
	}
	m.Hurry(true)
	<-c.After(time.Minute)
}

func BenchmarkCut(b *testing.B) {
	for b.Loop() {
		m := sim.Demo()
		h := m.Host()
		for _, s := range append(prepare, step{"add-port", vsctl("add-port", "br0", "eth0"), true}) {
			if err := s.do(h); err != nil {
				b.Fatal(err)
			}
			if err := m.Reachable(host); err != nil {
				b.Fatal(err)
			}
		}
		_ = m.Snapshot()
	}
}

// What ifdown does to a NIC that is a port of a bridge (labs.md: "never comes back").
func TestIfdownLeavesTheNICDown(t *testing.T) {
	m := moved(t)
	h := m.Host()
	must(t, h.Processes.Start(tctx, "ifdown", "eth0"))
	if m.Reachable(host) == nil {
		t.Error("reachable through a NIC that is down")
	}
	must(t, h.Switch.Transact(tctx, "--may-exist", "add-port", "br0", "eth0"))
	if m.Reachable(host) == nil {
		t.Error("Open vSwitch raised the NIC")
	}
	must(t, h.Links.SetUp(tctx, "eth0", true))
	must(t, m.Reachable(host))
}

func TestUserspacePortsEndWithTheirDaemon(t *testing.T) {
	m := sim.Demo()
	h := m.Host()
	must(t, h.Switch.Transact(tctx, "add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev"))
	must(t, h.Links.SetUp(tctx, "br0", true))
	m.Stop(sim.Vswitchd)
	if err := h.Links.SetUp(tctx, "br0", true); !errors.Is(err, backend.ErrNoLink) {
		t.Errorf("the tap outlived its process: %v", err)
	}
	m.Start(sim.Vswitchd)
	must(t, h.Links.SetUp(tctx, "br0", true))
}

func TestAppctl(t *testing.T) {
	spec := sim.DemoSpec()
	spec.NICs[0].PortChannel, spec.NICs[1].PortChannel = "po1", "po1"
	h := sim.New(spec).Host()
	must(t, h.Switch.Transact(tctx, "add-br", "br0", "--", "add-bond", "br0", "good", "eth0", "eth1", "lacp=active", "bond_mode=balance-tcp",
		"--", "add-bond", "br0", "lonely", "eth2", "eth3", "lacp=active"))
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"version"}, []string{"ovs-vswitchd (Open vSwitch) 3.1.0"}},
		{[]string{"bond/show", "good"}, []string{"bond_mode: balance-tcp", "lacp_status: negotiated", "member eth0: enabled", "member eth1: enabled"}},
		{[]string{"bond/show", "lonely"}, []string{"lacp_status: configured", "member eth2: disabled", "member eth3: disabled"}},
		{[]string{"lacp/show", "good"}, []string{"status: active negotiated", "member: eth0: current attached", "member: eth1: current attached"}},
		{[]string{"lacp/show", "lonely"}, []string{"member: eth2: defaulted detached", "partner sys_id: 00:00:00:00:00:00"}},
		{[]string{"fdb/show", "br0"}, []string{"port  VLAN  MAC"}},
	} {
		out, err := h.Switch.Appctl(tctx, c.args...)
		must(t, err)
		for _, w := range c.want {
			if !strings.Contains(out, w) {
				t.Errorf("%q lacks %q:\n%s", c.args, w, out)
			}
		}
	}
	for _, args := range [][]string{{"bond/show", "none"}, {"fdb/show", "none"}, {"frob"}, nil} {
		if _, err := h.Switch.Appctl(tctx, args...); err == nil {
			t.Errorf("%q is no error", args)
		}
	}
}
