package op

import (
	"context"
	"fmt"
	"strings"

	"bridgehead/backend"
)

// DefineNetwork defines a libvirt network, starts it, and has it started with the host.
type DefineNetwork struct {
	Name string `json:"name"`
	XML  string `json:"xml"`
	// Before is the network of that name that the new definition replaces.
	Before *backend.Network `json:"before,omitempty"`
}

func (o *DefineNetwork) Kind() string { return "define-network" }

func (o *DefineNetwork) Lasts() Lasts { return InLibvirt }

func (o *DefineNetwork) Describe() Note {
	n := Note{Text: fmt.Sprintf("Define libvirt network %s, start it, and start it with the host", o.Name)}
	q := quote(o.Name)
	n.Commands = append(defineCommand(o.XML), "virsh net-start "+q, "virsh net-autostart "+q)
	if o.replaces() && o.Before.Active {
		n.Commands = append([]string{"virsh net-destroy " + q}, n.Commands...)
	}
	n.Undo = []string{"virsh net-destroy " + q, "virsh net-undefine " + q}
	before := ""
	switch {
	case o.Before != nil && !o.replaces():
		n.Text = fmt.Sprintf("Start libvirt network %s as it is defined, and start it with the host", o.Name)
		n.Commands, n.Undo = n.Commands[2:], nil
		if !o.Before.Active {
			n.Commands = append([]string{"virsh net-start " + q}, n.Commands...)
			n.Undo = append(n.Undo, "virsh net-destroy "+q)
		}
		if !o.Before.Autostart {
			n.Undo = append(n.Undo, "virsh net-autostart --disable "+q)
		}
		return n
	case o.Before != nil:
		before = o.Before.XML
		n.Text = fmt.Sprintf("Replace libvirt network %s, start it, and start it with the host", o.Name)
		n.Undo = append([]string{"virsh net-destroy " + q}, restoreCommands(*o.Before)...)
	}
	n.Changes = []FileChange{{Path: "libvirt network " + o.Name, Before: before, After: o.XML, Created: o.Before == nil}}
	return n
}

func defineCommand(xml string) []string {
	return []string{"virsh net-define /dev/stdin <<'EOF'\n" + strings.TrimRight(xml, "\n") + "\nEOF"}
}

func restoreCommands(n backend.Network) []string {
	q := quote(n.Name)
	out := defineCommand(n.XML)
	if n.Active {
		out = append(out, "virsh net-start "+q)
	}
	if n.Autostart {
		out = append(out, "virsh net-autostart "+q)
	} else {
		out = append(out, "virsh net-autostart --disable "+q)
	}
	return out
}

func (o *DefineNetwork) Check(ctx context.Context, h backend.Host) error {
	now, found, err := network(ctx, h, o.Name)
	switch {
	case err != nil:
		return err
	case found && o.Before == nil:
		return fmt.Errorf("libvirt has got a network %s since the plan was made; start again to see the difference", o.Name)
	case o.Before != nil && (!found || now != *o.Before):
		return fmt.Errorf("libvirt network %s has been changed since the plan was made; start again", o.Name)
	case o.replaces():
		return unused(ctx, h, o.Name)
	}
	return nil
}

// unused says which running domains would lose their connection for good if the network were stopped.
func unused(ctx context.Context, h backend.Host, name string) error {
	st, err := virtState(ctx, h)
	if err != nil {
		return err
	}
	if users := Users(st, name); len(users) > 0 {
		return fmt.Errorf("cannot stop libvirt network %s: running VMs use it and would lose their connection for good: %s; shut them down first",
			name, strings.Join(users, ", "))
	}
	return nil
}

// replaces says that the network gets another definition than it has.
func (o *DefineNetwork) replaces() bool { return o.Before != nil && o.Before.XML != o.XML }

func (o *DefineNetwork) Do(ctx context.Context, h backend.Host) error {
	if o.replaces() && o.Before.Active { // else it would go on as it was defined before
		if err := h.Virt.StopNetwork(ctx, o.Name); err != nil {
			return fmt.Errorf("cannot stop libvirt network %s: %w", o.Name, err)
		}
	}
	if o.Before == nil || o.replaces() {
		if err := h.Virt.DefineNetwork(ctx, o.XML); err != nil {
			return fmt.Errorf("cannot define libvirt network %s: %w", o.Name, err)
		}
	}
	if err := h.Virt.StartNetwork(ctx, o.Name); err != nil {
		return fmt.Errorf("cannot start libvirt network %s: %w", o.Name, err)
	}
	return h.Virt.AutostartNetwork(ctx, o.Name, true)
}

func (o *DefineNetwork) Verify(ctx context.Context, h backend.Host) error {
	n, found, err := network(ctx, h, o.Name)
	switch {
	case err != nil:
		return err
	case !found || !n.Persistent:
		return fmt.Errorf("libvirt network %s is not defined", o.Name)
	case !n.Active:
		return fmt.Errorf("libvirt network %s is not active", o.Name)
	case !n.Autostart:
		return fmt.Errorf("libvirt network %s does not start with the host", o.Name)
	}
	return nil
}

func (o *DefineNetwork) Undo(ctx context.Context, h backend.Host) error {
	if o.Before != nil {
		return restoreNetwork(ctx, h, *o.Before)
	}
	_, found, err := network(ctx, h, o.Name)
	if err != nil || !found {
		return err
	}
	if err := h.Virt.StopNetwork(ctx, o.Name); err != nil {
		return fmt.Errorf("cannot stop libvirt network %s: %w", o.Name, err)
	}
	return h.Virt.UndefineNetwork(ctx, o.Name)
}

