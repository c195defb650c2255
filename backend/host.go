// Package backend is everything that is done to a host, and knows no screen.
//
// This file is the contract between what decides (survey, plan, trial) and
// what acts (link, ovs, virt, packages, services, process, file): a Host is a
// handful of small interfaces. The real host implements them with netlink,
// ovs-vsctl, go-libvirt, apt and systemd; the simulated host implements them in
// memory and refuses what a real host would refuse.
package backend

import (
	"context"
	"net/netip"
	"time"
)

// StateDir is where Bridgehead keeps what a run needs to survive, 0700.
const StateDir = "/var/lib/bridgehead"

// Host is a machine as Bridgehead sees it. It is passed by value; a test
// replaces one field to make one part of a machine fail.
type Host struct {
	Links     Links
	Files     Files
	Switch    Switch
	Virt      Virt
	Guests    Guests
	Packages  Packages
	Services  Services
	Processes Processes
	Prober    Prober
	Listener  Listener
	Clock     Clock
	Guard     Guard
}

// Links is the kernel's view of network interfaces, as rtnetlink and sysfs have it.
// All changes are idempotent: what is already so is no error.
type Links interface {
	// List returns every link of the network namespace with its addresses, by index.
	List(ctx context.Context) ([]Link, error)
	// Routes returns the unicast, blackhole, unreachable and prohibit routes of
	// both families in all tables but local.
	Routes(ctx context.Context) ([]Route, error)
	// Rules returns the policy routing rules of both families, without the
	// kernel's own three (0 local, 32766 main, 32767 default).
	Rules(ctx context.Context) ([]Rule, error)

	SetUp(ctx context.Context, name string, up bool) error
	SetMTU(ctx context.Context, name string, mtu int) error
	// AddVLAN makes the VLAN link v on its Parent in one step: Name, VLAN, MAC, MTU and Up are those of v,
	// the rest the kernel's own defaults (802.1Q). One that is there and so already is no error.
	AddVLAN(ctx context.Context, v Link) error
	// DelVLAN removes a VLAN link with its addresses and routes. An absent one is no error.
	DelVLAN(ctx context.Context, name string) error
	// SetAddr adds a to the link, or changes it in place (metric, lifetimes).
	SetAddr(ctx context.Context, name string, a Addr) error
	// DelAddr removes the address and prefix of a; an absent one is no error.
	DelAddr(ctx context.Context, name string, a Addr) error
	// SetRoute adds r, or replaces the route with the same family, table,
	// destination and metric in one step (ip route replace).
	SetRoute(ctx context.Context, r Route) error
	// DelRoute removes exactly r; an absent one is no error.
	DelRoute(ctx context.Context, r Route) error
	SetRule(ctx context.Context, r Rule) error
	DelRule(ctx context.Context, r Rule) error

	// AddBond makes a bond of the kernel, down and without members. One of that name that is there
	// already stays as it is. Where the kernel cannot bond it fails with ErrNoBonding.
	AddBond(ctx context.Context, name string, b KernelBond) error
	// DelBond removes a bond; its members are released. An absent one is no error.
	DelBond(ctx context.Context, name string) error
	// SetMaster puts a link into a bond or bridge, or with master "" takes it out. A bond takes only
	// a link that is down, and brings it up; one that is taken out is down, with the MAC and MTU that it had before.
	SetMaster(ctx context.Context, name, master string) error
	// LACPDUs counts what a member of a bond of the kernel has sent and received of LACP. It fails where the
	// bond has no LACP, and before Linux 5.1, which keeps no count.
	LACPDUs(ctx context.Context, member string) (sent, received int, err error)

	// Sysctl reads a key below net, in slashes: "ipv4/conf/eth0/rp_filter".
	Sysctl(ctx context.Context, key string) (string, error)
	SetSysctl(ctx context.Context, key, value string) error

	// Announce tells the neighbours where the addresses are now: gratuitous ARP
	// (RFC 5944 4.6, three times) and unsolicited neighbour advertisements (RFC 4861 7.2.6).
	Announce(ctx context.Context, name string, addrs []netip.Addr) error
	// Acquaint tells the link to what from knows of its neighbours (ARP, neighbour
	// discovery), so that its first packet asks no question whose answer would arrive
	// elsewhere. What to knows for sure stays.
	Acquaint(ctx context.Context, from, to string) error
	// Blink identifies the NIC by its port LED for d (ethtool --identify).
	Blink(ctx context.Context, name string, d time.Duration) error
}

