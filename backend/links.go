package backend

import (
	"context"
	"net/netip"
	"time"
)

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
