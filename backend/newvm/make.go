package newvm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/ovs"
	"bridgehead/backend/process"
)

// Make makes the VM. f is what Look found just before. What was made is told also where it failed or was stopped;
// the network is not touched in either case.
func Make(ctx context.Context, h backend.Host, f Facts, c answers.CreateVM, line func(string)) (backend.Made, error) {
	if len(f.Room.Places) == 0 || f.Room.Places[0].Exists {
		return backend.Made{}, fmt.Errorf("cannot create %s: %s is there already", c.Name, c.Disk.Path)
	}
	err := h.Guests.Install(ctx, c.Disk.Path, Args(c), line)
	made, lookErr := made(context.WithoutCancel(ctx), h, f, c)
	switch {
	case err != nil:
		return made, fmt.Errorf("cannot create %s: %w", c.Name, err)
	case lookErr != nil:
		return made, fmt.Errorf("cannot look what has become of %s: %w", c.Name, lookErr)
	case made.Domain == "":
		return made, fmt.Errorf("cannot create %s: virt-install has ended, but there is no such VM", c.Name)
	}
	return made, nil
}

// made compares with what there was.
func made(ctx context.Context, h backend.Host, before Facts, c answers.CreateVM) (m backend.Made, err error) {
	after, err := Look(ctx, h, c)
	if err != nil { // then all of it is named that may be there
		return backend.Made{Disk: c.Disk.Path}, err
	}
	for _, d := range after.Virt.Domains {
		if d.Name == c.Name && !slices.ContainsFunc(before.Virt.Domains, func(x backend.Domain) bool { return x.UUID == d.UUID }) {
			m.Domain, m.UUID = d.Name, d.UUID
		}
	}
	if after.Room.Places[0].Exists {
		m.Disk = c.Disk.Path
	}
	m.Dirs = between(before.Room.Places[0].Parent, after.Room.Places[0].Parent)
	for _, p := range after.Room.Pools {
		if !slices.Contains(before.Room.Pools, p) {
			m.Pools = append(m.Pools, p)
		}
	}
	return m, nil
}

// between are the directories below top down to bottom, the highest first.
func between(top, bottom string) (dirs []string) {
	rest, below := strings.CutPrefix(bottom, strings.TrimRight(top, "/")+"/")
	if !below {
		return nil
	}
	dir := strings.TrimRight(top, "/")
	for _, part := range strings.Split(rest, "/") {
		dir += "/" + part
		dirs = append(dirs, dir)
	}
	return dirs
}

// Listed is what was made, in words; nil where nothing was.
func Listed(m backend.Made) (out []string) {
	if m.Domain != "" {
		out = append(out, "VM "+m.Domain)
	}
	if m.Disk != "" {
		out = append(out, "disk "+m.Disk)
	}
	for _, d := range m.Dirs {
		out = append(out, "directory "+d)
	}
	for _, p := range m.Pools {
		out = append(out, "libvirt's storage pool "+p+", which virt-install makes")
	}
	return out
}

// Tap names the VM's port in Open vSwitch and its bridge. libvirt makes the port before the VM runs; until
// ovs-vswitchd has taken it up, but for no longer than d, it is waited for.
func Tap(ctx context.Context, h backend.Host, uuid string, d time.Duration) (port, bridge string, err error) {
	for waited := time.Duration(0); ; waited += tapPause {
		port, bridge, err = tap(ctx, h, uuid)
		if err == nil || port == "" || waited >= d {
			return port, bridge, err
		}
		select {
		case <-ctx.Done():
			return port, bridge, err
		case <-h.Clock.After(tapPause):
		}
	}
}

const tapPause = 250 * time.Millisecond

func tap(ctx context.Context, h backend.Host, uuid string) (port, bridge string, err error) {
	st, err := h.Virt.State(ctx)
	if err != nil {
		return "", "", err
	}
	sw, err := h.Switch.State(ctx)
	if err != nil {
		return "", "", err
	}
	i := slices.IndexFunc(st.Domains, func(d backend.Domain) bool { return d.UUID == uuid })
	switch {
	case i < 0:
		return "", "", fmt.Errorf("the VM is gone")
	case !st.Domains[i].Running:
		return "", "", fmt.Errorf("the VM does not run: virsh start --domain %s", process.Words(st.Domains[i].Name))
	}
	for _, n := range st.Domains[i].NICs {
		for _, b := range sw.Bridges {
			if !slices.ContainsFunc(b.Ports, func(p backend.Port) bool { return p.Name == n.Target }) {
				continue
			}
			if why, bad := ovs.PortProblem(sw, n.Target); bad {
				return n.Target, b.Name, fmt.Errorf("%s", why)
			}
			return n.Target, b.Name, nil
		}
	}
	return "", "", fmt.Errorf("the VM has no port in Open vSwitch")
}