// LinkSettings are the kernel's settings of a link, by family, that a move of addresses touches or depends on
// (Documentation/networking/ip-sysctl).
var LinkSettings = map[string][]string{
	"ipv4": {"rp_filter", "forwarding", "arp_ignore", "arp_announce", "arp_filter", "arp_notify", "accept_local", "proxy_arp"},
	"ipv6": {"disable_ipv6", "accept_ra", "autoconf", "forwarding", "accept_dad", "use_tempaddr", "addr_gen_mode", "proxy_ndp"},
}

// Link is one network interface.
type Link struct {
	Index     int      `json:"index"`
	Name      string   `json:"name"`
	AltNames  []string `json:"altnames,omitempty"`
	MAC       string   `json:"mac"`                // "52:54:00:12:34:56", lower case
	PermMAC   string   `json:"perm_mac,omitempty"` // burnt in, where the driver tells
	Kind      string   `json:"kind,omitempty"`     // rtnetlink kind: bridge, bond, vlan, veth, tun, openvswitch; "" for hardware
	Driver    string   `json:"driver,omitempty"`
	Bus       string   `json:"bus,omitempty"` // PCI address or the like
	SpeedMbps int      `json:"speed_mbps"`    // 0: unknown
	Duplex    string   `json:"duplex,omitempty"`
	MTU       int      `json:"mtu"`
	Up        bool     `json:"up"`      // administratively up
	Carrier   bool     `json:"carrier"` // only meaningful while up
	Promisc   bool     `json:"promisc,omitempty"`
	Loopback  bool     `json:"loopback,omitempty"`
	Virtual   bool     `json:"virtual"` // no device behind it in sysfs
	Wireless  bool     `json:"wireless,omitempty"`
	VF        bool     `json:"vf,omitempty"`     // SR-IOV virtual function
	Master    string   `json:"master,omitempty"` // bridge, bond or ovs-system it is enslaved to
	Parent    string   `json:"parent,omitempty"` // lower link of a VLAN, macvlan …
	VLAN      int      `json:"vlan,omitempty"`   // VLAN id of a vlan link
	// VLANOptions is what of a vlan link is not as AddVLAN makes it, in the words of
	// ip-link(8): "protocol 802.1ad", "gvrp on", "egress-qos-map 0:5".
	VLANOptions string `json:"vlan_options,omitempty"`
	Addrs       []Addr `json:"addrs"`
}

// KernelBond is how a bond of the kernel is made (Documentation/networking/bonding.rst).
type KernelBond struct {
	Mode string `json:"mode"`           // active-backup, 802.3ad
	MAC  string `json:"mac"`            // of the bond, and of its members while they are in it
	MTU  int    `json:"mtu"`            // likewise
	Rate string `json:"rate,omitempty"` // of LACP: slow, fast; with 802.3ad only, and not to be changed while it is up
}

// Addr is one address of a link.
type Addr struct {
	Prefix        netip.Prefix `json:"prefix"`                  // the address itself with its prefix length: 192.168.1.100/24
	Peer          netip.Prefix `json:"peer,omitzero"`           // point-to-point: the other end
	Broadcast     netip.Addr   `json:"brd,omitzero"`            // IPv4
	Scope         string       `json:"scope"`                   // global, site, link, host
	Label         string       `json:"label,omitempty"`         // IPv4, "eth0" or "eth0:1"
	Metric        int          `json:"metric,omitempty"`        // of the connected route; 0: the kernel's default
	ValidSec      uint32       `json:"valid_sec,omitempty"`     // 0: for ever
	PreferredSec  uint32       `json:"preferred_sec,omitempty"` // 0: for ever
	NoPrefixRoute bool         `json:"noprefixroute,omitempty"`
	NoDAD         bool         `json:"nodad,omitempty"`
	Tentative     bool         `json:"tentative,omitempty"`
	DADFailed     bool         `json:"dadfailed,omitempty"`
	Dynamic       bool         `json:"dynamic,omitempty"`    // has a lifetime: DHCP or SLAAC
	Deprecated    bool         `json:"deprecated,omitempty"` // preferred lifetime over, or 0 from the start: no source for new connections
	Temporary     bool         `json:"temporary,omitempty"`  // RFC 8981 privacy address
	MngTmpAddr    bool         `json:"mngtmpaddr,omitempty"`
}

