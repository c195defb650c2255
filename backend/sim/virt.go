package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend"
)

// libvirt is the daemon with its networks and domains.
type libvirt struct {
	installed bool
	running   bool
	hung      bool
	version   string
	networks  []*network
	domains   []backend.Domain
	defined   int
	pools     []string  // of storage
	made      int       // by virt-install
	log       []defined // what a power cut could still lose
}

func (m *Machine) makeVirt() {
	s := m.spec.Virt
	if s == nil {
		return
	}
	v := &m.virt
	v.installed, v.running, v.version = true, true, cmp.Or(s.Version, "9.0.0")
	for _, n := range s.Networks {
		must(m.defineNetwork(n.XML))
		net := v.networks[len(v.networks)-1]
		net.autostart = n.Autostart
		if n.Active {
			must(m.startNetwork(net))
		}
	}
	v.domains = slices.Clone(s.Domains)
	for i := range v.domains {
		if d := &v.domains[i]; d.XML == "" && d.Persistent {
			d.XML = DomainXML(*d)
		}
	}
	m.plugDomains()
}

// plugDomains makes the tap devices of the running domains and puts each where
// its source is: a Linux bridge, or a port of an OVS bridge.
func (m *Machine) plugDomains() {
	for _, d := range m.virt.domains {
		for _, nic := range d.NICs {
			if !d.Running || nic.Target == "" || m.link(nic.Target) != nil {
				continue
			}
			tap := m.addLink(backend.Link{Name: nic.Target, MAC: "fe" + nic.MAC[2:], Kind: "tun", Driver: "tun", Virtual: true})
			tap.Master = m.sourceBridge(nic)
			m.setUp(tap, true)
			m.plugIntoSwitch(nic)
		}
	}
}

// sourceName is the bridge that a domain's NIC is to be on.
func (m *Machine) sourceName(nic backend.DomainNIC) string {
	if nic.Type != "network" {
		return nic.Source
	}
	if n := m.network(nic.Source); n != nil {
		return n.bridge()
	}
	return ""
}

// plugIntoSwitch makes the tap of a running domain a port of its OVS bridge, as
// libvirt does for a virtualport.
func (m *Machine) plugIntoSwitch(nic backend.DomainNIC) {
	name := m.sourceName(nic)
	if !m.ovs.server || m.ovs.db.row(bridgeTable, name) == nil {
		return
	}
	d := m.ovs.db.clone()
	port := []string{"--if-exists", "del-port", nic.Target, "--", "add-port", name, nic.Target,
		"--", "set", "Interface", nic.Target, `external_ids:attached-mac="` + nic.MAC + `"`}
	port = append(port, m.vlans(nic)...)
	if transact(d, port) == nil {
		m.commit(d)
	}
}

func (m *Machine) sourceBridge(nic backend.DomainNIC) string {
	name := m.sourceName(nic)
	if l := m.link(name); l == nil || l.Kind != "bridge" {
		return ""
	}
	return name
}

// virtOf is backend.Virt as one process has it.
type virtOf struct{ p *process }

func (v *libvirt) unavailable() string {
	switch {
	case !v.installed:
		return "libvirt is not installed"
	case !v.running:
		return "Failed to connect socket to '/var/run/libvirt/libvirt-sock': Connection refused"
	case v.hung:
		return "libvirtd does not answer"
	}
	return ""
}

func (h virtOf) State(ctx context.Context) (backend.VirtState, error) {
	return ask(ctx, h.p, func() (backend.VirtState, error) {
		v := &h.p.m.virt
		if why := v.unavailable(); why != "" {
			return backend.VirtState{Reason: why}, nil
		}
		s := backend.VirtState{Available: true, Version: v.version}
		for _, n := range v.networks {
			s.Networks = append(s.Networks, backend.Network{
				Name: n.def.Name, UUID: n.def.UUID, XML: n.xml, Bridge: n.bridge(),
				Active: n.live != nil, Autostart: n.autostart, Persistent: !n.transient,
			})
		}
		slices.SortFunc(s.Networks, func(a, b backend.Network) int { return strings.Compare(a.Name, b.Name) })
		for _, d := range v.domains {
			d.NICs = slices.Clone(d.NICs)
			s.Domains = append(s.Domains, d)
		}
		slices.SortFunc(s.Domains, func(a, b backend.Domain) int { return strings.Compare(a.Name, b.Name) })
		return s, nil
	})
}

func (h virtOf) do(ctx context.Context, what string, effect func() error) error {
	return h.p.change(ctx, what, func() error {
		if why := h.p.m.virt.unavailable(); why != "" {
			return fmt.Errorf("%s: %s", what, why)
		}
		h.p.m.virt.note(h.p.m.now)
		if err := effect(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	})
}

// on runs one change of one network. Where there is none, that is an error only
// if it is needed.
func (h virtOf) on(ctx context.Context, command, name string, needed bool, effect func(*network) error) error {
	return h.do(ctx, "virsh "+command+" "+name, func() error {
		n := h.p.m.network(name)
		switch {
		case n != nil:
			return effect(n)
		case needed:
			return fmt.Errorf("Network not found: no network with matching name '%s'", name) //nolint:staticcheck // libvirt's own words
		}
		return nil
	})
}

func (h virtOf) DefineNetwork(ctx context.Context, xml string) error {
	return h.do(ctx, "virsh net-define", func() error { return h.p.m.defineNetwork(xml) })
}

func (h virtOf) UndefineNetwork(ctx context.Context, name string) error {
	return h.on(ctx, "net-undefine", name, false, func(n *network) error {
		n.transient, n.autostart = true, false
		if n.live == nil {
			h.p.m.virt.networks = slices.DeleteFunc(h.p.m.virt.networks, func(x *network) bool { return x == n })
		}
		return nil
	})
}

func (h virtOf) StartNetwork(ctx context.Context, name string) error {
	return h.on(ctx, "net-start", name, true, h.p.m.startNetwork)
}

func (h virtOf) StopNetwork(ctx context.Context, name string) error {
	return h.on(ctx, "net-destroy", name, false, func(n *network) error {
		h.p.m.stopNetwork(n)
		return nil
	})
}

func (h virtOf) AutostartNetwork(ctx context.Context, name string, on bool) error {
	command := "net-autostart"
	if !on {
		command += " --disable"
	}
	return h.on(ctx, command, name, on, func(n *network) error {
		if n.transient && on {
			return errors.New("Requested operation is not valid: cannot set autostart for transient network") //nolint:staticcheck // libvirt's own words
		}
		n.autostart = on
		return nil
	})
}
