package survey

import (
	"strings"
	"testing"

	"bridgehead/backend"
)

// What may be chosen as uplink, and what is said of it.
func TestUsable(t *testing.T) {
	cases := []struct {
		name   string
		make   func(*fake, *backend.Link)
		usable bool
		says   string // in the problems; "" for none
	}{
		{"sound", func(*fake, *backend.Link) {}, true, ""},
		{"veth", func(_ *fake, l *backend.Link) { l.Kind, l.Virtual = "veth", true }, true, ""},
		{"no carrier", func(_ *fake, l *backend.Link) { l.Carrier = false }, true, "no carrier"},
		{"down", func(_ *fake, l *backend.Link) { l.Up, l.Carrier = false, false }, true, "is down"},
		{"half duplex", func(_ *fake, l *backend.Link) { l.Duplex = "half" }, true, "half duplex"},
		{"VF", func(_ *fake, l *backend.Link) { l.VF = true }, true, "virtual function"},
		{"Wi-Fi", func(_ *fake, l *backend.Link) { l.Wireless = true }, false, "Wi-Fi"},
		{"VLAN", func(_ *fake, l *backend.Link) { l.Kind, l.Virtual, l.Parent, l.VLAN = "vlan", true, "eth0", 7 }, false, "VLAN 7 on eth0"},
		{"bond", func(_ *fake, l *backend.Link) { l.Kind, l.Virtual = "bond", true }, false, "is a bond without members"},
		{"bond with members", func(x *fake, l *backend.Link) { l.Kind, l.Virtual, x.link("eth2").Master = "bond", true, "eth1" }, true, "taken over whole"},
		{"bond that answers for others", func(x *fake, l *backend.Link) {
			l.Kind, l.Virtual, x.link("eth2").Master = "bond", true, "eth1"
			x.files["/proc/net/bonding/eth1"] = "Ethernet Channel Bonding Driver: v6.1.0\n\nBonding Mode: adaptive load balancing\n"
		}, false, "balance-alb"},
		{"dummy", func(_ *fake, l *backend.Link) { l.Kind, l.Virtual = "dummy", true }, false, "virtual (dummy)"},
		{"no device behind it", func(_ *fake, l *backend.Link) { l.Virtual = true }, false, "no device"},
		{"in a bridge", func(x *fake, l *backend.Link) {
			x.links = append(x.links, backend.Link{Name: "br0", Kind: "bridge"})
			x.link("eth1").Master = "br0"
		}, false, "port of bridge br0"},
		{"in a bond", func(x *fake, l *backend.Link) {
			x.links = append(x.links, backend.Link{Name: "bond0", Kind: "bond"})
			x.link("eth1").Master = "bond0"
		}, false, "port of bond bond0"},
		{"in a bond of Open vSwitch", func(x *fake, l *backend.Link) {
			p := port("eth1")
			p.Name, p.Interfaces = "ovsbond", append(p.Interfaces, backend.Interface{Name: "eth2"})
			x.bridge(backend.Bridge{Name: "br0", Ports: []backend.Port{p}})
		}, false, "bond ovsbond of Open vSwitch bridge br0"},
		{"enslaved, database silent", func(_ *fake, l *backend.Link) { l.Master = "ovs-system" }, false, "port of Open vSwitch"},
		{"a guest sits on it", func(x *fake, l *backend.Link) {
			x.virt.Domains = []backend.Domain{{Name: "g1", NICs: []backend.DomainNIC{{Type: "direct", Source: "eth1"}}}}
		}, false, "guest g1 sits on it"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			x := console()
			c.make(x, x.link("eth1"))
			n, ok := survey(t, x).NIC("eth1")
			if !ok {
				t.Fatal("eth1 is not among the NICs")
			}
			all := strings.Join(n.Problems, "; ")
			if n.Usable != c.usable || !strings.Contains(all, c.says) || (c.says == "") != (all == "") {
				t.Errorf("usable %v, problems %q", n.Usable, all)
			}
		})
	}
}

// Bridges, guests' taps, tunnels and lo are no NICs.
func TestWhatIsNoNIC(t *testing.T) {
	x := console()
	for _, kind := range []string{"bridge", "tun", "openvswitch", "wireguard", "gre", "macvtap"} {
		x.links = append(x.links, backend.Link{Name: "x" + kind, Kind: kind, Virtual: true})
	}
	if f := survey(t, x); len(f.NICs) != 4 {
		t.Errorf("%+v", f.NICs)
	}
}

