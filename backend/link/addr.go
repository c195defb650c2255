package link

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"bridgehead/backend"
)

// metric6 is the metric of the connected routes that IPv6 makes by itself (IP6_RT_PRIO_ADDRCONF).
const metric6 = 256

// forever is the lifetime that never ends (RFC 4861 4.6.2).
const forever = ^uint32(0)

// SetAddr adds a to the link, or changes metric and lifetimes of the address
// that is there. IPv4 takes no other change in place: label, broadcast and
// noprefixroute of an existing address stay as they are.
//
// Metric 0 makes the kernel's own connected route: metric 0 in IPv4, 256 in
// IPv6. Where a has a Peer, the prefix length is the peer's (ip-address(8)).
func (l *Links) SetAddr(ctx context.Context, name string, a backend.Addr) error {
	what := fmt.Sprintf("cannot set the address %s on %s", a.Prefix, name)
	if a.Metric == 0 && a.Prefix.Addr().Is6() {
		staged, err := l.hasMetric(ctx, name, a.Prefix)
		if err != nil {
			return failed(err, "%s", what)
		}
		if staged { // to IPv6, no metric means the one that is there
			a.Metric = metric6
		}
	}
	err := l.changeAddr(ctx, name, a, unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE)
	return failed(err, "%s", what)
}

// hasMetric says whether the link has the address with a metric of its own.
func (l *Links) hasMetric(ctx context.Context, name string, p netip.Prefix) (bool, error) {
	index, err := l.index(ctx, name)
	if err != nil {
		return false, err
	}
	addrs, err := l.addrs()
	return slices.ContainsFunc(addrs[index], func(a backend.Addr) bool {
		return a.Prefix == p && a.Metric != 0
	}), err
}

// DelAddr removes the address and prefix of a. IPv4 routes that name it as
// source go with it where no other link has it, and all IPv4 routes through the
// link where it was its last address.
func (l *Links) DelAddr(ctx context.Context, name string, a backend.Addr) error {
	err := l.changeAddr(ctx, name, a, unix.RTM_DELADDR, 0)
	if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.ENXIO) {
		return nil // not there; ENXIO: IPv6 is off on the link
	}
	return failed(err, "cannot remove the address %s from %s", a.Prefix, name)
}

func (l *Links) changeAddr(ctx context.Context, name string, a backend.Addr, kind, flags int) error {
	index, err := l.index(ctx, name)
	if err != nil {
		return err
	}
	body, err := encodeAddr(index, a)
	if err != nil {
		return err
	}
	return l.rt.change(kind, flags, body...)
}

// encodeAddr writes the body of RTM_NEWADDR and RTM_DELADDR (rtnetlink(7)).
func encodeAddr(index int, a backend.Addr) (attrs, error) {
	if !a.Prefix.IsValid() {
		return nil, errors.New("no address given; write it as 192.0.2.1/24")
	}
	scope, err := scopeNumber(a.Scope, unix.RT_SCOPE_UNIVERSE)
	if err != nil {
		return nil, err
	}
	local, prefix := a.Prefix.Addr(), a.Prefix
	if a.Peer.IsValid() {
		prefix = a.Peer
	}
	msg := nl.NewIfAddrmsg(int(family(local)))
	msg.Index = uint32(index)
	msg.Prefixlen = uint8(prefix.Bits())
	msg.Scope = scope

	body := attrs{msg}
	body.addr(unix.IFA_LOCAL, local)
	body.addr(unix.IFA_ADDRESS, prefix.Addr())
	if a.Broadcast.Is4() {
		body.addr(unix.IFA_BROADCAST, a.Broadcast)
	}
	if a.Label != "" && local.Is4() {
		body.bytes(unix.IFA_LABEL, nl.ZeroTerminated(a.Label))
	}
	if a.Metric != 0 {
		body.number(unix.IFA_RT_PRIORITY, a.Metric)
	}
	body.number(unix.IFA_FLAGS, addrFlags(a))
	body.bytes(unix.IFA_CACHEINFO, lifetimes(a).Serialize())
	return body, nil
}

func addrFlags(a backend.Addr) (flags int) {
	for flag, on := range map[int]bool{
		unix.IFA_F_NODAD:          a.NoDAD && a.Prefix.Addr().Is6(),
		unix.IFA_F_NOPREFIXROUTE:  a.NoPrefixRoute,
		unix.IFA_F_MANAGETEMPADDR: a.MngTmpAddr,
	} {
		if on {
			flags |= flag
		}
	}
	return flags
}

