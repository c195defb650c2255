package link

import (
	"context"
	"errors"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// States of a neighbour (linux/neighbour.h): in usable ones the MAC is known, in sure ones it has been confirmed.
const (
	usable = unix.NUD_REACHABLE | unix.NUD_STALE | unix.NUD_DELAY | unix.NUD_PROBE | unix.NUD_PERMANENT
	sure   = unix.NUD_REACHABLE | unix.NUD_PERMANENT
)

// Acquaint implements backend.Links. What is copied is stale: it is used at once, and asked again by the kernel
// within some seconds.
func (l *Links) Acquaint(ctx context.Context, from, to string) error {
	source, err := l.index(ctx, from)
	var target int
	if err == nil {
		target, err = l.index(ctx, to)
	}
	var known, already []netlink.Neigh
	if err == nil {
		known, err = whole(func() ([]netlink.Neigh, error) { return l.kernel.NeighList(source, unix.AF_UNSPEC) })
	}
	if err == nil {
		already, err = whole(func() ([]netlink.Neigh, error) { return l.kernel.NeighList(target, unix.AF_UNSPEC) })
	}
	if err != nil {
		return failed(err, "cannot tell %s the neighbours of %s", to, from)
	}
	certain := map[string]bool{}
	for _, n := range already {
		certain[n.IP.String()] = n.State&sure != 0
	}
	var errs []error
	for _, n := range known {
		if n.State&usable == 0 || len(n.HardwareAddr) == 0 || certain[n.IP.String()] {
			continue
		}
		errs = append(errs, l.kernel.NeighSet(&netlink.Neigh{LinkIndex: target, IP: n.IP, HardwareAddr: n.HardwareAddr, State: unix.NUD_STALE}))
	}
	return failed(errors.Join(errs...), "cannot tell %s the neighbours of %s", to, from)
}
