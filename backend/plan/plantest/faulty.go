package plantest

import (
	"context"
	"errors"
	"net/netip"

	"bridgehead/backend"
)

// Strike makes one change of a host fail, before its effect or after it.
type Strike struct {
	N     int  `json:"n"` // the first change is 1; 0: none
	After bool `json:"after"`
	Calls int  `json:"calls"` // counts the changes
}

// ErrStruck is what a struck change fails with.
var ErrStruck = errors.New("struck")

func (s *Strike) change(effect func() error) error {
	s.Calls++
	switch {
	case s.Calls != s.N:
		return effect()
	case s.After:
		return errors.Join(effect(), ErrStruck)
	}
	return ErrStruck
}

// On is h with s on everything that an operation changes.
func (s *Strike) On(h backend.Host) backend.Host { return Around(h, s.change) }

// change makes one change by calling effect, or does something else.
type change func(effect func() error) error

// Around is h with everything that an operation changes done by c.
func Around(h backend.Host, c func(effect func() error) error) backend.Host {
	h.Links, h.Files, h.Switch, h.Virt, h.Processes = links{h.Links, c}, files{h.Files, c}, vswitch{h.Switch, c}, virt{h.Virt, c}, processes{h.Processes, c}
	return h
}

type links struct {
	backend.Links
	change
}

func (x links) SetUp(ctx context.Context, name string, up bool) error {
	return x.change(func() error { return x.Links.SetUp(ctx, name, up) })
}

func (x links) SetMTU(ctx context.Context, name string, mtu int) error {
	return x.change(func() error { return x.Links.SetMTU(ctx, name, mtu) })
}

func (x links) SetAddr(ctx context.Context, name string, a backend.Addr) error {
	return x.change(func() error { return x.Links.SetAddr(ctx, name, a) })
}

func (x links) DelAddr(ctx context.Context, name string, a backend.Addr) error {
	return x.change(func() error { return x.Links.DelAddr(ctx, name, a) })
}

func (x links) SetRoute(ctx context.Context, r backend.Route) error {
	return x.change(func() error { return x.Links.SetRoute(ctx, r) })
}

func (x links) DelRoute(ctx context.Context, r backend.Route) error {
	return x.change(func() error { return x.Links.DelRoute(ctx, r) })
}

func (x links) SetRule(ctx context.Context, r backend.Rule) error {
	return x.change(func() error { return x.Links.SetRule(ctx, r) })
}

func (x links) DelRule(ctx context.Context, r backend.Rule) error {
	return x.change(func() error { return x.Links.DelRule(ctx, r) })
}

func (x links) AddBond(ctx context.Context, name string, b backend.KernelBond) error {
	return x.change(func() error { return x.Links.AddBond(ctx, name, b) })
}

func (x links) DelBond(ctx context.Context, name string) error {
	return x.change(func() error { return x.Links.DelBond(ctx, name) })
}

func (x links) SetMaster(ctx context.Context, name, master string) error {
	return x.change(func() error { return x.Links.SetMaster(ctx, name, master) })
}

func (x links) SetSysctl(ctx context.Context, key, value string) error {
	return x.change(func() error { return x.Links.SetSysctl(ctx, key, value) })
}

func (x links) Announce(ctx context.Context, name string, addrs []netip.Addr) error {
	return x.change(func() error { return x.Links.Announce(ctx, name, addrs) })
}

type files struct {
	backend.Files
	change
}

func (x files) Write(path string, f backend.File) error {
	return x.change(func() error { return x.Files.Write(path, f) })
}

type vswitch struct {
	backend.Switch
	change
}

func (x vswitch) Transact(ctx context.Context, args ...string) error {
	return x.change(func() error { return x.Switch.Transact(ctx, args...) })
}

func (x vswitch) Record(ctx context.Context, args ...string) error {
	return x.change(func() error { return x.Switch.Record(ctx, args...) })
}

func (x vswitch) Release(ctx context.Context, nic string) error {
	return x.change(func() error { return x.Switch.Release(ctx, nic) })
}

func (x vswitch) Sync(ctx context.Context) error {
	return x.change(func() error { return x.Switch.Sync(ctx) })
}

type virt struct {
	backend.Virt
	change
}

func (x virt) DefineNetwork(ctx context.Context, xml string) error {
	return x.change(func() error { return x.Virt.DefineNetwork(ctx, xml) })
}

func (x virt) SetPortGroup(ctx context.Context, network, xml string) error {
	return x.change(func() error { return x.Virt.SetPortGroup(ctx, network, xml) })
}

func (x virt) RemovePortGroup(ctx context.Context, network, name string) error {
	return x.change(func() error { return x.Virt.RemovePortGroup(ctx, network, name) })
}

func (x virt) DefineDomain(ctx context.Context, xml string) error {
	return x.change(func() error { return x.Virt.DefineDomain(ctx, xml) })
}

func (x virt) PlugNIC(ctx context.Context, domain, xml string) error {
	return x.change(func() error { return x.Virt.PlugNIC(ctx, domain, xml) })
}

func (x virt) UnplugNIC(ctx context.Context, domain, mac string) error {
	return x.change(func() error { return x.Virt.UnplugNIC(ctx, domain, mac) })
}

func (x virt) Sync(ctx context.Context) error {
	return x.change(func() error { return x.Virt.Sync(ctx) })
}

func (x virt) UndefineNetwork(ctx context.Context, name string) error {
	return x.change(func() error { return x.Virt.UndefineNetwork(ctx, name) })
}

func (x virt) StartNetwork(ctx context.Context, name string) error {
	return x.change(func() error { return x.Virt.StartNetwork(ctx, name) })
}

func (x virt) StopNetwork(ctx context.Context, name string) error {
	return x.change(func() error { return x.Virt.StopNetwork(ctx, name) })
}

func (x virt) AutostartNetwork(ctx context.Context, name string, on bool) error {
	return x.change(func() error { return x.Virt.AutostartNetwork(ctx, name, on) })
}

type processes struct {
	backend.Processes
	change
}

func (x processes) Stop(ctx context.Context, pid int) error {
	return x.change(func() error { return x.Processes.Stop(ctx, pid) })
}

func (x processes) Kill(ctx context.Context, pid int) error {
	return x.change(func() error { return x.Processes.Kill(ctx, pid) })
}

func (x processes) Start(ctx context.Context, argv ...string) error {
	return x.change(func() error { return x.Processes.Start(ctx, argv...) })
}
