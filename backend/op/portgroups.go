package op

import (
	"context"
	"fmt"
	"strings"

	"bridgehead/backend"
)

// SetPortGroups gives an active libvirt network port groups, in its definition and at once. The network goes on, and so do
// the VMs that use it: a NIC takes up what its port group has become at the VM's next start.
type SetPortGroups struct {
	Network string      `json:"network"`
	Groups  []PortGroup `json:"groups"`
	// Before and After are the network's definition.
	Before string `json:"before"`
	After  string `json:"after"`
}

// PortGroup is a port group of a network, as XML on one line.
type PortGroup struct {
	Name string `json:"name"`
	XML  string `json:"xml"`
	Was  string `json:"was,omitempty"` // ""; there was none of that name
}

func (o *SetPortGroups) Kind() string { return "set-port-groups" }

func (o *SetPortGroups) Lasts() Lasts { return InLibvirt }

func (o *SetPortGroups) Describe() Note {
	n := Note{Changes: []FileChange{{Path: "libvirt network " + o.Network, Before: o.Before, After: o.After}}}
	update := func(command, xml string) string {
		return fmt.Sprintf("virsh net-update %s %s portgroup %s --live --config", quote(o.Network), command, quote(xml))
	}
	var names []string
	for _, g := range o.Groups {
		names = append(names, g.Name)
		if g.Was == "" {
			n.Commands = append(n.Commands, update("add-last", g.XML))
			n.Undo = append([]string{update("delete", g.XML)}, n.Undo...)
		} else {
			n.Commands = append(n.Commands, update("modify", g.XML))
			n.Undo = append([]string{update("modify", g.Was)}, n.Undo...)
		}
	}
	n.Text = fmt.Sprintf("Give libvirt network %s the port groups %s, while it goes on", o.Network, strings.Join(names, ", "))
	if len(names) == 1 {
		n.Text = fmt.Sprintf("Give libvirt network %s the port group %s, while it goes on", o.Network, names[0])
	}
	return n
}

func (o *SetPortGroups) Check(ctx context.Context, h backend.Host) error {
	n, found, err := network(ctx, h, o.Network)
	if err == nil && (!found || n.XML != o.Before) {
		err = fmt.Errorf("libvirt network %s has been changed since the plan was made; start again", o.Network)
	}
	return err
}

func (o *SetPortGroups) Do(ctx context.Context, h backend.Host) error {
	for _, g := range o.Groups {
		if err := h.Virt.SetPortGroup(ctx, o.Network, g.XML); err != nil {
			return fmt.Errorf("cannot give libvirt network %s the port group %s: %w", o.Network, g.Name, err)
		}
	}
	return nil
}

func (o *SetPortGroups) Verify(ctx context.Context, h backend.Host) error {
	n, found, err := network(ctx, h, o.Network)
	if err == nil && !found {
		err = fmt.Errorf("libvirt network %s is gone", o.Network)
	}
	for _, g := range o.Groups {
		if err == nil && !strings.Contains(n.XML, "<portgroup name='"+g.Name+"'") {
			err = fmt.Errorf("libvirt network %s has no port group %s", o.Network, g.Name)
		}
	}
	return err
}

// Undo takes the port groups away again, or makes them what they were. A network that is gone stays gone.
func (o *SetPortGroups) Undo(ctx context.Context, h backend.Host) error {
	if _, found, err := network(ctx, h, o.Network); err != nil || !found {
		return err
	}
	for i := range o.Groups {
		g := o.Groups[len(o.Groups)-1-i]
		undo := func() error { return h.Virt.SetPortGroup(ctx, o.Network, g.Was) }
		if g.Was == "" {
			undo = func() error { return h.Virt.RemovePortGroup(ctx, o.Network, g.Name) }
		}
		if err := undo(); err != nil {
			return fmt.Errorf("cannot make the port group %s of libvirt network %s what it was: %w", g.Name, o.Network, err)
		}
	}
	n, found, err := network(ctx, h, o.Network)
	if err != nil || !found || n.XML == o.Before {
		return err
	}
	if err := h.Virt.DefineNetwork(ctx, o.Before); err != nil { // what is active goes on
		return fmt.Errorf("cannot define libvirt network %s again: %w", o.Network, err)
	}
	return nil
}
