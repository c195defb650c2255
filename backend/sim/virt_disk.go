package sim

import (
	"context"
	"slices"
	"time"

	"bridgehead/backend"
)

// defined is what libvirt keeps on disk, as it was before a change.
type defined struct {
	at       time.Duration
	networks []*network
	domains  []backend.Domain
}

// note keeps what a power cut could bring back until Sync.
func (v *libvirt) note(at time.Duration) {
	was := defined{at: at, domains: slices.Clone(v.domains)}
	for _, n := range v.networks {
		old := *n
		was.networks = append(was.networks, &old)
	}
	v.log = append(v.log, was)
}

// lose brings back what libvirt had on disk when the newest of the changes since then was not yet made.
func (v *libvirt) lose(since time.Duration) {
	for _, was := range v.log {
		if was.at > since {
			v.networks, v.domains = was.networks, was.domains
			break
		}
	}
}

func (h virtOf) Sync(ctx context.Context) error {
	return h.p.change(ctx, "fsync /etc/libvirt/qemu", func() error {
		h.p.m.virt.log = nil
		return nil
	})
}
