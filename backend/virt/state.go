package virt

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"bridgehead/backend"
	"bridgehead/backend/domain"
)

// version returns the daemon's version as libvirt writes it: 9.0.0.
func (c connection) version() (string, error) {
	n, err := c.ConnectGetLibVersion()
	return fmt.Sprintf("%d.%d.%d", n/1000000, n/1000%1000, n%1000), err
}

func (c connection) networks() ([]backend.Network, error) {
	list, _, err := c.ConnectListAllNetworks(1, 0)
	if err != nil {
		return nil, err
	}
	var out []backend.Network
	for _, n := range list {
		network, err := c.network(n)
		if isError(err, libvirt.ErrNoNetwork) { // gone since it was listed
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("network %s: %w", n.Name, err)
		}
		out = append(out, network)
	}
	slices.SortFunc(out, func(a, b backend.Network) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

func (c connection) network(n libvirt.Network) (backend.Network, error) {
	out := backend.Network{Name: n.Name, UUID: uuid(n.UUID)}
	persistent, err := c.NetworkIsPersistent(n)
	if err != nil {
		return out, err
	}
	active, err := c.NetworkIsActive(n)
	if err != nil {
		return out, err
	}
	autostart, err := c.NetworkGetAutostart(n)
	if err != nil {
		return out, err
	}
	out.Persistent, out.Active, out.Autostart = persistent != 0, active != 0, autostart != 0

	var flags libvirt.NetworkXMLFlags
	if out.Persistent {
		flags = libvirt.NetworkXMLInactive
	}
	out.XML, err = c.NetworkGetXMLDesc(n, uint32(flags))
	if isError(err, libvirt.ErrInvalidArg) { // a driver that keeps no definition apart from what is active
		out.XML, err = c.NetworkGetXMLDesc(n, 0)
	}
	if err != nil {
		return out, err
	}
	var parsed libvirtxml.Network
	if err := parsed.Unmarshal(out.XML); err != nil {
		return out, err
	}
	if parsed.Bridge != nil {
		out.Bridge = parsed.Bridge.Name
	}
	return out, nil
}

func (c connection) domains() ([]backend.Domain, error) {
	list, _, err := c.ConnectListAllDomains(1, 0)
	if err != nil {
		return nil, err
	}
	persistent, _, err := c.ConnectListAllDomains(1, libvirt.ConnectListDomainsPersistent)
	if err != nil {
		return nil, err
	}
	saved, _, err := c.ConnectListAllDomains(1, libvirt.ConnectListDomainsManagedsave)
	if err != nil {
		return nil, err
	}
	isPersistent, isSaved := uuids(persistent), uuids(saved)
	var out []backend.Domain
	for _, d := range list {
		one := backend.Domain{Name: d.Name, UUID: uuid(d.UUID), Running: d.ID >= 0, Persistent: isPersistent[d.UUID], Saved: isSaved[d.UUID]}
		err := c.describe(d, &one)
		if isError(err, libvirt.ErrNoDomain) { // gone since it was listed
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("domain %s: %w", d.Name, err)
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b backend.Domain) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

func uuids(list []libvirt.Domain) map[libvirt.UUID]bool {
	out := map[libvirt.UUID]bool{}
	for _, d := range list {
		out[d.UUID] = true
	}
	return out
}

// describe reads a domain's definition, and the NICs that it has now.
func (c connection) describe(d libvirt.Domain, out *backend.Domain) (err error) {
	var text string
	if out.Persistent {
		if out.XML, err = c.DomainGetXMLDesc(d, libvirt.DomainXMLInactive); err != nil {
			return err
		}
		text = out.XML
	}
	if out.Running {
		if text, err = c.DomainGetXMLDesc(d, 0); err != nil {
			return err
		}
	}
	out.NICs, err = domain.NICs(text)
	return err
}

func uuid(u libvirt.UUID) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}
