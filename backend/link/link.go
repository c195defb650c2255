// Package link is the real backend.Links and backend.Prober: rtnetlink, sysfs,
// ethtool and raw sockets of the network namespace that the process runs in.
//
// The netlink library speaks for links and rules. Addresses and routes go
// through requests of our own (addr.go, route.go), because it knows neither the
// metric of a connected route nor the expiry of a learnt one.
package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/safchain/ethtool"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"bridgehead/backend"
)

// answerWithin bounds one request: the kernel answers at once, unless a driver
// holds the rtnl lock (a firmware load takes seconds).
const answerWithin = 20 * time.Second

// skipStats is RTEXT_FILTER_SKIP_STATS of linux/rtnetlink.h.
const skipStats = 1 << 3

// Links implements backend.Links. It may be used from several goroutines.
type Links struct {
	kernel *netlink.Handle  // links and rules
	rt     *requests        // addresses and routes
	tool   *ethtool.Ethtool // driver, burnt-in MAC, port LED
	sys    string           // where sysfs is mounted
	proc   string           // where procfs is mounted
}

var _ backend.Links = (*Links)(nil)

// New opens the sockets through which everything goes. It fails where the
// kernel refuses a netlink socket. Close releases them.
func New() (*Links, error) {
	kernel, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, failed(err, "cannot ask the kernel about network links")
	}
	l := &Links{kernel: kernel, sys: "/sys", proc: "/proc"}
	if err := kernel.SetSocketTimeout(answerWithin); err != nil {
		l.Close()
		return nil, failed(err, "cannot ask the kernel about network links")
	}
	if l.rt, err = openRequests(); err != nil {
		l.Close()
		return nil, failed(err, "cannot ask the kernel about addresses and routes")
	}
	if l.tool, err = ethtool.NewEthtool(); err != nil {
		l.Close()
		return nil, failed(err, "cannot ask the network drivers")
	}
	return l, nil
}

// Close releases the sockets.
func (l *Links) Close() {
	l.kernel.Close()
	if l.rt != nil {
		l.rt.close()
	}
	if l.tool != nil {
		l.tool.Close()
	}
}

// SetUp raises the link or takes it down. Taking it down drops the IPv4 routes
// through it, and IPv6 addresses and routes.
func (l *Links) SetUp(ctx context.Context, name string, up bool) error {
	set, word := l.kernel.LinkSetDown, "down"
	if up {
		set, word = l.kernel.LinkSetUp, "up"
	}
	link, err := l.find(ctx, name)
	if err == nil {
		err = set(link)
	}
	return failed(err, "cannot set %s %s", name, word)
}

// SetMTU sets the largest packet, in bytes.
func (l *Links) SetMTU(ctx context.Context, name string, mtu int) error {
	link, err := l.find(ctx, name)
	if err == nil && link.Attrs().MTU != mtu {
		err = l.kernel.LinkSetMTU(link, mtu)
	}
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ERANGE) {
		return fmt.Errorf("cannot set the MTU of %s to %d: %w; its driver does not take that size", name, mtu, err)
	}
	return failed(err, "cannot set the MTU of %s to %d", name, mtu)
}

// find looks a link up by its name or one of its altnames.
func (l *Links) find(ctx context.Context, name string) (netlink.Link, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if name == "" {
		return nil, backend.ErrNoLink
	}
	link, err := l.kernel.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) || errors.Is(err, unix.ENODEV) {
		return nil, backend.ErrNoLink
	}
	return link, err
}

// index is find for those that need the number only.
func (l *Links) index(ctx context.Context, name string) (int, error) {
	link, err := l.find(ctx, name)
	if err != nil {
		return 0, err
	}
	return link.Attrs().Index, nil
}

// names returns the name of every link by its index. It asks for no statistics,
// which make up most of a dump: it stands in the way of each change of a route.
func (l *Links) names() (map[int]string, error) {
	brief := nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats))
	msgs, err := l.rt.dump(unix.RTM_GETLINK, unix.RTM_NEWLINK, nl.NewIfInfomsg(unix.AF_UNSPEC), brief)
	if err != nil {
		return nil, err
	}
	names := make(map[int]string, len(msgs))
	for _, m := range msgs {
		if len(m) < unix.SizeofIfInfomsg {
			return nil, fmt.Errorf("the kernel sent a link of %d bytes", len(m))
		}
		list, err := parse(m[unix.SizeofIfInfomsg:])
		if err != nil {
			return nil, err
		}
		for _, attr := range list {
			if attr.kind == unix.IFLA_IFNAME {
				names[int(nl.DeserializeIfInfomsg(m).Index)] = unix.ByteSliceToString(attr.value)
			}
		}
	}
	return names, nil
}

// whole repeats a dump that the kernel says changed while it was read.
func whole[T any](dump func() ([]T, error)) ([]T, error) {
	for range 10 {
		list, err := dump()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return list, err
		}
	}
	return nil, errors.New("the list kept changing while it was read; try again when the network is quiet")
}
