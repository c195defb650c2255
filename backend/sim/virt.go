package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"libvirt.org/go/libvirtxml"

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
}

// network is one network: its definition, and what runs.
type network struct {
	def       libvirtxml.Network
	xml       string // of the definition
	live      *libvirtxml.Network
	autostart bool
	transient bool
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
	must(transact(d, []string{"--if-exists", "del-port", nic.Target, "--", "add-port", name, nic.Target,
		"--", "set", "Interface", nic.Target, `external_ids:attached-mac="` + nic.MAC + `"`}))
	m.commit(d)
}

func (m *Machine) sourceBridge(nic backend.DomainNIC) string {
	name := m.sourceName(nic)
	if l := m.link(name); l == nil || l.Kind != "bridge" {
		return ""
	}
	return name
}

func (n *network) bridge() string {
	if n.def.Bridge == nil {
		return ""
	}
	return n.def.Bridge.Name
}

func (m *Machine) network(name string) *network {
	for _, n := range m.virt.networks {
		if n.def.Name == name {
			return n
		}
	}
	return nil
}

// defineNetwork parses and completes a definition as libvirt does.
func (m *Machine) defineNetwork(xml string) error {
	var def libvirtxml.Network
	if err := def.Unmarshal(xml); err != nil {
		return fmt.Errorf("XML error: %w", err)
	}
	switch {
	case def.Name == "":
		return errors.New("XML error: missing name")
	case strings.Contains(def.Name, "/"):
		return fmt.Errorf("XML error: name %s cannot contain '/'", def.Name)
	}
	old := m.network(def.Name)
	switch {
	case def.UUID == "" && old != nil:
		def.UUID = old.def.UUID
	case def.UUID == "":
		m.virt.defined++
		def.UUID = uuid(fmt.Sprint("network ", def.Name, m.virt.defined))
	}
	if err := m.collides(&def, old); err != nil {
		return err
	}
	if err := m.complete(&def, old); err != nil {
		return err
	}
	text, err := def.Marshal()
	if err != nil {
		return err
	}
	if old == nil {
		old = &network{}
		m.virt.networks = append(m.virt.networks, old)
	}
	old.def, old.xml, old.transient = def, likeLibvirt(text), false
	return nil
}

var (
	noParameters = regexp.MustCompile(`>\s*<parameters></parameters>\s*</virtualport>`)
	empty        = regexp.MustCompile(`></[A-Za-z:]+>`)
)

// likeLibvirt writes XML as libvirt does: empty elements short or left out, single quotes.
func likeLibvirt(text string) string {
	text = noParameters.ReplaceAllString(text, "/>")
	return strings.ReplaceAll(empty.ReplaceAllString(text, "/>"), `"`, "'") + "\n"
}

func (m *Machine) collides(def *libvirtxml.Network, old *network) error {
	if old != nil && old.def.UUID != def.UUID {
		return fmt.Errorf("operation failed: network '%s' already exists with uuid %s", def.Name, old.def.UUID)
	}
	for _, n := range m.virt.networks {
		if n != old && n.def.UUID == def.UUID {
			return fmt.Errorf("operation failed: network '%s' is already defined with uuid %s", n.def.Name, def.UUID)
		}
	}
	return nil
}

