package op

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"bridgehead/backend"
)

// The commands of iproute2 that do what an operation does through netlink: for
// previews and scripts.

func addrCommand(verb, dev string, a backend.Addr) string {
	c := []string{"ip", "addr", verb, a.Prefix.String()}
	if a.Peer.IsValid() {
		c = []string{"ip", "addr", verb, a.Prefix.Addr().String(), "peer", a.Peer.String()}
	}
	if verb != "del" {
		if a.Broadcast.IsValid() {
			c = append(c, "brd", a.Broadcast.String())
		}
		if a.Scope != "" && a.Scope != "global" {
			c = append(c, "scope", a.Scope)
		}
		if a.Label != "" && a.Label != dev {
			c = append(c, "label", quote(a.Label))
		}
		if a.Metric != 0 {
			c = append(c, "metric", fmt.Sprint(a.Metric))
		}
		if a.NoPrefixRoute {
			c = append(c, "noprefixroute")
		}
		if a.ValidSec != 0 {
			c = append(c, "valid_lft", fmt.Sprint(a.ValidSec), "preferred_lft", fmt.Sprint(a.PreferredSec))
		}
		if a.NoDAD {
			c = append(c, "nodad")
		}
	}
	return strings.Join(append(c, "dev", quote(dev)), " ")
}

func routeCommand(verb string, r backend.Route) string {
	if r.Dst.Addr().Is6() {
		return "ip -6 route " + verb + " " + routeText(r)
	}
	return "ip route " + verb + " " + routeText(r)
}

// routeText is r as ip-route(8) takes and prints it.
func routeText(r backend.Route) string {
	var c []string
	if r.Type != "" && r.Type != "unicast" {
		c = append(c, r.Type)
	}
	dst := r.Dst.String()
	if r.Dst.Bits() == 0 {
		dst = "default"
	}
	c = append(c, dst)
	if r.Gateway.IsValid() {
		c = append(c, "via", r.Gateway.String())
	}
	if r.Dev != "" {
		c = append(c, "dev", quote(r.Dev))
	}
	if r.Table != 0 && r.Table != 254 {
		c = append(c, "table", fmt.Sprint(r.Table))
	}
	if r.Protocol != "" && r.Protocol != "boot" {
		c = append(c, "proto", r.Protocol)
	}
	if r.Scope != "" && r.Scope != "global" && r.Dst.Addr().Is4() {
		c = append(c, "scope", r.Scope)
	}
	if r.Src.IsValid() {
		c = append(c, "src", r.Src.String())
	}
	if r.Metric != 0 {
		c = append(c, "metric", fmt.Sprint(r.Metric))
	}
	if r.MTU != 0 {
		c = append(c, "mtu", fmt.Sprint(r.MTU))
	}
	if r.Options != "" {
		c = append(c, r.Options)
	}
	if r.OnLink {
		c = append(c, "onlink")
	}
	for _, n := range r.NextHops {
		c = append(c, "nexthop")
		if n.Gateway.IsValid() {
			c = append(c, "via", n.Gateway.String())
		}
		c = append(c, "dev", quote(n.Dev))
		if n.Weight > 1 {
			c = append(c, "weight", fmt.Sprint(n.Weight))
		}
		if n.OnLink {
			c = append(c, "onlink")
		}
	}
	return strings.Join(c, " ")
}

func ruleCommand(verb string, r backend.Rule) string {
	if r.V6 {
		return "ip -6 rule " + verb + " " + ruleText(r)
	}
	return "ip rule " + verb + " " + ruleText(r)
}

func ruleText(r backend.Rule) string {
	var c []string
	if r.Invert {
		c = append(c, "not")
	}
	if r.Src.IsValid() {
		c = append(c, "from", r.Src.String())
	}
	if r.Dst.IsValid() {
		c = append(c, "to", r.Dst.String())
	}
	if r.IIF != "" {
		c = append(c, "iif", quote(r.IIF))
	}
	if r.OIF != "" {
		c = append(c, "oif", quote(r.OIF))
	}
	if r.Mark != 0 {
		c = append(c, "fwmark", fmt.Sprintf("%#x/%#x", r.Mark, r.Mask))
	}
	return strings.Join(append(c, "lookup", fmt.Sprint(r.Table), "priority", fmt.Sprint(r.Priority)), " ")
}

func sysctlCommand(key, value string) string {
	return fmt.Sprintf("sysctl -q -w net/%s=%s", quote(key), quote(value))
}

// announceCommands tell the neighbours; a script goes on where arping is missing.
func announceCommands(dev string, addrs []backend.Addr) (out []string) {
	for _, a := range addrs {
		if a.Prefix.Addr().Is4() {
			out = append(out, fmt.Sprintf("arping -q -U -c 3 -I %s %s || true", quote(dev), a.Prefix.Addr()))
		}
	}
	return out
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
