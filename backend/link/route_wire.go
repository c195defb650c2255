package link

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"bridgehead/backend"
)

// Attributes that golang.org/x/sys/unix has no shape for (linux/rtnetlink.h).
const (
	expiresAt = 8   // offset of rta_expires in struct rta_cacheinfo
	userHz    = 100 // clock ticks per second in it
)

// encodeRoute writes the body of RTM_NEWROUTE and RTM_DELROUTE (rtnetlink(7)).
func (l *Links) encodeRoute(ctx context.Context, r backend.Route) (attrs, error) {
	if !r.Dst.IsValid() {
		return nil, errors.New("no destination given; the default route is 0.0.0.0/0 or ::/0")
	}
	msg := &nl.RtMsg{}
	msg.Family = family(r.Dst.Addr())
	msg.Dst_len = uint8(r.Dst.Bits())
	var err, err2, err3 error
	msg.Scope, err = scopeNumber(r.Scope, unix.RT_SCOPE_UNIVERSE)
	msg.Protocol, err2 = protocolNumber(r.Protocol, unix.RTPROT_BOOT)
	msg.Type, err3 = routeTypeNumber(r.Type, unix.RTN_UNICAST)
	if err := errors.Join(err, err2, err3); err != nil {
		return nil, err
	}
	if r.OnLink {
		msg.Flags = unix.RTNH_F_ONLINK
	}
	body := attrs{msg}
	if r.Dst.Bits() > 0 {
		body.addr(unix.RTA_DST, r.Dst.Addr())
	}
	if r.Src.IsValid() {
		body.addr(unix.RTA_PREFSRC, r.Src)
	}
	if r.Metric != 0 {
		body.number(unix.RTA_PRIORITY, r.Metric)
	}
	body.number(unix.RTA_TABLE, r.Table)
	if err := makeable(r.Foreign); err != nil {
		return nil, err
	}
	if err := encodeOptions(&body, r.MTU, r.Options); err != nil {
		return nil, err
	}
	if r.Expires > 0 && r.Dst.Addr().Is6() {
		body.number(unix.RTA_EXPIRES, r.Expires)
	}
	err = l.encodeWay(ctx, &body, r)
	return body, err
}

// encodeWay adds where the route leads: a gateway, a link, or several of them.
func (l *Links) encodeWay(ctx context.Context, body *attrs, r backend.Route) error {
	if r.Gateway.IsValid() {
		body.gateway(r.Dst.Addr(), r.Gateway)
	}
	if r.Dev != "" && r.Type == "unicast" {
		index, err := l.index(ctx, r.Dev)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Dev, err)
		}
		body.number(unix.RTA_OIF, index)
	}
	var hops []byte
	for _, hop := range r.NextHops {
		b, err := l.encodeHop(ctx, r.Dst.Addr(), hop)
		if err != nil {
			return err
		}
		hops = append(hops, b...)
	}
	if hops != nil {
		body.bytes(unix.RTA_MULTIPATH, hops)
	}
	return nil
}

func (l *Links) encodeHop(ctx context.Context, dst netip.Addr, hop backend.NextHop) ([]byte, error) {
	index, err := l.index(ctx, hop.Dev)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", hop.Dev, err)
	}
	if hop.Weight < 1 || hop.Weight > 256 {
		return nil, fmt.Errorf("weight %d of the way through %s is not within 1 to 256", hop.Weight, hop.Dev)
	}
	next := &nl.RtNexthop{RtNexthop: unix.RtNexthop{Ifindex: int32(index), Hops: uint8(hop.Weight - 1)}}
	if hop.OnLink {
		next.Flags = unix.RTNH_F_ONLINK
	}
	if hop.Gateway.IsValid() {
		var way attrs
		way.gateway(dst, hop.Gateway)
		next.Children = way
	}
	return next.Serialize(), nil
}

// gateway adds a next hop, which for an IPv4 route may be an IPv6 one (RFC 5549).
func (a *attrs) gateway(dst, gateway netip.Addr) {
	gateway = gateway.WithZone("")
	if dst.Is4() && gateway.Is6() {
		a.bytes(unix.RTA_VIA, append(nl.Uint16Attr(unix.AF_INET6), gateway.AsSlice()...))
		return
	}
	a.addr(unix.RTA_GATEWAY, gateway)
}

