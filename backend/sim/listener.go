package sim

import (
	"context"

	"bridgehead/backend"
)

type listener struct{ p *process }

// Listen hears at once what each NIC's switch port says: Spec's Says, and LACP where it is in a
// port-channel. Nothing is heard on a NIC that is down or without a link.
func (h listener) Listen(ctx context.Context, nics []string) ([]backend.Neighbour, error) {
	return ask(ctx, h.p, func() ([]backend.Neighbour, error) {
		m := h.p.m
		var out []backend.Neighbour
		for i, name := range nics {
			l, err := m.needLink(name)
			if err != nil {
				return nil, err
			}
			n := backend.Neighbour{NIC: name}
			if l.nic != nil && l.Up && l.Carrier {
				n.Switch, n.Port, n.PortText = l.nic.Says.Switch, l.nic.Says.Port, l.nic.Says.PortText
				if group := l.nic.PortChannel; group != "" {
					n.LACP = &backend.Partner{System: madeMAC(group), Key: 1, Port: i + 1}
				}
			}
			out = append(out, n)
		}
		return out, nil
	})
}
