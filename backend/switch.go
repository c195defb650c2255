package backend

import (
	"context"
)

// Switch is Open vSwitch, by ovs-vsctl and ovs-appctl.
type Switch interface {
	// State reads the whole configuration. Where Open vSwitch does not run,
	// Running is false and Reason says why; that is no error.
	State(ctx context.Context) (SwitchState, error)
	// Rows reads all that is configured on every bridge, port and interface.
	Rows(ctx context.Context) ([]Row, error)
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

// Row is one row of Open vSwitch's database, with what is configured on it.
type Row struct {
	Table string `json:"table"` // Bridge, Port or Interface
	Name  string `json:"name"`
	// Set is what is not at its default, sorted and as ovs-vsctl set takes it: stp_enable=true, trunks=[10,20],
	// other_config:hwaddr="52:54:00:12:34:56". Another row that it refers to is there by its UUID: qos=….
	Set []string `json:"set,omitempty"`
	// Kept are rows that refer to this one and keep it in the database when its bridge is deleted, so that none of its name
	// can be made: "Flow_Sample_Collector_Set UUID".
	Kept []string `json:"kept,omitempty"`
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
