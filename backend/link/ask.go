package link

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/mdlayher/ndp"
	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// question is what to send and what counts as its answer.
type question struct {
	addr   netip.Addr
	from   func(*net.Interface, netip.Addr) netip.Addr // sender of the question
	every  time.Duration                               // between two times of asking
	answer func(frame []byte, own []net.HardwareAddr) (net.HardwareAddr, bool)
}

// ask asks through dev until an answer comes or the deadline of ctx, which it
// must have, has passed: then the MAC is nil. Where there was no time to ask even once, it is an error.
func (p *Prober) ask(ctx context.Context, dev string, q question) (net.HardwareAddr, error) {
	ifi, err := p.ethernet(ctx, dev)
	if err != nil {
		return nil, err
	}
	own, err := p.ownMACs()
	if err != nil {
		return nil, err
	}
	frame, err := q.frame(ifi)
	if err != nil {
		return nil, err
	}
	conn, err := listen(ifi, q.addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	asked := false
	for ; ctx.Err() == nil; asked = true {
		if err := send(conn, [][]byte{frame}); err != nil && ctx.Err() == nil {
			return nil, err
		}
		if err := conn.SetReadDeadline(time.Now().Add(q.every)); err != nil && ctx.Err() == nil {
			return nil, err
		}
		mac, err := q.await(conn, own)
		if mac != nil {
			return mac, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
			return nil, err
		}
	}
	if asked && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, nil
	}
	return nil, ctx.Err()
}

// await reads frames until one is the answer.
func (q question) await(conn *packet.Conn, own []net.HardwareAddr) (net.HardwareAddr, error) {
	buf := make([]byte, 2048)
	for {
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			return nil, err
		}
		if n < etherHeader {
			continue
		}
		if mac, ok := q.answer(buf[:n], own); ok {
			return mac, nil
		}
	}
}

func (q question) frame(ifi *net.Interface) ([]byte, error) {
	if q.addr.Is4() {
		return arpRequest(ifi.HardwareAddr, q.from(ifi, q.addr), q.addr)
	}
	return solicitation(ifi.HardwareAddr, q.from(ifi, q.addr), q.addr)
}

// listen hears the ARP or neighbour discovery of the link that concerns addr.
func listen(ifi *net.Interface, addr netip.Addr) (*packet.Conn, error) {
	if addr.Is4() {
		return packet.Listen(ifi, packet.Raw, unix.ETH_P_ARP, nil)
	}
	filter, err := bpf.Assemble(onlyNeighbours)
	if err != nil {
		return nil, err
	}
	conn, err := packet.Listen(ifi, packet.Raw, unix.ETH_P_IPV6, &packet.Config{Filter: filter})
	if err != nil {
		return nil, err
	}
	solicited, err := ndp.SolicitedNodeMulticast(addr)
	if err == nil {
		err = join(conn, ifi, netip.IPv6LinkLocalAllNodes(), solicited)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// onlyNeighbours keeps neighbour solicitations and advertisements, so that a
// busy link does not bury them.
var onlyNeighbours = []bpf.Instruction{
	bpf.LoadAbsolute{Off: etherHeader + 6, Size: 1}, // next header
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_ICMPV6, SkipTrue: 4},
	bpf.LoadAbsolute{Off: etherHeader + ipv6Header, Size: 1}, // ICMPv6 type
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: 135, SkipTrue: 1},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 136, SkipTrue: 1},
	bpf.RetConstant{Val: 2048},
	bpf.RetConstant{Val: 0},
}

// join makes the NIC pass frames of the groups on, even where IPv6 is off.
func join(conn *packet.Conn, ifi *net.Interface, groups ...netip.Addr) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	for _, g := range groups {
		m := unix.PacketMreq{Ifindex: int32(ifi.Index), Type: unix.PACKET_MR_MULTICAST, Alen: 6}
		copy(m.Address[:], groupMAC(g))
		var failure error
		err := raw.Control(func(fd uintptr) {
			failure = unix.SetsockoptPacketMreq(int(fd), unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m)
		})
		if err := errors.Join(err, failure); err != nil {
			return err
		}
	}
	return nil
}