// Route is one route. A multipath route has NextHops and no Gateway and Dev.
type Route struct {
	Dst      netip.Prefix `json:"dst"` // 0.0.0.0/0 or ::/0 for the default route
	Gateway  netip.Addr   `json:"gateway,omitzero"`
	Dev      string       `json:"dev,omitempty"`
	Src      netip.Addr   `json:"src,omitzero"`
	Metric   int          `json:"metric,omitempty"`
	Table    int          `json:"table"`    // 254 is main
	Scope    string       `json:"scope"`    // global, link, host
	Protocol string       `json:"protocol"` // kernel, boot, static, dhcp, ra, or a number
	Type     string       `json:"type"`     // unicast, blackhole, unreachable, prohibit
	OnLink   bool         `json:"onlink,omitempty"`
	MTU      int          `json:"mtu,omitempty"`
	NextHops []NextHop    `json:"nexthops,omitempty"`
	Expires  int          `json:"expires,omitempty"` // seconds; routes learnt from router advertisements
	Options  string       `json:"options,omitempty"` // what else it has, as ip-route(8) writes it: "advmss 1400 initcwnd 10 pref high"
	Foreign  string       `json:"foreign,omitempty"` // only read: what it has that cannot be made again, "encap"
}

// NextHop is one way of a multipath route.
type NextHop struct {
	Gateway netip.Addr `json:"gateway,omitzero"`
	Dev     string     `json:"dev"`
	Weight  int        `json:"weight,omitempty"`
	OnLink  bool       `json:"onlink,omitempty"`
}

// Rule is one policy routing rule.
type Rule struct {
	Priority int          `json:"priority"`
	V6       bool         `json:"v6,omitempty"`
	Src      netip.Prefix `json:"src,omitzero"`
	Dst      netip.Prefix `json:"dst,omitzero"`
	IIF      string       `json:"iif,omitempty"`
	OIF      string       `json:"oif,omitempty"`
	Mark     uint32       `json:"mark,omitempty"`
	Mask     uint32       `json:"mask,omitempty"`
	Table    int          `json:"table"`
	Invert   bool         `json:"invert,omitempty"`
	Foreign  string       `json:"foreign,omitempty"` // only read: what it has that cannot be made again, "uidrange"
}

// Files reads and changes files. Paths are absolute; under a root prefix the
// implementation adds it. A change is atomic and durable when it returns: the
// file and its directory are synced (rename(2), fsync(2)).
type Files interface {
	// Read returns the file with its metadata. Exists is false, with a nil
	// error, where there is none.
	Read(path string) (File, error)
	// Write makes path exactly f: content, mode, owner, and the modification
	// time where f has one. Where f.Exists is false the file is removed.
	Write(path string, f File) error
	// Append adds one record to path, creating it 0600 with its directories 0700.
	Append(path string, data []byte) error
	// Glob returns the existing names that match, sorted (filepath.Match syntax).
	Glob(pattern string) ([]string, error)
	// Room says whether n more bytes could be written beside path: a reason it could not
	// (read-only file system, disk full, no permission), nil where it could.
	Room(path string, n int) error
	// RemoveAll removes a directory of Bridgehead's own; Rename moves one.
	RemoveAll(path string) error
	Rename(from, to string) error
	// Lock takes the exclusive lock that path names, or fails at once with ErrLocked.
	// A lock dies with its process.
	Lock(path string) (release func(), err error)
}

