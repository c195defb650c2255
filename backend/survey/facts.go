// Package survey finds out what a host has and what stands in the way. Take
// gathers facts through the Host; everything else in the package is a pure
// function from facts to findings, each with its reason.
package survey

import (
	"bridgehead/backend"
	"bridgehead/backend/interfaces"
)

// Facts is all that is known about a host. It is what `bridgehead survey --json`
// prints and what plan.Build decides from.
type Facts struct {
	Host     System              `json:"host"`
	NICs     []NIC               `json:"nics"` // candidates for an uplink and everything that looks like one; not lo
	Config   NetworkConfig       `json:"network_config"`
	Switch   backend.SwitchState `json:"ovs"`
	Virt     backend.VirtState   `json:"libvirt"`
	Packages PackageState        `json:"packages"`
	Boot     BootOrder           `json:"boot_order"`
	Console  Console             `json:"console"`
	Sessions []Session           `json:"sessions"`
	DHCP     []DHCPClient        `json:"dhcp_clients"`
	Services []NetworkUse        `json:"network_use"` // iSCSI, NFS and the like that the cut touches
	Firewall []string            `json:"firewall"`    // rules that name a NIC, as written
	Findings []Finding           `json:"findings"`
	// Unfinished says that an earlier change was neither confirmed nor taken back.
	Unfinished bool `json:"unfinished_change"`

	// The raw state, for the plan and the check that it has not become stale.
	Links   []backend.Link    `json:"-"`
	Routes  []backend.Route   `json:"-"`
	Rules   []backend.Rule    `json:"-"`
	Sysctls map[string]string `json:"-"` // "ipv4/conf/eth0/rp_filter" …: all, default and each NIC: rp_filter, accept_ra, disable_ipv6 …
	// Interfaces is the parsed /etc/network/interfaces; nil where there is none or
	// it was refused (a finding says why).
	Interfaces *interfaces.Config      `json:"-"`
	Files      map[string]backend.File `json:"-"` // every file of network_config.files, and /run/network/ifstate
}

// System is the host itself.
type System struct {
	Name    string        `json:"name"`
	OS      string        `json:"os"`                     // PRETTY_NAME of os-release
	Kernel  string        `json:"kernel"`                 // release
	Init    string        `json:"init"`                   // systemd, sysvinit or ""
	Guard   backend.Cover `json:"guard"`                  // what a guard survives here
	Root    bool          `json:"root"`                   // this process may change the host
	Bonding bool          `json:"kernel_bonding"`         // the kernel has the module bonding
	Foreign bool          `json:"foreign_root,omitempty"` // files were read below another root
}

// Uncovered says in a sentence what a guard does not survive on this host, "" where there is nothing.
func (s System) Uncovered() string {
	switch {
	case s.Foreign || s.Guard.Killed && s.Guard.Restart:
		return ""
	case s.Guard.Restart:
		return "Not covered here, without systemd: if the watch itself is killed, nobody starts it again before the next restart, which takes the change back."
	}
	return "Not covered here, without systemd: a restart or power cut before you confirm, or the end of the watch itself. The host may then stay out of reach until you run  bridgehead rollback  at this console."
}

// NIC is one network card with everything that matters about it.
type NIC struct {
	backend.Link
	Addresses []string        `json:"addresses"` // "192.168.1.100/24", as in Addrs
	Owner     Owner           `json:"owner"`
	Gateway   []string        `json:"gateways"`            // of the default routes through it
	Routes    []backend.Route `json:"routes"`              // all routes through it
	MemberOf  string          `json:"member_of,omitempty"` // "bridge br0", "bond bond0", "Open vSwitch bridge br0"
	SessionOf []string        `json:"sessions"`            // "ssh from 192.168.1.50 (this session)"
	Neighbour string          `json:"lldp,omitempty"`      // LLDP neighbour if heard
	Problems  []string        `json:"problems"`            // why it cannot be the uplink, or what to know
	Usable    bool            `json:"usable"`              // may be chosen as uplink
}

// Owner is what configures a NIC.
type Owner struct {
	Kind string `json:"kind"`           // ifupdown, netplan, networkmanager, networkd, dhclient, none …
	File string `json:"file,omitempty"` // where it says so
	Line int    `json:"line,omitempty"`
}

