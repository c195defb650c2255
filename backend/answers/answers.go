// Package answers is what an operator decides, and the file that says it. The
// wizard, `bridgehead plan` and `bridgehead apply` go through this one struct.
package answers

import (
	"fmt"
	"time"
)

// Version is the version of the answers file that this program reads and writes.
const Version = 1

// Answers is one complete set of decisions.
type Answers struct {
	Version int      `yaml:"version" json:"version"`
	Uplink  Uplink   `yaml:"uplink" json:"uplink"`
	Bond    *Bond    `yaml:"bond,omitempty" json:"bond,omitempty"`
	Bridge  Bridge   `yaml:"bridge" json:"bridge"`
	Address Address  `yaml:"address" json:"address"`
	Libvirt *Libvirt `yaml:"libvirt,omitempty" json:"libvirt,omitempty"`
	VMs     *VMs     `yaml:"vms,omitempty" json:"vms,omitempty"`
	Apply   Apply    `yaml:"apply" json:"apply"`
	Verify  Verify   `yaml:"verify,omitempty" json:"verify,omitzero"`
}

// Kinds of uplink.
const (
	KindNIC        = "nic"
	KindOVSBond    = "ovs-bond"
	KindKernelBond = "kernel-bond"
)

// Uplink is what connects the bridge to the world.
type Uplink struct {
	NICs []string `yaml:"nics,flow,omitempty" json:"nics"`
	Kind string   `yaml:"kind" json:"kind"` // nic, ovs-bond, kernel-bond, existing
}

// Bridge names the bridge and its internal port, which carries the host's address.
type Bridge struct {
	Name     string `yaml:"name" json:"name"`
	Port     string `yaml:"port,omitempty" json:"port"`
	Datapath string `yaml:"datapath,omitempty" json:"datapath,omitempty"` // system (the default) or netdev
	Tag      int    `yaml:"tag,omitempty" json:"tag,omitempty"`           // VLAN of the internal port; 0: none
	MTU      int    `yaml:"mtu,omitempty" json:"mtu,omitempty"`           // 0: as the NIC has it
}

// Methods of addressing.
const (
	MethodKeep   = "keep"
	MethodStatic = "static"
	MethodDHCP   = "dhcp"
)

// Address says where the internal port's addresses come from.
type Address struct {
	Method    string   `yaml:"method" json:"method"` // keep, static, dhcp
	Addresses []string `yaml:"addresses,omitempty,flow" json:"addresses,omitempty"`
	Gateway   Strings  `yaml:"gateway,omitempty" json:"gateway,omitempty"`
	DNS       []string `yaml:"dns,omitempty,flow" json:"dns,omitempty"`
}

// Libvirt says what becomes of libvirt's networks. Without this section libvirt is left alone.
type Libvirt struct {
	Network string `yaml:"network" json:"network"`                     // network to define on the bridge
	Default string `yaml:"default,omitempty" json:"default,omitempty"` // keep, stop, remove: the network "default"
	// Existing says what becomes of a network that has that name and another definition: update ("") or leave.
	Existing   string      `yaml:"existing,omitempty" json:"existing,omitempty"`
	PortGroups []PortGroup `yaml:"portgroups,omitempty" json:"portgroups,omitempty"`
}

// What becomes of libvirt's network "default".
const (
	DefaultKeep   = "keep"
	DefaultStop   = "stop"
	DefaultRemove = "remove"
)

// When to apply.
const (
	WhenNow    = "now"
	WhenReboot = "reboot"
)

// Apply says when, and how long the trial waits for confirmation.
type Apply struct {
	When          string   `yaml:"when" json:"when"`
	ConfirmWithin Duration `yaml:"confirm_within" json:"confirm_within"`
}

// Limits of the confirmation window: a human needs two minutes (Junos gives ten),
// a program ten seconds, and nothing stays unconfirmed for longer than an hour.
const (
	HumanWindow   = 2 * time.Minute
	MinWindow     = 10 * time.Second
	MaxWindow     = time.Hour
	DefaultWindow = 10 * time.Minute
)

// Verify adds checks of the operator's own.
type Verify struct {
	Targets []string `yaml:"targets,omitempty,flow" json:"targets,omitempty"` // addresses that must answer a ping
	Command string   `yaml:"command,omitempty" json:"command,omitempty"`      // run by /bin/sh, must exit 0
}

// Default returns the answers that the wizard starts from, in the tutorial's names.
func Default() Answers {
	return Answers{
		Version: Version,
		Uplink:  Uplink{Kind: KindNIC},
		Bridge:  Bridge{Name: "examplebr0", Port: "examplebr0p1"},
		Address: Address{Method: MethodKeep},
		Apply:   Apply{When: WhenNow, ConfirmWithin: Duration(DefaultWindow)},
	}
}

// Duration is a time.Duration that is written as "10m".
type Duration time.Duration

func (d Duration) String() string {
	t := time.Duration(d)
	switch {
	case t%time.Hour == 0 && t != 0:
		return fmt.Sprintf("%dh", t/time.Hour)
	case t%time.Minute == 0 && t != 0:
		return fmt.Sprintf("%dm", t/time.Minute)
	default:
		return t.String()
	}
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) error {
	t, err := time.ParseDuration(string(b))
	if err != nil {
		return badDuration(b)
	}
	*d = Duration(t)
	return nil
}

type badDuration string

func (d badDuration) Error() string {
	return fmt.Sprintf("%q is no duration; write it like 10m or 90s", string(d))
}

// Strings is a list that may be written as a single value.
type Strings []string

// UnmarshalYAML implements yaml.InterfaceUnmarshaler of goccy/go-yaml.
func (s *Strings) UnmarshalYAML(unmarshal func(any) error) error {
	var one string
	if unmarshal(&one) == nil {
		*s = nil
		if one != "" {
			*s = Strings{one}
		}
		return nil
	}
	var many []string
	if err := unmarshal(&many); err != nil {
		return err
	}
	*s = many
	return nil
}

// MarshalYAML writes a single value as a scalar.
func (s Strings) MarshalYAML() (any, error) {
	if len(s) == 1 {
		return s[0], nil
	}
	return []string(s), nil
}