// File is a file, or with Exists false the absence of one.
type File struct {
	Exists  bool      `json:"exists"`
	Data    []byte    `json:"data,omitempty"`
	Mode    uint32    `json:"mode,omitempty"` // permission bits with setuid, setgid, sticky, as stat(2) has them
	UID     int       `json:"uid,omitempty"`
	GID     int       `json:"gid,omitempty"`
	ModTime time.Time `json:"mtime,omitzero"`
	Link    string    `json:"link,omitempty"` // target, where path is a symbolic link (Write goes through it)
}

// Switch is Open vSwitch, by ovs-vsctl and ovs-appctl.
type Switch interface {
	// State reads the whole configuration. Where Open vSwitch does not run,
	// Running is false and Reason says why; that is no error.
	State(ctx context.Context) (SwitchState, error)
	// Transact runs one ovs-vsctl command line (without the leading options), in
	// which "--" separates commands: one atomic transaction, after which
	// ovs-vswitchd has taken it up. The caller reads State for port errors:
	// ovs-vsctl 3.1 exits 0 when a port could not be opened.
	// An error of type *TimeoutError means that the database may have changed all the same.
	Transact(ctx context.Context, args ...string) error
	// Record is Transact without waiting for ovs-vswitchd: for a database whose ovs-vswitchd
	// is dead, or has not started yet.
	Record(ctx context.Context, args ...string) error
	// Release takes a NIC out of the datapath itself, past daemons that do not
	// answer, so that the host's own stack gets its frames again; an internal
	// port, it removes. One that is not in it is no error.
	Release(ctx context.Context, nic string) error
	// Appctl runs ovs-appctl and returns what it prints.
	Appctl(ctx context.Context, args ...string) (string, error)
	// Sync makes what the database holds survive a power cut (fsync of conf.db).
	Sync(ctx context.Context) error
}

// SwitchState is Open vSwitch's configuration and state.
type SwitchState struct {
	Installed     bool     `json:"installed"`
	Running       bool     `json:"running"` // database and ovs-vswitchd answer
	Database      bool     `json:"-"`       // the database answers, and Bridges are what it holds
	Reason        string   `json:"reason,omitempty"`
	Version       string   `json:"version,omitempty"`
	KernelModule  bool     `json:"kernel_datapath"` // the openvswitch module is loaded or can be
	DatapathTypes []string `json:"datapath_types,omitempty"`
	Bridges       []Bridge `json:"bridges,omitempty"`
}

// Bridge is one OVS bridge.
type Bridge struct {
	Name        string            `json:"name"`
	Datapath    string            `json:"datapath,omitempty"` // "" or system, netdev
	FailMode    string            `json:"fail_mode,omitempty"`
	STP         bool              `json:"stp,omitempty"`
	RSTP        bool              `json:"rstp,omitempty"`
	Controllers int               `json:"controllers,omitempty"`
	OtherConfig map[string]string `json:"other_config,omitempty"`
	ExternalIDs map[string]string `json:"external_ids,omitempty"`
	Ports       []Port            `json:"ports"`
}

// Port is one port of a bridge; a bond has several interfaces.
type Port struct {
	Name        string            `json:"name"`
	Tag         int               `json:"tag,omitempty"` // access VLAN; 0: none
	Trunks      []int             `json:"trunks,omitempty"`
	VLANMode    string            `json:"vlan_mode,omitempty"`
	BondMode    string            `json:"bond_mode,omitempty"`
	LACP        string            `json:"lacp,omitempty"`
	OtherConfig map[string]string `json:"other_config,omitempty"`
	ExternalIDs map[string]string `json:"external_ids,omitempty"`
	Interfaces  []Interface       `json:"interfaces"`
}

// Interface is one OVS interface. What the operator configures comes first, what
// ovs-vswitchd reports after it.
type Interface struct {
	Name        string            `json:"name"`
	Type        string            `json:"type,omitempty"`
	MAC         string            `json:"mac,omitempty"`
	MTURequest  int               `json:"mtu_request,omitempty"`
	OtherConfig map[string]string `json:"other_config,omitempty"`
	ExternalIDs map[string]string `json:"external_ids,omitempty"`
	Options     map[string]string `json:"options,omitempty"`

	OfPort     int    `json:"ofport"` // -1: could not be opened; 0: not yet known
	Error      string `json:"error,omitempty"`
	MACInUse   string `json:"mac_in_use,omitempty"`
	MTU        int    `json:"mtu,omitempty"`
	AdminState string `json:"admin_state,omitempty"`
	LinkState  string `json:"link_state,omitempty"`
}

