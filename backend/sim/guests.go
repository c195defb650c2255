package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"bridgehead/backend"
)

// guests is virt-install as far as backend.Guests goes. The disks that it makes are as large as nothing.
type guests struct{ p *process }

func (h guests) Look(ctx context.Context, paths ...string) (backend.GuestRoom, error) {
	return ask(ctx, h.p, func() (backend.GuestRoom, error) {
		m := h.p.m
		r := backend.GuestRoom{MemoryMiB: 64 << 10, FreeMiB: 58 << 10, CPUs: 16, User: "libvirt-qemu", Pools: slices.Clone(m.virt.pools),
			Systems: []string{"debian11", "debian12", "debian13", "generic", "ubuntu22.04", "ubuntu24.04", "win2k22"}}
		if m.packages["virtinst"] == "" {
			r.Missing, r.Systems = "it is not installed", nil
		}
		for _, p := range paths {
			r.Places = append(r.Places, m.files.place(p))
		}
		return r, nil
	})
}

func (f *files) place(name string) backend.Place {
	p := backend.Place{Path: name, Room: 800 << 30}
	if f.full {
		p.Room = 0
	}
	if n := f.nodes[name]; n != nil {
		p.Exists, p.Regular, p.Bytes = true, !n.dir, int64(len(n.file.Data))
	}
	for p.Parent = path.Dir(name); f.nodes[p.Parent] == nil; {
		p.Parent = path.Dir(p.Parent)
	}
	if !f.nodes[p.Parent].dir {
		p.NoDir = p.Parent
	}
	return p
}

func (h guests) Install(ctx context.Context, disk string, args []string, line func(string)) error {
	named := func(option string) string { return args[slices.Index(args, option)+1] }
	name := named("--name")
	if h.p.m.packages["virtinst"] == "" {
		return errors.New("exec: \"virt-install\": executable file not found in $PATH")
	}
	line("Starting install...")
	line(fmt.Sprintf("Allocating '%s'", path.Base(disk)))
	err := h.p.change(ctx, "virt-install --name "+name, func() error {
		m := h.p.m
		if m.domain(name) != nil {
			return fmt.Errorf("virt-install says: Guest name '%s' is already in use.", name) //nolint:staticcheck // virt-install's own words
		}
		if err := m.files.mkdirs(path.Dir(disk), 0o755); err != nil {
			return err
		}
		m.files.nodes[disk] = &node{file: backend.File{Exists: true, Data: []byte("QFI"), Mode: 0o600}}
		m.virt.made++
		nic := backend.DomainNIC{MAC: fmt.Sprintf("52:54:00:5e:00:%02x", m.virt.made), Model: "virtio"}
		for _, part := range strings.Split(named("--network"), ",") {
			if kind, source, _ := strings.Cut(part, "="); kind == "network" || kind == "bridge" {
				nic.Type, nic.Source = kind, source
			}
		}
		d := backend.Domain{Name: name, UUID: fmt.Sprintf("11111111-2222-4333-8444-%012d", m.virt.made), Persistent: true, NICs: []backend.DomainNIC{nic}}
		d.XML = DomainXML(d)
		m.virt.domains = append(m.virt.domains, d)
		for _, p := range []string{disk, named("--cdrom")} {
			if pool := path.Base(path.Dir(p)); !slices.Contains(m.virt.pools, pool) {
				m.virt.pools = append(m.virt.pools, pool)
			}
		}
		m.startDomain(m.domain(name))
		m.plugDomains()
		return nil
	})
	if err != nil {
		return err
	}
	line("Domain is still running. Installation may be in progress.")
	return nil
}

func (h guests) Remove(ctx context.Context, made backend.Made) error {
	return h.p.change(ctx, "virsh undefine "+cmp.Or(made.Domain, made.Disk), func() error {
		m := h.p.m
		if d := m.domain(made.Domain); d != nil && d.UUID == made.UUID {
			for _, n := range d.NICs {
				m.unplug(n)
			}
			m.virt.domains = slices.DeleteFunc(m.virt.domains, func(x backend.Domain) bool { return x.UUID == made.UUID })
		}
		m.virt.pools = slices.DeleteFunc(m.virt.pools, func(p string) bool { return slices.Contains(made.Pools, p) })
		delete(m.files.nodes, made.Disk)
		for _, d := range slices.Backward(made.Dirs) {
			delete(m.files.nodes, d)
		}
		return nil
	})
}
