package link

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ndp"
	"golang.org/x/sys/unix"
)

const (
	etherHeader = 14
	ipv6Header  = 40
)

var broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// arpRequest asks everybody for target. From 0.0.0.0 it is a probe, from target
// itself an announcement (RFC 5227 1.1).
func arpRequest(mac net.HardwareAddr, from, target netip.Addr) ([]byte, error) {
	unknown := make(net.HardwareAddr, len(mac))
	p, err := arp.NewPacket(arp.OperationRequest, mac, from, unknown, target)
	if err != nil {
		return nil, err
	}
	b, err := p.MarshalBinary()
	return append(ether(broadcast, mac, unix.ETH_P_ARP), b...), err
}

// parseARP reads an Ethernet frame that holds ARP for IPv4.
func parseARP(frame []byte) (p arp.Packet, ok bool) {
	if len(frame) < etherHeader || p.UnmarshalBinary(frame[etherHeader:]) != nil {
		return p, false
	}
	return p, p.SenderIP.Is4() && p.TargetIP.Is4() && p.HardwareAddrLength == 6
}

// solicitation asks for target (RFC 4861 7.2.2); from :: it is a probe (RFC 4862 5.4.2).
func solicitation(mac net.HardwareAddr, from, target netip.Addr) ([]byte, error) {
	to, err := ndp.SolicitedNodeMulticast(target)
	if err != nil {
		return nil, err
	}
	m := &ndp.NeighborSolicitation{TargetAddress: target}
	if !from.IsUnspecified() {
		m.Options = []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: mac}}
	}
	return icmpv6(mac, from, to, m)
}

// advertisement tells all nodes that addr is at mac now (RFC 4861 7.2.6).
func advertisement(mac net.HardwareAddr, addr netip.Addr, router bool) ([]byte, error) {
	return icmpv6(mac, addr, netip.IPv6LinkLocalAllNodes(), &ndp.NeighborAdvertisement{
		Router: router, Override: true, TargetAddress: addr,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: mac}},
	})
}

// icmpv6 is a whole frame to a multicast group, hop limit 255 (RFC 4861 3.1).
func icmpv6(mac net.HardwareAddr, from, group netip.Addr, m ndp.Message) ([]byte, error) {
	body, err := ndp.MarshalMessageChecksum(m, from, group)
	if err != nil {
		return nil, err
	}
	f := ether(groupMAC(group), mac, unix.ETH_P_IPV6)
	f = append(f, 6<<4, 0, 0, 0)
	f = binary.BigEndian.AppendUint16(f, uint16(len(body)))
	f = append(f, unix.IPPROTO_ICMPV6, ndp.HopLimit)
	f = append(f, from.AsSlice()...)
	f = append(f, group.AsSlice()...)
	return append(f, body...), nil
}

// parseNDP reads an Ethernet frame that holds neighbour discovery. Its checksum
// is not looked at: between virtual links it is never filled in.
func parseNDP(frame []byte) (m ndp.Message, from netip.Addr, ok bool) {
	if len(frame) < etherHeader+ipv6Header {
		return nil, from, false
	}
	ip, body := frame[etherHeader:etherHeader+ipv6Header], frame[etherHeader+ipv6Header:]
	if ip[0]>>4 != 6 || ip[6] != unix.IPPROTO_ICMPV6 || ip[7] != ndp.HopLimit {
		return nil, from, false
	}
	length := int(binary.BigEndian.Uint16(ip[4:]))
	if length > len(body) {
		return nil, from, false
	}
	m, err := ndp.ParseMessage(body[:length])
	return m, netip.AddrFrom16([16]byte(ip[8:24])), err == nil
}

func ether(to, from net.HardwareAddr, kind uint16) []byte {
	f := make([]byte, 0, 128)
	f = append(append(f, to...), from...)
	return binary.BigEndian.AppendUint16(f, kind)
}

// source is the MAC that a frame came from.
func source(frame []byte) net.HardwareAddr {
	return net.HardwareAddr(frame[6:12])
}

// groupMAC is the Ethernet address of an IPv6 multicast group (RFC 2464 7).
func groupMAC(group netip.Addr) net.HardwareAddr {
	b := group.As16()
	return net.HardwareAddr{0x33, 0x33, b[12], b[13], b[14], b[15]}
}
