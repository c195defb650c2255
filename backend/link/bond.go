package link

import (
	"context"
	"errors"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"bridgehead/backend"
)

// monitor is how often a bond looks whether its members have a carrier, in milliseconds
// (bonding.rst, miimon: without it a dead link goes unnoticed).
const monitor = 100

// AddBond makes a bond of the kernel, which loads its driver for it.
func (l *Links) AddBond(ctx context.Context, name string, b backend.KernelBond) error {
	_, err := l.find(ctx, name)
	if errors.Is(err, backend.ErrNoLink) {
		err = l.addBond(name, b)
	}
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = backend.ErrNoBonding
	}
	return failed(err, "cannot make the bond %s", name)
}

func (l *Links) addBond(name string, b backend.KernelBond) error {
	mac, err := net.ParseMAC(b.MAC)
	if err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr, attrs.MTU = name, mac, b.MTU
	bond := netlink.NewLinkBond(attrs)
	bond.Mode, bond.Miimon = netlink.StringToBondMode(b.Mode), monitor
	if b.Rate != "" {
		bond.LacpRate = netlink.StringToBondLacpRate(b.Rate)
	}
	return l.kernel.LinkAdd(bond)
}

// DelBond removes a bond. A link of that name that is none is left alone.
func (l *Links) DelBond(ctx context.Context, name string) error {
	bond, err := l.find(ctx, name)
	if errors.Is(err, backend.ErrNoLink) {
		return nil
	}
	if err == nil && bond.Type() != "bond" {
		err = errors.New("it is none")
	}
	if err == nil {
		err = l.kernel.LinkDel(bond)
	}
	return failed(err, "cannot remove the bond %s", name)
}

// SetMaster puts a link into a bond or bridge, or takes it out.
func (l *Links) SetMaster(ctx context.Context, name, master string) error {
	link, err := l.find(ctx, name)
	if err != nil {
		return failed(err, "cannot put %s into %s", name, master)
	}
	if master == "" {
		return failed(l.kernel.LinkSetNoMaster(link), "cannot take %s out of its bond", name)
	}
	to, err := l.find(ctx, master)
	if err == nil && link.Attrs().MasterIndex != to.Attrs().Index {
		err = l.kernel.LinkSetMaster(link, to)
	}
	return failed(err, "cannot put %s into %s", name, master)
}
