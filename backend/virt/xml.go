package virt

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"libvirt.org/go/libvirtxml"
)

// NetworkSpec describes a libvirt network that hands its guests to an OVS bridge.
type NetworkSpec struct {
	Name       string
	UUID       string // of the network that it replaces; "": libvirt makes one
	Bridge     string // an existing OVS bridge
	PortGroups []PortGroup
}

// PortGroup is a choice of VLANs for a guest's NIC. One VLAN is an access port,
// several are a trunk, none is the whole bridge.
type PortGroup struct {
	Name    string
	VLANs   []int // 1 to 4094
	Native  int   // the one of a trunk that is not tagged; 0: none
	Default bool  // for NICs that name no port group
}

var (
	// The name becomes a file name and stands in commands, as the answers file has it.
	networkName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	// A link's name has 1 to 15 bytes (IFNAMSIZ).
	bridgeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$`)
)

// NetworkXML returns the definition of a network as virsh net-define takes it
// (https://libvirt.org/formatnetwork.html, "Using an existing host bridge"). It ends
// with a newline.
func NetworkXML(spec NetworkSpec) (string, error) {
	if err := spec.check(); err != nil {
		return "", fmt.Errorf("cannot describe the libvirt network %q: %w", spec.Name, err)
	}
	ovs := libvirtxml.NetworkVirtualPortParams{OpenVSwitch: &libvirtxml.NetworkVirtualPortParamsOpenVSwitch{}}
	n := libvirtxml.Network{
		Name:        spec.Name,
		UUID:        spec.UUID,
		Forward:     &libvirtxml.NetworkForward{Mode: "bridge"},
		Bridge:      &libvirtxml.NetworkBridge{Name: spec.Bridge},
		VirtualPort: &libvirtxml.NetworkVirtualPort{Params: &ovs},
	}
	for _, g := range spec.PortGroups {
		n.PortGroups = append(n.PortGroups, g.group())
	}
	text, err := n.Marshal()
	if err != nil {
		return "", fmt.Errorf("cannot describe the libvirt network %q: %w", spec.Name, err)
	}
	return tidy(text) + "\n", nil
}

var (
	empty      = regexp.MustCompile(`<(\w+)((?: [^<>/]*)?)>\s*</\w+>`)
	parameters = regexp.MustCompile(`\s*<parameters/>`)
	lineBreak  = regexp.MustCompile(`\n\s*`)
)

// tidy writes XML as libvirt does, so that a diff shows what differs: single quotes, empty elements as <this/>, and
// without the empty parameters of a virtual port.
func tidy(text string) string {
	text = strings.ReplaceAll(text, `"`, "'") // in a value, it is &#34;
	text = empty.ReplaceAllString(text, "<$1$2/>")
	return empty.ReplaceAllString(parameters.ReplaceAllString(text, ""), "<$1$2/>")
}

func (g PortGroup) group() libvirtxml.NetworkPortGroup {
	out := libvirtxml.NetworkPortGroup{Name: g.Name}
	if g.Default {
		out.Default = "yes"
	}
	if len(g.VLANs) > 0 {
		out.VLAN = &libvirtxml.NetworkVLAN{}
	}
	if len(g.VLANs) > 1 {
		out.VLAN.Trunk = "yes"
	}
	for _, id := range g.VLANs {
		tag := libvirtxml.NetworkVLANTag{ID: uint(id)}
		if id == g.Native {
			tag.NativeMode = "untagged"
		}
		out.VLAN.Tags = append(out.VLAN.Tags, tag)
	}
	return out
}

