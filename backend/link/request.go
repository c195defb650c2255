package link

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// requests is one rtnetlink socket that stays open. Its errors carry the
// kernel's own words ("Nexthop has invalid gateway").
type requests struct {
	sockets map[int]*nl.SocketHandle
}

func openRequests() (*requests, error) {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	r := &requests{map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: s}}}
	limit := unix.NsecToTimeval(answerWithin.Nanoseconds())
	for _, set := range []func() error{
		func() error { return s.SetSendTimeout(&limit) },
		func() error { return s.SetReceiveTimeout(&limit) },
		func() error { return s.SetExtAck(true) },
	} {
		if err := set(); err != nil {
			r.close()
			return nil, err
		}
	}
	return r, nil
}

func (r *requests) close() {
	for _, s := range r.sockets {
		s.Close()
	}
}

// change sends one change and waits until the kernel has made it.
func (r *requests) change(kind, flags int, body ...nl.NetlinkRequestData) error {
	_, err := r.request(kind, flags|unix.NLM_F_ACK, body...).Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// dump returns the messages of a table of the kernel.
func (r *requests) dump(kind int, answer uint16, body ...nl.NetlinkRequestData) ([][]byte, error) {
	return whole(func() ([][]byte, error) {
		return r.request(kind, unix.NLM_F_DUMP, body...).Execute(unix.NETLINK_ROUTE, answer)
	})
}

func (r *requests) request(kind, flags int, body ...nl.NetlinkRequestData) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags)
	req.Sockets = r.sockets
	for _, b := range body {
		req.AddData(b)
	}
	return req
}

// attrs collects the attributes of a request.
type attrs []nl.NetlinkRequestData

func (a *attrs) bytes(kind int, b []byte) { *a = append(*a, nl.NewRtAttr(kind, b)) }
func (a *attrs) number(kind, n int)       { a.bytes(kind, nl.Uint32Attr(uint32(n))) }
func (a *attrs) addr(kind int, ip netip.Addr) {
	a.bytes(kind, ip.AsSlice())
}

// attr is one attribute of an answer.
type attr struct {
	kind  int
	value []byte
}

// parse splits a message into its attributes (netlink(7)). The library's own
// parser would panic at a last one that is not padded.
func parse(b []byte) (list []attr, err error) {
	for len(b) >= unix.SizeofRtAttr {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofRtAttr || size > len(b) {
			return nil, fmt.Errorf("the kernel sent an attribute of %d bytes in %d", size, len(b))
		}
		kind := binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
		list = append(list, attr{int(kind), b[unix.SizeofRtAttr:size]})
		b = b[min((size+3)&^3, len(b)):]
	}
	return list, nil
}

// number reads a 32-bit attribute; 0 where it is cut short.
func number(b []byte) int {
	if len(b) < 4 {
		return 0
	}
	return int(binary.NativeEndian.Uint32(b))
}

// address reads an address attribute; the zero Addr where it is none.
func address(b []byte) netip.Addr {
	ip, _ := netip.AddrFromSlice(b)
	return ip
}

func family(ip netip.Addr) uint8 {
	if ip.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}