// Virt is libvirt's system connection. Every call ends within the context's
// deadline or its own; a daemon that hangs is an error, never a wait.
type Virt interface {
	// State lists networks and domains. Where libvirt cannot be reached, Available
	// is false and Reason says why; that is no error.
	State(ctx context.Context) (VirtState, error)
	DefineNetwork(ctx context.Context, xml string) error
	UndefineNetwork(ctx context.Context, name string) error
	StartNetwork(ctx context.Context, name string) error
	StopNetwork(ctx context.Context, name string) error
	AutostartNetwork(ctx context.Context, name string, on bool) error
	// SetPortGroup gives a network this port group (https://libvirt.org/formatnetwork.html#portgroups), in its definition
	// and, while it is active, at once; one of the same name is replaced. The network may be in use, and goes on.
	SetPortGroup(ctx context.Context, network, xml string) error
	// RemovePortGroup takes a port group away in the same places. One that is absent is no error.
	RemovePortGroup(ctx context.Context, network, name string) error

	// DomainXML is a domain's persistent definition, with its secrets (virsh dumpxml
	// --inactive --security-info). Where there is none, that is an error.
	DomainXML(ctx context.Context, name string) (string, error)
	// DefineDomain replaces a domain's persistent definition; a running one takes it up at its next start.
	DefineDomain(ctx context.Context, xml string) error
	// Unfit says of domains, by name, why libvirt could neither start them nor take a change of their definition: an
	// emulator that is gone, a machine type that it does not have. Those that are fit are not in it.
	Unfit(ctx context.Context, domains []Domain) (map[string]string, error)
	// PlugNIC gives a running domain a NIC now; its definition stays. A NIC of that MAC is no error.
	PlugNIC(ctx context.Context, domain, xml string) error
	// UnplugNIC asks a running domain to let go of the NIC with that MAC and waits until it
	// has: that takes a guest whose operating system heeds it. One that is absent is no error.
	UnplugNIC(ctx context.Context, domain, mac string) error
	// Sync makes definitions and autostart survive a power cut as they are (fsync of files and directories).
	Sync(ctx context.Context) error
}

// VirtState is what libvirt knows.
type VirtState struct {
	Available bool      `json:"available"`
	Reason    string    `json:"reason,omitempty"`
	Version   string    `json:"version,omitempty"`
	Networks  []Network `json:"networks,omitempty"`
	Domains   []Domain  `json:"domains,omitempty"`
}

// Network is a libvirt network. XML is the persistent definition (virsh
// net-dumpxml --inactive), or the live one of a transient network.
type Network struct {
	Name       string `json:"name"`
	UUID       string `json:"uuid"`
	XML        string `json:"xml"`
	Bridge     string `json:"bridge,omitempty"`
	Active     bool   `json:"active"`
	Autostart  bool   `json:"autostart"`
	Persistent bool   `json:"persistent"`
}

// Domain is a virtual machine with its NICs.
type Domain struct {
	Name       string      `json:"name"`
	UUID       string      `json:"uuid"`
	Running    bool        `json:"running"`
	Persistent bool        `json:"persistent"`
	Saved      bool        `json:"saved,omitempty"` // its memory is on disk: it comes back as it was, not as it is defined
	NICs       []DomainNIC `json:"nics,omitempty"`
	// Unfit is why it could not be started as it is defined, where the survey has asked that (Virt.Unfit).
	Unfit string `json:"unfit,omitempty"`
	// XML is the persistent definition without its secrets; "" of a transient domain.
	XML string `json:"-"`
}

// DomainNIC is one interface of a domain; of a running one, its live state.
type DomainNIC struct {
	MAC    string `json:"mac,omitempty"`
	Type   string `json:"type"`             // network, bridge, direct, user …
	Source string `json:"source,omitempty"` // name of the network or bridge
	Target string `json:"target,omitempty"` // vnet0, while running
	Model  string `json:"model,omitempty"`
	Tag    int    `json:"tag,omitempty"` // VLAN of an access port; 0: none
	// PortGroup is the one of the network that it names; "": the network's default, if it has one.
	PortGroup string `json:"portgroup,omitempty"`
}

