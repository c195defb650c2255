package sim

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/domain"
)

// The simulated host's QEMU, and the machines that it can be.
const emulator = "/usr/bin/qemu-system-x86_64"

var machines = regexp.MustCompile(`^(|pc|q35|pc-(i440fx|q35)-[2-7]\.[0-9]+)$`)

// unfit says why QEMU cannot be the machine of a definition.
func unfit(text string) string {
	m, err := domain.MachineOf(text)
	switch {
	case err != nil:
		return ""
	case m.Emulator != "" && m.Emulator != emulator:
		return fmt.Sprintf("its emulator %s cannot be run: Cannot check QEMU binary %s: No such file or directory", m.Emulator, m.Emulator)
	case !machines.MatchString(m.Type):
		return fmt.Sprintf("libvirt has no QEMU for its machine type %s: the machine '%s' is not supported by emulator '%s'", m.Type, m.Type, emulator)
	}
	return ""
}

// deaf says that a machine notices nothing that is plugged in.
func deaf(text string) bool {
	m, err := domain.MachineOf(text)
	return err == nil && !m.ACPI && !strings.Contains(m.Type, "q35")
}

func (h virtOf) Unfit(ctx context.Context, domains []backend.Domain) (map[string]string, error) {
	return ask(ctx, h.p, func() (map[string]string, error) {
		out := map[string]string{}
		if why := h.p.m.virt.unavailable(); why != "" {
			return out, fmt.Errorf("virsh domcapabilities: %s", why)
		}
		for _, d := range domains {
			if why := unfit(d.XML); d.Persistent && why != "" {
				out[d.Name] = why
			}
		}
		return out, nil
	})
}
