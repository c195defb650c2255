package sim

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/interfaces"
)

// ifstate is where ifupdown notes what is up.
const ifstate = "/run/network/ifstate"

// source reads the simulated files for package interfaces.
type source struct{ f *files }

func (s source) Read(name string) ([]byte, error) {
	f, err := s.f.read(name)
	if err == nil && !f.Exists {
		err = errNotExist
	}
	return f.Data, err
}

func (s source) Glob(pattern string) ([]string, error) { return s.f.glob(pattern) }

// ifupAll is "ifup -a" with "ifup --allow=hotplug": it returns the complaints.
func (m *Machine) ifupAll() []string {
	if err := m.files.write(ifstate, backend.File{Exists: true, Mode: 0o644}, m.wall()); err != nil {
		return []string{"ifup: " + failed("write", ifstate, err).Error()}
	}
	c, err := interfaces.Load(source{&m.files}, "/etc/network/interfaces")
	if err != nil {
		return []string{"ifup: " + err.Error()}
	}
	var log []string
	for _, name := range atBoot(c) {
		if err := m.ifup(c, name); err != nil {
			log = append(log, fmt.Sprintf("ifup: failed to bring up %s: %v", name, err))
		}
	}
	return log
}

// atBoot names what is brought up at boot: lo, and the auto and hotplug stanzas in order.
func atBoot(c *interfaces.Config) []string {
	names := []string{"lo"}
	for _, s := range c.Stanzas() {
		if (s.Auto || s.Hotplug) && !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	return names
}

// ifup applies the stanzas of one interface; the first that fails ends it.
func (m *Machine) ifup(c *interfaces.Config, name string) error {
	stanzas, err := c.Interface(name)
	if err != nil {
		return err
	}
	if len(stanzas) == 0 && name != "lo" {
		return errors.New("unknown interface")
	}
	for _, s := range stanzas {
		if err := m.applyStanza(s); err != nil {
			return err
		}
	}
	return m.note(name, true)
}

// note writes or removes a line of ifstate, and what ifup and ifdown go by.
func (m *Machine) note(name string, up bool) error {
	f, err := m.files.read(ifstate)
	if err != nil {
		return err
	}
	lines := slices.DeleteFunc(strings.Split(string(f.Data), "\n"), func(l string) bool { return l == "" || strings.HasPrefix(l, name+"=") })
	if up {
		lines = append(lines, name+"="+name)
	}
	state := ""
	if up {
		state = name + "\n"
	}
	if err := m.files.write(ifstate+"."+name, backend.File{Exists: true, Mode: 0o644, Data: []byte(state)}, m.wall()); err != nil {
		return err
	}
	f.Exists, f.Mode, f.Data = true, 0o644, []byte(strings.Join(append(lines, ""), "\n"))
	return m.files.write(ifstate, f, m.wall())
}

// options are those of a stanza as ifupdown uses them.
type options map[string][]string

func (o options) get(name string) string {
	if v := o[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func optionsOf(s interfaces.Stanza) options {
	out := options{}
	for _, o := range s.Query() {
		if slices.Contains([]string{"pre-up", "up", "down", "post-down"}, o.Name) {
			out[o.Name] = append(out[o.Name], o.Value)
			continue
		}
		out[o.Name] = strings.Split(o.Value, "\n")
	}
	return out
}

func (m *Machine) applyStanza(s interfaces.Stanza) error {
	o := optionsOf(s)
	if err := m.hooks(s.Name, o["pre-up"]); err != nil {
		return err
	}
	if err := m.makeStacked(s.Name, o); err != nil {
		return err
	}
	if s.Method == "loopback" {
		return m.hooks(s.Name, o["up"])
	}
	l, err := m.needLink(strings.Split(s.Name, ":")[0])
	if err != nil {
		return err
	}
	if mtu, err := strconv.Atoi(o.get("mtu")); err == nil {
		l.MTU = mtu
	}
	if mac := o.get("hwaddress"); mac != "" {
		m.setMAC(l, mac)
	}
	switch s.Method {
	case "static":
		err = m.ifupStatic(l, s, o)
	case "dhcp":
		m.setUp(l, true)
		if s.Family == "inet" {
			m.spawn(1, "dhclient", "-4", "-v", "-i", "-pf", "/run/dhclient."+l.Name+".pid", "-lf", "/var/lib/dhcp/dhclient."+l.Name+".leases",
				"-I", "-df", "/var/lib/dhcp/dhclient6."+l.Name+".leases", l.Name)
			err = m.lease(l)
		}
	case "auto":
		m.setUp(l, true)
	}
	if err != nil {
		return err
	}
	return m.hooks(s.Name, o["up"])
}

// makeStacked makes the VLAN or the bond that a stanza asks for (vlan and ifenslave
// hooks of Debian).
func (m *Machine) makeStacked(name string, o options) error {
	if m.link(name) != nil {
		return nil
	}
	if members := strings.Fields(o.get("bond-slaves")); len(members) > 0 {
		mode := o.get("bond-mode")
		if err := m.ipLinkAdd([]string{name, "type", "bond", "mode", mode}); err != nil {
			return err
		}
		for _, member := range members {
			if l := m.link(member); l != nil && members[0] != "none" {
				m.setUp(l, false)
				if err := m.enslave(l, name); err != nil {
					return err
				}
			}
		}
		m.setUp(m.link(name), true)
		return nil
	}
	parent, id, dotted := strings.Cut(name, ".")
	if raw := o.get("vlan-raw-device"); raw != "" {
		parent = raw
	}
	if !dotted || m.link(parent) == nil {
		return nil
	}
	m.setUp(m.link(parent), true)
	return m.ipLinkAdd([]string{"link", parent, "name", name, "type", "vlan", "id", id})
}

func (m *Machine) ifupStatic(l *link, s interfaces.Stanza, o options) error {
	a, err := staticAddr(s, o)
	if err != nil {
		return err
	}
	if s.Family == "inet6" {
		m.setUp(l, true)
	}
	if err := m.setAddr(l, a); err != nil {
		return err
	}
	m.setUp(l, true)
	gateway, err := netip.ParseAddr(o.get("gateway"))
	if err != nil {
		return nil
	}
	metric, _ := strconv.Atoi(o.get("metric"))
	all := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if gateway.Is6() {
		all = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return m.setRoute(backend.Route{Dst: all, Gateway: gateway, Dev: l.Name, Metric: metric, OnLink: s.Family == "inet"})
}

func staticAddr(s interfaces.Stanza, o options) (backend.Addr, error) {
	address, err := netip.ParseAddr(o.get("address"))
	if err != nil {
		return backend.Addr{}, errors.New("missing required variable: address")
	}
	bits, err := strconv.Atoi(o.get("netmask"))
	if mask, err2 := netip.ParseAddr(o.get("netmask")); err2 == nil && err != nil {
		bits = 0
		for _, b := range mask.AsSlice() {
			for ; b != 0; b <<= 1 {
				bits++
			}
		}
	}
	a := backend.Addr{Prefix: netip.PrefixFrom(address, bits), Scope: "global"}
	if brd, err := netip.ParseAddr(o.get("broadcast")); err == nil && address.Is4() {
		a.Broadcast = brd
	}
	if peer, err := netip.ParseAddr(o.get("pointopoint")); err == nil {
		a.Peer = netip.PrefixFrom(peer, bits)
	}
	if address.Is4() {
		a.Label = s.Name
	}
	return a, nil
}

// ifupProgram is ifup(8) and ifdown(8) for named interfaces. ifdown leaves the
// link down, which is the trap that it is on a real host.
func ifupProgram(p *process, argv []string) error {
	m := p.m
	c, err := interfaces.Load(source{&m.files}, "/etc/network/interfaces")
	if err != nil {
		return err
	}
	for _, name := range argv[1:] {
		if strings.HasPrefix(name, "-") {
			continue
		}
		if !strings.HasSuffix(argv[0], "ifdown") {
			if err := m.ifup(c, name); err != nil {
				return err
			}
			continue
		}
		if err := m.note(name, false); err != nil {
			return err
		}
		if l := m.link(name); l != nil {
			m.endClients("dhclient", name)
			m.flush4(l)
			m.setUp(l, false)
		}
	}
	return nil
}
