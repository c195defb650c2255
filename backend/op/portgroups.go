package op

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/domain"
)

// SetPortGroups gives an active libvirt network port groups, in its definition and at once. The network goes on, and so do
// the VMs that use it: a NIC takes up what its port group has become at the VM's next start.
type SetPortGroups struct {
	Network string      `json:"network"`
	Groups  []PortGroup `json:"groups"`
	// Before and After are the network's definition.
	Before string `json:"before"`
	After  string `json:"after"`
	// VMs are those that the same plan connects by its groups.
	VMs []string `json:"vms,omitempty"`
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

// Reverse says which VMs have been connected by a new port group since: without it they would be in no VLAN at their next start.
func (o *SetPortGroups) Reverse(ctx context.Context, h backend.Host) (Op, error) {
	st, err := virtState(ctx, h)
	if err != nil {
		return nil, err
	}
	var since []string
	for _, d := range st.Domains {
		nics, err := domain.NICs(d.XML)
		if err != nil || slices.Contains(o.VMs, d.Name) {
			continue
		}
		for _, g := range o.Groups {
			uses := func(n backend.DomainNIC) bool {
				return n.Type == "network" && n.Source == o.Network && n.PortGroup == g.Name
			}
			if g.Was == "" && slices.ContainsFunc(nics, uses) {
				since = append(since, fmt.Sprintf("VM %s by port group %s", d.Name, g.Name))
			}
		}
	}
	if len(since) > 0 {
		err = &ChangedError{What: fmt.Sprintf("libvirt network %s connects VMs since, which would be in no VLAN: %s", o.Network, strings.Join(since, ", "))}
	}
	return &Inverse{Of: o}, err
}
