package vm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// Peer is the switch at the other end of the guest's cables, and its gateway: it answers
// ARP and ping, and pings the guest. It outlives the guest's power.
type Peer struct {
	vlan  atomic.Int32 // see In
	deaf  atomic.Bool  // see Deaf
	self  atomic.Bool  // see CableTogether
	addr  netip.Addr
	mac   net.HardwareAddr
	ports []port
	done  sync.WaitGroup

	mu      sync.Mutex
	lacp    lacp
	learnt  map[string]int                  // port by MAC: where a frame came in last
	macs    map[netip.Addr]net.HardwareAddr // heard of in ARP
	answers map[uint16]chan struct{}        // to pings, by sequence number
	seq     uint16
}

// NewPeer plugs a peer into the cable of the guests that are started in dir.
func NewPeer(dir string) (*Peer, error) {
	p := &Peer{
		addr: netip.MustParseAddr(Gateway), mac: net.HardwareAddr{0x52, 0x54, 0, 0, 2, 1}, learnt: map[string]int{},
		macs: map[netip.Addr]net.HardwareAddr{}, answers: map[uint16]chan struct{}{},
	}
	for n := range nics {
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, peerSocket(n)), Net: "unixgram"})
		if err != nil {
			p.Close()
			return nil, err
		}
		p.ports = append(p.ports, port{conn, filepath.Join(dir, nicSocket(n))})
	}
	for n := range p.ports {
		p.done.Go(func() { p.listen(n) })
	}
	return p, nil
}

// port is one port of the switch.
type port struct {
	conn  *net.UnixConn
	guest string // QEMU's socket
}

// In has it speak and hear tagged frames of that VLAN only; 0 is untagged ones.
func (p *Peer) In(vlan int) { p.vlan.Store(int32(vlan)) }

// Deaf has it answer nothing but LACP, as a switch with the port-channel in the wrong VLAN.
func (p *Peer) Deaf(on bool) { p.deaf.Store(on) }

// CableTogether has the two cables lead to each other, instead of to the switch.
func (p *Peer) CableTogether(on bool) { p.self.Store(on) }

// Close unplugs it.
func (p *Peer) Close() {
	for _, port := range p.ports {
		port.conn.Close()
	}
	p.Speak()
	p.done.Wait()
}

// Ping asks once who has the guest's address, and pings it. It says whether an answer came within wait.
func (p *Peer) Ping(to string, wait time.Duration) bool {
	addr := netip.MustParseAddr(to)
	answered := make(chan struct{}, 1)
	p.mu.Lock()
	p.seq++
	seq := p.seq
	p.answers[seq] = answered
	delete(p.macs, addr) // it may be another one by now
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.answers, seq)
	}()
	late := time.After(wait)
	p.send(broadcast, etherARP, p.arp(arpRequest, make(net.HardwareAddr, 6), addr))
	for {
		p.mu.Lock()
		mac := p.macs[addr]
		p.mu.Unlock()
		if mac != nil {
			p.echo(ipv4.ICMPTypeEcho, mac, addr, &icmp.Echo{ID: 1, Seq: int(seq), Data: []byte("bridgehead")})
			break
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-late:
			return false
		}
	}
	select {
	case <-answered:
		return true
	case <-late:
		return false
	}
}

// ErrDeaf says that the guest did not answer.
var ErrDeaf = errors.New("the guest does not answer the ping of its gateway")

// Await pings until the guest answers, and returns how long that took since a moment.
func (p *Peer) Await(to string, since time.Time, within time.Duration) (time.Duration, error) {
	for end := time.Now().Add(within); time.Now().Before(end); {
		if p.Ping(to, 250*time.Millisecond) {
			return time.Since(since), nil
		}
	}
	return 0, ErrDeaf
}

func (p *Peer) listen(port int) {
	frame := make([]byte, 70000)
	for {
		n, err := p.ports[port].conn.Read(frame)
		if err != nil {
			return
		}
		if p.self.Load() {
			p.put(1-port, frame[:n])
		} else if f, ok := p.untagged(bytes.Clone(frame[:n])); ok {
			p.receive(port, f)
		}
	}
}

// untagged takes the tag off a frame (IEEE 802.1Q), and says whether it was in the peer's VLAN.
func (p *Peer) untagged(f []byte) ([]byte, bool) {
	tag := 0
	if len(f) > 18 && binary.BigEndian.Uint16(f[12:]) == etherVLAN {
		tag = int(binary.BigEndian.Uint16(f[14:]) & 0xfff)
		f = append(f[:12], f[16:]...)
	}
	return f, len(f) > 14 && tag == int(p.vlan.Load())
}

