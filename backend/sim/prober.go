package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

type prober struct{ p *process }

// rtt is the round trip of every answered ping.
const rtt = 400 * time.Microsecond

func (h prober) ARP(ctx context.Context, dev string, addr netip.Addr) (string, error) {
	return ask(ctx, h.p, func() (string, error) {
		m := h.p.m
		l, err := m.needLink(dev)
		if err != nil {
			return "", err
		}
		if !l.Up {
			return "", fmt.Errorf("who has %s on %s: network is down", addr, dev)
		}
		src := l.source(addr)
		m.teach(l)
		for _, e := range m.exits(l, 0) {
			p := m.owner(e.segment, addr)
			if p == nil || p.NoARP || !slices.Contains(m.hear(e.segment, l.MAC), l) {
				continue
			}
			if src.IsValid() {
				m.world.arp[neighbour{p.Name, src}] = entry{l.MAC, m.now}
			}
			return p.MAC, nil
		}
		return "", fmt.Errorf("who has %s on %s: no answer", addr, dev)
	})
}

// source is the address of the link from which it would ask for dst.
func (l *link) source(dst netip.Addr) netip.Addr {
	var other netip.Addr
	for _, a := range l.Addrs {
		switch {
		case a.Prefix.Contains(dst):
			return a.Prefix.Addr()
		case a.Prefix.Addr().Is4() == dst.Is4() && a.Scope == "global" && !other.IsValid():
			other = a.Prefix.Addr()
		}
	}
	return other
}

func (h prober) Ping(ctx context.Context, dev string, addr netip.Addr) (time.Duration, error) {
	return ask(ctx, h.p, func() (time.Duration, error) {
		if err := h.p.m.ping(dev, addr); err != nil {
			return 0, fmt.Errorf("ping %s: %w", addr, err)
		}
		return rtt, nil
	})
}

// Ping is Prober.Ping as a test asks.
func (m *Machine) Ping(dev string, addr netip.Addr) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ping(dev, addr)
}

func (m *Machine) ping(dev string, addr netip.Addr) error {
	if m.local(addr) {
		return nil
	}
	if dev != "" {
		if _, err := m.needLink(dev); err != nil {
			return err
		}
	}
	r, ok := m.lookup(addr, netip.Addr{}, dev)
	if !ok {
		return errors.New("connect: Network is unreachable")
	}
	out := m.link(r.Dev)
	src := r.Src
	if !src.IsValid() && out != nil {
		next := addr
		if r.Gateway.IsValid() {
			next = r.Gateway
		}
		src = out.source(next)
	}
	if !src.IsValid() {
		return errors.New("connect: Cannot assign requested address")
	}
	to, err := m.send(out, cmp.Or(r.Gateway, addr), addr, src)
	if err != nil {
		return err
	}
	if to.NoPing {
		return errors.New("no answer")
	}
	back, _, err := m.deliver(to, src, addr)
	if err != nil {
		return err
	}
	if dev != "" && back.Name != dev {
		return fmt.Errorf("the answer came in on %s", back.Name)
	}
	return nil
}

func (h prober) Duplicate(ctx context.Context, dev string, addr netip.Addr) (string, error) {
	return ask(ctx, h.p, func() (string, error) {
		l, err := h.p.m.needLink(dev)
		if err != nil {
			return "", err
		}
		if !l.Up {
			return "", fmt.Errorf("probe for %s on %s: network is down", addr, dev)
		}
		return h.p.m.duplicate(l, addr), nil
	})
}

// Command knows three: true, false, and "ping ADDRESS".
func (h prober) Command(ctx context.Context, command string) error {
	return h.p.change(ctx, "sh -c "+command, func() error {
		words := strings.Fields(command)
		switch {
		case command == "true" || command == ":":
			return nil
		case len(words) > 1 && words[0] == "ping":
			addr, err := netip.ParseAddr(words[len(words)-1])
			if err != nil {
				return fmt.Errorf("%s: %w", command, err)
			}
			return h.p.m.ping("", addr)
		}
		return fmt.Errorf("%s: exit status 1", command)
	})
}
