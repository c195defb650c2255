package ovs

import (
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
)

// kernelDatapath is the one datapath that all bridges of type system share.
const kernelDatapath = "ovs-system"

// Release implements backend.Switch, with ovs-dpctl(8), which speaks to the
// kernel's datapath and to no daemon. A NIC that still says that it belongs to the
// datapath after that is freed as from any other master. The userspace datapath's
// internal ports are taps that outlive a dead ovs-vswitchd (TUNSETPERSIST, netdev-linux.c).
func (s *Switch) Release(ctx context.Context, nic string) error {
	if done, err := releaseTap(nic); done {
		return err
	}
	held, err := holds(nic)
	if err != nil || !held {
		return err
	}
	_, dpErr := s.run(ctx, s.readTimeout(), "ovs-dpctl", "del-if", kernelDatapath, nic)
	if held, err = holds(nic); err != nil || !held {
		return err
	}
	l, err := netlink.LinkByName(nic)
	switch {
	case err != nil:
	case l.Type() == internalKind:
		err = errors.New("it is still there")
	default:
		err = netlink.LinkSetNoMaster(l)
	}
	if err != nil {
		return fmt.Errorf("cannot take %s out of the datapath: %w", nic, errors.Join(dpErr, err))
	}
	return nil
}

// releaseTap removes the link if it is a tap.
func releaseTap(name string) (done bool, err error) {
	l, err := netlink.LinkByName(name)
	if err != nil || l.Type() != tapKind {
		return false, nil
	}
	if err := netlink.LinkDel(l); err != nil {
		return true, fmt.Errorf("cannot remove %s: %w", name, err)
	}
	return true, nil
}

// tapKind is what the library calls a tap.
const tapKind = "tuntap"

// internalKind is the rtnetlink kind of internal ports, which have no master.
const internalKind = "openvswitch"

// holds says whether the kernel's datapath has the link.
func holds(nic string) (bool, error) {
	l, err := netlink.LinkByName(nic)
	var gone netlink.LinkNotFoundError
	if errors.As(err, &gone) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if l.Type() == internalKind || l.Attrs().MasterIndex == 0 {
		return l.Type() == internalKind, nil
	}
	master, err := netlink.LinkByIndex(l.Attrs().MasterIndex)
	return err == nil && master.Attrs().Name == kernelDatapath, err
}
