package virt

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/digitalocean/go-libvirt"

	"bridgehead/backend/domain"
)

// DomainXML implements backend.Virt.
func (v *Libvirt) DomainXML(ctx context.Context, name string) (text string, err error) {
	err = v.with(ctx, "read the domain "+name, v.domainDaemons(), func(c connection) error {
		d, err := c.DomainLookupByName(name)
		if err != nil {
			return err
		}
		text, err = c.DomainGetXMLDesc(d, libvirt.DomainXMLInactive|libvirt.DomainXMLSecure)
		return err
	})
	return text, err
}

// DefineDomain implements backend.Virt.
func (v *Libvirt) DefineDomain(ctx context.Context, text string) error {
	return v.change(ctx, "define the domain", v.domainDaemons(), func(c connection) error {
		_, err := c.DomainDefineXML(text)
		return err
	})
}

// PlugNIC implements backend.Virt.
func (v *Libvirt) PlugNIC(ctx context.Context, name, nic string) error {
	return v.onDomain(ctx, "plug a NIC into", name, func(c connection, d libvirt.Domain) error {
		added, err := domain.NICs("<domain><devices>" + nic + "</devices></domain>")
		if err != nil || len(added) != 1 {
			return fmt.Errorf("its XML is wrong: %w", err)
		}
		if live, err := c.element(d, added[0].MAC); err != nil || live != "" {
			return err
		}
		return c.DomainAttachDeviceFlags(d, nic, uint32(libvirt.DomainAffectLive))
	})
}

// UnplugNIC implements backend.Virt.
func (v *Libvirt) UnplugNIC(ctx context.Context, name, mac string) error {
	return v.onDomain(ctx, "unplug NIC "+mac+" of", name, func(c connection, d libvirt.Domain) error {
		live, err := c.element(d, mac)
		if err != nil || live == "" {
			return err
		}
		if err := c.DomainDetachDeviceFlags(d, live, uint32(libvirt.DomainAffectLive)); err != nil {
			return err
		}
		for {
			if live, err := c.element(d, mac); err != nil || live == "" {
				return err
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
}

// element is the NIC of a running domain with that MAC, "" where it has none or does not run.
func (c connection) element(d libvirt.Domain, mac string) (string, error) {
	if active, err := c.DomainIsActive(d); err != nil || active == 0 {
		return "", err
	}
	text, err := c.DomainGetXMLDesc(d, 0)
	if err != nil || !strings.Contains(text, mac) {
		return "", err
	}
	return domain.Element(text, mac)
}

func (v *Libvirt) onDomain(ctx context.Context, what, name string, do func(connection, libvirt.Domain) error) error {
	return v.change(ctx, what+" the domain "+name, v.domainDaemons(), func(c connection) error {
		d, err := c.DomainLookupByName(name)
		if err != nil {
			return err
		}
		return do(c, d)
	})
}
