package sim

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"time"

	"bridgehead/backend"
)

// links is backend.Links as one process has it.
type links struct{ p *process }

func (h links) List(ctx context.Context) ([]backend.Link, error) {
	return ask(ctx, h.p, func() ([]backend.Link, error) {
		out := make([]backend.Link, 0, len(h.p.m.links))
		for _, l := range h.p.m.links {
			c := l.Link
			c.Addrs, c.AltNames = slices.Clone(l.Addrs), slices.Clone(l.AltNames)
			if !c.Up || !c.Carrier {
				c.SpeedMbps, c.Duplex = 0, ""
			}
			out = append(out, c)
		}
		return out, nil
	})
}

func (h links) Routes(ctx context.Context) ([]backend.Route, error) {
	return ask(ctx, h.p, func() ([]backend.Route, error) { return slices.Clone(h.p.m.routes), nil })
}

func (h links) Rules(ctx context.Context) ([]backend.Rule, error) {
	return ask(ctx, h.p, func() ([]backend.Rule, error) { return slices.Clone(h.p.m.rules), nil })
}

// on runs one change of one link.
func (h links) on(ctx context.Context, what, name string, effect func(*link) error) error {
	return h.p.change(ctx, what, func() error {
		l, err := h.p.m.needLink(name)
		if err == nil {
			err = effect(l)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	})
}

func (h links) SetUp(ctx context.Context, name string, up bool) error {
	word := map[bool]string{true: "up", false: "down"}[up]
	return h.on(ctx, "ip link set "+name+" "+word, name, func(l *link) error {
		h.p.m.setUp(l, up)
		return nil
	})
}

func (h links) SetMTU(ctx context.Context, name string, mtu int) error {
	return h.on(ctx, fmt.Sprintf("ip link set %s mtu %d", name, mtu), name, func(l *link) error {
		if mtu < 68 || mtu > 65535 {
			return errors.New("RTNETLINK answers: Invalid argument: mtu out of range")
		}
		l.MTU = mtu
		h.p.m.ovs.internalMTUs(h.p.m)
		return nil
	})
}

func (h links) AddVLAN(ctx context.Context, v backend.Link) error {
	what := fmt.Sprintf("ip link add link %s name %s type vlan id %d", v.Parent, v.Name, v.VLAN)
	return h.on(ctx, what, v.Parent, func(*link) error { return h.p.m.addVLAN(v) })
}

func (h links) DelVLAN(ctx context.Context, name string) error {
	what := "ip link del " + name
	return h.p.change(ctx, what, func() error {
		switch l := h.p.m.link(name); {
		case l == nil:
		case l.Kind != "vlan":
			return fmt.Errorf("%s: it is no VLAN link", what)
		default:
			h.p.m.removeLink(l)
		}
		return nil
	})
}

func (h links) SetAddr(ctx context.Context, name string, a backend.Addr) error {
	return h.on(ctx, fmt.Sprintf("ip addr replace %s dev %s", a.Prefix, name), name, func(l *link) error {
		return h.p.m.setAddr(l, a)
	})
}

func (h links) DelAddr(ctx context.Context, name string, a backend.Addr) error {
	return h.on(ctx, fmt.Sprintf("ip addr del %s dev %s", a.Prefix, name), name, func(l *link) error {
		h.p.m.delAddr(l, a.Prefix)
		return nil
	})
}

func (h links) SetRoute(ctx context.Context, r backend.Route) error {
	what := "ip route replace " + routeText(r)
	return h.p.change(ctx, what, func() error {
		if err := h.p.m.setRoute(r); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	})
}

func (h links) DelRoute(ctx context.Context, r backend.Route) error {
	return h.p.change(ctx, "ip route del "+routeText(r), func() error {
		h.p.m.delRoute(r)
		return nil
	})
}

func (h links) SetRule(ctx context.Context, r backend.Rule) error {
	return h.p.change(ctx, "ip rule add "+ruleText(r), func() error {
		if !slices.Contains(h.p.m.rules, r) {
			h.p.m.rules = append(h.p.m.rules, r)
		}
		return nil
	})
}

func (h links) DelRule(ctx context.Context, r backend.Rule) error {
	return h.p.change(ctx, "ip rule del "+ruleText(r), func() error {
		h.p.m.rules = slices.DeleteFunc(h.p.m.rules, func(x backend.Rule) bool { return x == r })
		return nil
	})
}

func (h links) Sysctl(ctx context.Context, key string) (string, error) {
	return ask(ctx, h.p, func() (string, error) {
		v, ok := h.p.m.sysctls[key]
		if !ok {
			return "", fmt.Errorf("open /proc/sys/net/%s: %w", key, fs.ErrNotExist)
		}
		return v, nil
	})
}

func (h links) SetSysctl(ctx context.Context, key, value string) error {
	return h.p.change(ctx, "sysctl net/"+key+"="+value, func() error {
		if _, ok := h.p.m.sysctls[key]; !ok {
			return fmt.Errorf("open /proc/sys/net/%s: %w", key, fs.ErrNotExist)
		}
		h.p.m.setSysctl(key, value)
		return nil
	})
}

func (m *Machine) setSysctl(key, value string) {
	m.sysctls[key] = value
	if strings.HasPrefix(key, "ipv6/conf/") && strings.HasSuffix(key, "/disable_ipv6") {
		m.follow6(strings.Split(key, "/")[2])
	}
}

// follow6 removes or brings back the IPv6 addresses of links after disable_ipv6
// was written; "all" writes the key of every link.
func (m *Machine) follow6(name string) {
	if name == "all" {
		m.sysctls["ipv6/conf/default/disable_ipv6"] = m.sysctls["ipv6/conf/all/disable_ipv6"]
	}
	for _, l := range m.links {
		if name == "all" {
			m.sysctls["ipv6/conf/"+l.Name+"/disable_ipv6"] = m.sysctls["ipv6/conf/all/disable_ipv6"]
		}
		if m.disabled6(l) {
			for _, a := range slices.Clone(l.Addrs) {
				if a.Prefix.Addr().Is6() {
					m.delAddr(l, a.Prefix)
				}
			}
		}
		m.linkLocal(l)
	}
}

func (h links) Announce(ctx context.Context, name string, addrs []netip.Addr) error {
	return h.on(ctx, fmt.Sprintf("announce %v on %s", addrs, name), name, func(l *link) error {
		if !l.Up {
			return errors.New("network is down")
		}
		h.p.m.announce(l, addrs)
		return nil
	})
}

func (h links) Acquaint(ctx context.Context, from, to string) error {
	_, err := ask(ctx, h.p, func() (struct{}, error) {
		for _, name := range []string{from, to} {
			if _, err := h.p.m.needLink(name); err != nil {
				return struct{}{}, err
			}
		}
		for x, at := range h.p.m.world.cached {
			there := hop{to, x.addr}
			if had, ok := h.p.m.world.cached[there]; x.dev == from && (!ok || at > had) {
				h.p.m.world.cached[there] = at
			}
		}
		return struct{}{}, nil
	})
	return err
}

func (h links) Blink(ctx context.Context, name string, _ time.Duration) error {
	return h.on(ctx, "ethtool --identify "+name, name, func(l *link) error {
		if l.nic == nil {
			return errors.New("operation not supported")
		}
		return nil
	})
}
