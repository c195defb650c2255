// Package plantest has hosts to make plans for, and a way to make any part of a
// host fail: for the tests of op, plan and trial.
package plantest

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/plan"
	"bridgehead/backend/sim"
	"bridgehead/backend/survey"
)

// Case is a host with what its operator wants.
type Case struct {
	Name    string
	Spec    func() sim.Spec
	Answers answers.Answers
	Reach   netip.Addr // address under which the outside reaches the host before
}

// Machine boots the case's host. Its clock moves by itself.
func (c Case) Machine() *sim.Machine {
	m := sim.New(c.Spec())
	m.Hurry(true)
	return m
}

// Plan surveys m and builds the plan.
func (c Case) Plan(t testing.TB, m *sim.Machine) plan.Plan {
	t.Helper()
	p, err := Build(m.Host(), c.Answers)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Build surveys h and builds the plan of a.
func Build(h backend.Host, a answers.Answers) (plan.Plan, error) {
	f, err := survey.Take(context.Background(), h, survey.Options{Root: true})
	if err != nil {
		return plan.Plan{}, err
	}
	return plan.Build(f, a)
}

// Answers are the defaults for eth0, changed by with.
func Answers(with ...func(*answers.Answers)) answers.Answers {
	a := answers.Default()
	a.Uplink.NICs = []string{"eth0"}
	for _, w := range with {
		w(&a)
	}
	return a
}

// Libvirt asks for a network on the bridge, and says what becomes of "default".
func Libvirt(def string) func(*answers.Answers) {
	return func(a *answers.Answers) { a.Libvirt = &answers.Libvirt{Network: "examplebr0", Default: def} }
}

// Static asks for addresses.
func Static(gateway string, addrs ...string) func(*answers.Answers) {
	return func(a *answers.Answers) {
		a.Address = answers.Address{Method: answers.MethodStatic, Addresses: addrs, Gateway: answers.Strings{gateway}, DNS: []string{"192.168.1.1"}}
	}
}

// VMs moves the NIC of the VM that does not run. One that runs when the power goes starts again before libvirt's part of
// a change is taken back, and with one that runs on the bridge the change is not undone.
func VMs(a *answers.Answers) {
	a.VMs = &answers.VMs{Attach: []answers.AttachVM{{Name: "example2", Tag: 10}}}
}

// DHCP asks for a DHCP client on the port.
func DHCP(a *answers.Answers) { a.Address = answers.Address{Method: answers.MethodDHCP} }

// Bonded asks for a bond of eth0 and eth1.
func Bonded(b answers.Bond) func(*answers.Answers) {
	return func(a *answers.Answers) {
		a.Uplink, a.Bond = answers.Uplink{Kind: answers.KindOVSBond, NICs: []string{"eth0", "eth1"}}, &b
	}
}

// KernelBonded asks for a bond of eth0 and eth1 by the kernel.
func KernelBonded(b answers.Bond) func(*answers.Answers) {
	return func(a *answers.Answers) {
		a.Uplink, a.Bond = answers.Uplink{Kind: answers.KindKernelBond, NICs: []string{"eth0", "eth1"}}, &b
	}
}

// Cases are the hosts that every promise is tested on.
func Cases() []Case {
	reach := netip.MustParseAddr("192.168.1.100")
	return []Case{
		{"static", Tutorial, Answers(Libvirt(answers.DefaultKeep)), reach},
		{"vms", Tutorial, Answers(Libvirt(answers.DefaultKeep), VMs), reach},
		{"default-removed", WithoutGuest, Answers(Libvirt(answers.DefaultRemove)), reach},
		{"port-groups", WithNetwork, Answers(Libvirt(answers.DefaultKeep), PortGroups), reach},
		{"rich", Rich, Answers(), reach},
		{"dhcp-kept", Leased, Answers(), reach},
		{"dhcp-to-static", Leased, Answers(Static("192.168.1.1", "192.168.1.100/24")), reach},
		{"static-to-dhcp", func() sim.Spec { return served(Tutorial()) }, Answers(DHCP), reach},
		{"active-backup", Tutorial, Answers(Bonded(answers.Bond{Name: "examplebond0", Mode: "active-backup", Primary: "eth1"})), reach},
		{"lacp", Channelled, Answers(Bonded(answers.Bond{Name: "examplebond0", Mode: "balance-tcp", LACP: "active",
			Members: []answers.BondMember{{NIC: "eth0", PortID: 1, PortPriority: 100}, {NIC: "eth1", PortID: 2}}})), reach},
		{"kernel-bond", Tutorial, Answers(KernelBonded(answers.Bond{Name: "examplebond0", Mode: "active-backup"})), reach},
		{"kernel-lacp", Channelled, Answers(KernelBonded(answers.Bond{Name: "examplebond0", Mode: "802.3ad"})), reach},
		{"bond-taken-over", WithBond, Answers(func(a *answers.Answers) { a.Uplink.NICs = []string{"bond0"} }), reach},
		{"vlan", Tagged, Answers(func(a *answers.Answers) { a.Bridge.Tag = 10 }), reach},
		{"onlink", OnLink, Answers(), netip.MustParseAddr("203.0.113.7")},
	}
}

// One returns the case of that name.
func One(name string) Case {
	all := Cases()
	return all[slices.IndexFunc(all, func(c Case) bool { return c.Name == name })]
}

// Tutorial is the tutorial's host.
func Tutorial() sim.Spec { return sim.DemoSpec() }

// Channelled is it with eth0 and eth1 at ports of one port-channel, which passes a host without LACP too.
func Channelled() sim.Spec {
	s := sim.DemoSpec()
	for i := range s.NICs[:2] {
		s.NICs[i].PortChannel, s.NICs[i].Individual = "po1", true
	}
	return s
}

// WithoutGuest is it with no VM on the network "default".
func WithoutGuest() sim.Spec {
	s := sim.DemoSpec()
	s.Virt.Domains = nil
	return s
}

// WithNetwork is it with an active network that leads to the bridge already and has a port group.
func WithNetwork() sim.Spec {
	s := sim.DemoSpec()
	s.Virt.Networks = append(s.Virt.Networks, sim.Network{Active: true, Autostart: true, XML: "<network><name>examplebr0</name><forward mode='bridge'/><bridge name='examplebr0'/>" +
		"<virtualport type='openvswitch'/><portgroup name='office'><vlan><tag id='9'/></vlan></portgroup></network>"})
	return s
}

// PortGroups changes a port group, and adds one.
func PortGroups(a *answers.Answers) {
	a.Libvirt.PortGroups = []answers.PortGroup{{Name: "office", VLANs: []int{10}}, {Name: "all", VLANs: []int{1, 20}, Native: 1}}
}

func text(s string) backend.File { return backend.File{Data: []byte(s), Mode: 0o644} }

func served(s sim.Spec) sim.Spec {
	s.DHCP = []sim.DHCPServer{{Wire: "lan", Gateway: netip.MustParseAddr("192.168.1.1"),
		Leases: map[string]netip.Prefix{s.NICs[0].MAC: netip.MustParsePrefix("192.168.1.100/24")}}}
	return s
}

// Leased is a host that has its address by DHCP.
func Leased() sim.Spec {
	s := served(sim.DemoSpec())
	s.Virt = nil
	s.Files["/etc/network/interfaces"] = text("auto lo\niface lo inet loopback\n\nallow-hotplug eth0\niface eth0 inet dhcp\n")
	s.Files["/var/lib/dhcp/dhclient.eth0.leases"] = text("lease {\n  interface \"eth0\";\n  fixed-address 192.168.1.100;\n}\n")
	s.NICs[0].Addrs[0].ValidSec, s.NICs[0].Addrs[0].PreferredSec, s.NICs[0].Addrs[0].Dynamic = 43200, 43200, true
	s.Routes = []backend.Route{{Dst: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("192.168.1.1"), Dev: "eth0"}}
	s.Processes = append(s.Processes, sim.Process{Process: backend.Process{PID: 550, PPID: 402, Args: []string{
		"dhclient", "-4", "-v", "-i", "-pf", "/run/dhclient.eth0.pid", "-lf", "/var/lib/dhcp/dhclient.eth0.leases", "-I",
		"-df", "/var/lib/dhcp/dhclient6.eth0.leases", "eth0"}}})
	return s
}

const richInterfaces = `auto lo
iface lo inet loopback

auto eth0
iface eth0 inet static
	address 192.168.1.100/24
	gateway 192.168.1.1
	mtu 9000
	up ip addr add 192.168.1.101/24 dev eth0
	up ip route add 10.50.0.0/16 via 192.168.1.1 dev eth0
	up ip route add default via 192.168.1.1 dev eth0 table 100

iface eth0 inet6 static
	address 2001:db8::100/64
	gateway 2001:db8::1

auto eth0:1
iface eth0:1 inet static
	address 10.9.0.5/24
`

// Rich is a host with all that a NIC can carry: two addresses of one net, of which the second goes with the
// first (promote_secondaries 0), an alias, IPv6, static and policy routes, jumbo frames, a strict reverse path filter.
func Rich() sim.Spec {
	s := sim.DemoSpec()
	s.Virt = nil
	s.Files["/etc/network/interfaces"] = text(richInterfaces)
	s.Files["/run/network/ifstate"] = text("lo=lo\neth0=eth0\neth0:1=eth0:1\neth9=eth9\n")
	s.Files["/run/network/ifstate.eth0:1"] = text("eth0:1\n")
	s.Sysctls = map[string]string{"ipv4/conf/default/rp_filter": "1", "ipv4/conf/all/rp_filter": "0", "ipv6/conf/default/accept_ra": "0"}
	prefix, addr := netip.MustParsePrefix, netip.MustParseAddr
	nic := &s.NICs[0]
	nic.MTU = 9000
	nic.Addrs = []backend.Addr{
		{Prefix: prefix("192.168.1.100/24"), Broadcast: addr("192.168.1.255"), Scope: "global", Label: "eth0"},
		{Prefix: prefix("192.168.1.101/24"), Scope: "global", Label: "eth0"},
		{Prefix: prefix("10.9.0.5/24"), Broadcast: addr("10.9.0.255"), Scope: "global", Label: "eth0:1"},
		{Prefix: prefix("2001:db8::100/64"), Scope: "global"},
	}
	s.Routes = []backend.Route{
		{Dst: prefix("0.0.0.0/0"), Gateway: addr("192.168.1.1"), Dev: "eth0", OnLink: true},
		{Dst: prefix("10.50.0.0/16"), Gateway: addr("192.168.1.1"), Dev: "eth0", Src: addr("10.9.0.5")},
		{Dst: prefix("0.0.0.0/0"), Gateway: addr("192.168.1.1"), Dev: "eth0", Table: 100},
		{Dst: prefix("10.60.0.0/16"), Dev: "eth0", Src: addr("192.168.1.101")},
		{Dst: prefix("::/0"), Gateway: addr("2001:db8::1"), Dev: "eth0"},
		{Dst: prefix("2001:db8:50::/48"), Gateway: addr("2001:db8::1"), Dev: "eth0", Metric: 50},
	}
	s.Rules = []backend.Rule{
		{Priority: 100, Src: prefix("192.168.1.100/32"), Table: 100},
		{Priority: 110, IIF: "eth0", Table: 100},
		{Priority: 120, V6: true, OIF: "eth0", Table: 100},
	}
	s.Peers[0].Addrs = append(s.Peers[0].Addrs, prefix("2001:db8::1/64"))
	s.Peers[1].Addrs = append(s.Peers[1].Addrs, prefix("2001:db8::50/64"))
	return s
}

// OnLink is a rented server: a /32 whose gateway is in no net of it.
func OnLink() sim.Spec {
	s := sim.DemoSpec()
	s.Virt = nil
	prefix, addr := netip.MustParsePrefix, netip.MustParseAddr
	s.Files["/etc/network/interfaces"] = text("auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet static\n\taddress 203.0.113.7/32\n\tgateway 192.168.1.1\n")
	s.NICs[0].Addrs = []backend.Addr{{Prefix: prefix("203.0.113.7/32"), Scope: "global", Label: "eth0"}}
	s.Routes = []backend.Route{
		{Dst: prefix("192.168.1.1/32"), Dev: "eth0", Scope: "link"},
		{Dst: prefix("0.0.0.0/0"), Gateway: addr("192.168.1.1"), Dev: "eth0"},
	}
	s.Sockets = nil
	s.Peers[0].Addrs = append(s.Peers[0].Addrs, prefix("203.0.113.1/24"))
	s.Peers[1].Addrs = append(s.Peers[1].Addrs, prefix("203.0.113.50/24"))
	return s
}

// WithBond is a host that has its address on a bond of the kernel, made by ifenslave.
func WithBond() sim.Spec {
	s := sim.DemoSpec()
	s.Virt = nil
	s.Files["/etc/network/interfaces"] = text("auto lo\niface lo inet loopback\n\nauto bond0\niface bond0 inet static\n\taddress 192.168.1.100/24\n\tgateway 192.168.1.1\n\tbond-slaves eth0 eth1\n\tbond-mode 802.3ad\n\tbond-miimon 100\n")
	s.Files["/run/network/ifstate"] = text("lo=lo\nbond0=bond0\n")
	mac := s.NICs[0].MAC
	addrs := s.NICs[0].Addrs
	addrs[0].Label = "bond0"
	for i := range s.NICs[:2] {
		s.NICs[i].PortChannel, s.NICs[i].Master, s.NICs[i].Addrs = "po1", "bond0", nil
		s.NICs[i].MAC = mac
	}
	s.Links = []backend.Link{{Name: "bond0", Kind: "bond", MAC: mac, Up: true, Addrs: addrs}}
	s.BondMode = map[string]string{"bond0": "802.3ad"}
	s.Routes[0].Dev = "bond0"
	return s
}

// Tagged is a host that is managed in VLAN 10, by eth0.10, with a strict reverse path filter and IPv6.
func Tagged() sim.Spec {
	s := sim.DemoSpec()
	s.Virt = nil
	prefix, addr := netip.MustParsePrefix, netip.MustParseAddr
	s.Files["/etc/network/interfaces"] = text("auto lo\niface lo inet loopback\n\nauto eth0.10\niface eth0.10 inet static\n\taddress 192.168.1.100/24\n\tgateway 192.168.1.1\n\niface eth0.10 inet6 static\n\taddress 2001:db8::100/64\n\tgateway 2001:db8::1\n")
	s.Files["/run/network/ifstate"], s.Files["/run/network/ifstate.eth0.10"] = text("lo=lo\neth0.10=eth0.10\n"), text("eth0.10\n")
	delete(s.Files, "/run/network/ifstate.eth0")
	s.Sysctls = map[string]string{"ipv4/conf/default/rp_filter": "1", "ipv4/conf/all/rp_filter": "0", "ipv6/conf/default/accept_ra": "0"}
	s.NICs[0].Addrs = nil
	s.Links = append(s.Links, backend.Link{Name: "eth0.10", Kind: "vlan", Parent: "eth0", VLAN: 10, MAC: s.NICs[0].MAC, Up: true, Addrs: []backend.Addr{
		{Prefix: prefix("192.168.1.100/24"), Broadcast: addr("192.168.1.255"), Scope: "global", Label: "eth0.10"},
		{Prefix: prefix("2001:db8::100/64"), Scope: "global"},
	}})
	s.Routes = []backend.Route{
		{Dst: prefix("0.0.0.0/0"), Gateway: addr("192.168.1.1"), Dev: "eth0.10", OnLink: true},
		{Dst: prefix("::/0"), Gateway: addr("2001:db8::1"), Dev: "eth0.10"},
	}
	s.Peers[0].Addrs = append(s.Peers[0].Addrs, prefix("2001:db8::1/64"))
	s.Peers[1].Addrs = append(s.Peers[1].Addrs, prefix("2001:db8::50/64"))
	for i := range s.Peers[:2] {
		s.Peers[i].VLAN = 10
	}
	return s
}
