package sim_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/sim"
)

// Hosts that come up from their interfaces file alone.
func TestBoot(t *testing.T) {
	dhcp := []sim.DHCPServer{{Wire: "lan", Leases: map[string]netip.Prefix{nicMAC: lan}, Gateway: gateway}}
	for _, c := range []struct {
		name, file string
		change     func(*sim.Spec)
		reaches    bool
		log        string
	}{
		{name: "static", file: "auto eth0\niface eth0 inet static\naddress 192.168.1.100/24\ngateway 192.168.1.1\n", reaches: true},
		{name: "no auto", file: "iface eth0 inet static\naddress 192.168.1.100/24\ngateway 192.168.1.1\n"},
		{name: "hotplug, DHCP", file: "allow-hotplug eth0\niface eth0 inet dhcp\n", reaches: true, change: func(s *sim.Spec) { s.DHCP = dhcp }},
		{name: "DHCP without a server", file: "auto eth0\niface eth0 inet dhcp\n", log: "no DHCPOFFERS"},
		{name: "a NIC that is not there", file: "auto eth9\niface eth9 inet static\naddress 192.168.1.100/24\n", log: "no such link"},
		{name: "a broken file", file: "iface\n", log: "interfaces:1"},
		{name: "manual does not raise the link", file: "auto eth0\niface eth0 inet manual\nup ip addr add 192.168.1.100/24 dev $IFACE\n"},
		{name: "hooks", file: "auto eth0\niface eth0 inet manual\nup ip link set $IFACE up\nup ip addr add 192.168.1.100/24 dev eth0\n", reaches: true},
		{name: "a hook that fails", file: "auto eth0\niface eth0 inet manual\npre-up ip link set eth9 up\nup ip link set eth0 up\nup ip addr add 192.168.1.100/24 dev eth0\n", log: "eth9"},
		{name: "a hook that may fail", file: "auto eth0\niface eth0 inet static\naddress 192.168.1.100/24\npre-up ip link set eth9 up || true\n", reaches: true},
		{name: "VLAN", file: "auto eth0.10\niface eth0.10 inet static\naddress 192.168.1.100/24\n", reaches: true, change: func(s *sim.Spec) {
			for i := range s.Peers {
				s.Peers[i].VLAN = 10
			}
		}},
		{name: "kernel bond", file: "auto bond0\niface bond0 inet static\naddress 192.168.1.100/24\nbond-slaves eth0 eth1\nbond-mode active-backup\n", reaches: true},
		{name: "kernel bond with LACP", file: "auto bond0\niface bond0 inet static\naddress 192.168.1.100/24\nbond-slaves eth0 eth1\nbond-mode 802.3ad\n", reaches: true,
			change: func(s *sim.Spec) { s.NICs[0].PortChannel, s.NICs[1].PortChannel = "po1", "po1" }},
		{name: "kernel bond without LACP on a port channel", file: "auto bond0\niface bond0 inet static\naddress 192.168.1.100/24\nbond-slaves eth0 eth1\nbond-mode active-backup\n",
			change: func(s *sim.Spec) { s.NICs[0].PortChannel, s.NICs[1].PortChannel = "po1", "po1" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := sim.DemoSpec()
			if c.change != nil {
				c.change(&spec)
			}
			m := sim.New(spec)
			m.Edit("/etc/network/interfaces", c.file)
			m.Reboot()
			err := m.Reachable(host)
			if (err == nil) != c.reaches {
				t.Errorf("reachable: %v\n%q\n%s", err, m.BootLog(), m.Snapshot())
			}
			if log := strings.Join(m.BootLog(), "\n"); (c.log == "") != (log == "") || !strings.Contains(log, c.log) {
				t.Errorf("boot log %q, want %q", log, c.log)
			}
		})
	}
}

// A watch that waits within a tick must not wait for the tick's end.
func TestWaitWithinATick(t *testing.T) {
	m := sim.Demo()
	h := m.Host()
	waited := 0
	m.OnTick(func() {
		<-h.Clock.After(10 * time.Millisecond)
		waited++
	})
	m.Advance(3 * time.Second)
	if waited != 3 {
		t.Errorf("waited %d times", waited)
	}
}

