package op

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/domain"
)

// AttachVM connects a NIC of a VM to the bridge, in its definition: one that it has, or a
// new one. A running VM gets a new NIC at once. One that it has moves at its next start:
// libvirt does not change a running NIC between a Linux bridge and Open vSwitch.
type AttachVM struct {
	Domain string        `json:"domain"`
	MAC    string        `json:"mac"` // of the NIC
	New    bool          `json:"new,omitempty"`
	Model  string        `json:"model,omitempty"` // of a new one
	To     domain.Source `json:"to"`
	// Before is the definition without its secrets.
	Before string `json:"before"`
}

func (o *AttachVM) Kind() string { return "attach-vm" }

func (o *AttachVM) Lasts() Lasts { return InLibvirt }

// edit is the definition with the NIC connected. One that is so already stays as it is.
func (o *AttachVM) edit(text string) (string, error) {
	on, err := domain.On(text, o.MAC, o.To)
	switch {
	case err == nil && on:
		return text, nil
	case o.New && errors.Is(err, domain.ErrNoNIC):
		return domain.Add(text, o.nic())
	case err != nil:
		return "", err
	}
	return domain.Move(text, o.MAC, o.To)
}

func (o *AttachVM) nic() string { return domain.NIC(o.MAC, o.Model, o.To) }

// restore is the definition with the NIC as it was before.
func (o *AttachVM) restore(text string) (string, error) {
	if !o.New {
		was, err := domain.Element(o.Before, o.MAC)
		if err != nil {
			return "", err
		}
		return domain.Restore(text, o.MAC, was)
	}
	back, err := domain.Remove(text, o.MAC, o.Before)
	if errors.Is(err, domain.ErrNoNIC) {
		return text, nil
	}
	return back, err
}

func (o *AttachVM) Describe() Note {
	to := "bridge " + o.To.Bridge
	if o.To.Network != "" {
		to = "libvirt network " + o.To.Network
	}
	if o.To.PortGroup != "" {
		to += ", port group " + o.To.PortGroup
	}
	if o.To.Tag != 0 {
		to += fmt.Sprintf(", VLAN %d", o.To.Tag)
	}
	after, err := o.edit(o.Before)
	if err != nil {
		after = o.Before
	}
	q := quote(o.Domain)
	n := Note{Changes: []FileChange{{Path: "libvirt domain " + o.Domain, Before: o.Before, After: after}}}
	if o.New {
		n.Text = fmt.Sprintf("Give VM %s a new NIC on %s", o.Domain, to)
		n.Commands = []string{device("virsh attach-device "+q, o.nic(), "--persistent")}
		n.Undo = []string{device("virsh detach-device "+q, o.nic(), "--persistent")}
		return n
	}
	n.Text = fmt.Sprintf("Connect NIC %s of VM %s to %s, from its next start", o.MAC, o.Domain, to)
	now, _ := domain.Element(after, o.MAC)
	was, _ := domain.Element(o.Before, o.MAC)
	n.Commands = []string{device("virsh update-device "+q, now, "--config")}
	n.Undo = []string{device("virsh update-device "+q, was, "--config")}
	return n
}

// device is a virsh command that takes a device's XML.
func device(command, xml, flag string) string {
	return command + " /dev/stdin " + flag + " <<'EOF'\n" + xml + "\nEOF"
}

func (o *AttachVM) Check(ctx context.Context, h backend.Host) error {
	d, err := vm(ctx, h, o.Domain)
	if err == nil && d.XML != o.Before {
		err = fmt.Errorf("VM %s has been changed since the plan was made; start again", o.Domain)
	}
	return err
}

func (o *AttachVM) Do(ctx context.Context, h backend.Host) error {
	if err := o.define(ctx, h, o.edit); err != nil {
		return fmt.Errorf("cannot connect VM %s: %w", o.Domain, err)
	}
	d, err := vm(ctx, h, o.Domain)
	if err != nil || !o.New || !d.Running {
		return err
	}
	if err := h.Virt.PlugNIC(ctx, o.Domain, o.nic()); err != nil {
		return fmt.Errorf("cannot give the running VM %s a NIC: %w", o.Domain, err)
	}
	return nil
}

// define changes the definition, which is read with its secrets so that they stay.
func (o *AttachVM) define(ctx context.Context, h backend.Host, edit func(string) (string, error)) error {
	text, err := h.Virt.DomainXML(ctx, o.Domain)
	if err != nil {
		return err
	}
	changed, err := edit(text)
	if err != nil || changed == text {
		return err
	}
	return h.Virt.DefineDomain(ctx, changed)
}

func (o *AttachVM) Verify(ctx context.Context, h backend.Host) error {
	d, err := vm(ctx, h, o.Domain)
	if err != nil {
		return err
	}
	on, err := domain.On(d.XML, o.MAC, o.To)
	if err != nil {
		return fmt.Errorf("VM %s is not connected: %w", o.Domain, err)
	}
	if !on || o.New && !hasNIC(d, o.MAC) {
		return fmt.Errorf("VM %s is not connected by its NIC %s", o.Domain, o.MAC)
	}
	return nil
}

// Undo works whether the VM was started or stopped in between. One that is gone stays gone.
func (o *AttachVM) Undo(ctx context.Context, h backend.Host) error {
	st, err := virtState(ctx, h)
	if err != nil {
		return err
	}
	d, found := findDomain(st, o.Domain)
	if !found {
		return nil
	}
	if d.XML != o.Before {
		if err := o.define(ctx, h, o.restore); err != nil {
			return fmt.Errorf("cannot restore VM %s: %w", o.Domain, err)
		}
	}
	if !o.New || !d.Running || !hasNIC(d, o.MAC) {
		return nil
	}
	if err := h.Virt.UnplugNIC(ctx, o.Domain, o.MAC); err != nil {
		return fmt.Errorf("VM %s does not let go of its new NIC %s; it is gone when the VM is shut down: %w", o.Domain, o.MAC, err)
	}
	return nil
}

func hasNIC(d backend.Domain, mac string) bool {
	return slices.ContainsFunc(d.NICs, func(n backend.DomainNIC) bool { return strings.EqualFold(n.MAC, mac) })
}

func vm(ctx context.Context, h backend.Host, name string) (backend.Domain, error) {
	st, err := virtState(ctx, h)
	if err != nil {
		return backend.Domain{}, err
	}
	d, found := findDomain(st, name)
	if !found {
		return d, fmt.Errorf("libvirt does not know a VM %s", name)
	}
	return d, nil
}

func findDomain(st backend.VirtState, name string) (backend.Domain, bool) {
	for _, d := range st.Domains {
		if d.Name == name {
			return d, true
		}
	}
	return backend.Domain{}, false
}