// RetireNetwork stops a libvirt network, for good or until it is started again.
type RetireNetwork struct {
	Before backend.Network `json:"before"`
	Remove bool            `json:"remove"` // its definition too
}

func (o *RetireNetwork) Kind() string { return "retire-network" }

func (o *RetireNetwork) Lasts() Lasts { return InLibvirt }

func (o *RetireNetwork) Describe() Note {
	q := quote(o.Before.Name)
	n := Note{Text: fmt.Sprintf("Stop libvirt network %s and do not start it with the host", o.Before.Name)}
	if o.Before.Active {
		n.Commands = append(n.Commands, "virsh net-destroy "+q)
	}
	n.Commands = append(n.Commands, "virsh net-autostart --disable "+q)
	if o.Remove {
		n.Text = fmt.Sprintf("Remove libvirt network %s", o.Before.Name)
		n.Commands = append(n.Commands[:len(n.Commands)-1], "virsh net-undefine "+q)
		n.Changes = []FileChange{{Path: "libvirt network " + o.Before.Name, Before: o.Before.XML, Removed: true}}
	}
	n.Undo = restoreCommands(o.Before)
	return n
}

func (o *RetireNetwork) Check(ctx context.Context, h backend.Host) error {
	if err := unused(ctx, h, o.Before.Name); err != nil {
		return err
	}
	n, found, err := network(ctx, h, o.Before.Name)
	if err == nil && (!found || n != o.Before) {
		err = fmt.Errorf("libvirt network %s has been changed since the plan was made; start again", o.Before.Name)
	}
	return err
}

// Users names the running domains that are connected to a network.
func Users(st backend.VirtState, network string) []string {
	bridge := ""
	if n, ok := findNetwork(st, network); ok {
		bridge = n.Bridge
	}
	var out []string
	for _, d := range st.Domains {
		if !d.Running {
			continue
		}
		for _, nic := range d.NICs {
			if nic.Type == "network" && nic.Source == network || nic.Type == "bridge" && bridge != "" && nic.Source == bridge {
				out = append(out, d.Name)
				break
			}
		}
	}
	return out
}

func (o *RetireNetwork) Do(ctx context.Context, h backend.Host) error {
	_, found, err := network(ctx, h, o.Before.Name)
	if err != nil || !found {
		return err
	}
	if err := h.Virt.StopNetwork(ctx, o.Before.Name); err != nil {
		return fmt.Errorf("cannot stop libvirt network %s: %w", o.Before.Name, err)
	}
	if o.Remove {
		return h.Virt.UndefineNetwork(ctx, o.Before.Name)
	}
	return h.Virt.AutostartNetwork(ctx, o.Before.Name, false)
}

func (o *RetireNetwork) Verify(ctx context.Context, h backend.Host) error {
	n, found, err := network(ctx, h, o.Before.Name)
	switch {
	case err != nil:
		return err
	case found && o.Remove:
		return fmt.Errorf("libvirt network %s is still there", o.Before.Name)
	case found && n.Active:
		return fmt.Errorf("libvirt network %s is still active", o.Before.Name)
	}
	return nil
}

func (o *RetireNetwork) Undo(ctx context.Context, h backend.Host) error {
	return restoreNetwork(ctx, h, o.Before)
}

// restoreNetwork makes a network exactly what it was. One that is already so is not touched.
func restoreNetwork(ctx context.Context, h backend.Host, was backend.Network) error {
	now, found, err := network(ctx, h, was.Name)
	if err != nil {
		return err
	}
	if !found || now.XML != was.XML {
		if found && now.Active { // a live network keeps running with its old definition
			if err := h.Virt.StopNetwork(ctx, was.Name); err != nil {
				return fmt.Errorf("cannot stop libvirt network %s: %w", was.Name, err)
			}
			now.Active = false
		}
		if err := h.Virt.DefineNetwork(ctx, was.XML); err != nil {
			return fmt.Errorf("cannot define libvirt network %s again: %w", was.Name, err)
		}
	}
	if was.Active && !now.Active {
		if err := h.Virt.StartNetwork(ctx, was.Name); err != nil {
			return fmt.Errorf("cannot start libvirt network %s again: %w", was.Name, err)
		}
	}
	if !was.Active && now.Active {
		if err := h.Virt.StopNetwork(ctx, was.Name); err != nil {
			return fmt.Errorf("cannot stop libvirt network %s: %w", was.Name, err)
		}
	}
	return h.Virt.AutostartNetwork(ctx, was.Name, was.Autostart)
}

func virtState(ctx context.Context, h backend.Host) (backend.VirtState, error) {
	st, err := h.Virt.State(ctx)
	if err == nil && !st.Available {
		err = fmt.Errorf("libvirt does not answer: %s", st.Reason)
	}
	return st, err
}

func network(ctx context.Context, h backend.Host, name string) (backend.Network, bool, error) {
	st, err := virtState(ctx, h)
	if err != nil {
		return backend.Network{}, false, err
	}
	n, ok := findNetwork(st, name)
	return n, ok, nil
}

func findNetwork(st backend.VirtState, name string) (backend.Network, bool) {
	for _, n := range st.Networks {
		if n.Name == name {
			return n, true
		}
	}
	return backend.Network{}, false
}
