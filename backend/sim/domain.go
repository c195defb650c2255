package sim

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/domain"
)

// DomainXML is what libvirt makes of a small domain with these NICs.
func DomainXML(d backend.Domain) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<domain type='kvm'>\n  <name>%s</name>\n  <uuid>%s</uuid>\n  <memory unit='KiB'>2097152</memory>\n  <vcpu placement='static'>2</vcpu>\n", escaped(d.Name), d.UUID)
	b.WriteString("  <os>\n    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>\n    <boot dev='hd'/>\n  </os>\n  <devices>\n    <emulator>/usr/bin/qemu-system-x86_64</emulator>\n")
	for i, n := range d.NICs {
		fmt.Fprintf(&b, "    <interface type='%s'>\n      <mac address='%s'/>\n", n.Type, n.MAC)
		if attr := cmp.Or(map[string]string{"direct": "dev", "user": "-"}[n.Type], n.Type); attr != "-" {
			fmt.Fprintf(&b, "      <source %s='%s'/>\n", attr, escaped(n.Source))
		}
		fmt.Fprintf(&b, "      <model type='%s'/>\n      <address type='pci' domain='0x0000' bus='0x0%d' slot='0x00' function='0x0'/>\n    </interface>\n", cmp.Or(n.Model, "virtio"), i+1)
	}
	b.WriteString("    <memballoon model='virtio'/>\n  </devices>\n</domain>\n")
	return b.String()
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

func (m *Machine) domain(name string) *backend.Domain {
	for i := range m.virt.domains {
		if m.virt.domains[i].Name == name {
			return &m.virt.domains[i]
		}
	}
	return nil
}

func (h virtOf) onDomain(ctx context.Context, what, name string, effect func(*backend.Domain) error) error {
	return h.do(ctx, what+" "+name, func() error {
		if d := h.p.m.domain(name); d != nil {
			return effect(d)
		}
		return fmt.Errorf("Domain not found: no domain with matching name '%s'", name) //nolint:staticcheck // libvirt's own words
	})
}

func (h virtOf) DomainXML(ctx context.Context, name string) (string, error) {
	return ask(ctx, h.p, func() (string, error) {
		if why := h.p.m.virt.unavailable(); why != "" {
			return "", errors.New(why)
		}
		d := h.p.m.domain(name)
		if d == nil {
			return "", fmt.Errorf("Domain not found: no domain with matching name '%s'", name) //nolint:staticcheck // libvirt's own words
		}
		return d.XML, nil
	})
}

func (h virtOf) DefineDomain(ctx context.Context, text string) error {
	return h.do(ctx, "virsh define", func() error { return h.p.m.defineDomain(text) })
}

// defineDomain takes a definition, and gives it the UUID and name that it must have.
func (m *Machine) defineDomain(text string) error {
	var def struct {
		XMLName xml.Name `xml:"domain"`
		Name    string   `xml:"name"`
		UUID    string   `xml:"uuid"`
	}
	if err := xml.Unmarshal([]byte(text), &def); err != nil {
		return fmt.Errorf("XML error: %w", err)
	}
	nics, err := domain.NICs(text)
	switch {
	case err != nil:
		return fmt.Errorf("XML error: %w", err)
	case def.Name == "" || strings.ContainsAny(def.Name, "/\n"):
		return errors.New("XML error: missing or wrong name")
	case unfit(text) != "":
		return fmt.Errorf("unsupported configuration: %s", unfit(text))
	case def.UUID == "":
		return errors.New("XML error: this simulation wants a UUID")
	}
	d := m.domain(def.Name)
	switch {
	case d == nil:
		m.virt.domains = append(m.virt.domains, backend.Domain{Name: def.Name, UUID: def.UUID})
		d = &m.virt.domains[len(m.virt.domains)-1]
	case d.UUID != def.UUID:
		return fmt.Errorf("operation failed: domain '%s' already exists with uuid %s", def.Name, d.UUID)
	}
	d.XML, d.Persistent = text, true
	if !d.Running {
		d.NICs = nics
	}
	return nil
}

func (h virtOf) PlugNIC(ctx context.Context, name, text string) error {
	return h.onDomain(ctx, "virsh attach-device --live", name, func(d *backend.Domain) error {
		added, err := domain.NICs("<domain><devices>" + text + "</devices></domain>")
		switch {
		case err != nil || len(added) != 1:
			return errors.New("XML error: no device")
		case !d.Running:
			return errors.New("Requested operation is not valid: domain is not running") //nolint:staticcheck // libvirt's own words
		case slices.ContainsFunc(d.NICs, func(n backend.DomainNIC) bool { return n.MAC == added[0].MAC }):
			return nil
		case deaf(d.XML):
			return errors.New("internal error: unable to execute QEMU command 'device_add': Bus 'pci.0' does not support hotplugging")
		case !h.p.m.sourceReady(added[0]):
			return fmt.Errorf("Requested operation is not valid: network '%s' is not active", added[0].Source) //nolint:staticcheck // libvirt's own words
		}
		added[0].Target = h.p.m.freeTap()
		d.NICs = append(slices.Clone(d.NICs), added[0])
		h.p.m.plugDomains()
		return nil
	})
}

func (h virtOf) UnplugNIC(ctx context.Context, name, mac string) error {
	return h.onDomain(ctx, "virsh detach-interface --live", name, func(d *backend.Domain) error {
		for _, n := range d.NICs {
			if d.Running && n.MAC == mac {
				h.p.m.unplug(n)
				d.NICs = slices.DeleteFunc(slices.Clone(d.NICs), func(x backend.DomainNIC) bool { return x.MAC == mac })
			}
		}
		return nil
	})
}

// freeTap is the first name of a tap that no link has.
func (m *Machine) freeTap() string {
	for i := 0; ; i++ {
		name := fmt.Sprint("vnet", i)
		used := m.link(name) != nil
		for _, d := range m.virt.domains {
			used = used || slices.ContainsFunc(d.NICs, func(n backend.DomainNIC) bool { return n.Target == name })
		}
		if !used {
			return name
		}
	}
}

// unplug takes a tap away, and its port.
func (m *Machine) unplug(nic backend.DomainNIC) {
	if m.ovs.server {
		d := m.ovs.db.clone()
		if transact(d, []string{"--if-exists", "del-port", nic.Target}) == nil {
			m.commit(d)
		}
	}
	if l := m.link(nic.Target); l != nil {
		m.removeLink(l)
	}
}

// startDomain gives a domain the NICs of its definition, with new taps.
func (m *Machine) startDomain(d *backend.Domain) {
	if d.Persistent {
		d.NICs, _ = domain.NICs(d.XML)
	}
	for i := range d.NICs {
		d.NICs[i].Target = ""
		d.NICs[i].Target = m.freeTap()
	}
	d.Running = true
}

// StartDomain starts a domain, as virsh start does; StopDomain pulls its plug.
func (m *Machine) StartDomain(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.startDomain(m.domain(name))
	m.plugDomains()
}

// StopDomain is virsh destroy.
func (m *Machine) StopDomain(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.domain(name)
	for _, n := range d.NICs {
		m.unplug(n)
	}
	d.Running = false
	d.NICs, _ = domain.NICs(d.XML)
}

// UndefineDomain is virsh undefine of a domain that does not run.
func (m *Machine) UndefineDomain(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.virt.domains = slices.DeleteFunc(m.virt.domains, func(d backend.Domain) bool { return d.Name == name })
}
