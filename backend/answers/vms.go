package answers

import (
	"fmt"
	"net"
	"slices"
	"strings"
)

// VMs says which virtual machines are attached to the bridge, and which are made once it is there.
type VMs struct {
	Attach []AttachVM `yaml:"attach,omitempty" json:"attach,omitempty"`
	Create []CreateVM `yaml:"create,omitempty" json:"create,omitempty"`
}

// NewNIC as AttachVM.NIC asks for a NIC that the VM does not have yet.
const NewNIC = "new"

// Ways to connect a VM.
const (
	ViaNetwork = "network"
	ViaBridge  = "bridge"
)

// AttachVM connects one NIC of one VM. In the file its name alone will do.
type AttachVM struct {
	Name  string `yaml:"name" json:"name"`
	NIC   string `yaml:"nic,omitempty" json:"nic,omitempty"`     // its MAC, or "new"; "": the only one, or a new one where there is none
	Model string `yaml:"model,omitempty" json:"model,omitempty"` // of a new one; "": virtio
	Tag   int    `yaml:"tag,omitempty" json:"tag,omitempty"`     // VLAN of an access port; 0: none
	// PortGroup is one of the network's, in place of a tag; "": the network's default.
	PortGroup string `yaml:"portgroup,omitempty" json:"portgroup,omitempty"`
	Via       string `yaml:"via,omitempty" json:"via,omitempty"` // network or bridge; "": the network where one is defined
}

// UnmarshalYAML implements yaml.InterfaceUnmarshaler of goccy/go-yaml.
func (a *AttachVM) UnmarshalYAML(unmarshal func(any) error) error {
	*a = AttachVM{}
	if unmarshal(&a.Name) == nil {
		return nil
	}
	type plain AttachVM
	return unmarshal((*plain)(a))
}

// MarshalYAML writes a name alone where that says it.
func (a AttachVM) MarshalYAML() (any, error) {
	if a == (AttachVM{Name: a.Name}) {
		return a.Name, nil
	}
	type plain AttachVM
	return plain(a), nil
}

func (v *VMs) problems(l *Libvirt, bad reporter) {
	if v == nil {
		return
	}
	v.createProblems(bad)
	for i, a := range v.Attach {
		field := fmt.Sprintf("vms.attach[%d]", i)
		_, noMAC := net.ParseMAC(a.NIC)
		switch {
		case a.Name == "" || strings.ContainsAny(a.Name, "/\n"):
			bad(field, "%q cannot be the name of a VM", a.Name)
		case slices.ContainsFunc(v.Attach[:i], func(x AttachVM) bool { return x.Name == a.Name }):
			bad(field, "%s is named twice; attach one NIC of it now, and the others with a second run", a.Name)
		case a.NIC != "" && a.NIC != NewNIC && noMAC != nil:
			bad(field, "nic %q is neither a MAC address nor %s", a.NIC, NewNIC)
		case a.Model != "" && NICModel(a.Model) != nil:
			bad(field, "%v", NICModel(a.Model))
		case a.Tag < 0 || a.Tag > 4094:
			bad(field, "tag %d is no VLAN id; use 1 to 4094, or leave it out", a.Tag)
		case !slices.Contains([]string{"", ViaNetwork, ViaBridge}, a.Via):
			bad(field, "via %q is not possible; use network or bridge", a.Via)
		case a.PortGroup != "" && !networkName.MatchString(a.PortGroup):
			bad(field, "%q cannot be the name of a port group; use letters, digits, . _ -", a.PortGroup)
		case a.PortGroup != "" && a.Tag != 0:
			bad(field, "a port group has its VLANs; leave tag %d out, or the port group", a.Tag)
		case a.PortGroup != "" && (a.Via == ViaBridge || l == nil || l.Network == ""):
			bad(field, "port group %s is one of a network; connect by the network (libvirt.network), or use a tag", a.PortGroup)
		case a.Via == ViaNetwork && (l == nil || l.Network == ""):
			bad(field, "via network needs libvirt.network; name one, or use via: bridge")
		}
	}
}

// NICModel says why s cannot be the model of a NIC. Which of them there are depends on the emulator.
func NICModel(s string) error {
	if !linkName.MatchString(s) {
		return fmt.Errorf("%q cannot be the model of a NIC; use virtio or e1000, or leave it out", s)
	}
	return nil
}
