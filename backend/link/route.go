package link

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"bridgehead/backend"
)

// Routes returns the routes of every table but local. Not among them: cached
// routes and the multicast routes that IPv6 keeps for each link. An IPv6 metric
// is never 0; a reject route names no link, though IPv6 files it under lo.
func (l *Links) Routes(ctx context.Context) ([]backend.Route, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed(err, "cannot read the routes")
	}
	names, err := l.names()
	if err != nil {
		return nil, failed(err, "cannot read the routes")
	}
	msgs, err := l.rt.dump(unix.RTM_GETROUTE, unix.RTM_NEWROUTE, &nl.RtMsg{})
	if err != nil {
		return nil, failed(err, "cannot read the routes")
	}
	routes := []backend.Route{}
	for _, m := range msgs {
		r, ok, err := decodeRoute(m, names)
		if err != nil {
			return nil, failed(err, "cannot read the routes")
		}
		if ok {
			routes = append(routes, r)
		}
	}
	return routes, nil
}

// SetRoute adds r, or replaces the route with its table, destination and metric
// in one step. Empty fields take what ip-route(8) takes: table main, protocol
// boot, type unicast, scope by gateway; an IPv6 metric of 0 is 1024.
//
// An IPv6 link-local prefix is a different route on each link, so that one is
// only added. Of several IPv6 routes that differ in nothing but the link, one
// is replaced, as ip does.
func (l *Links) SetRoute(ctx context.Context, r backend.Route) error {
	return failed(l.setRoute(ctx, r), "cannot set the route %s", Describe(r))
}

func (l *Links) setRoute(ctx context.Context, r backend.Route) error {
	want := normal(r)
	body, err := l.encodeRoute(ctx, want)
	if err != nil {
		return err
	}
	routes, err := l.Routes(ctx)
	if err != nil {
		return err
	}
	rivals := slices.DeleteFunc(routes, func(have backend.Route) bool { return !sameKey(have, want) })
	at := slices.IndexFunc(rivals, func(have backend.Route) bool { return sameRoute(have, want) })
	if at == 0 && want.Expires == 0 {
		return nil
	}
	perLink := want.Dst.Addr().Is6() && want.Dst.Addr().IsLinkLocalUnicast()
	if perLink && at >= 0 {
		return nil
	}
	if perLink {
		return l.rt.change(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_APPEND, body...)
	}
	if at > 0 {
		// It waits in line behind the one in use; the kernel would refuse (IPv4) or
		// double it (IPv6). The one in use serves until it is replaced.
		if err := l.delRoute(ctx, want); err != nil {
			return err
		}
	}
	return l.rt.change(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, body...)
}

// DelRoute removes r where every field of it is as the kernel has it, but for
// Expires and for Scope and Protocol where r leaves them empty.
func (l *Links) DelRoute(ctx context.Context, r backend.Route) error {
	return failed(l.delRoute(ctx, r), "cannot remove the route %s", Describe(r))
}

// delRoute looks before it deletes: to the kernel a metric of 0 or a missing
// gateway means any.
func (l *Links) delRoute(ctx context.Context, r backend.Route) error {
	routes, err := l.Routes(ctx)
	if err != nil {
		return err
	}
	want := normal(r)
	at := slices.IndexFunc(routes, func(have backend.Route) bool {
		if r.Scope == "" {
			want.Scope = have.Scope
		}
		if r.Protocol == "" {
			want.Protocol = have.Protocol
		}
		return sameRoute(have, want)
	})
	if at < 0 {
		return nil
	}
	body, err := l.encodeRoute(ctx, routes[at])
	if err != nil {
		return err
	}
	err = l.rt.change(unix.RTM_DELROUTE, 0, body...)
	if errors.Is(err, unix.ESRCH) {
		return nil // gone meanwhile
	}
	return err
}

// normal fills in what r leaves to the kernel, so that it compares with what the
// kernel lists.
func normal(r backend.Route) backend.Route {
	v6 := r.Dst.Addr().Is6()
	r.Dst = r.Dst.Masked()
	if r.Table == 0 {
		r.Table = unix.RT_TABLE_MAIN
	}
	if r.Type == "" {
		r.Type = "unicast"
	}
	if r.Protocol == "" {
		r.Protocol = "boot"
	}
	if v6 && r.Metric == 0 {
		r.Metric = 1024 // IP6_RT_PRIO_USER
	}
	switch {
	case v6:
		r.Scope = "global" // IPv6 routes have none
	case r.Scope == "" && r.Type == "unicast" && !r.Gateway.IsValid() && len(r.NextHops) == 0:
		r.Scope = "link"
	case r.Scope == "":
		r.Scope = "global"
	}
	if r.Type != "unicast" {
		r.Dev = ""
	}
	r.NextHops = slices.Clone(r.NextHops)
	for i := range r.NextHops {
		r.NextHops[i].Weight = max(r.NextHops[i].Weight, 1)
	}
	return r
}

// sameKey says whether a and b are one entry of the routing table, of which ip
// route replace leaves one.
func sameKey(a, b backend.Route) bool {
	return a.Table == b.Table && a.Dst == b.Dst && a.Metric == b.Metric
}

// sameRoute compares normal routes, lifetimes aside.
func sameRoute(a, b backend.Route) bool {
	return sameKey(a, b) && a.Gateway == b.Gateway && a.Dev == b.Dev && a.Src == b.Src &&
		a.Scope == b.Scope && a.Protocol == b.Protocol && a.Type == b.Type &&
		a.OnLink == b.OnLink && a.MTU == b.MTU && a.Options == b.Options && a.Foreign == b.Foreign && slices.Equal(a.NextHops, b.NextHops)
}

// Describe writes r as ip-route(8) would.
func Describe(r backend.Route) string {
	s := r.Dst.String()
	if r.Dst.IsValid() && r.Dst.Bits() == 0 {
		s = "default"
	}
	if r.Type != "" && r.Type != "unicast" {
		s = r.Type + " " + s
	}
	if r.Gateway.IsValid() {
		s += " via " + r.Gateway.String()
	}
	if r.Dev != "" {
		s += " dev " + r.Dev
	}
	if r.Metric != 0 {
		s += fmt.Sprintf(" metric %d", r.Metric)
	}
	if r.Table != 0 && r.Table != unix.RT_TABLE_MAIN {
		s += fmt.Sprintf(" table %d", r.Table)
	}
	for _, hop := range r.NextHops {
		s += " nexthop via " + hop.Gateway.String() + " dev " + hop.Dev
	}
	return s
}
