package op

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend"
)

// reverser is an operation whose way back, once it is confirmed, is more than its Undo:
// there may be something by now that its Undo must not take away, or has to bring back
// if that way back is itself taken back.
type reverser interface {
	Reverse(context.Context, backend.Host) (Op, error)
}

// Reverse returns the operation that takes o back. It says why not where the
// host is not as o left it.
func Reverse(ctx context.Context, h backend.Host, o Op) (Op, error) {
	if r, ok := o.(reverser); ok {
		return r.Reverse(ctx, h)
	}
	return &Inverse{Of: o}, nil
}

// ChangedError is what somebody changed since an operation was done. The operation that takes it
// back, which Reverse returns with it, takes that change away, too.
type ChangedError struct {
	What   string      // "/etc/network/interfaces has been changed since"
	Change *FileChange // of a file, from how it was left to how it is now
}

func (e *ChangedError) Error() string { return e.What }

// Reverse writes the file as it was, and can bring back the one that is there now.
func (o *WriteFile) Reverse(_ context.Context, h backend.Host) (Op, error) {
	now, err := h.Files.Read(o.Path)
	if err == nil && !sameFile(now, o.After) {
		err = &ChangedError{o.Path + " has been changed since", &FileChange{Path: o.Path, Before: string(o.After.Data), After: string(now.Data),
			Created: !o.After.Exists && now.Exists, Removed: o.After.Exists && !now.Exists}}
	}
	return &WriteFile{Path: o.Path, Before: now, After: o.Before}, err
}

// Reverse removes the network, and can bring it back with its UUID.
func (o *DefineNetwork) Reverse(ctx context.Context, h backend.Host) (Op, error) {
	if err := unused(ctx, h, o.Name); err != nil {
		return nil, err
	}
	if o.Before != nil {
		return &Inverse{Of: o}, nil
	}
	now, found, err := network(ctx, h, o.Name)
	if err == nil && !found {
		err = fmt.Errorf("libvirt network %s is gone", o.Name)
	}
	return &RetireNetwork{Before: now, Remove: true}, err
}

// Reverse can bring the port back with what is set on it by now.
func (o *AttachNIC) Reverse(ctx context.Context, h backend.Host) (Op, error) {
	now := *o
	if err := newMembers(ctx, h, o.NIC, o.NIC); err != nil {
		return nil, err
	}
	var err error
	now.Now, err = changedSince(ctx, h, o.rows())
	return &Inverse{Of: &now}, err
}

// Reverse can bring the port back with what is set on it by now.
func (o *AddKernelBond) Reverse(ctx context.Context, h backend.Host) (Op, error) {
	now := *o
	if err := newMembers(ctx, h, o.Bond, o.Bond); err != nil {
		return nil, err
	}
	var err error
	now.Now, err = changedSince(ctx, h, o.port().rows())
	return &Inverse{Of: &now}, err
}

// Reverse can bring the bond back as it is by now. What a remedy, or an operation after this one, may have changed is no
// change of somebody else's.
func (o *AddBond) Reverse(ctx context.Context, h backend.Host) (Op, error) {
	if err := o.Verify(ctx, h); err != nil {
		return nil, err
	}
	if err := newMembers(ctx, h, o.Bond, o.nics()...); err != nil {
		return nil, err
	}
	sw, err := runningSwitch(ctx, h)
	if err != nil {
		return nil, err
	}
	b, _ := findBridge(sw, o.Bridge)
	p, _ := findPort(b, o.Bond)
	now := *o
	now.Mode, now.LACP = cmp.Or(p.BondMode, o.Mode), cmp.Or(p.LACP, o.LACP)
	now.Rate, now.Primary = cmp.Or(p.OtherConfig["lacp-time"], o.Rate), cmp.Or(p.OtherConfig["bond-primary"], o.Primary)
	now.Fallback = o.Fallback || p.OtherConfig["lacp-fallback-ab"] == "true"
	now.Left = slices.DeleteFunc(o.nics(), func(nic string) bool {
		return slices.ContainsFunc(p.Interfaces, func(i backend.Interface) bool { return i.Name == nic })
	})
	now.Now, err = changedSince(ctx, h, now.rows())
	return &Inverse{Of: &now}, err
}

// Reverse can have the member in use again that is in use by now.
func (o *SetBondPrimary) Reverse(ctx context.Context, h backend.Host) (Op, error) {
	sw, err := runningSwitch(ctx, h)
	if err != nil {
		return nil, err
	}
	now := *o
	if p, ok := anyPort(sw, o.Bond); ok {
		now.Primary = cmp.Or(p.OtherConfig["bond-primary"], o.Primary)
	}
	if now.Primary != o.Primary {
		err = &ChangedError{What: fmt.Sprintf("port %s has got %s as its primary instead of %s since", o.Bond, now.Primary, o.Primary)}
	}
	return &Inverse{Of: &now}, err
}

// Reverse refuses to take a bridge from under the VMs that are connected to it by now. It can bring it back with what is set
// on it and on its port by now.
func (o *AddBridge) Reverse(ctx context.Context, h backend.Host) (Op, error) {
	sw, err := runningSwitch(ctx, h)
	if err != nil {
		return nil, err
	}
	b, ok := findBridge(sw, o.Bridge)
	if !ok {
		return nil, fmt.Errorf("there is no bridge %s", o.Bridge)
	}
	if !ours(b) {
		return nil, fmt.Errorf("bridge %s is left alone: it no longer says that it was created by bridgehead; say it again: ovs-vsctl set Bridge %s %s",
			o.Bridge, quote(o.Bridge), mark)
	}
	if err := o.alone(b); err != nil {
		return nil, err
	}
	if err := newMembers(ctx, h, o.Port, o.Port); err != nil {
		return nil, err
	}
	if err := ownFlows(ctx, h, b); err != nil {
		return nil, err
	}
	now := *o
	now.Now, err = changedSince(ctx, h, o.rows())
	return &Inverse{Of: &now}, err
}

func (o *AddBridge) alone(b backend.Bridge) error {
	var others []string
	for _, p := range b.Ports {
		if !slices.Contains([]string{o.Bridge, o.Port, o.Uplink}, p.Name) {
			others = append(others, p.Name)
		}
	}
	if len(others) > 0 {
		return fmt.Errorf("bridge %s has other ports by now, which would lose their connection: %s; shut those VMs down or move them first",
			o.Bridge, strings.Join(others, ", "))
	}
	return nil
}
