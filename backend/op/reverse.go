package op

import (
	"context"
	"fmt"
	"slices"
	"strconv"
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

// Reverse can bring the bond back as it is now: a remedy, or its rate, may have changed it.
func (o *AddBond) Reverse(ctx context.Context, h backend.Host) (Op, error) {
	if err := o.Verify(ctx, h); err != nil {
		return nil, err
	}
	sw, err := runningSwitch(ctx, h)
	if err != nil {
		return nil, err
	}
	b, _ := findBridge(sw, o.Bridge)
	p, _ := findPort(b, o.Bond)
	now := *o
	now.Mode, now.LACP, now.Rate = p.BondMode, p.LACP, p.OtherConfig["lacp-time"]
	now.Fallback = p.OtherConfig["lacp-fallback-ab"] == "true"
	now.Left, now.Members = nil, slices.Clone(o.Members)
	for n := range now.Members {
		m := &now.Members[n]
		i := slices.IndexFunc(p.Interfaces, func(i backend.Interface) bool { return i.Name == m.NIC })
		if i < 0 {
			now.Left = append(now.Left, m.NIC)
			continue
		}
		set := p.Interfaces[i].OtherConfig
		m.PortID, _ = strconv.Atoi(set["lacp-port-id"])
		m.PortPriority, _ = strconv.Atoi(set["lacp-port-priority"])
	}
	return &Inverse{Of: &now}, nil
}

// Reverse refuses to take a bridge from under the VMs that are connected to it by now. It can bring the port back with the
// VLAN and the MTU that it has now.
func (o *AddBridge) Reverse(ctx context.Context, h backend.Host) (Op, error) {
	sw, err := runningSwitch(ctx, h)
	if err != nil {
		return nil, err
	}
	b, ok := findBridge(sw, o.Bridge)
	if !ok {
		return nil, fmt.Errorf("there is no bridge %s", o.Bridge)
	}
	now := *o
	if err := o.alone(b); err != nil {
		return &Inverse{Of: o}, err
	}
	if p, ok := findPort(b, o.Port); ok && len(p.Interfaces) == 1 {
		now.Tag, now.MTU = p.Tag, p.Interfaces[0].MTURequest
	}
	var differs []string
	if now.Tag != o.Tag {
		differs = append(differs, fmt.Sprintf("VLAN %d instead of %d", now.Tag, o.Tag))
	}
	if now.MTU != o.MTU {
		differs = append(differs, fmt.Sprintf("MTU %d instead of %d", now.MTU, o.MTU))
	}
	if len(differs) > 0 {
		err = &ChangedError{What: "port " + o.Port + " has got " + strings.Join(differs, ", ") + " since"}
	}
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
