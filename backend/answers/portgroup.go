package answers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// PortGroup is a choice of VLANs that a VM's NIC names in its definition: one VLAN is an access port,
// several are a trunk (https://libvirt.org/formatnetwork.html#portgroups).
type PortGroup struct {
	Name    string `yaml:"name" json:"name"`
	VLANs   []int  `yaml:"vlans,flow" json:"vlans"`                    // 1 to 4094
	Native  int    `yaml:"native,omitempty" json:"native,omitempty"`   // the one of a trunk that is not tagged; 0: none
	Default bool   `yaml:"default,omitempty" json:"default,omitempty"` // of NICs that name no port group
}

// What becomes of a libvirt network that has the name already.
const (
	ExistingUpdate = "update"
	ExistingLeave  = "leave"
)

func (g PortGroup) problem() error {
	switch {
	case !networkName.MatchString(g.Name):
		return fmt.Errorf("%q cannot be the name of a port group; use letters, digits, . _ -", g.Name)
	case len(g.VLANs) == 0:
		return fmt.Errorf("port group %s has no VLAN; give one for an access port, several for a trunk", g.Name)
	case g.Native != 0 && len(g.VLANs) < 2:
		return fmt.Errorf("port group %s is an access port, which has no native VLAN; give several VLANs, or leave native out", g.Name)
	case g.Native != 0 && !slices.Contains(g.VLANs, g.Native):
		return fmt.Errorf("port group %s: the native VLAN %d is none of its VLANs; add it to them", g.Name, g.Native)
	}
	for i, id := range g.VLANs {
		if id < 1 || id > 4094 || slices.Contains(g.VLANs[:i], id) {
			return fmt.Errorf("port group %s: %d is no VLAN, or there twice; use 1 to 4094, each once", g.Name, id)
		}
	}
	return nil
}

// PortGroups says what is wrong with several port groups of one network; nil: nothing.
func PortGroups(groups []PortGroup) error {
	standard := ""
	for i, g := range groups {
		if err := g.problem(); err != nil {
			return err
		}
		if slices.ContainsFunc(groups[:i], func(x PortGroup) bool { return x.Name == g.Name }) {
			return fmt.Errorf("there are two port groups %s", g.Name)
		}
		if g.Default && standard != "" {
			return fmt.Errorf("%s and %s cannot both be the default port group", standard, g.Name)
		}
		if g.Default {
			standard = g.Name
		}
	}
	return nil
}

// String is g as it is typed: "office=10", "all=10+20", with the native VLAN "all=1n+20", the default "office=10 default".
func (g PortGroup) String() string {
	var ids []string
	for _, id := range g.VLANs {
		s := strconv.Itoa(id)
		if id == g.Native {
			s += "n"
		}
		ids = append(ids, s)
	}
	s := g.Name + "=" + strings.Join(ids, "+")
	if g.Default {
		s += " default"
	}
	return s
}

// ParsePortGroups reads port groups as String writes them, with commas between.
func ParsePortGroups(text string) ([]PortGroup, error) {
	var out []PortGroup
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		part, standard := strings.CutSuffix(part, " default")
		name, ids, ok := strings.Cut(part, "=")
		if !ok {
			return nil, fmt.Errorf("%q is no port group; write it like office=10 or all=10+20, commas between", part)
		}
		g := PortGroup{Name: strings.TrimSpace(name), Default: standard}
		for _, s := range strings.Split(ids, "+") {
			s, native := strings.CutSuffix(strings.TrimSpace(s), "n")
			id, err := strconv.Atoi(s)
			if err != nil {
				return nil, fmt.Errorf("port group %s: %q is no VLAN; use 1 to 4094, + between", g.Name, s)
			}
			if native && g.Native != 0 {
				return nil, fmt.Errorf("port group %s: only one VLAN can be native (n)", g.Name)
			}
			if native {
				g.Native = id
			}
			g.VLANs = append(g.VLANs, id)
		}
		out = append(out, g)
	}
	return out, PortGroups(out)
}
