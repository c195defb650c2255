package sim

import (
	"context"
	"fmt"
	"strings"

	"bridgehead/backend"
)

type packages struct{ p *process }

func (h packages) Installed(ctx context.Context, names ...string) (map[string]string, error) {
	return ask(ctx, h.p, func() (map[string]string, error) {
		out := map[string]string{}
		for _, n := range names {
			if v, ok := h.p.m.packages[n]; ok {
				out[n] = v
			}
		}
		return out, nil
	})
}

// Install installs what Spec.Available has, with the daemons that come with it.
func (h packages) Install(ctx context.Context, names []string, line func(string)) error {
	say := func(format string, args ...any) {
		if line != nil {
			line(fmt.Sprintf(format, args...))
		}
	}
	m := h.p.m
	missing, err := h.missing(names)
	if err != nil {
		return err
	}
	say("Reading package lists...")
	if len(missing) == 0 {
		say("0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.")
		return nil
	}
	say("The following NEW packages will be installed:")
	say("  %s", strings.Join(missing, " "))
	for _, n := range missing {
		err := h.p.change(ctx, "apt-get install "+n, func() error {
			if m.files.full {
				return fmt.Errorf("apt-get install %s: You don't have enough free space in /var/cache/apt/archives/.", n) //nolint:staticcheck // apt's own words
			}
			m.install(n)
			return nil
		})
		if err != nil {
			return err
		}
		version := m.spec.Available[n]
		say("Unpacking %s (%s) ...", n, version)
		say("Setting up %s (%s) ...", n, version)
	}
	return nil
}

func (h packages) missing(names []string) ([]string, error) {
	return ask(context.Background(), h.p, func() ([]string, error) {
		var out []string
		for _, n := range names {
			if _, ok := h.p.m.packages[n]; ok {
				continue
			}
			if _, ok := h.p.m.spec.Available[n]; !ok {
				return nil, fmt.Errorf("E: Unable to locate package %s", n)
			}
			out = append(out, n)
		}
		return out, nil
	})
}

func (m *Machine) install(name string) {
	m.packages[name] = m.spec.Available[name]
	switch name {
	case "openvswitch-switch":
		m.ovs.installed = true
		if m.ovs.version == "" {
			m.ovs.version, m.ovs.module = "3.1.0", true
		}
		for _, u := range ovsUnits() {
			m.units[u.Name] = &u
		}
		m.startDaemon(ovsUnit)
	case "libvirt-daemon-system":
		m.virt.installed, m.virt.version = true, "9.0.0"
		u := libvirtdUnit()
		m.units[u.Name] = &u
		m.startDaemon(libvirtUnit)
	}
}

// ovsUnits are Debian's units of Open vSwitch, ordered before the network.
func ovsUnits() []backend.Unit {
	return []backend.Unit{
		{Name: ovsUnit, Load: "loaded", Active: "active", Enabled: "enabled", After: []string{ovsdbUnit, vswitchdUnit}},
		{Name: ovsdbUnit, Load: "loaded", Active: "active", Enabled: "static", After: []string{"systemd-udev-settle.service"}, Before: []string{"network.target", "networking.service"}},
		{Name: vswitchdUnit, Load: "loaded", Active: "active", Enabled: "static", After: []string{ovsdbUnit}, Before: []string{"network.target", "networking.service"}},
	}
}

func libvirtdUnit() backend.Unit {
	return backend.Unit{Name: libvirtUnit, Load: "loaded", Active: "active", Enabled: "enabled", After: []string{"network.target"}}
}