// Guests makes virtual machines, with virt-install(1), and removes what it has made.
type Guests interface {
	// Look says what there is for a new VM, with what is at each of paths.
	Look(ctx context.Context, paths ...string) (GuestRoom, error)
	// Install makes the directories that are missing above disk, and runs virt-install with args; line gets
	// each line that it prints. When ctx ends virt-install is asked to stop, and clears away what it can.
	Install(ctx context.Context, disk string, args []string, line func(string)) error
	// Remove takes away what is there of m: the domain is ended and its definition goes, and the disk
	// with what is on it. What is absent is no error.
	Remove(ctx context.Context, m Made) error
}

// GuestRoom is what a host has for new VMs.
type GuestRoom struct {
	Missing   string   // why virt-install cannot be run; "": it can
	Systems   []string // short ids of the operating systems that it knows, sorted; none where it cannot tell
	MemoryMiB int
	FreeMiB   int // memory that is available
	CPUs      int
	User      string   // as whom QEMU runs
	Pools     []string // libvirt's storage pools, sorted
	Places    []Place  // of each path that was asked for
}

// Place is a path on the host and how it is around it.
type Place struct {
	Path    string
	Exists  bool
	Regular bool
	Bytes   int64
	Closed  string // the highest directory on the way to it that QEMU's user may not enter; "": none
	Parent  string // the nearest directory above it that exists
	Room    int64  // bytes free there
	NoDir   string // what above it is no directory; "": nothing
}

// Made is what was made for a new VM. What is empty was not made.
type Made struct {
	Domain string
	UUID   string
	Disk   string
	Dirs   []string // directories for it, the highest first
	Pools  []string // storage pools of libvirt, which virt-install makes for the directories of disk and ISO
}

// Packages is the host's package system (apt).
type Packages interface {
	// Installed returns the version of each of names that is installed and configured.
	Installed(ctx context.Context, names ...string) (map[string]string, error)
	// Install installs names without recommended packages; line gets each line of progress.
	Install(ctx context.Context, names []string, line func(string)) error
}

// Services is the init system.
type Services interface {
	// Manager is "systemd", "sysvinit" or "" where neither runs.
	Manager() string
	// Unit reads one unit; a unit that does not exist has an empty Load.
	Unit(ctx context.Context, name string) (Unit, error)
	Start(ctx context.Context, name string) error
}

// Unit is a systemd unit.
type Unit struct {
	Name    string   `json:"name"`
	Load    string   `json:"load,omitempty"`    // loaded, not-found, masked
	Active  string   `json:"active,omitempty"`  // active, inactive, failed
	Enabled string   `json:"enabled,omitempty"` // enabled, disabled, static, masked
	After   []string `json:"after,omitempty"`
	Before  []string `json:"before,omitempty"`
}

// Processes is the process table and the table of TCP sockets.
type Processes interface {
	List(ctx context.Context) ([]Process, error)
	// Environ returns a process's environment, "NAME=value"; empty where it may not be read.
	Environ(ctx context.Context, pid int) ([]string, error)
	// Sockets returns the established TCP sockets of the network namespace.
	Sockets(ctx context.Context) ([]Socket, error)
	// Stop ends a process: SIGTERM, then SIGKILL; it has ended when Stop returns.
	// A process that is gone is no error.
	Stop(ctx context.Context, pid int) error
	// Kill ends a process by SIGKILL, which it cannot act on; it has ended when Kill returns.
	Kill(ctx context.Context, pid int) error
	// Start runs argv to its end (a daemon puts itself into the background) and
	// fails with what it printed.
	Start(ctx context.Context, argv ...string) error
	// Self is the pid of this process.
	Self() int
}

// Process is one process.
type Process struct {
	PID  int      `json:"pid"`
	PPID int      `json:"ppid"`
	Name string   `json:"name"` // comm
	Args []string `json:"args"`
	TTY  string   `json:"tty,omitempty"` // "tty1", "ttyS0", "pts/3"; "" without one
	UID  int      `json:"uid"`
}

