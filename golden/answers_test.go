package golden_test

import (
	"net/netip"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/sim"
)

type netipAddr = netip.Addr

// tutorial are the answers that the wizard proposes on the demo host, and then changed.
func tutorial(change func(*answers.Answers)) *answers.Answers {
	a := answers.Default()
	a.Uplink.NICs = []string{"eth0"}
	a.Libvirt = &answers.Libvirt{Network: "examplebr0", Default: answers.DefaultKeep}
	if change != nil {
		change(&a)
	}
	return &a
}

// everything gives eth0 all that a stanza can have and that has to move.
func everything(s *sim.Spec) {
	eth0 := &s.NICs[0]
	eth0.MTU = 9000
	eth0.Addrs = append(eth0.Addrs,
		backend.Addr{Prefix: netip.MustParsePrefix("192.168.1.101/24"), Scope: "global", Label: "eth0:1"},
		backend.Addr{Prefix: netip.MustParsePrefix("2001:db8:1::100/64"), Scope: "global"})
	s.Routes = append(s.Routes,
		backend.Route{Dst: netip.MustParsePrefix("10.0.0.0/8"), Gateway: netip.MustParseAddr("192.168.1.254"), Dev: "eth0"},
		backend.Route{Dst: netip.MustParsePrefix("::/0"), Gateway: netip.MustParseAddr("fe80::1"), Dev: "eth0"})
	s.Files["/etc/network/interfaces"] = backend.File{Data: []byte(richInterfaces), Mode: 0o640}
	s.Files["/etc/network/interfaces.d/eth0-v6"] = backend.File{Data: []byte(richV6), Mode: 0o644}
	s.Files["/etc/nftables.conf"] = backend.File{Data: []byte("table inet filter {\n  chain input {\n    iifname \"eth0\" tcp dport 22 accept\n  }\n}\n"), Mode: 0o644}
}

const richInterfaces = `source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback

# Uplink: rack 3, switch port 17
allow-hotplug eth0
iface eth0 inet static
	address 192.168.1.100/24
	gateway 192.168.1.1
	mtu 9000
	dns-nameservers 192.168.1.1 \
		9.9.9.9
	up ip route add 10.0.0.0/8 via 192.168.1.254 dev $IFACE || true
	down ip route del 10.0.0.0/8 via 192.168.1.254 dev $IFACE || true
	post-up ethtool -K eth0 tso off

auto eth0:1
iface eth0:1 inet static
	address 192.168.1.101/24
`

const richV6 = `iface eth0 inet6 static
	address 2001:db8:1::100/64
	gateway fe80::1
	accept_ra 0
`
