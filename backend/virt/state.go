package virt

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"slices"

	"github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"

	"bridgehead/backend"
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
	if out.XML, err = c.NetworkGetXMLDesc(n, uint32(flags)); err != nil {
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
	isPersistent := map[libvirt.UUID]bool{}
	for _, d := range persistent {
		isPersistent[d.UUID] = true
	}
	var out []backend.Domain
	for _, d := range list {
		domain := backend.Domain{Name: d.Name, UUID: uuid(d.UUID), Running: d.ID >= 0, Persistent: isPersistent[d.UUID]}
		var flags libvirt.DomainXMLFlags
		if !domain.Running {
			flags = libvirt.DomainXMLInactive
		}
		text, err := c.DomainGetXMLDesc(d, flags)
		if isError(err, libvirt.ErrNoDomain) { // gone since it was listed
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("domain %s: %w", d.Name, err)
		}
		if domain.NICs, err = nics(text); err != nil {
			return nil, fmt.Errorf("domain %s: %w", d.Name, err)
		}
		out = append(out, domain)
	}
	slices.SortFunc(out, func(a, b backend.Domain) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// domainNICs is the little that is read of a domain. Not libvirtxml's Domain: that
// knows all of a domain's devices, and so fails on what a newer libvirt adds to any.
type domainNICs struct {
	Interfaces []struct {
		Type   string `xml:"type,attr"`
		MAC    addr   `xml:"mac"`
		Model  addr   `xml:"model"`
		Target addr   `xml:"target"`
		Source addr   `xml:"source"`
	} `xml:"devices>interface"`
}

// addr holds the attributes that name something.
type addr struct {
	Address string `xml:"address,attr"`
	Type    string `xml:"type,attr"`
	Network string `xml:"network,attr"`
	Bridge  string `xml:"bridge,attr"`
	Dev     string `xml:"dev,attr"`
	Name    string `xml:"name,attr"`
}

// nics reads the network interfaces of a domain (https://libvirt.org/formatdomain.html).
// A NIC that names a network is of type network: libvirt writes the live one of a
// running domain as type bridge, with the network beside the bridge.
func nics(text string) ([]backend.DomainNIC, error) {
	var d domainNICs
	if err := xml.Unmarshal([]byte(text), &d); err != nil {
		return nil, err
	}
	var out []backend.DomainNIC
	for _, i := range d.Interfaces {
		nic := backend.DomainNIC{MAC: i.MAC.Address, Type: i.Type, Target: i.Target.Dev, Model: i.Model.Type}
		if i.Source.Network != "" {
			nic.Type = "network"
		}
		nic.Source = cmp.Or(i.Source.Network, i.Source.Bridge, i.Source.Dev, i.Source.Name)
		out = append(out, nic)
	}
	return out, nil
}

func uuid(u libvirt.UUID) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}