func TestGuardOutlivesARebootWithSystemd(t *testing.T) {
	for manager, want := range map[string]bool{"systemd": true, "sysvinit": false} {
		spec := sim.DemoSpec()
		spec.Init = manager
		m := sim.New(spec)
		h := m.Host()
		must(t, h.Guard.Arm(tctx, "/var/lib/bridgehead"))
		m.Kill(h.Processes.Self())
		if !m.Armed("/var/lib/bridgehead") {
			t.Errorf("%s: the guard died with the wizard", manager)
		}
		m.Reboot()
		if m.Armed("/var/lib/bridgehead") != want {
			t.Errorf("%s: armed after the reboot: %v", manager, !want)
		}
	}
}

// A client that is asked to end may take the address with it; a killed one cannot.
func TestDHCPClientsEnd(t *testing.T) {
	for _, c := range []struct {
		client string
		end    func(backend.Host, int) error
		keeps  bool
	}{
		{"dhcpcd", func(h backend.Host, pid int) error { return h.Processes.Stop(tctx, pid) }, false},
		{"dhcpcd", func(h backend.Host, pid int) error { return h.Processes.Kill(tctx, pid) }, true},
		{"dhclient", func(h backend.Host, pid int) error { return h.Processes.Stop(tctx, pid) }, true},
	} {
		spec := sim.DemoSpec()
		spec.DHCP = []sim.DHCPServer{{Wire: "lan", Leases: map[string]netip.Prefix{nicMAC: lan}, Gateway: gateway}}
		m := sim.New(spec)
		h := m.Host()
		must(t, h.Processes.Start(tctx, c.client, "eth0"))
		procs, err := h.Processes.List(tctx)
		must(t, err)
		must(t, c.end(h, procs[len(procs)-1].PID))
		if got := m.Reachable(host) == nil; got != c.keeps {
			t.Errorf("%s: the host keeps its address: %v, want %v", c.client, got, c.keeps)
		}
	}
}

func TestALeftClientTakesTheHostOffTheNet(t *testing.T) {
	spec := sim.DemoSpec()
	spec.DHCP = []sim.DHCPServer{{Wire: "lan", Leases: map[string]netip.Prefix{nicMAC: lan}, Gateway: gateway}}
	m := sim.New(spec)
	must(t, m.Host().Processes.Start(tctx, "dhclient", "eth0"))
	run(t, m, append(prepare, []step{
		{"add-port", vsctl("add-port", "br0", "eth0"), true},
		{"connected route", addAddr("br0p1", 0), true},
		{"default route", defaultRoute("br0p1"), true},
		{"address off eth0", delAddr("eth0"), true},
	}...))
	must(t, m.Ping("", outside))
	m.Renew() // its packet socket still gets the answers
	m.Advance(time.Minute)
	if m.Ping("", outside) == nil {
		t.Error("the default route through the bridge survived the lease of the NIC")
	}
}

func TestIPv6(t *testing.T) {
	spec := sim.DemoSpec()
	spec.Peers[1].Addrs = append(spec.Peers[1].Addrs, netip.MustParsePrefix("2001:db8::50/64"))
	m := sim.New(spec)
	h := m.Host()
	a := backend.Addr{Prefix: netip.MustParsePrefix("2001:db8::100/64"), Scope: "global"}
	must(t, h.Links.SetAddr(tctx, "eth0", a))
	must(t, m.Reachable(a.Prefix.Addr()))
	run(t, m, append(prepare, step{"add-port", vsctl("add-port", "br0", "eth0"), true}))
	m.Advance(time.Minute)
	if m.Reachable(a.Prefix.Addr()) == nil {
		t.Error("neighbour discovery is answered on a link without the address")
	}
	must(t, h.Links.SetAddr(tctx, "br0p1", a))
	must(t, h.Links.DelAddr(tctx, "eth0", a))
	must(t, m.Reachable(a.Prefix.Addr()))

	taken := backend.Addr{Prefix: netip.MustParsePrefix("2001:db8::50/64"), Scope: "global"}
	must(t, h.Links.SetAddr(tctx, "br0p1", taken))
	links, err := h.Links.List(tctx)
	must(t, err)
	for _, l := range links {
		for _, x := range l.Addrs {
			if x.Prefix == taken.Prefix && !x.DADFailed {
				t.Error("a duplicate address was not found")
			}
		}
	}
	if mac, err := h.Prober.Duplicate(tctx, "br0p1", netip.MustParseAddr("2001:db8::50")); err != nil || mac == "" {
		t.Errorf("duplicate: %q %v", mac, err)
	}
}
