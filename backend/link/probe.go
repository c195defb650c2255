package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/ndp"
	"github.com/vishvananda/netlink"

	"bridgehead/backend"
)

// Prober implements backend.Prober: it asks the network.
type Prober struct {
	links *Links
}

var _ backend.Prober = (*Prober)(nil)

// NewProber returns a Prober that looks links up through l.
func NewProber(l *Links) *Prober { return &Prober{l} }

const (
	patience   = 3 * time.Second        // of a call whose context has no deadline
	askEvery   = 500 * time.Millisecond // an answer that a cut swallowed comes soon after it
	probes     = 3                      // PROBE_NUM of RFC 5227
	probeEvery = time.Second            // PROBE_MIN of RFC 5227
)

// ARP asks who has addr through dev, every half second until somebody answers,
// and returns the MAC of the answer.
func (p *Prober) ARP(ctx context.Context, dev string, addr netip.Addr) (string, error) {
	ctx, cancel := patient(ctx)
	defer cancel()
	addr = addr.Unmap().WithZone("")
	mac, err := p.ask(ctx, dev, question{
		addr: addr, from: p.sender, every: askEvery,
		answer: func(f []byte, _ []net.HardwareAddr) (net.HardwareAddr, bool) { return answers(f, addr) },
	})
	if err != nil {
		return "", failed(err, "cannot ask for %s on %s", addr, dev)
	}
	if mac == nil {
		return "", fmt.Errorf("no answer from %s on %s; check the cable, the VLAN and the address", addr, dev)
	}
	return mac.String(), nil
}

// Duplicate sends three probes for addr, a second apart or closer where ctx ends
// sooner, and returns the MAC of another machine that has the address or probes
// for it as well. Answers from any MAC of this host do not count: Linux answers
// for all its addresses on each link.
func (p *Prober) Duplicate(ctx context.Context, dev string, addr netip.Addr) (string, error) {
	every := probeEvery
	if end, ok := ctx.Deadline(); ok {
		every = min(every, time.Until(end)*9/10/probes)
	}
	probing, cancel := context.WithTimeout(ctx, probes*every)
	defer cancel()
	addr = addr.Unmap().WithZone("")
	mac, err := p.ask(probing, dev, question{
		addr: addr, every: every,
		from: func(*net.Interface, netip.Addr) netip.Addr { return unspecified(addr) },
		answer: func(f []byte, own []net.HardwareAddr) (net.HardwareAddr, bool) {
			mac, ok := claims(f, addr)
			ours := slices.ContainsFunc(own, func(o net.HardwareAddr) bool { return slices.Equal(o, mac) })
			return mac, ok && !ours
		},
	})
	if err == nil && errors.Is(ctx.Err(), context.Canceled) { // a busy machine may be late, once it has asked
		err = ctx.Err()
	}
	if err != nil {
		return "", failed(err, "cannot probe for %s on %s", addr, dev)
	}
	return mac.String(), nil
}

// patient gives ctx a deadline where it has none.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, patience)
}

// answers says whether the frame comes from the one that has addr.
func answers(frame []byte, addr netip.Addr) (net.HardwareAddr, bool) {
	if addr.Is4() {
		a, ok := parseARP(frame)
		return a.SenderHardwareAddr, ok && a.SenderIP == addr
	}
	m, _, ok := parseNDP(frame)
	na, isNA := m.(*ndp.NeighborAdvertisement)
	if !ok || !isNA || na.TargetAddress != addr {
		return nil, false
	}
	for _, o := range na.Options {
		if lla, ok := o.(*ndp.LinkLayerAddress); ok && lla.Direction == ndp.Target {
			return lla.Addr, true
		}
	}
	return source(frame), true
}

// claims also takes another one's probe for addr (RFC 5227 2.1.1, RFC 4862 5.4.3).
func claims(frame []byte, addr netip.Addr) (net.HardwareAddr, bool) {
	if mac, ok := answers(frame, addr); ok {
		return mac, true
	}
	if addr.Is4() {
		a, ok := parseARP(frame)
		return a.SenderHardwareAddr, ok && a.SenderIP.IsUnspecified() && a.TargetIP == addr
	}
	m, from, ok := parseNDP(frame)
	ns, isNS := m.(*ndp.NeighborSolicitation)
	if !ok || !isNS || !from.IsUnspecified() || ns.TargetAddress != addr {
		return nil, false
	}
	return source(frame), true
}

// sender is the address to ask from: one of the link, in the net of the target
// where there is one; the unspecified address where the link has none.
func (p *Prober) sender(ifi *net.Interface, target netip.Addr) netip.Addr {
	addrs, err := p.links.addrs()
	if err != nil {
		return unspecified(target)
	}
	best, rank := unspecified(target), 0
	for _, a := range addrs[ifi.Index] {
		ip := a.Prefix.Addr()
		if ip.Is4() != target.Is4() || a.Tentative || a.DADFailed {
			continue
		}
		r := 1
		if ip.IsLinkLocalUnicast() == target.IsLinkLocalUnicast() {
			r = 2
		}
		if a.Prefix.Contains(target) {
			r = 3
		}
		if r > rank {
			best, rank = ip, r
		}
	}
	return best
}

func unspecified(like netip.Addr) netip.Addr {
	if like.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// ethernet looks dev up; it must have a MAC.
func (p *Prober) ethernet(ctx context.Context, dev string) (*net.Interface, error) {
	link, err := p.links.find(ctx, dev)
	if err != nil {
		return nil, err
	}
	a := link.Attrs()
	if len(a.HardwareAddr) != 6 {
		return nil, errors.New("it is no Ethernet link; ask through one that is")
	}
	return &net.Interface{Index: a.Index, Name: a.Name, MTU: a.MTU, HardwareAddr: a.HardwareAddr}, nil
}

// ownMACs are those of every link of this host.
func (p *Prober) ownMACs() (macs []net.HardwareAddr, err error) {
	links, err := whole(func() ([]netlink.Link, error) { return p.links.kernel.LinkList() })
	for _, l := range links {
		macs = append(macs, l.Attrs().HardwareAddr)
	}
	return macs, err
}
