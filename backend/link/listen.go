package link

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"bridgehead/backend"
)

// Listener implements backend.Listener: it hears what switches say by themselves.
type Listener struct {
	links *Links
}

var _ backend.Listener = (*Listener)(nil)

// NewListener returns a Listener that looks links up through l.
func NewListener(l *Links) *Listener { return &Listener{l} }

// spoken are the protocols that are heard, each with the group that switches send it to. Bridges
// do not pass these on (IEEE 802.1Q 8.6.3): who is heard is at the other end of the cable.
var spoken = []struct {
	kind  int
	group net.HardwareAddr
	take  func(*backend.Neighbour, []byte) bool
}{
	{unix.ETH_P_LLDP, net.HardwareAddr{0x01, 0x80, 0xc2, 0, 0, 0x0e}, takeLLDP},
	{unix.ETH_P_SLOW, net.HardwareAddr{0x01, 0x80, 0xc2, 0, 0, 0x02}, takeLACP},
}

// Listen implements backend.Listener.
func (l *Listener) Listen(ctx context.Context, nics []string) ([]backend.Neighbour, error) {
	var wait sync.WaitGroup
	var lock sync.Mutex
	heard, errs := make([]backend.Neighbour, len(nics)), make([]error, len(nics))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for i, name := range nics {
		heard[i].NIC = name
		for _, s := range spoken { // opened here, so that they are where the caller is
			conn, err := l.open(ctx, name, s.kind, s.group)
			if err != nil {
				errs[i] = failed(err, "cannot listen on %s", name)
				break
			}
			context.AfterFunc(ctx, func() { conn.Close() })
			wait.Go(func() {
				receive(conn, func(frame []byte) bool {
					lock.Lock()
					defer lock.Unlock()
					return s.take(&heard[i], frame)
				})
			})
		}
	}
	wait.Wait()
	return heard, errors.Join(errs...)
}

// open listens to one protocol. The link need not be promiscuous: it joins the group.
func (l *Listener) open(ctx context.Context, name string, kind int, group net.HardwareAddr) (*packet.Conn, error) {
	link, err := l.links.find(ctx, name)
	if err != nil {
		return nil, err
	}
	a := link.Attrs()
	ifi := &net.Interface{Index: a.Index, Name: a.Name, MTU: a.MTU, HardwareAddr: a.HardwareAddr}
	conn, err := packet.Listen(ifi, packet.Raw, kind, nil)
	if err != nil {
		return nil, err
	}
	if err := joinMAC(conn, ifi, group); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := ignoreOwn(conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// receive reads until take has what it wants or the socket ends. A link that goes
// down has one error; what it said before is kept, and so is the silence.
func receive(conn *packet.Conn, take func([]byte) bool) {
	buf := make([]byte, 2048)
	for {
		n, _, err := conn.ReadFrom(buf)
		if errors.Is(err, unix.ENETDOWN) {
			continue
		}
		if err != nil || take(buf[:n]) {
			return
		}
	}
}

// joinMAC makes the NIC pass frames to a group on.
func joinMAC(conn *packet.Conn, ifi *net.Interface, group net.HardwareAddr) error {
	m := unix.PacketMreq{Ifindex: int32(ifi.Index), Type: unix.PACKET_MR_MULTICAST, Alen: uint16(len(group))}
	copy(m.Address[:], group)
	return onSocket(conn, func(fd int) error {
		return unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m)
	})
}

// ignoreOwn leaves out what this host itself sends (packet(7); Linux 4.20).
func ignoreOwn(conn *packet.Conn) error {
	return onSocket(conn, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	})
}

func onSocket(conn *packet.Conn, f func(fd int) error) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	err = raw.Control(func(fd uintptr) { failure = f(int(fd)) })
	return errors.Join(err, failure)
}