const (
	etherIPv4, etherARP, etherSlow = 0x0800, 0x0806, 0x8809 // IEEE 802 numbers
	etherVLAN                      = 0x8100
	arpRequest, arpReply           = 1, 2 // RFC 826
)

var broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// receive takes an Ethernet frame, untagged.
func (p *Peer) receive(port int, f []byte) {
	from, body := net.HardwareAddr(f[6:12]), f[14:]
	kind := binary.BigEndian.Uint16(f[12:])
	if kind != etherSlow {
		if p.deaf.Load() {
			return
		}
		p.mu.Lock()
		p.learnt[from.String()] = port
		p.mu.Unlock()
	}
	switch kind {
	case etherSlow:
		p.hearLACP(port, body)
	case etherARP:
		if len(body) < 28 {
			return
		}
		mac := net.HardwareAddr(body[8:14])
		addr, _ := netip.AddrFromSlice(body[14:18])
		p.mu.Lock()
		p.macs[addr] = mac
		p.mu.Unlock()
		if binary.BigEndian.Uint16(body[6:]) == arpRequest && bytes.Equal(body[24:28], p.addr.AsSlice()) {
			p.send(from, etherARP, p.arp(arpReply, mac, addr))
		}
	case etherIPv4:
		h, err := ipv4.ParseHeader(body)
		if err != nil || h.Protocol != unix.IPPROTO_ICMP || !h.Dst.Equal(p.addr.AsSlice()) || h.TotalLen > len(body) {
			return
		}
		msg, err := icmp.ParseMessage(unix.IPPROTO_ICMP, body[h.Len:h.TotalLen])
		if err != nil {
			return
		}
		echo, ok := msg.Body.(*icmp.Echo)
		if !ok {
			return
		}
		switch msg.Type {
		case ipv4.ICMPTypeEcho:
			src, _ := netip.AddrFromSlice(h.Src.To4())
			p.echo(ipv4.ICMPTypeEchoReply, from, src, echo)
		case ipv4.ICMPTypeEchoReply:
			p.mu.Lock()
			answered := p.answers[uint16(echo.Seq)]
			p.mu.Unlock()
			select {
			case answered <- struct{}{}: // a nil channel takes nothing
			default:
			}
		}
	}
}

// arp is the body of an ARP packet (RFC 826).
func (p *Peer) arp(op byte, mac net.HardwareAddr, addr netip.Addr) []byte {
	b := []byte{0, 1, 8, 0, 6, 4, 0, op}
	b = append(append(b, p.mac...), p.addr.AsSlice()...)
	return append(append(b, mac...), addr.AsSlice()...)
}

// echo sends a ping or the answer to one.
func (p *Peer) echo(kind ipv4.ICMPType, mac net.HardwareAddr, to netip.Addr, body *icmp.Echo) {
	msg, err := (&icmp.Message{Type: kind, Body: body}).Marshal(nil)
	if err != nil {
		return
	}
	h := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, unix.IPPROTO_ICMP, 0, 0} // RFC 791
	binary.BigEndian.PutUint16(h[2:], uint16(20+len(msg)))
	h = append(append(h, p.addr.AsSlice()...), to.AsSlice()...)
	binary.BigEndian.PutUint16(h[10:], checksum(h))
	p.send(mac, etherIPv4, append(h, msg...))
}

// checksum is the Internet's (RFC 1071), of an even number of bytes.
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// send sends to where the MAC was seen last, and to everywhere where it was not.
func (p *Peer) send(to net.HardwareAddr, kind uint16, body []byte) {
	p.mu.Lock()
	at, known := p.learnt[to.String()]
	p.mu.Unlock()
	for n := range p.ports {
		if !known || n == at {
			p.sendAt(n, to, kind, body)
		}
	}
}

func (p *Peer) sendAt(port int, to net.HardwareAddr, kind uint16, body []byte) {
	if p.self.Load() {
		return // no cable leads here
	}
	f := append(append([]byte{}, to...), p.mac...)
	if vlan := p.vlan.Load(); vlan != 0 {
		f = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(f, etherVLAN), uint16(vlan))
	}
	f = append(binary.BigEndian.AppendUint16(f, kind), body...)
	p.put(port, append(f, make([]byte, max(0, 60-len(f)))...))
}

// put never waits: a guest without power, or with a NIC that is down and a full queue, drops the frame.
func (p *Peer) put(port int, f []byte) {
	raw, err := p.ports[port].conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.Sendto(int(fd), f, unix.MSG_DONTWAIT, &unix.SockaddrUnix{Name: p.ports[port].guest})
	})
}