// complete adds what libvirt adds: for its own bridges a name, a MAC, stp and
// delay; for an existing bridge nothing.
func (m *Machine) complete(def *libvirtxml.Network, old *network) error {
	if def.Forward != nil {
		def.Forward.Mode = cmp.Or(def.Forward.Mode, "nat")
		if !slices.Contains(forwardModes, def.Forward.Mode) {
			return fmt.Errorf("unsupported configuration: unknown forwarding type '%s'", def.Forward.Mode)
		}
	}
	if def.Forward != nil && def.Forward.Mode == "bridge" {
		if def.Bridge == nil && len(def.Forward.Interfaces) == 0 {
			return fmt.Errorf("unsupported configuration: network '%s' has no bridge", def.Name)
		}
		if len(def.IPs) > 0 {
			return fmt.Errorf("unsupported configuration: Unsupported <ip> element in network %s with forward mode='bridge'", def.Name)
		}
		return nil
	}
	if def.VirtualPort != nil {
		return fmt.Errorf("unsupported configuration: <virtualport> element unsupported for network '%s' with forward mode other than bridge", def.Name)
	}
	if def.Bridge == nil {
		def.Bridge = &libvirtxml.NetworkBridge{}
	}
	if def.Bridge.Name == "" {
		def.Bridge.Name = m.freeBridge()
	}
	for _, n := range m.virt.networks {
		if n != old && n.bridge() == def.Bridge.Name {
			return fmt.Errorf("internal error: bridge name '%s' already in use.", def.Bridge.Name) //nolint // libvirt's own words
		}
	}
	def.Bridge.STP, def.Bridge.Delay = cmp.Or(def.Bridge.STP, "on"), cmp.Or(def.Bridge.Delay, "0")
	if def.MAC == nil {
		def.MAC = &libvirtxml.NetworkMAC{Address: "52:54:00" + madeMAC(def.Name)[8:]}
	}
	return nil
}

var forwardModes = []string{"nat", "route", "open", "bridge", "private", "vepa", "passthrough", "hostdev"}

func (m *Machine) freeBridge() string {
	for i := 0; ; i++ {
		name := fmt.Sprint("virbr", i)
		if m.link(name) == nil && !slices.ContainsFunc(m.virt.networks, func(n *network) bool { return n.bridge() == name }) {
			return name
		}
	}
}

// startNetwork makes a network active: one with a bridge of its own gets the link.
func (m *Machine) startNetwork(n *network) error {
	if n.live != nil {
		return nil
	}
	if n.ownBridge() {
		if m.link(n.bridge()) != nil {
			return fmt.Errorf("internal error: Network is already in use by interface %s", n.bridge())
		}
		l := m.addLink(backend.Link{Name: n.bridge(), MAC: n.def.MAC.Address, Kind: "bridge", Driver: "bridge", Virtual: true})
		m.setUp(l, true)
		for _, ip := range n.def.IPs {
			if a, ok := ipPrefix(ip); ok {
				if err := m.setAddr(l, backend.Addr{Prefix: a, Broadcast: broadcast(a), Scope: "global"}); err != nil {
					return err
				}
			}
		}
	}
	live := n.def
	n.live = &live
	return nil
}

func (n *network) ownBridge() bool {
	return n.def.Bridge != nil && (n.def.Forward == nil || n.def.Forward.Mode != "bridge")
}

func ipPrefix(ip libvirtxml.NetworkIP) (netip.Prefix, bool) {
	a, err := netip.ParseAddr(ip.Address)
	if err != nil {
		return netip.Prefix{}, false
	}
	bits := int(ip.Prefix)
	if mask, err := netip.ParseAddr(ip.Netmask); err == nil {
		for _, b := range mask.AsSlice() {
			for ; b != 0; b <<= 1 {
				bits++
			}
		}
	}
	return netip.PrefixFrom(a, bits), bits > 0
}

func broadcast(p netip.Prefix) netip.Addr {
	if !p.Addr().Is4() {
		return netip.Addr{}
	}
	return lastOf(p)
}

// stopNetwork destroys what runs; a transient network is gone with it.
func (m *Machine) stopNetwork(n *network) {
	if n.live == nil {
		return
	}
	if n.ownBridge() {
		if l := m.link(n.live.Bridge.Name); l != nil {
			m.removeLink(l)
		}
	}
	n.live = nil
	if n.transient {
		m.virt.networks = slices.DeleteFunc(m.virt.networks, func(x *network) bool { return x == n })
	}
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
			return fmt.Errorf("Network not found: no network with matching name '%s'", name) //nolint // libvirt's own words
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
			return errors.New("Requested operation is not valid: cannot set autostart for transient network") //nolint // libvirt's own words
		}
		n.autostart = on
		return nil
	})
}
