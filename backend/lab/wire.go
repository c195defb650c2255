package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/safchain/ethtool"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The switch's side of the lab: bridge sw0, port pc to the client, port p0, p1, … to the NICs.
const (
	switchBridge = "sw0"
	clientPort   = "pc"
)

func nicPort(i int) string { return fmt.Sprintf("p%d", i) }

// wire gives the host its NICs and cables them to the switch. After a reboot the
// NICs are new: those of before went with the host's network namespace.
func (l *Lab) wire() error {
	for i, n := range l.spec.NICs {
		if err := l.cable(l.host, n.Name, n.MAC, n.MTU, nicPort(i), !n.Cut); err != nil {
			return fmt.Errorf("cannot cable %s: %w", n.Name, err)
		}
	}
	return l.sw.inNet(func() error { return l.plugPorts() })
}

func (l *Lab) cableClient() error {
	mtu := 1500
	for _, n := range l.spec.NICs {
		mtu = max(mtu, n.MTU)
	}
	return l.cable(l.client, "eth0", "52:54:00:77:00:02", mtu, clientPort, true)
}

// cable makes a veth pair from a node to the switch, without checksum offload: the userspace
// datapath would pass on frames with the checksums that nobody has filled in.
func (l *Lab) cable(n *node, name, mac string, mtu int, port string, plugged bool) error {
	hw, err := net.ParseMAC(mac)
	if err != nil {
		return err
	}
	err = n.inNet(func() error {
		fd, err := os.Open(l.sw.proc + "/ns/net")
		if err != nil {
			return err
		}
		defer fd.Close()
		a := netlink.NewLinkAttrs()
		a.Name, a.HardwareAddr, a.MTU, a.TxQLen = name, hw, mtu, 1000
		veth := &netlink.Veth{LinkAttrs: a, PeerName: port, PeerNamespace: netlink.NsFd(int(fd.Fd()))}
		if err := netlink.LinkAdd(veth); err != nil {
			return err
		}
		return offloadsOff(name)
	})
	if err != nil {
		return err
	}
	return l.sw.inNet(func() error {
		if err := offloadsOff(port); err != nil {
			return err
		}
		peer, err := netlink.LinkByName(port)
		if err != nil {
			return err
		}
		if err := netlink.LinkSetMTU(peer, mtu); err != nil {
			return err
		}
		if !plugged {
			return netlink.LinkSetDown(peer)
		}
		return netlink.LinkSetUp(peer)
	})
}

