package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend"
)

// The units behind which a simulated daemon stands.
const (
	ovsdbUnit    = "ovsdb-server.service"
	vswitchdUnit = "ovs-vswitchd.service"
	ovsUnit      = "openvswitch-switch.service"
	libvirtUnit  = "libvirtd.service"
)

func (m *Machine) makeServices() {
	for name, version := range m.spec.Packages {
		m.packages[name] = version
	}
	for _, u := range m.spec.Units {
		m.units[u.Name] = &u
	}
}

type services struct{ p *process }

func (h services) Manager() string { return h.p.m.spec.Init }

func unitName(name string) string {
	if !strings.Contains(name, ".") {
		name += ".service"
	}
	return name
}

func (h services) Unit(ctx context.Context, name string) (backend.Unit, error) {
	return ask(ctx, h.p, func() (backend.Unit, error) {
		if h.p.m.spec.Init != "systemd" {
			return backend.Unit{Name: name}, nil
		}
		u, ok := h.p.m.units[unitName(name)]
		if !ok {
			return backend.Unit{Name: name}, nil
		}
		out := *u
		out.Active = h.p.m.active(u)
		out.After, out.Before = slices.Clone(u.After), slices.Clone(u.Before)
		return out, nil
	})
}

// active is the state of a unit; of a daemon's, whether it runs.
func (m *Machine) active(u *backend.Unit) string {
	word := map[bool]string{true: "active", false: "failed"}
	switch u.Name {
	case ovsdbUnit:
		return word[m.ovs.server]
	case vswitchdUnit:
		return word[m.ovs.daemon]
	case libvirtUnit:
		return word[m.virt.running]
	}
	return u.Active
}

func (h services) Start(ctx context.Context, name string) error {
	return h.p.change(ctx, "systemctl start "+name, func() error {
		u, ok := h.p.m.units[unitName(name)]
		if !ok {
			return fmt.Errorf("Failed to start %s: Unit %s not found.", name, unitName(name)) //nolint:staticcheck // systemctl's own words
		}
		if u.Load == "masked" {
			return fmt.Errorf("Failed to start %s: Unit %s is masked.", name, unitName(name)) //nolint:staticcheck // systemctl's own words
		}
		u.Active = "active"
		h.p.m.startDaemon(u.Name)
		return nil
	})
}

func (m *Machine) startDaemon(unit string) {
	switch unit {
	case ovsdbUnit:
		m.ovs.server = m.ovs.installed
	case vswitchdUnit, ovsUnit:
		m.ovs.server, m.ovs.daemon, m.ovs.hung = m.ovs.installed, m.ovs.installed, false
		m.reconfigure()
	case libvirtUnit:
		m.virt.running, m.virt.hung = m.virt.installed, false
	}
}

// Daemon is a daemon that can be stopped or made to hang.
type Daemon string

// The daemons.
const (
	Vswitchd Daemon = "ovs-vswitchd"
	OVSDB    Daemon = "ovsdb-server"
	Libvirtd Daemon = "libvirtd"
)

// Stop ends a daemon as SIGKILL does. Of a dead ovs-vswitchd the kernel datapath
// goes on; the userspace datapath goes with it.
func (m *Machine) Stop(d Daemon) { m.daemon(d, false, false) }

// Hang makes a daemon accept calls and never answer.
func (m *Machine) Hang(d Daemon) { m.daemon(d, true, true) }

// Start brings a stopped or hung daemon back.
func (m *Machine) Start(d Daemon) { m.daemon(d, true, false) }

func (m *Machine) daemon(d Daemon, running, hung bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch d {
	case Vswitchd:
		m.ovs.daemon, m.ovs.hung = running, hung
		if !running {
			m.loseUserspace()
		}
	case OVSDB:
		m.ovs.server, m.ovs.serverHung = running, hung
	case Libvirtd:
		if running && !m.virt.running {
			m.recallNetworks()
		}
		m.virt.running, m.virt.hung = running, hung
	default:
		panic("sim: no daemon " + string(d))
	}
	m.reconfigure()
}

// loseUserspace removes the taps of the userspace datapath, which live in its process.
func (m *Machine) loseUserspace() {
	for _, l := range slices.Clone(m.links) {
		if l.Kind == "tun" && (l.internal || l.Name == "ovs-netdev") {
			m.removeLink(l)
		}
	}
}