// decodeRoute reads an RTM_NEWROUTE; ok is false for what Routes leaves out.
func decodeRoute(m []byte, names map[int]string) (r backend.Route, ok bool, err error) {
	if len(m) < unix.SizeofRtMsg {
		return r, false, fmt.Errorf("the kernel sent a route of %d bytes", len(m))
	}
	msg := nl.DeserializeRtMsg(m)
	list, err := parse(m[unix.SizeofRtMsg:])
	if err != nil {
		return r, false, err
	}
	dst := netip.IPv4Unspecified()
	if msg.Family == unix.AF_INET6 {
		dst = netip.IPv6Unspecified()
	}
	r = backend.Route{
		Table: int(msg.Table), Scope: scopeName(msg.Scope), Protocol: protocolName(msg.Protocol),
		Type: word(routeTypes, msg.Type), OnLink: msg.Flags&unix.RTNH_F_ONLINK != 0,
	}
	var options, foreign []string
	if msg.Tos != 0 {
		foreign = append(foreign, "tos")
	}
	for _, attr := range list {
		if name, ok := foreignAttributes[attr.kind]; ok {
			foreign = append(foreign, name)
		}
		switch v := attr.value; attr.kind {
		case unix.RTA_DST:
			dst = address(v)
		case unix.RTA_PREFSRC:
			r.Src = address(v)
		case unix.RTA_PRIORITY:
			r.Metric = number(v)
		case unix.RTA_TABLE:
			r.Table = number(v)
		case unix.RTA_OIF:
			r.Dev = linkName(names, number(v))
		case unix.RTA_GATEWAY, unix.RTA_VIA:
			r.Gateway = decodeGateway(attr.kind, v)
		case unix.RTA_METRICS:
			var words, odd []string
			r.MTU, words, odd, err = decodeMetrics(v)
			options, foreign = append(options, words...), append(foreign, odd...)
		case unix.RTA_PREF:
			if len(v) > 0 && preferences[v[0]] != "" {
				options = append(options, "pref "+preferences[v[0]])
			}
		case unix.RTA_MULTIPATH:
			r.NextHops, err = decodeHops(v, names)
		case unix.RTA_CACHEINFO:
			if len(v) >= expiresAt+4 {
				r.Expires = max(0, int(int32(number(v[expiresAt:])))/userHz)
			}
		}
		if err != nil {
			return r, false, err
		}
	}
	r.Dst = netip.PrefixFrom(dst, int(msg.Dst_len))
	r.Options, r.Foreign = strings.Join(options, " "), strings.Join(foreign, ", ")
	if r.Type != "unicast" {
		r.Dev = ""
	}
	return r, listed(msg, r), nil
}

// listed says whether Routes returns it.
func listed(msg *nl.RtMsg, r backend.Route) bool {
	_, known := routeTypes[msg.Type]
	return known && r.Dst.IsValid() &&
		(msg.Family == unix.AF_INET || msg.Family == unix.AF_INET6) &&
		r.Table != unix.RT_TABLE_LOCAL && r.Table != unix.RT_TABLE_UNSPEC &&
		msg.Flags&unix.RTM_F_CLONED == 0 && !r.Dst.Addr().IsMulticast()
}

func decodeGateway(kind int, v []byte) netip.Addr {
	if kind == unix.RTA_VIA {
		v = v[min(2, len(v)):] // the family stands first
	}
	return address(v)
}

func decodeHops(v []byte, names map[int]string) (hops []backend.NextHop, err error) {
	for len(v) >= unix.SizeofRtNexthop {
		next := nl.DeserializeRtNexthop(v)
		size := int(next.RtNexthop.Len)
		if size < unix.SizeofRtNexthop || size > len(v) {
			return nil, fmt.Errorf("the kernel sent a next hop of %d bytes", size)
		}
		list, err := parse(v[unix.SizeofRtNexthop:size])
		if err != nil {
			return nil, err
		}
		hop := backend.NextHop{
			Dev: linkName(names, int(next.Ifindex)), Weight: int(next.Hops) + 1,
			OnLink: next.Flags&unix.RTNH_F_ONLINK != 0,
		}
		for _, attr := range list {
			if attr.kind == unix.RTA_GATEWAY || attr.kind == unix.RTA_VIA {
				hop.Gateway = decodeGateway(attr.kind, attr.value)
			}
		}
		hops = append(hops, hop)
		v = v[min((size+3)&^3, len(v)):]
	}
	return hops, nil
}

// linkName names a link; one that appeared after the names were read by its number.
func linkName(names map[int]string, index int) string {
	if name, ok := names[index]; ok {
		return name
	}
	return fmt.Sprintf("link %d", index)
}
