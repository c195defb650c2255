package link

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/mdlayher/packet"
)

// When the repeats of an announcement go out, after the first. Frames back to
// back would share one fate: a switch that still learns the port, or the first
// packet's way through ovs-vswitchd, loses them all.
var repeats = []time.Duration{60 * time.Millisecond, 120 * time.Millisecond}

// Announce sends, from the link's own MAC, for each IPv4 address an ARP
// announcement (a request for itself, as RFC 5227 3 advises, which switches and
// hosts learn from alike) and for each IPv6 address an unsolicited neighbour
// advertisement with the override flag. The first round has left when Announce
// returns; two more follow by themselves within 200 ms.
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
	}()
	return nil
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
