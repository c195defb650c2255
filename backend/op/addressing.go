package op

import (
	"cmp"
	"fmt"
	"slices"

	"bridgehead/backend"
)

// Addressing is what makes a link reachable: its addresses, the routes and the policy rules through it.
type Addressing struct {
	Addrs  []backend.Addr  `json:"addrs"`
	Routes []backend.Route `json:"routes"` // without the kernel's connected ones; on-link routes first
	Rules  []backend.Rule  `json:"rules,omitempty"`
}

// Carried is the addressing of the link name, without what the kernel makes by
// itself. Addrs are those of the link, routes and rules those of the host.
func Carried(name string, addrs []backend.Addr, routes []backend.Route, rules []backend.Rule) Addressing {
	var out Addressing
	for _, a := range addrs {
		if !selfMade(a) {
			a.Tentative, a.DADFailed = false, false
			out.Addrs = append(out.Addrs, a)
		}
	}
	for _, r := range routes {
		if through(r, name) && !connected(r) {
			out.Routes = append(out.Routes, r)
		}
	}
	slices.SortStableFunc(out.Routes, ByDependency)
	for _, r := range rules {
		if r.IIF == name || r.OIF == name {
			out.Rules = append(out.Rules, r)
		}
	}
	return out
}

// selfMade says that the kernel itself made and remakes the address: link-local and privacy ones.
func selfMade(a backend.Addr) bool {
	return a.Prefix.Addr().Is6() && (a.Scope == "link" || a.Temporary)
}

func through(r backend.Route, dev string) bool {
	return r.Dev == dev || slices.ContainsFunc(r.NextHops, func(n backend.NextHop) bool { return n.Dev == dev })
}

// connected routes come and go with their address or link.
func connected(r backend.Route) bool {
	return r.Protocol == "kernel" && !r.Gateway.IsValid() && len(r.NextHops) == 0
}

// ByDependency puts on-link routes before those whose gateway they reach, and default routes last.
func ByDependency(x, y backend.Route) int {
	level := func(r backend.Route) int {
		switch {
		case !r.Gateway.IsValid() && len(r.NextHops) == 0:
			return 0
		case r.Dst.Bits() > 0:
			return 1
		}
		return 2
	}
	return cmp.Or(cmp.Compare(level(x), level(y)), cmp.Compare(x.Table, y.Table))
}

// changed says what was there when the plan was made and is not now, or the other way round. What
// router advertisements bring comes and goes by itself.
func (was Addressing) changed(now Addressing) string {
	prefix := func(a backend.Addr) string { return "the address " + a.Prefix.String() }
	route := func(r backend.Route) string { return "the route " + routeText(r) }
	rule := func(r backend.Rule) string { return "the rule " + ruleText(r) }
	learnt := func(r backend.Route) bool { return r.Protocol == "ra" }
	had := slices.Concat(words(was.Addrs, prefix), words(slices.DeleteFunc(slices.Clone(was.Routes), learnt), route), words(was.Rules, rule))
	has := slices.Concat(words(now.Addrs, prefix), words(slices.DeleteFunc(slices.Clone(now.Routes), learnt), route), words(now.Rules, rule))
	for _, x := range had {
		if !slices.Contains(has, x) {
			return fmt.Sprintf("has lost %s", x)
		}
	}
	for _, x := range has {
		if !slices.Contains(had, x) {
			return fmt.Sprintf("has got %s", x)
		}
	}
	return ""
}

func words[T any](list []T, word func(T) string) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = word(x)
	}
	return out
}