func lifetimes(a backend.Addr) *nl.IfaCacheInfo {
	life := &nl.IfaCacheInfo{IfaCacheinfo: unix.IfaCacheinfo{Valid: a.ValidSec, Prefered: a.PreferredSec}}
	if a.ValidSec == 0 {
		life.Valid = forever
	}
	if a.PreferredSec == 0 {
		life.Prefered = life.Valid // the kernel takes no preferred beyond valid
	}
	if a.Deprecated {
		life.Prefered = 0
	}
	return life
}

// addrs returns the addresses of every link, by its index.
func (l *Links) addrs() (map[int][]backend.Addr, error) {
	msgs, err := l.rt.dump(unix.RTM_GETADDR, unix.RTM_NEWADDR, nl.NewIfAddrmsg(unix.AF_UNSPEC))
	if err != nil {
		return nil, err
	}
	addrs := make(map[int][]backend.Addr)
	for _, m := range msgs {
		index, a, err := decodeAddr(m)
		if err != nil {
			return nil, err
		}
		if a.Prefix.IsValid() {
			addrs[index] = append(addrs[index], a)
		}
	}
	return addrs, nil
}

// decodeAddr reads an RTM_NEWADDR; the zero Addr where it is no IP address.
func decodeAddr(m []byte) (index int, a backend.Addr, err error) {
	if len(m) < unix.SizeofIfAddrmsg {
		return 0, a, fmt.Errorf("the kernel sent an address of %d bytes", len(m))
	}
	msg := nl.DeserializeIfAddrmsg(m)
	list, err := parse(m[unix.SizeofIfAddrmsg:])
	if err != nil {
		return 0, a, err
	}
	a.Scope = scopeName(msg.Scope)
	var local, other netip.Addr
	flags := int(msg.Flags)
	for _, attr := range list {
		switch attr.kind {
		case unix.IFA_LOCAL:
			local = address(attr.value)
		case unix.IFA_ADDRESS:
			other = address(attr.value)
		case unix.IFA_BROADCAST:
			a.Broadcast = address(attr.value)
		case unix.IFA_LABEL:
			a.Label = unix.ByteSliceToString(attr.value)
		case unix.IFA_RT_PRIORITY:
			a.Metric = number(attr.value)
			if msg.Family == unix.AF_INET6 && a.Metric == metric6 {
				a.Metric = 0
			}
		case unix.IFA_FLAGS:
			flags = number(attr.value)
		case unix.IFA_CACHEINFO:
			if len(attr.value) >= unix.SizeofIfaCacheinfo {
				setLifetimes(&a, nl.DeserializeIfaCacheInfo(attr.value))
			}
		}
	}
	setPrefixes(&a, local, other, int(msg.Prefixlen))
	setFlags(&a, flags)
	return int(msg.Index), a, nil
}

// setPrefixes sorts out which is ours: IPv4 always sends both, IPv6 sends the
// local one only where there is a peer.
func setPrefixes(a *backend.Addr, local, other netip.Addr, bits int) {
	if !local.IsValid() || local == other {
		a.Prefix = netip.PrefixFrom(other, bits)
		return
	}
	a.Prefix = netip.PrefixFrom(local, local.BitLen())
	if other.IsValid() {
		a.Peer = netip.PrefixFrom(other, bits)
	}
}

func setLifetimes(a *backend.Addr, life *nl.IfaCacheInfo) {
	if life.Valid != forever {
		a.ValidSec = life.Valid
	}
	if life.Prefered != forever {
		a.PreferredSec = life.Prefered
	}
}

func setFlags(a *backend.Addr, flags int) {
	a.Dynamic = flags&unix.IFA_F_PERMANENT == 0
	a.Deprecated = flags&unix.IFA_F_DEPRECATED != 0
	a.NoPrefixRoute = flags&unix.IFA_F_NOPREFIXROUTE != 0
	a.MngTmpAddr = flags&unix.IFA_F_MANAGETEMPADDR != 0
	if a.Prefix.Addr().Is6() { // in IPv4 the bit of TEMPORARY means secondary
		a.Temporary = flags&unix.IFA_F_TEMPORARY != 0
		a.NoDAD = flags&unix.IFA_F_NODAD != 0
		a.Tentative = flags&unix.IFA_F_TENTATIVE != 0
		a.DADFailed = flags&unix.IFA_F_DADFAILED != 0
	}
}
