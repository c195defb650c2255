package sim

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"libvirt.org/go/libvirtxml"

	"bridgehead/backend"
)

// network is one network: its definition, and what runs.
type network struct {
	def       libvirtxml.Network
	xml       string // of the definition
	live      *libvirtxml.Network
	autostart bool
	transient bool
}

func (n *network) bridge() string {
	if n.def.Bridge == nil {
		return ""
	}
	return n.def.Bridge.Name
}

// recallNetworks is what a libvirtd that is started again does: a network is active no more when its bridge has gone meanwhile
// (networkUpdateState in libvirt's bridge_driver.c).
func (m *Machine) recallNetworks() {
	for _, n := range m.virt.networks {
		if n.live != nil && n.live.Bridge != nil && n.live.Bridge.Name != "" && m.link(n.live.Bridge.Name) == nil {
			n.live = nil
		}
	}
	m.virt.networks = slices.DeleteFunc(m.virt.networks, func(n *network) bool { return n.transient && n.live == nil })
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
			return fmt.Errorf("internal error: bridge name '%s' already in use.", def.Bridge.Name) //nolint:staticcheck // libvirt's own words
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
