package sim

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"bridgehead/backend"
)

// leaseSec is how long a lease of a simulated server lasts.
const leaseSec = 43200

// dhclient is any DHCP client: the last argument that names a link is what it
// configures. With -r or -x (-k for dhcpcd) it ends the client of that link.
func dhclient(p *process, argv []string) error {
	m := p.m
	var dev *link
	release, stop := false, false
	for i, arg := range argv[1:] {
		switch arg {
		case "-r":
			release = true
		case "-x", "-k":
			stop = true
		default:
			if l := m.link(arg); l != nil && !slices.Contains([]string{"-pf", "-lf", "-cf", "-df"}, argv[i]) {
				dev = l
			}
		}
	}
	if dev == nil {
		return errors.New("no interface named")
	}
	if release || stop {
		m.endClients(path.Base(argv[0]), dev.Name)
		if release {
			m.flush4(dev)
		}
		return nil
	}
	m.setUp(dev, true)
	if path.Base(argv[0]) == "dhclient" {
		if err := m.declines(dev); err != nil {
			return err
		}
	}
	m.spawn(1, argv...).uid = 0
	return m.lease(dev)
}

// declines is what dhclient does where its script cannot write beside /etc/resolv.conf: it gives every address back that it
// gets, with the one that dev had, and does not come to an end.
func (m *Machine) declines(dev *link) error {
	real, err := m.files.resolve("/etc/resolv.conf", true)
	if err == nil {
		err = m.files.room(real, 0)
	}
	if err != nil {
		m.flush4(dev)
	}
	return failed("write beside", "/etc/resolv.conf", err)
}

func (m *Machine) endClients(name, dev string) {
	for _, c := range m.running(name) {
		if slices.Contains(c.argv, dev) {
			m.end(c)
		}
	}
}

// giveBack is what dhcpcd does when it is asked to end: its address goes with it.
func (m *Machine) giveBack(p *process) {
	if l := m.link(p.argv[len(p.argv)-1]); l != nil {
		m.flush4(l)
	}
}

func (m *Machine) flush4(l *link) {
	for _, a := range slices.Clone(l.Addrs) {
		if a.Prefix.Addr().Is4() {
			m.delAddr(l, a.Prefix)
		}
	}
}

// lease asks the servers that dev's frames reach; without an answer the client
// goes on in the background, as dhclient does, and fails. On a NIC its packet socket
// sees the answer before a bridge takes the frame away (ETH_P_ALL, packet(7)).
func (m *Machine) lease(dev *link) error {
	m.teach(dev)
	for _, s := range m.spec.DHCP {
		at, ok := m.wayTo(dev, segment{s.Wire, s.VLAN})
		prefix, known := s.Leases[strings.ToLower(dev.MAC)]
		if !ok || !known || dev.nic == nil && !slices.Contains(m.hear(at, dev.MAC), dev) {
			continue
		}
		err := m.setAddr(dev, backend.Addr{Prefix: prefix, Broadcast: lastOf(prefix), Scope: "global", ValidSec: leaseSec, PreferredSec: leaseSec})
		if err == nil && s.Gateway.IsValid() {
			err = m.setRoute(backend.Route{Dst: netip.PrefixFrom(netip.IPv4Unspecified(), 0), Gateway: s.Gateway, Dev: dev.Name, Protocol: "boot"})
		}
		m.learn(dev, prefix.Addr())
		return err
	}
	return fmt.Errorf("no DHCPOFFERS received on %s", dev.Name)
}

// Renew lets every DHCP client renew its lease now, on the link it runs on: what
// a client that was left on a NIC does to a host sooner or later.
func (m *Machine) Renew() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range []string{"dhclient", "dhcpcd", "udhcpc"} {
		for _, c := range m.running(name) {
			if l := m.link(c.argv[len(c.argv)-1]); l != nil {
				if m.lease(l) != nil {
					m.flush4(l)
				}
			}
		}
	}
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom4(b)
}
