package virt

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/digitalocean/go-libvirt"

	"bridgehead/backend"
	"bridgehead/backend/domain"
)

// Unfit implements backend.Virt. libvirt is asked once for each kind of machine (virsh domcapabilities), which costs it
// milliseconds, or a second where it has not looked at that emulator yet.
func (v *Libvirt) Unfit(ctx context.Context, domains []backend.Domain) (map[string]string, error) {
	unfit := map[string]string{}
	err := v.with(ctx, "ask libvirt for what its emulators can be", v.domainDaemons(), func(c connection) error {
		known := map[domain.Machine]string{}
		for _, d := range domains {
			m, err := domain.MachineOf(d.XML)
			if err != nil || !d.Persistent {
				continue
			}
			m.ACPI = false // makes no difference
			why, asked := known[m]
			if !asked {
				if why, err = c.unfit(m); err != nil {
					return err
				}
				known[m] = why
			}
			if why != "" {
				unfit[d.Name] = why
			}
		}
		return nil
	})
	return unfit, err
}

// unfit says why libvirt has no emulator for a machine. A driver that cannot tell says nothing.
func (c connection) unfit(m domain.Machine) (string, error) {
	_, err := c.ConnectGetDomainCapabilities(optional(m.Emulator), optional(m.Arch), optional(m.Type), optional(m.Virt), 0)
	var e libvirt.Error
	switch {
	case err == nil || isError(err, libvirt.ErrNoSupport):
		return "", nil
	case !errors.As(err, &e):
		return "", err
	case e.Code == uint32(libvirt.ErrInvalidArg) || e.Code == uint32(libvirt.ErrConfigUnsupported):
		_, reason, found := strings.Cut(e.Message, ": ") // after what kind of error it is
		if !found {
			reason = e.Message
		}
		return fmt.Sprintf("libvirt has no QEMU for its machine type %s: %s", m.Type, reason), nil
	}
	return fmt.Sprintf("its emulator %s cannot be run: %s", m.Emulator, e.Message), nil
}

func optional(s string) libvirt.OptString {
	if s == "" {
		return nil
	}
	return libvirt.OptString{s}
}
