package backend

import (
	"context"
)

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
