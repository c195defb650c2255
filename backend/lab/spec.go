package lab

import (
	"fmt"
	"net/netip"
	"strings"
)

// What a lab has unless its Spec says otherwise. The far client address is one
// that the host reaches through its gateway only (RFC 2544 range).
const (
	HostAddr     = "10.77.0.10"
	GatewayAddr  = "10.77.0.1"
	ClientAddr   = "10.77.0.2"
	HostAddr6    = "fd00:77::10"
	GatewayAddr6 = "fd00:77::1"
	ClientAddr6  = "fd00:77::2"
	FarAddr      = "198.18.0.2"
	FarAddr6     = "fd00:5a::2"
)

// Kinds of the switch that the host's NICs are cabled to.
const (
	SwitchLinux = "linux" // a plain switch: every NIC and the client in one broadcast domain
	SwitchOVS   = "ovs"   // Open vSwitch: client and first NIC in bridge sw0; ports p1… are free for a bond
	SwitchNone  = "none"  // cables only
)

// Spec says what lab to make. Its zero value is the tutorial's host: eth0 to eth3,
// eth0 static 10.77.0.10/24 with gateway 10.77.0.1, Open vSwitch running, no bridge yet.
type Spec struct {
	Hostname   string // default "host"
	NICs       []NIC  // default eth0 to eth3
	Interfaces string // /etc/network/interfaces; "" is a static eth0 (with IPv6, dual-stack)

	Files   map[string]string // further files of the host, by absolute path
	Bind    map[string]string // path in the host → file or directory of the machine shown there, read-only
	Sysctls map[string]string // host's keys below net, in slashes, set before the NICs appear: "ipv4/conf/all/rp_filter": "1"

	Switch   string         // SwitchLinux (default), SwitchOVS or SwitchNone
	Gateways []netip.Prefix // addresses of the upstream router; default 10.77.0.1/24, with IPv6 also fd00:77::1/64
	Client   []netip.Prefix // addresses of the client; default 10.77.0.2/24, with IPv6 also fd00:77::2/64
	DHCP     bool           // upstream serves leases; a NIC with an IPv4 address in Addrs always gets that one
	IPv6     bool           // without it IPv6 is off everywhere
	RA       bool           // upstream sends router advertisements (needs IPv6)

	NoOVS    bool // Open vSwitch is not started (with Systemd: not enabled)
	NoSteal  bool // the stack goes on hearing a NIC that Open vSwitch has taken, unlike with the kernel datapath
	NoIfup   bool // do not bring the configuration up
	Libvirt  bool // libvirtd runs, without domains
	Systemd  bool // systemd is the host's PID 1, with the stock units of networking and openvswitch; see Reboot
	Sysvinit bool // the host looks as if sysvinit ran, and boots by the links of /etc/rcS.d and /etc/rc2.d

	Progress func(string) // gets a line per stage of Up; may be nil
}

// NIC is one network card of the host: a veth whose other end, p0, p1, …, is at the switch.
type NIC struct {
	Name  string         // default eth0, eth1, …
	MAC   string         // default 52:54:00:77:00:10, …:11, …
	MTU   int            // default 1500
	Addrs []netip.Prefix // what DHCP gives it; with Up, what it has even where no configuration file gives it
	Up    bool           // up even where no configuration file brings it up
	Cut   bool           // no carrier: the cable is not plugged in
}

// filled returns s with its defaults in place, or an error that names what is wrong.
func (s Spec) filled() (Spec, error) {
	if s.Hostname == "" {
		s.Hostname = "host"
	}
	if s.Switch == "" {
		s.Switch = SwitchLinux
	}
	if len(s.NICs) == 0 {
		s.NICs = make([]NIC, 4)
	}
	s.NICs = append([]NIC(nil), s.NICs...)
	seen := map[string]bool{}
	for i := range s.NICs {
		n := &s.NICs[i]
		if n.Name == "" {
			n.Name = fmt.Sprintf("eth%d", i)
		}
		if n.MAC == "" {
			n.MAC = fmt.Sprintf("52:54:00:77:%02x:%02x", (0x10+i)>>8, (0x10+i)&0xff)
		}
		if n.MTU == 0 {
			n.MTU = 1500
		}
		if len(n.Name) > 15 || strings.ContainsAny(n.Name, "/ ") || n.Name == "lo" || seen[n.Name] {
			return s, fmt.Errorf("cannot build the lab: %q is no name for a NIC, or used twice", n.Name)
		}
		seen[n.Name] = true
	}
	if s.Gateways == nil {
		s.Gateways = prefixes(s.IPv6, GatewayAddr+"/24", GatewayAddr6+"/64")
	}
	if s.Client == nil {
		s.Client = prefixes(s.IPv6, ClientAddr+"/24", ClientAddr6+"/64")
	}
	if s.Interfaces == "" {
		s.Interfaces = defaultInterfaces(s.NICs[0].Name, s.IPv6)
	}
	if s.DHCP && s.NICs[0].Addrs == nil {
		s.NICs[0].Addrs = prefixes(false, HostAddr+"/24", "")
	}
	switch s.Switch {
	case SwitchLinux, SwitchOVS, SwitchNone:
	default:
		return s, fmt.Errorf("cannot build the lab: no switch of kind %q", s.Switch)
	}
	return s, nil
}

func prefixes(v6 bool, four, six string) []netip.Prefix {
	p := []netip.Prefix{netip.MustParsePrefix(four)}
	if v6 {
		p = append(p, netip.MustParsePrefix(six))
	}
	return p
}

// defaultInterfaces is a fresh Debian host's configuration, as the tutorial starts from.
func defaultInterfaces(nic string, v6 bool) string {
	s := fmt.Sprintf(`# This file describes the network interfaces available on your system
# and how to activate them. For more information, see interfaces(5).

source /etc/network/interfaces.d/*

# The loopback network interface
auto lo
iface lo inet loopback

# The primary network interface
auto %[1]s
iface %[1]s inet static
    address %[2]s/24
    gateway %[3]s
`, nic, HostAddr, GatewayAddr)
	if v6 {
		s += fmt.Sprintf("\niface %s inet6 static\n    address %s/64\n    gateway %s\n", nic, HostAddr6, GatewayAddr6)
	}
	return s
}
