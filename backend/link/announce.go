package link

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/packet"

	"bridgehead/backend"
)

// When the repeats of an announcement go out, after the first. Frames back to
// back would share one fate: a switch that still learns the port, or the first
// packet's way through ovs-vswitchd, loses them all.
var repeats = []time.Duration{60 * time.Millisecond, 120 * time.Millisecond}

// lastRepeat is the interval at which RFC 5227 (1.1, ANNOUNCE_INTERVAL) repeats an announcement. It is for a switch that goes
// back to the port it knew before, once it has counted the frames of a moment ago: Open vSwitch learns from those, too.
const lastRepeat = 2 * time.Second

// Announce sends, from the link's own MAC, for each IPv4 address an ARP
// announcement (a request for itself, as RFC 5227 3 advises, which switches and
// hosts learn from alike) and for each IPv6 address an unsolicited neighbour
// advertisement with the override flag. The first round has left when Announce
// returns; two more follow by themselves within 200 ms, and one after two seconds where the link still has the addresses.
func (l *Links) Announce(ctx context.Context, name string, addrs []netip.Addr) error {
	link, err := l.find(ctx, name)
	if err != nil {
		return failed(err, "cannot announce the addresses of %s", name)
	}
	a := link.Attrs()
	if len(a.HardwareAddr) != 6 || len(addrs) == 0 {
		return nil // without Ethernet nobody keeps a table of MACs
	}
	frames, err := l.announcements(ctx, a.Name, a.HardwareAddr, addrs)
	if err != nil {
		return failed(err, "cannot announce the addresses of %s", name)
	}
	conn, err := packet.Listen(&net.Interface{Index: a.Index}, packet.Raw, 0, nil)
	if err != nil {
		return failed(err, "cannot announce the addresses of %s", name)
	}
	if err := send(conn, frames); err != nil {
		return failed(errors.Join(err, conn.Close()), "cannot announce the addresses of %s", name)
	}
	go func() {
		defer conn.Close()
		start := time.Now()
		for _, at := range repeats {
			time.Sleep(time.Until(start.Add(at)))
			_ = send(conn, frames) // the link may be gone: then there is nothing to announce
		}
		time.Sleep(time.Until(start.Add(lastRepeat)))
		if l.has(a.Index, addrs) {
			_ = send(conn, frames)
		}
	}()
	return nil
}

// has says whether the link has all of the addresses.
func (l *Links) has(index int, addrs []netip.Addr) bool {
	all, err := l.addrs()
	for _, addr := range addrs {
		if err != nil || !slices.ContainsFunc(all[index], func(a backend.Addr) bool { return a.Prefix.Addr() == addr.Unmap().WithZone("") }) {
			return false
		}
	}
	return true
}

func (l *Links) announcements(ctx context.Context, dev string, mac net.HardwareAddr, addrs []netip.Addr) (frames [][]byte, err error) {
	// A neighbour that sees a router call itself a host drops its routes through it.
	forwarding, _ := l.Sysctl(ctx, "ipv6/conf/"+dev+"/forwarding")
	for _, addr := range addrs {
		addr = addr.Unmap().WithZone("")
		var f []byte
		if addr.Is4() {
			f, err = arpRequest(mac, addr, addr)
		} else {
			f, err = advertisement(mac, addr, forwarding == "1")
		}
		if err != nil {
			return nil, err
		}
		frames = append(frames, f)
	}
	return frames, nil
}

func send(conn *packet.Conn, frames [][]byte) error {
	for _, f := range frames {
		if _, err := conn.WriteTo(f, &packet.Addr{HardwareAddr: f[:6]}); err != nil {
			return err
		}
	}
	return nil
}

// Blink lights the port LED of the NIC for d, in whole seconds; it ends within a
// second of ctx.
func (l *Links) Blink(ctx context.Context, name string, d time.Duration) error {
	link, err := l.find(ctx, name)
	if err != nil {
		return failed(err, "cannot blink the port LED of %s", name)
	}
	name = link.Attrs().Name
	second := time.Second
	for end := time.Now().Add(d); time.Now().Before(end) && ctx.Err() == nil; {
		if err := l.tool.Identity(name, &second); err != nil {
			return blinkFailed(err, link.Attrs().HardwareAddr, name)
		}
	}
	return nil
}

func blinkFailed(err error, mac net.HardwareAddr, name string) error {
	if remedy(err) != "" {
		return failed(err, "cannot blink the port LED of %s", name)
	}
	return failed(err, "cannot blink the port LED of %s: its driver does not offer that; look for MAC %s on the card, or in the address table of the switch", name, mac)
}