func unplug(port string) error {
	link, err := netlink.LinkByName(port)
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if errors.As(err, new(netlink.LinkNotFoundError)) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

func offloadsOff(name string) error {
	e, err := ethtool.NewEthtool()
	if err != nil {
		return err
	}
	defer e.Close()
	have, err := e.Features(name)
	if err != nil {
		return err
	}
	off := map[string]bool{}
	for _, f := range []string{
		"tx-checksum-ip-generic", "tx-checksum-ipv4", "tx-checksum-ipv6", "tx-checksum-sctp", "rx-checksum",
		"tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-tcp-ecn-segmentation", "tx-generic-segmentation", "rx-gro", "tx-udp-segmentation",
	} {
		if have[f] {
			off[f] = false
		}
	}
	if len(off) == 0 {
		return nil
	}
	return e.Change(name, off)
}

// plugPorts makes the NICs' cables ports of the plain switch.
func (l *Lab) plugPorts() error {
	if l.spec.Switch != SwitchLinux {
		return nil
	}
	br, err := netlink.LinkByName(switchBridge)
	if err != nil {
		return err
	}
	for i := range l.spec.NICs {
		p, err := netlink.LinkByName(nicPort(i))
		if err != nil {
			return err
		}
		if err := netlink.LinkSetMaster(p, br); err != nil {
			return err
		}
	}
	return nil
}

// addSwitch makes the plain switch.
func addSwitch() error {
	a := netlink.NewLinkAttrs()
	a.Name = switchBridge
	a.HardwareAddr, _ = net.ParseMAC("52:54:00:77:00:01")
	snoop := false
	return netlink.LinkAdd(&netlink.Bridge{LinkAttrs: a, MulticastSnooping: &snoop})
}

func (l *Lab) addressSwitch() error {
	br, err := netlink.LinkByName(switchBridge)
	if err != nil {
		return err
	}
	if l.spec.Switch == SwitchLinux {
		pc, err := netlink.LinkByName(clientPort)
		if err != nil {
			return err
		}
		if err := netlink.LinkSetMaster(pc, br); err != nil {
			return err
		}
	}
	if err := netlink.LinkSetUp(br); err != nil {
		return err
	}
	for _, gw := range l.spec.Gateways {
		if err := addAddr(br, gw); err != nil {
			return err
		}
	}
	for _, n := range l.spec.NICs {
		for _, a := range n.Addrs {
			if !l.onRoutersNetworks(a) {
				if err := addRoute(br, a, netip.Addr{}); err != nil {
					return err
				}
			}
		}
	}
	for _, far := range l.farAddrs() {
		if err := addRoute(br, single(far), netip.Addr{}); err != nil {
			return err
		}
	}
	return nil
}

// onRoutersNetworks says whether a is in a network that the router has an address in, and so a
// route to; of others, like a host's single address, it is told.
func (l *Lab) onRoutersNetworks(a netip.Prefix) bool {
	for _, gw := range l.spec.Gateways {
		if gw.Masked() == a.Masked() {
			return true
		}
	}
	return false
}

// addressClient gives the client its addresses, and one that is reached through the router only.
func (l *Lab) addressClient() error {
	eth, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(eth); err != nil {
		return err
	}
	for _, a := range l.spec.Client {
		if err := addAddr(eth, a); err != nil {
			return err
		}
	}
	for _, far := range l.farAddrs() {
		if err := addAddr(eth, single(far)); err != nil {
			return err
		}
	}
	for _, v6 := range []bool{false, true} {
		for _, gw := range l.spec.Gateways {
			if gw.Addr().Is6() != v6 {
				continue
			}
			if err := addRoute(eth, anywhere(v6), gw.Addr()); err != nil {
				return err
			}
			break
		}
	}
	return nil
}

// farAddrs are the client's addresses beyond the router, for the families that have one.
func (l *Lab) farAddrs() []netip.Addr {
	var far []netip.Addr
	seen := map[bool]bool{}
	for _, gw := range l.spec.Gateways {
		if v6 := gw.Addr().Is6(); !seen[v6] {
			seen[v6] = true
			a := FarAddr
			if v6 {
				a = FarAddr6
			}
			far = append(far, netip.MustParseAddr(a))
		}
	}
	return far
}

func addAddr(link netlink.Link, p netip.Prefix) error {
	err := netlink.AddrReplace(link, &netlink.Addr{IPNet: ipNet(p)})
	if err != nil {
		return fmt.Errorf("cannot add %s to %s: %w", p, link.Attrs().Name, err)
	}
	return nil
}

func addRoute(link netlink.Link, dst netip.Prefix, via netip.Addr) error {
	r := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(dst.Masked())}
	if via.IsValid() {
		r.Gw, r.Flags = net.IP(via.AsSlice()), int(netlink.FLAG_ONLINK)
	} else {
		r.Scope = netlink.SCOPE_LINK
	}
	if err := netlink.RouteReplace(r); err != nil {
		return fmt.Errorf("cannot route %s by %s: %w", dst, link.Attrs().Name, err)
	}
	return nil
}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

func anywhere(v6 bool) netip.Prefix {
	if v6 {
		return netip.MustParsePrefix("::/0")
	}
	return netip.MustParsePrefix("0.0.0.0/0")
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: net.IP(p.Addr().AsSlice()), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
