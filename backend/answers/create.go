package answers

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
)

// CreateVM is a virtual machine to make with virt-install(1), once the bridge is there.
type CreateVM struct {
	Name      string `yaml:"name" json:"name"`
	Memory    int    `yaml:"memory" json:"memory"` // MiB
	VCPUs     int    `yaml:"vcpus" json:"vcpus"`
	Disk      Disk   `yaml:"disk" json:"disk"`
	ISO       string `yaml:"iso" json:"iso"`                                 // what it installs from
	OS        string `yaml:"os,omitempty" json:"os,omitempty"`               // short id of osinfo: debian12; "": found out from the ISO
	Console   string `yaml:"console,omitempty" json:"console,omitempty"`     // vnc or serial; "": vnc
	Network   string `yaml:"network,omitempty" json:"network,omitempty"`     // of libvirt; this or Bridge
	PortGroup string `yaml:"portgroup,omitempty" json:"portgroup,omitempty"` // of Network; "": its default
	Bridge    string `yaml:"bridge,omitempty" json:"bridge,omitempty"`       // of Open vSwitch
}

// Disk is the new file that becomes a VM's disk.
type Disk struct {
	Path   string `yaml:"path" json:"path"`
	Size   int    `yaml:"size" json:"size"`                         // GiB
	Format string `yaml:"format,omitempty" json:"format,omitempty"` // qcow2 or raw; "": qcow2
}

// Consoles of a new VM, and formats of its disk.
const (
	ConsoleVNC    = "vnc"
	ConsoleSerial = "serial"
	FormatQCOW2   = "qcow2"
	FormatRaw     = "raw"
)

// fill gives what may be left out its default: the network that the answers define, or their bridge.
func (c *CreateVM) fill(a *Answers) {
	if c.Console == "" {
		c.Console = ConsoleVNC
	}
	if c.Disk.Format == "" {
		c.Disk.Format = FormatQCOW2
	}
	switch {
	case c.Network != "" || c.Bridge != "":
	case a.Libvirt != nil && a.Libvirt.Network != "":
		c.Network = a.Libvirt.Network
	default:
		c.Bridge = a.Bridge.Name
	}
}

func (v *VMs) createProblems(bad reporter) {
	for i, c := range v.Create {
		field := fmt.Sprintf("vms.create[%d]", i)
		same := func(what func(CreateVM) string) bool {
			return slices.ContainsFunc(v.Create[:i], func(x CreateVM) bool { return what(x) == what(c) })
		}
		switch key, err := c.Problem(); {
		case err != nil:
			bad(field+"."+key, "%v", err)
		case same(func(x CreateVM) string { return x.Name }):
			bad(field+".name", "two VMs cannot both be called %s", c.Name)
		case same(func(x CreateVM) string { return x.Disk.Path }):
			bad(field+".disk.path", "two VMs cannot have the same disk")
		}
	}
}

// Problem returns the first thing that is wrong with c, whatever the host is like, and the key it stands at.
func (c CreateVM) Problem() (key string, err error) {
	for _, x := range []struct {
		key string
		err error
	}{
		{"name", VMName(c.Name)},
		{"memory", within(c.Memory, 16, 16<<20, "MiB")},
		{"vcpus", within(c.VCPUs, 1, 710, "virtual processors")},
		{"disk.path", FilePath(c.Disk.Path)},
		{"disk.size", within(c.Disk.Size, 1, 64<<10, "GiB")},
		{"disk.format", oneOf(c.Disk.Format, FormatQCOW2, FormatRaw)},
		{"iso", FilePath(c.ISO)},
		{"os", OSName(c.OS)},
		{"console", oneOf(c.Console, ConsoleVNC, ConsoleSerial)},
		{c.place(), c.connection()},
	} {
		if x.err != nil {
			return x.key, x.err
		}
	}
	return "", nil
}

func (c CreateVM) place() string {
	switch {
	case c.Network == "" && c.PortGroup == "":
		return "bridge"
	case c.PortGroup != "":
		return "portgroup"
	}
	return "network"
}

// connection says why it cannot be connected like that.
func (c CreateVM) connection() error {
	switch {
	case c.Network != "" && c.Bridge != "":
		return errors.New("it is connected to a network or to a bridge, not to both")
	case c.Network == "" && c.PortGroup != "":
		return errors.New("a port group is part of a network; name the network, too")
	case c.Network == "":
		return LinkName(c.Bridge)
	}
	if err := NetworkName(c.Network); err != nil || c.PortGroup == "" {
		return err
	}
	if !networkName.MatchString(c.PortGroup) {
		return fmt.Errorf("%q cannot be the name of a port group; use letters, digits, . _ -", c.PortGroup)
	}
	return nil
}

func within(n, low, high int, unit string) error {
	if n < low || n > high {
		return fmt.Errorf("%d is out of range; use %d to %d (%s)", n, low, high, unit)
	}
	return nil
}

func oneOf(s string, possible ...string) error {
	if !slices.Contains(possible, s) {
		return fmt.Errorf("%q is not possible; use %s", s, strings.Join(possible, " or "))
	}
	return nil
}

// VMName says why s cannot be the name of a new VM: libvirt makes a file name of it, virt-install takes no
// blanks, and what begins with a dash is an option to both.
func VMName(s string) error {
	switch {
	case s == "":
		return errors.New("a name is missing")
	case len(s) > 200:
		return fmt.Errorf("the name is %d bytes long; use 200 at most", len(s))
	case s[0] == '-' || s[0] == '.':
		return fmt.Errorf("%q cannot be the name of a VM: let it begin with a letter or digit", s)
	case strings.Contains(s, "/") || strings.ContainsFunc(s, notShown) || strings.ContainsFunc(s, unicode.IsSpace):
		return fmt.Errorf("%q cannot be the name of a VM: leave out blanks and slashes", s)
	}
	return nil
}

func notShown(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }

// FilePath says why s cannot be where a disk or an ISO is. Of a path with markup virt-install (4.1) makes a storage pool
// of another path, by escaping it twice.
func FilePath(s string) error {
	switch {
	case s == "":
		return errors.New("a path is missing")
	case s[0] != '/':
		return fmt.Errorf("%q does not say where from: write the whole path, from / on", s)
	case strings.ContainsFunc(s, notShown):
		return fmt.Errorf("%q has characters that cannot be shown", s)
	case strings.ContainsAny(s, `<>&'"`):
		return fmt.Errorf("%s has one of < > & ' \" in it, with which virt-install cannot do; choose another path", s)
	case path.Clean(s) != s:
		return fmt.Errorf("%q is no plain path to a file; write %s", s, path.Clean(s))
	case s == "/" || len(s) > 1000:
		return fmt.Errorf("%.20q is no path to a file", s)
	}
	return nil
}

// OSName says why s cannot be the name of an operating system to virt-install.
func OSName(s string) error {
	if s != "" && (!linkName.MatchString(s) || s[0] == '-') {
		return fmt.Errorf("%q is no name like debian12 or ubuntu22.04; leave it empty to have it found out from the ISO", s)
	}
	return nil
}