// Socket is one established TCP connection.
type Socket struct {
	Local  netip.AddrPort `json:"local"`
	Remote netip.AddrPort `json:"remote"`
	PIDs   []int          `json:"pids,omitempty"` // processes that hold it
	Listen bool           `json:"-"`
}

// Prober asks the network. Each call ends within its context's deadline.
type Prober interface {
	// ARP asks who has addr through dev (ARP for IPv4, neighbour solicitation for
	// IPv6) and returns the MAC that answers.
	ARP(ctx context.Context, dev string, addr netip.Addr) (string, error)
	// Ping sends an ICMP echo to addr, through dev unless it is "", and returns the round trip.
	Ping(ctx context.Context, dev string, addr netip.Addr) (time.Duration, error)
	// Duplicate sends an address probe (RFC 5227, RFC 4862) and returns the MAC
	// of another machine that claims addr, "" where none does.
	Duplicate(ctx context.Context, dev string, addr netip.Addr) (string, error)
	// Command runs the operator's own check with /bin/sh -c and fails with its output.
	Command(ctx context.Context, command string) error
}

// Listener hears what switches say by themselves.
type Listener interface {
	// Listen hears LLDP (IEEE 802.1AB) and LACP (IEEE 802.1AX) on the NICs until every one has
	// been heard by both, or ctx ends, which is no error: one Neighbour for each NIC, in their order.
	// It sends nothing and changes nothing but the NICs' multicast filter, for as long as it lasts.
	Listen(ctx context.Context, nics []string) ([]Neighbour, error)
}

// Neighbour is what was heard on one NIC. Silence is no proof: switches send every
// 30 s, if they send at all, and a NIC that is down hears nothing.
type Neighbour struct {
	NIC      string   `json:"nic"`
	Switch   string   `json:"switch,omitempty"`    // LLDP: the system's name, else its chassis id
	Port     string   `json:"port,omitempty"`      // LLDP: port id
	PortText string   `json:"port_text,omitempty"` // LLDP: port description
	LACP     *Partner `json:"lacp,omitempty"`      // nil: no LACPDU was heard
}

// Partner is the sender of a LACPDU.
type Partner struct {
	System string `json:"system"` // MAC
	Key    int    `json:"key"`
	Port   int    `json:"port"`
}

// Where is the switch and its port in words, "" where LLDP said nothing.
func (n Neighbour) Where() string {
	switch {
	case n.Switch == "":
		return ""
	case n.Port == "":
		return n.Switch
	}
	return n.Switch + " port " + n.Port
}

// Clock is time as the guard counts it: clock jumps do not matter.
type Clock interface {
	Now() time.Time
	// Boottime is the time since boot, suspended time included (CLOCK_BOOTTIME).
	Boottime() time.Duration
	// BootID changes with every boot (/proc/sys/kernel/random/boot_id).
	BootID() string
	// After is time.After on this clock.
	After(d time.Duration) <-chan time.Time
}

// Guard runs the watch that takes a trial back when nobody confirms it. It is
// owned by something that outlives the wizard and its terminal.
type Guard interface {
	// Kind says who will own the watch: "systemd" or "process".
	Kind() string
	// Arm starts the watch over the state directory and returns when it runs.
	Arm(ctx context.Context, stateDir string) error
	// Disarm ends the watch and removes whatever could start it again.
	Disarm(ctx context.Context, stateDir string) error
	// Left names what is there of a watch or of what could start it: units, scripts, files, a process that is not the
	// caller. There is none after Disarm.
	Left(ctx context.Context, stateDir string) []string
	// Armed says whether a watch runs.
	Armed(ctx context.Context, stateDir string) (bool, error)
	// Covers says what an armed guard survives on this host.
	Covers() Cover
}

// Cover is what a guard survives, beyond the end of the wizard, its terminal and its network.
type Cover struct {
	Killed  bool `json:"killed"`  // a watch that dies is started again
	Restart bool `json:"restart"` // after a restart or a power cut the host comes up as it was last confirmed
}
