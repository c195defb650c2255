package virt

import (
	"context"
	"fmt"
	"slices"

	"github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"
)

// SetPortGroup implements backend.Virt.
func (v *Libvirt) SetPortGroup(ctx context.Context, network, text string) error {
	var g libvirtxml.NetworkPortGroup
	if err := g.Unmarshal(text); err != nil || g.Name == "" {
		return fmt.Errorf("cannot give the network %s a port group: its XML is wrong", network)
	}
	return v.onNetwork(ctx, "give a port group to", network, true, func(c connection, n libvirt.Network) error {
		return c.portGroup(n, g.Name, func(found bool) (libvirt.NetworkUpdateCommand, string) {
			if found {
				return libvirt.NetworkUpdateCommandModify, text
			}
			return libvirt.NetworkUpdateCommandAddLast, text
		})
	})
}

// RemovePortGroup implements backend.Virt.
func (v *Libvirt) RemovePortGroup(ctx context.Context, network, name string) error {
	text, err := (&libvirtxml.NetworkPortGroup{Name: name}).Marshal()
	if err != nil {
		return err
	}
	return v.onNetwork(ctx, "take a port group from", network, false, func(c connection, n libvirt.Network) error {
		return c.portGroup(n, name, func(found bool) (libvirt.NetworkUpdateCommand, string) {
			if found {
				return libvirt.NetworkUpdateCommandDelete, text
			}
			return libvirt.NetworkUpdateCommandNone, ""
		})
	})
}

// portGroup changes one port group of a network where it has it: in what is active, and in the definition. Those are
// looked at apart, since they may differ.
func (c connection) portGroup(n libvirt.Network, name string, decide func(found bool) (libvirt.NetworkUpdateCommand, string)) error {
	active, err := c.NetworkIsActive(n)
	if err != nil {
		return err
	}
	persistent, err := c.NetworkIsPersistent(n)
	if err != nil {
		return err
	}
	for _, place := range []struct {
		there int32
		xml   libvirt.NetworkXMLFlags
		flag  libvirt.NetworkUpdateFlags
	}{
		{active, 0, libvirt.NetworkUpdateAffectLive},
		{persistent, libvirt.NetworkXMLInactive, libvirt.NetworkUpdateAffectConfig},
	} {
		if place.there == 0 {
			continue
		}
		text, err := c.NetworkGetXMLDesc(n, uint32(place.xml))
		if err != nil {
			return err
		}
		var now libvirtxml.Network
		if err := now.Unmarshal(text); err != nil {
			return err
		}
		command, group := decide(slices.ContainsFunc(now.PortGroups, func(g libvirtxml.NetworkPortGroup) bool { return g.Name == name }))
		if command == libvirt.NetworkUpdateCommandNone {
			continue
		}
		if err := c.NetworkUpdateCompat(n, command, libvirt.NetworkSectionPortgroup, -1, group, place.flag); err != nil {
			return err
		}
	}
	return nil
}
