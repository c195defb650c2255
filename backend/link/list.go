package link

import (
	"cmp"
	"context"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"bridgehead/backend"
)

// List returns every link with its addresses, by index: two dumps of the
// kernel's tables, and for each link a look into sysfs.
func (l *Links) List(ctx context.Context) ([]backend.Link, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed(err, "cannot list the network links")
	}
	dump, err := whole(l.kernel.LinkList)
	if err != nil {
		return nil, failed(err, "cannot list the network links")
	}
	addrs, err := l.addrs()
	if err != nil {
		return nil, failed(err, "cannot list the addresses")
	}
	names := make(map[int]string, len(dump))
	for _, n := range dump {
		names[n.Attrs().Index] = n.Attrs().Name
	}
	links := make([]backend.Link, 0, len(dump))
	for _, n := range dump {
		link := describe(n, names)
		link.Addrs = append([]backend.Addr{}, addrs[link.Index]...)
		l.addHardware(&link, n.Attrs())
		links = append(links, link)
	}
	slices.SortFunc(links, func(a, b backend.Link) int { return cmp.Compare(a.Index, b.Index) })
	return links, nil
}

// describe is what rtnetlink says about a link.
func describe(n netlink.Link, names map[int]string) backend.Link {
	a := n.Attrs()
	link := backend.Link{
		Index: a.Index, Name: a.Name, AltNames: a.AltNames, Kind: kind(n), MTU: a.MTU,
		MAC: a.HardwareAddr.String(), PermMAC: a.PermHWAddr.String(),
		Up: a.RawFlags&unix.IFF_UP != 0, Carrier: a.RawFlags&unix.IFF_LOWER_UP != 0,
		Promisc: a.Promisc > 0, Loopback: a.RawFlags&unix.IFF_LOOPBACK != 0,
		Master: names[a.MasterIndex],
	}
	// What a veth calls its lower link is its other end; and a number of another
	// namespace means nothing here.
	if link.Kind != "veth" && a.NetNsID < 0 && a.ParentIndex != a.Index {
		link.Parent = names[a.ParentIndex]
	}
	if vlan, ok := n.(*netlink.Vlan); ok {
		link.VLAN, link.VLANOptions = vlan.VlanId, vlanOptions(vlan)
	}
	return link
}

// kind is the rtnetlink kind, which the library words its own way for some.
func kind(n netlink.Link) string {
	switch kind := n.Type(); kind {
	case "device":
		return ""
	case "tuntap":
		return "tun"
	default:
		return kind
	}
}