func (s NetworkSpec) check() error {
	if !networkName.MatchString(s.Name) {
		return fmt.Errorf("its name must be letters, digits, . _ - and begin with a letter or digit")
	}
	if !bridgeName.MatchString(s.Bridge) {
		return fmt.Errorf("%q is no name of a bridge: 1 to 15 letters, digits, . _ -", s.Bridge)
	}
	seen, standard := map[string]bool{}, ""
	for _, g := range s.PortGroups {
		switch {
		case !networkName.MatchString(g.Name):
			return fmt.Errorf("the port group's name %q must be letters, digits, . _ -", g.Name)
		case seen[g.Name]:
			return fmt.Errorf("there are two port groups %s", g.Name)
		case g.Default && standard != "":
			return fmt.Errorf("%s and %s cannot both be the default port group", standard, g.Name)
		case g.Default:
			standard = g.Name
		}
		seen[g.Name] = true
		for i, id := range g.VLANs {
			if id < 1 || id > 4094 || slices.Contains(g.VLANs[:i], id) {
				return fmt.Errorf("port group %s: %d is no VLAN, or there twice; use 1 to 4094, each once", g.Name, id)
			}
		}
	}
	return nil
}

// OnBridge says whether the definition of a network connects guests to this Open vSwitch bridge.
func OnBridge(text, bridge string) bool {
	var n libvirtxml.Network
	if n.Unmarshal(text) != nil || n.Bridge == nil || n.Forward == nil || n.VirtualPort == nil || n.VirtualPort.Params == nil {
		return false
	}
	return n.Bridge.Name == bridge && n.Forward.Mode == "bridge" && n.VirtualPort.Params.OpenVSwitch != nil
}

// WithPortGroups is the definition of a network with these port groups; one of the same name is replaced, and everything
// else stays. Where that changes nothing, it is the text as it was.
func WithPortGroups(text string, groups []PortGroup) (string, error) {
	var n libvirtxml.Network
	if err := n.Unmarshal(text); err != nil {
		return "", fmt.Errorf("its definition cannot be read: %w", err)
	}
	changed := false
	for _, g := range groups {
		want := g.group()
		i := slices.IndexFunc(n.PortGroups, func(x libvirtxml.NetworkPortGroup) bool { return x.Name == g.Name })
		switch {
		case i < 0:
			n.PortGroups, changed = append(n.PortGroups, want), true
		case !reflect.DeepEqual(n.PortGroups[i].VLAN, want.VLAN) || n.PortGroups[i].Default != want.Default && want.Default != "":
			n.PortGroups[i].VLAN, n.PortGroups[i].Default, changed = want.VLAN, want.Default, true
		}
	}
	if !changed {
		return text, nil
	}
	standard := ""
	for _, g := range n.PortGroups {
		if g.Default == "yes" && standard != "" {
			return "", fmt.Errorf("%s and %s cannot both be its default port group", standard, g.Name)
		}
		if g.Default == "yes" {
			standard = g.Name
		}
	}
	out, err := n.Marshal()
	return tidy(out) + "\n", err
}

// PortGroupXML is a port group as it stands in the definition of a network, on one line; "" where there is none of that name.
func PortGroupXML(text, name string) string {
	var n libvirtxml.Network
	if n.Unmarshal(text) != nil {
		return ""
	}
	for _, g := range n.PortGroups {
		if g.Name == name {
			out, err := g.Marshal()
			if err != nil {
				return ""
			}
			return lineBreak.ReplaceAllString(strings.ReplaceAll(tidy(out), "'", `"`), "") // to stand in a shell's single quotes
		}
	}
	return ""
}

// PortGroups are the port groups of a network's definition, as far as they choose VLANs.
func PortGroups(text string) []PortGroup {
	var n libvirtxml.Network
	if n.Unmarshal(text) != nil {
		return nil
	}
	var out []PortGroup
	for _, g := range n.PortGroups {
		one := PortGroup{Name: g.Name, Default: g.Default == "yes"}
		if g.VLAN != nil {
			for _, t := range g.VLAN.Tags {
				one.VLANs = append(one.VLANs, int(t.ID))
				if t.NativeMode != "" {
					one.Native = int(t.ID)
				}
			}
		}
		out = append(out, one)
	}
	return out
}