// NetworkConfig is the host's network configuration as its files have it.
type NetworkConfig struct {
	Owner      string      `json:"owner"` // ifupdown, ifupdown2, proxmox, netplan, networkmanager, networkd, none
	Reason     string      `json:"reason,omitempty"`
	Files      []string    `json:"files"`
	Interfaces []Interface `json:"interfaces"`
}

// Interface is one iface stanza; options as written, in file order.
type Interface struct {
	Name    string      `json:"name"`
	Family  string      `json:"family"`
	Method  string      `json:"method"`
	Auto    bool        `json:"auto"`              // brought up at boot: auto, allow-auto
	Hotplug bool        `json:"hotplug,omitempty"` // brought up when the kernel announces it: allow-hotplug
	Options [][2]string `json:"options"`
	File    string      `json:"file"`
	Line    int         `json:"line"`
}

// PackageState says which of the needed packages are there.
type PackageState struct {
	Installed map[string]string `json:"installed"` // name to version, of the packages that matter
	Missing   []string          `json:"missing"`   // what to install, by the name it has on this release
	Needs     []PackageNeed     `json:"needs"`
	Known     bool              `json:"known"` // false: the package system could not be asked
}

// PackageNeed is something that a package provides.
type PackageNeed struct {
	For       string   `json:"for"`            // "Open vSwitch itself"
	AnyOf     []string `json:"any_of"`         // any of these will do; the first is installed where none is there
	Have      string   `json:"have,omitempty"` // the one that is installed
	Mandatory bool     `json:"mandatory"`      // without it nothing can be done
}

// BootOrder says whether Open vSwitch starts before the network is configured.
type BootOrder struct {
	OK     bool   `json:"ok"`
	Known  bool   `json:"known"`
	Reason string `json:"reason"`
}

// Console is where this process is operated from.
type Console struct {
	Kind string `json:"kind"` // serial, vt, ssh, terminal, none
	TTY  string `json:"tty,omitempty"`
	// Unknown says, where it cannot be known which NIC carries this session, why.
	Unknown string `json:"unknown,omitempty"`
}

// Session is one login that the network carries.
type Session struct {
	Own    bool   `json:"own"`              // this very session
	From   string `json:"from"`             // client address
	To     string `json:"to"`               // address it reached
	NIC    string `json:"nic,omitempty"`    // physical NICs below, joined by ", "; "" where it cannot be known
	Via    string `json:"via,omitempty"`    // the link that has the address: eth0.10, bond0
	Reason string `json:"reason,omitempty"` // how it was found, or why the NIC is not known
	PID    int    `json:"pid,omitempty"`
}

// DHCPClient is a running DHCP client.
type DHCPClient struct {
	PID  int      `json:"pid"`
	Name string   `json:"name"` // dhclient, dhcpcd, udhcpc
	Args []string `json:"args"`
	NIC  string   `json:"nic"` // "": all of them
}

// NetworkUse is something besides a login that uses the network through a NIC.
type NetworkUse struct {
	What string `json:"what"` // "NFS mount /srv from 192.168.1.9", "iSCSI session to …"
	NIC  string `json:"nic,omitempty"`
}

// Finding is one thing the operator has to know.
type Finding struct {
	Level string `json:"level"` // refuse, warn, info
	What  string `json:"what"`
	Why   string `json:"why"`
	Do    string `json:"do"`
}

// Levels of a finding.
const (
	Refuse = "refuse"
	Warn   = "warn"
	Info   = "info"
)

// Refused returns the findings for which nothing may be changed on this host.
func (f Facts) Refused() []Finding {
	var out []Finding
	for _, x := range f.Findings {
		if x.Level == Refuse {
			out = append(out, x)
		}
	}
	return out
}

// NIC returns the NIC of that name or altname.
func (f Facts) NIC(name string) (NIC, bool) {
	for _, n := range f.NICs {
		if n.Name == name {
			return n, true
		}
		for _, alt := range n.AltNames {
			if alt == name {
				return n, true
			}
		}
	}
	return NIC{}, false
}
