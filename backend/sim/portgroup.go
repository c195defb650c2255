package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"libvirt.org/go/libvirtxml"

	"bridgehead/backend"
)

func (h virtOf) SetPortGroup(ctx context.Context, name, text string) error {
	return h.on(ctx, "net-update", name, true, func(n *network) error {
		var g libvirtxml.NetworkPortGroup
		if err := g.Unmarshal(text); err != nil || g.Name == "" {
			return errors.New("XML error: no port group")
		}
		return h.p.m.portGroups(n, g.Name, func(all []libvirtxml.NetworkPortGroup, at int) []libvirtxml.NetworkPortGroup {
			if at < 0 {
				return append(all, g)
			}
			all[at] = g
			return all
		})
	})
}

func (h virtOf) RemovePortGroup(ctx context.Context, name, group string) error {
	return h.on(ctx, "net-update", name, false, func(n *network) error {
		return h.p.m.portGroups(n, group, func(all []libvirtxml.NetworkPortGroup, at int) []libvirtxml.NetworkPortGroup {
			if at < 0 {
				return all
			}
			return slices.Delete(all, at, at+1)
		})
	})
}

// vlans are the words by which the port of a NIC gets its VLANs: its own tag, or those of its network's port group.
func (m *Machine) vlans(nic backend.DomainNIC) []string {
	set := []string{"--", "set", "Port", nic.Target}
	if nic.Tag != 0 {
		return append(set, fmt.Sprint("tag=", nic.Tag))
	}
	n := m.network(nic.Source)
	if nic.Type != "network" || n == nil || n.live == nil {
		return nil
	}
	for _, g := range n.live.PortGroups {
		if g.Name != nic.PortGroup && (nic.PortGroup != "" || g.Default != "yes") || g.VLAN == nil {
			continue
		}
		var ids []string
		for _, t := range g.VLAN.Tags {
			ids = append(ids, fmt.Sprint(t.ID))
			if t.NativeMode != "" {
				set = append(set, "vlan_mode=native-"+t.NativeMode, fmt.Sprint("tag=", t.ID))
			}
		}
		if g.VLAN.Trunk != "yes" {
			return append(set, "tag="+ids[0])
		}
		return append(set, "trunks="+strings.Join(ids, ","))
	}
	return nil
}

// portGroups changes the port groups of a network's definition and of what is active, each from what it has.
func (m *Machine) portGroups(n *network, name string, change func(all []libvirtxml.NetworkPortGroup, at int) []libvirtxml.NetworkPortGroup) error {
	for _, def := range []*libvirtxml.Network{n.live, &n.def} {
		if def == nil {
			continue
		}
		all := slices.Clone(def.PortGroups)
		at := slices.IndexFunc(all, func(g libvirtxml.NetworkPortGroup) bool { return g.Name == name })
		all = change(all, at)
		if defaults := slices.DeleteFunc(slices.Clone(all), func(g libvirtxml.NetworkPortGroup) bool { return g.Default != "yes" }); len(defaults) > 1 {
			return fmt.Errorf("Requested operation is not valid: a different portgroup entry in network '%s' is already set as the default", def.Name) //nolint:staticcheck // libvirt's own words
		}
		def.PortGroups = all
	}
	text, err := n.def.Marshal()
	n.xml = likeLibvirt(text)
	return err
}