func TestDHCPClients(t *testing.T) {
	x := console()
	add := func(pid, ppid int, name string, args ...string) {
		x.procs = append(x.procs, backend.Process{PID: pid, PPID: ppid, Name: name, Args: args})
	}
	add(700, 1, "dhclient", "/sbin/dhclient", "-4", "-v", "-i", "-pf", "/run/dhclient.eth0.pid", "-lf", "/var/lib/dhcp/dhclient.eth0.leases", "-I", "eth0")
	add(710, 1, "dhcpcd", "dhcpcd: eth1 [ip4] [ip6]")
	add(711, 710, "dhcpcd", "dhcpcd: [BPF ARP] eth1 10.0.0.2")
	add(720, 1, "busybox", "busybox", "udhcpc", "-i", "eth2")
	add(730, 1, "dhclient", "dhclient", "eth3", "eth1")
	var got []string
	for _, c := range survey(t, x).DHCP {
		got = append(got, c.Name+" "+c.NIC)
	}
	want := "dhclient eth0, dhcpcd eth1, udhcpc eth2, dhclient eth3, dhclient eth1"
	if strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
}

// The order holds also over another unit; a loop of units is no trouble.
func TestBootOrder(t *testing.T) {
	cases := []struct {
		name                 string
		vswitchd, networking backend.Unit
		pre                  backend.Unit // network-pre.target
		known, ok            bool
	}{
		{"Before", backend.Unit{Load: "loaded", Before: []string{"networking.service"}}, backend.Unit{Load: "loaded"}, backend.Unit{}, true, true},
		{"After", backend.Unit{Load: "loaded"}, backend.Unit{Load: "loaded", After: []string{"ovs-vswitchd.service"}}, backend.Unit{}, true, true},
		{"over a target", backend.Unit{Load: "loaded", Before: []string{"network-pre.target"}}, backend.Unit{Load: "loaded", After: []string{"network-pre.target"}}, backend.Unit{Load: "loaded"}, true, true},
		{"only before network.target", backend.Unit{Load: "loaded", Before: []string{"network.target"}}, backend.Unit{Load: "loaded", Before: []string{"network.target"}}, backend.Unit{}, true, false},
		{"the wrong way round, in a loop", backend.Unit{Load: "loaded", After: []string{"network-pre.target", "networking.service"}, Before: []string{"network-pre.target"}}, backend.Unit{Load: "loaded"}, backend.Unit{Load: "loaded"}, true, false},
		{"no networking.service", backend.Unit{Load: "loaded"}, backend.Unit{}, backend.Unit{}, false, false},
	}
	for _, c := range cases {
		x := console()
		x.units = map[string]backend.Unit{"ovs-vswitchd.service": c.vswitchd, "networking.service": c.networking, "network-pre.target": c.pre}
		if b := survey(t, x).Boot; b.Known != c.known || b.OK != c.ok || b.Reason == "" {
			t.Errorf("%s: %+v", c.name, b)
		}
	}
}

// A rule names a NIC as a word, or by a pattern; not as part of another name, and not in a comment.
func TestFirewall(t *testing.T) {
	x := console()
	rules := map[string]bool{
		`iifname "eth0" accept`:                   true,
		`iifname { "lo", "eth1" } accept`:         true,
		`oifname eth* drop`:                       true,
		`-A INPUT -i eth+ -j ACCEPT`:              true,
		`-A POSTROUTING -o eth0 -j MASQUERADE`:    true,
		`-A INPUT -i eth0.10 -j ACCEPT`:           false,
		`-A INPUT -i veth0 -j ACCEPT`:             false,
		`-A INPUT -s 10.0.0.0/8 -j ACCEPT`:        false,
		`# iifname eth0`:                          false,
		`-A INPUT -j ACCEPT -m comment # eth0`:    false,
		`### tuple ### allow any 22 0.0.0.0/0 in`: false,
	}
	for rule, want := range rules {
		x.files["/etc/iptables/rules.v4"] = rule + "\n"
		if got := len(survey(t, x).Firewall) == 1; got != want {
			t.Errorf("%s: %v", rule, got)
		}
	}
	x.files["/etc/iptables/rules.v4"] = ""
	x.files[interfacesFile] += "\tpost-up iptables -A INPUT -i $IFACE -j ACCEPT\n"
	if got := survey(t, x).Firewall; len(got) != 1 || got[0] != "/etc/network/interfaces:8: post-up iptables -A INPUT -i $IFACE -j ACCEPT" {
		t.Errorf("%q", got)
	}
}

func TestGateways(t *testing.T) {
	x := console()
	again := route("0.0.0.0/0", "192.168.1.1", "eth0")
	again.Table = 100
	shared := route("0.0.0.0/0", "", "")
	shared.Metric = 7
	shared.NextHops = []backend.NextHop{{Dev: "eth1", Gateway: again.Gateway}, {Dev: "eth0", Gateway: again.Gateway.Next()}}
	x.routes = append(x.routes, again, shared)
	f := survey(t, x)
	for name, want := range map[string]string{"eth0": "192.168.1.1, 192.168.1.2", "eth1": "192.168.1.1", "eth2": ""} {
		if n, _ := f.NIC(name); strings.Join(n.Gateway, ", ") != want {
			t.Errorf("%s: %q, want %q", name, n.Gateway, want)
		}
	}
}
