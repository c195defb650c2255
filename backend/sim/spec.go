package sim

import (
	"net/netip"

	"bridgehead/backend"
)

// Spec is a machine as it is to be after boot. The zero Spec is a host with
// nothing but lo.
type Spec struct {
	Hostname string
	NICs     []NIC
	Links    []backend.Link    // further links that are not hardware: VLANs, bonds, bridges
	Bonding  bool              // the kernel has the module bonding
	BondMode map[string]string // of kernel bonds among Links: "bond0": "802.3ad"
	Routes   []backend.Route   // beside the connected ones, which the kernel makes
	Rules    []backend.Rule
	Sysctls  map[string]string // "ipv4/conf/all/rp_filter": "1"
	Files    map[string]backend.File
	Dirs     []string

	OVS  *OVS     // nil: not installed
	Virt *Libvirt // nil: not installed

	Packages  map[string]string // installed, with versions
	Available map[string]string // what apt could install
	Init      string            // systemd, sysvinit or ""
	Units     []backend.Unit

	Processes []Process
	Sockets   []backend.Socket
	Shell     int // pid that Host starts bridgehead from

	Peers  []Peer
	Client string // name of the peer from which Reachable asks
	DHCP   []DHCPServer
}

// NIC is a network card and where its cable goes.
type NIC struct {
	backend.Link // Up and Addrs are the state after boot; Carrier follows from Wire and Unplugged
	// Wire is the broadcast domain behind the switch port, "" without a cable.
	Wire string
	// PortChannel names the LACP group of the switch port; such a port passes
	// nothing until LACP is negotiated. "" is a plain port.
	PortChannel string
	// Individual: in a port-channel, but a host without LACP is passed all the same.
	Individual bool
	// Says is what the switch tells by LLDP; its other fields are not looked at.
	Says backend.Neighbour
}

// Peer is another machine.
type Peer struct {
	Name  string
	MAC   string
	Wire  string
	VLAN  int // tag with which its frames reach the host's NIC; 0: untagged
	Addrs []netip.Prefix
	// Router: it forwards to every other peer. Behind names the router that a
	// peer on no wire of the host is reached through.
	Router bool
	Behind string
	NoARP  bool // does not answer ARP and neighbour solicitations
	NoPing bool // does not answer ICMP echo
}

// DHCPServer answers on one wire.
type DHCPServer struct {
	Wire    string
	VLAN    int
	Leases  map[string]netip.Prefix // by MAC; another MAC gets nothing
	Gateway netip.Addr
}

// OVS is an installed Open vSwitch.
type OVS struct {
	Version      string
	KernelModule bool
	Stopped      bool       // the daemons do not run
	Setup        [][]string // ovs-vsctl command lines, run in order
}

// Libvirt is an installed libvirt.
type Libvirt struct {
	Version  string
	Networks []Network
	Domains  []backend.Domain
}

// Network is a libvirt network to start with.
type Network struct {
	XML       string
	Active    bool
	Autostart bool
}

// Process is a process to start with.
type Process struct {
	backend.Process
	Env []string
}
