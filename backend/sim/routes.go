package sim

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"

	"bridgehead/backend"
)

// setRoute adds or replaces a route under the kernel's rules: the device is up,
// the gateway is reachable on it, the source is an address of the host.
func (m *Machine) setRoute(r backend.Route) error {
	r = normalRoute(r)
	if r.Type == "unicast" {
		var err error
		if r, err = m.checkedHops(r); err != nil {
			return err
		}
	}
	if r.Src.IsValid() && !m.local(r.Src) {
		return errors.New("RTNETLINK answers: Invalid argument: Invalid prefsrc address")
	}
	same := func(x backend.Route) bool {
		return x.Dst == r.Dst && x.Table == r.Table && x.Metric == r.Metric
	}
	if i := slices.IndexFunc(m.routes, same); i >= 0 {
		m.routes[i] = r
		return nil
	}
	m.routes = append(m.routes, r)
	return nil
}

func normalRoute(r backend.Route) backend.Route {
	r.Dst = r.Dst.Masked()
	r.Table = cmp.Or(r.Table, 254)
	r.Type = cmp.Or(r.Type, "unicast")
	r.Protocol = cmp.Or(r.Protocol, "boot")
	switch {
	case r.Dst.Addr().Is6():
		r.Metric, r.Scope = cmp.Or(r.Metric, 1024), "global"
	case r.Scope == "" && r.Type == "unicast" && !r.Gateway.IsValid() && len(r.NextHops) == 0:
		r.Scope = "link"
	}
	r.Scope = cmp.Or(r.Scope, "global")
	return r
}

func (m *Machine) checkedHops(r backend.Route) (backend.Route, error) {
	for _, hop := range r.NextHops {
		if _, err := m.checkHop(r, hop.Dev, hop.Gateway, hop.OnLink); err != nil {
			return r, err
		}
	}
	if len(r.NextHops) > 0 {
		return r, nil
	}
	dev, err := m.checkHop(r, r.Dev, r.Gateway, r.OnLink)
	r.Dev = dev
	return r, err
}

// checkHop returns the device through which gateway is a neighbour.
func (m *Machine) checkHop(r backend.Route, dev string, gateway netip.Addr, onlink bool) (string, error) {
	if dev == "" && gateway.IsValid() {
		hop, ok := m.lookupIn(254, gateway, "", false)
		if !ok || hop.Gateway.IsValid() {
			return "", errors.New("RTNETLINK answers: Network is unreachable: Nexthop has invalid gateway")
		}
		dev = hop.Dev
	}
	l, err := m.needLink(dev)
	if err != nil {
		return "", err
	}
	if !l.Up {
		return "", errors.New("RTNETLINK answers: Network is down: Device for nexthop is not up")
	}
	if !gateway.IsValid() || onlink || gateway.Is6() && gateway.IsLinkLocalUnicast() {
		return l.Name, nil
	}
	if m.local(gateway) {
		return "", errors.New("RTNETLINK answers: Invalid argument: Nexthop has invalid gateway")
	}
	hop, ok := m.lookupIn(r.Table, gateway, l.Name, true)
	if !ok || hop.Gateway.IsValid() { // only what is nearer than r counts (fib_check_nh: scope + 1)
		hop, ok = m.lookupIn(254, gateway, l.Name, true)
	}
	if !ok || hop.Gateway.IsValid() {
		return "", errors.New("RTNETLINK answers: Network is unreachable: Nexthop has invalid gateway")
	}
	return l.Name, nil
}

// sameRoute compares what rtnetlink compares when it deletes a route.
func sameRoute(a, b backend.Route) bool {
	return a.Dst == b.Dst && a.Table == b.Table && a.Metric == b.Metric && a.Dev == b.Dev &&
		a.Gateway == b.Gateway && a.Src == b.Src && a.Type == b.Type && a.Protocol == b.Protocol && a.Options == b.Options && slices.Equal(a.NextHops, b.NextHops)
}

func (m *Machine) delRoute(r backend.Route) {
	r = normalRoute(r)
	for i, x := range m.routes {
		if sameRoute(x, r) {
			m.routes = slices.Delete(m.routes, i, i+1)
			return
		}
	}
}

// lookup finds the route for a packet of the host itself from src (which may be
// unset) to dst, through the rules; out restricts it to one device.
func (m *Machine) lookup(dst, src netip.Addr, out string) (backend.Route, bool) {
	for _, rule := range m.ruleOrder() {
		if !matches(rule, dst, src, out) {
			continue
		}
		if r, ok := m.lookupIn(rule.Table, dst, out, out != ""); ok {
			return r, r.Type == "unicast"
		}
	}
	return backend.Route{}, false
}

func (m *Machine) ruleOrder() []backend.Rule {
	rules := append(slices.Clone(m.rules), backend.Rule{Priority: 32766, Table: 254}, backend.Rule{Priority: 32767, Table: 253})
	slices.SortStableFunc(rules, func(a, b backend.Rule) int { return a.Priority - b.Priority })
	return rules
}

func matches(r backend.Rule, dst, src netip.Addr, out string) bool {
	own := r.Priority == 32766 || r.Priority == 32767
	if !own && r.V6 != dst.Is6() {
		return false
	}
	hit := (!r.Src.IsValid() || src.IsValid() && r.Src.Contains(src)) &&
		(!r.Dst.IsValid() || r.Dst.Contains(dst)) &&
		(r.IIF == "" || r.IIF == "lo") && (r.OIF == "" || r.OIF == out) && r.Mark == 0
	return hit != r.Invert
}

// lookupIn finds the best route of one table: the longest prefix, then the lowest
// metric, then the oldest. Multipath routes go by their first live hop.
func (m *Machine) lookupIn(table int, dst netip.Addr, out string, bound bool) (backend.Route, bool) {
	best, found := backend.Route{}, false
	for _, r := range m.routes {
		if r.Table != table || !r.Dst.Contains(dst) {
			continue
		}
		if len(r.NextHops) > 0 {
			r = m.firstHop(r, out)
		}
		if bound && r.Dev != out {
			continue
		}
		if !found || r.Dst.Bits() > best.Dst.Bits() || r.Dst.Bits() == best.Dst.Bits() && r.Metric < best.Metric {
			best, found = r, true
		}
	}
	return best, found
}

func (m *Machine) firstHop(r backend.Route, out string) backend.Route {
	for _, hop := range r.NextHops {
		if l := m.link(hop.Dev); l != nil && l.Up && (out == "" || hop.Dev == out) {
			r.Dev, r.Gateway = hop.Dev, hop.Gateway
			return r
		}
	}
	return r
}
