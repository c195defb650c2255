package newvm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"libvirt.org/go/libvirtxml"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/process"
)

// Problem is what stands in the way of a new VM, or is to be known before.
type Problem struct {
	Refuse bool // it cannot be made like that
	Text   string
	Do     string
}

func (p Problem) String() string { return p.Text + ". What to do: " + p.Do + "." }

// Facts are what is looked at before a VM is made.
type Facts struct {
	Room   backend.GuestRoom // with the places of disk and ISO
	Virt   backend.VirtState
	Switch backend.SwitchState
}

// Look gathers the facts about c.
func Look(ctx context.Context, h backend.Host, c answers.CreateVM) (f Facts, err error) {
	if f.Room, err = h.Guests.Look(ctx, c.Disk.Path, c.ISO); err != nil {
		return f, err
	}
	if f.Virt, err = h.Virt.State(ctx); err != nil {
		return f, err
	}
	f.Switch, err = h.Switch.State(ctx)
	return f, err
}

// Problems are what stands in the way of c, those that refuse it first.
func Problems(f Facts, c answers.CreateVM) []Problem {
	var out []Problem
	refuse := func(do, format string, args ...any) {
		out = append(out, Problem{true, fmt.Sprintf(format, args...), do})
	}
	note := func(do, format string, args ...any) {
		out = append(out, Problem{false, fmt.Sprintf(format, args...), do})
	}
	switch {
	case f.Room.Missing != "":
		refuse("apt-get install virtinst", "virt-install cannot be run: %s", f.Room.Missing)
	case !f.Virt.Available:
		refuse("systemctl start libvirtd", "libvirt does not answer: %s", strings.TrimRight(f.Virt.Reason, "."))
	}
	for _, d := range f.Virt.Domains {
		if d.Name == c.Name {
			refuse("choose another name", "there is a VM %s already", c.Name)
		}
	}
	capacity(f.Room, c, refuse, note)
	connected(f, c, refuse)
	if len(f.Room.Systems) > 0 && c.OS != "" && !slices.Contains(f.Room.Systems, c.OS) {
		another := "one that virt-install --osinfo list lists"
		if like := Like(f.Room.Systems, c.OS); len(like) > 0 {
			another = like[0]
		}
		refuse("choose "+another+", or leave it empty to have it found out", "virt-install knows no operating system %s", c.OS)
	}
	if len(f.Room.Places) == 2 {
		disk(f.Room.Places[0], f.Room.User, c, refuse, note)
		iso(f.Room.Places[1], f.Room.User, refuse)
	}
	slices.SortStableFunc(out, func(a, b Problem) int { return order(a) - order(b) })
	return out
}

func order(p Problem) int {
	if p.Refuse {
		return 0
	}
	return 1
}

type say func(do, format string, args ...any)

func capacity(r backend.GuestRoom, c answers.CreateVM, refuse, note say) {
	switch {
	case r.MemoryMiB > 0 && c.Memory > r.MemoryMiB:
		refuse("give it less", "the host has %d MiB of memory, the VM wants %d", r.MemoryMiB, c.Memory)
	case r.MemoryMiB > 0 && c.Memory > r.FreeMiB:
		note("give it less, or stop another VM", "only %d MiB of memory are free now, the VM may use up to %d", r.FreeMiB, c.Memory)
	}
	if r.CPUs > 0 && c.VCPUs > r.CPUs {
		note("give it fewer", "the host has %d processors, the VM gets %d: that is slow", r.CPUs, c.VCPUs)
	}
}

// connected says why the VM would have no connection.
func connected(f Facts, c answers.CreateVM, refuse say) {
	if c.Network == "" {
		if !slices.ContainsFunc(f.Switch.Bridges, func(b backend.Bridge) bool { return b.Name == c.Bridge }) {
			refuse("choose one that ovs-vsctl list-br lists", "Open vSwitch has no bridge %s", c.Bridge)
		}
		return
	}
	i := slices.IndexFunc(f.Virt.Networks, func(n backend.Network) bool { return n.Name == c.Network })
	switch {
	case i < 0 && f.Virt.Available:
		refuse("choose one that virsh net-list lists, or a bridge", "libvirt has no network %s", c.Network)
	case i >= 0 && !f.Virt.Networks[i].Active:
		refuse("virsh net-start "+process.Words(c.Network), "the network %s is not active", c.Network)
	case i >= 0 && c.PortGroup != "" && !slices.Contains(PortGroups(f.Virt.Networks[i]), c.PortGroup):
		another := "choose none, or give it one first: bridgehead attach --portgroup"
		if have := PortGroups(f.Virt.Networks[i]); len(have) > 0 {
			another = "choose " + strings.Join(have, ", ") + ", or none"
		}
		refuse(another, "the network %s has no port group %s", c.Network, c.PortGroup)
	}
}

// PortGroups are the names of n's port groups.
func PortGroups(n backend.Network) (names []string) {
	var x libvirtxml.Network
	if x.Unmarshal(n.XML) != nil {
		return nil
	}
	for _, g := range x.PortGroups {
		names = append(names, g.Name)
	}
	return names
}

func disk(p backend.Place, user string, c answers.CreateVM, refuse, note say) {
	const gib = 1 << 30
	free := p.Room / gib
	switch {
	case p.Exists:
		refuse("choose another path; nothing is overwritten", "%s is there already", p.Path)
	case p.NoDir != "":
		refuse("choose another path", "%s is no directory", p.NoDir)
	case p.Closed != "":
		refuse("choose a path below /var/lib/libvirt/images", "QEMU runs as %s, who may not enter %s", user, p.Closed)
	case p.Room < gib/4:
		refuse("make room, or choose another path", "there is no room below %s: %d MiB are free", p.Parent, p.Room>>20)
	case c.Disk.Format == answers.FormatRaw && int64(c.Disk.Size) > free:
		refuse("choose a smaller one, or qcow2", "%d GiB are free below %s, the disk has %d", free, p.Parent, c.Disk.Size)
	case int64(c.Disk.Size) > free:
		note("watch it", "the disk may grow to %d GiB, and %d are free below %s", c.Disk.Size, free, p.Parent)
	}
}

func iso(p backend.Place, user string, refuse say) {
	switch {
	case p.NoDir != "":
		refuse("correct the path", "%s is no directory", p.NoDir)
	case !p.Exists:
		refuse("correct the path, or copy it there", "there is no %s", p.Path)
	case !p.Regular:
		refuse("name the ISO image itself", "%s is no file", p.Path)
	case p.Bytes == 0:
		refuse("copy it there again", "%s is empty", p.Path)
	case p.Closed != "":
		refuse("copy the ISO to /var/lib/libvirt/images", "QEMU runs as %s, who may not read %s", user, p.Closed)
	}
}
