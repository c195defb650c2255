package link

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// Ping sends an ICMP echo request every half second until one is answered, and
// returns how long that one took.
func (p *Prober) Ping(ctx context.Context, dev string, addr netip.Addr) (time.Duration, error) {
	ctx, cancel := patient(ctx)
	defer cancel()
	where := addr.String()
	if dev != "" {
		where += " through " + dev
		if _, err := p.links.index(ctx, dev); err != nil {
			return 0, failed(err, "cannot ping %s", where)
		}
	}
	rtt, err := ping(ctx, dev, addr.Unmap())
	if errors.Is(err, context.DeadlineExceeded) {
		return 0, fmt.Errorf("no answer to a ping of %s; is it up, and does it answer pings?", where)
	}
	return rtt, failed(err, "cannot ping %s", where)
}

func ping(ctx context.Context, dev string, addr netip.Addr) (time.Duration, error) {
	conn, err := listenICMP(ctx, dev, addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	e := echo{addr: addr, token: make([]byte, 16)}
	if _, err := rand.Read(e.token); err != nil {
		return 0, err
	}
	zone := addr.Zone()
	if zone == "" && addr.IsLinkLocalUnicast() {
		zone = dev
	}
	to := &net.IPAddr{IP: addr.AsSlice(), Zone: scope(zone)}
	for ctx.Err() == nil {
		if err := e.send(conn, to); err != nil && ctx.Err() == nil {
			return 0, err
		}
		if err := conn.SetReadDeadline(time.Now().Add(askEvery)); err != nil && ctx.Err() == nil {
			return 0, err
		}
		rtt, err := e.await(conn)
		if err == nil {
			return rtt, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
			return 0, err
		}
	}
	return 0, ctx.Err()
}

// scope is the zone's index: package net remembers for a minute which index a name had, and a port that was taken
// back and made again has another.
func scope(zone string) string {
	if ifi, err := net.InterfaceByName(zone); err == nil {
		return strconv.Itoa(ifi.Index)
	}
	return zone
}

// listenICMP opens a raw socket that sends and hears through dev only.
func listenICMP(ctx context.Context, dev string, addr netip.Addr) (net.PacketConn, error) {
	bind := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if dev == "" {
			return nil
		}
		return errors.Join(c.Control(func(fd uintptr) {
			err = unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, dev)
		}), err)
	}}
	if addr.Is4() {
		return bind.ListenPacket(ctx, "ip4:icmp", "0.0.0.0")
	}
	return bind.ListenPacket(ctx, "ip6:ipv6-icmp", "::")
}

// echo is one run of requests: a raw socket hears the answers to everybody's
// pings, so ours carry a random token.
type echo struct {
	addr  netip.Addr
	token []byte
	sent  []time.Time // by sequence number
}

func (e *echo) send(conn net.PacketConn, to net.Addr) error {
	var kind icmp.Type = ipv4.ICMPTypeEcho
	if e.addr.Is6() {
		kind = ipv6.ICMPTypeEchoRequest // the kernel fills its checksum in
	}
	m := icmp.Message{Type: kind, Body: &icmp.Echo{ID: e.id(), Seq: len(e.sent), Data: e.token}}
	b, err := m.Marshal(nil)
	if err != nil {
		return err
	}
	e.sent = append(e.sent, time.Now())
	_, err = conn.WriteTo(b, to)
	return err
}

func (e *echo) id() int { return int(binary.BigEndian.Uint16(e.token)) }

// await reads until an answer of ours comes.
func (e *echo) await(conn net.PacketConn) (time.Duration, error) {
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return 0, err
		}
		if seq, ok := e.answered(buf[:n], from); ok {
			return time.Since(e.sent[seq]), nil
		}
	}
}

// answered says which of our requests the message answers.
func (e *echo) answered(b []byte, from net.Addr) (seq int, ok bool) {
	protocol, want := unix.IPPROTO_ICMP, icmp.Type(ipv4.ICMPTypeEchoReply)
	if e.addr.Is6() {
		protocol, want = unix.IPPROTO_ICMPV6, ipv6.ICMPTypeEchoReply
	}
	m, err := icmp.ParseMessage(protocol, b)
	if err != nil || m.Type != want {
		return 0, false
	}
	body, isEcho := m.Body.(*icmp.Echo)
	sender, isIP := from.(*net.IPAddr)
	if !isEcho || !isIP || !sender.IP.Equal(e.addr.AsSlice()) {
		return 0, false
	}
	ours := body.ID == e.id() && bytes.Equal(body.Data, e.token) && body.Seq < len(e.sent)
	return body.Seq, ours
}
