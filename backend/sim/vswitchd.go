package sim

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"

	"bridgehead/backend"
)

// vswitch is Open vSwitch: its two daemons, the database, and what ovs-vswitchd
// has made of it.
type vswitch struct {
	installed  bool
	version    string
	module     bool // the kernel has a datapath
	server     bool // ovsdb-server runs
	daemon     bool // ovs-vswitchd runs
	hung       bool // ovs-vswitchd runs and does nothing
	serverHung bool

	db      *database
	applied *database // what ovs-vswitchd has taken up
	status  map[string]*status
	nextOF  int
	log     []committed // what a power cut could still lose
}

// committed is the database as it was before a transaction.
type committed struct {
	at     time.Duration
	before *database
}

// status is what ovs-vswitchd reports of an interface.
type status struct {
	ofport int
	err    string
}

func (m *Machine) makeSwitch() {
	o := &m.ovs
	if m.spec.OVS == nil {
		return
	}
	o.installed, o.version, o.module = true, cmp.Or(m.spec.OVS.Version, "3.1.0"), m.spec.OVS.KernelModule
	for _, line := range m.spec.OVS.Setup {
		must(transact(o.db, line))
	}
	if !m.spec.OVS.Stopped {
		o.server, o.daemon = true, true
		m.reconfigure()
	}
}

// opened says whether ovs-vswitchd could open the datapath of a bridge.
func (o *vswitch) opened(b *row) bool {
	switch b.one("datapath_type") {
	case "", "system":
		return o.module && len(b.name) <= 15
	case "netdev":
		return len(b.name) <= 15
	}
	return false
}

// kernelDatapath says whether the kernel takes the frames of a bridge's ports away
// from the host's stack; the userspace datapath leaves them.
func (o *vswitch) kernelDatapath(b *row) bool { return b.one("datapath_type") != "netdev" }

// reconfigure is what ovs-vswitchd does after a transaction: links come and go,
// NICs are taken and given back, MACs and MTUs are set, errors are noted.
func (m *Machine) reconfigure() {
	o := &m.ovs
	if !o.daemon || o.hung || !o.server {
		return
	}
	used := o.used(m)
	o.applied = o.db.clone()
	m.dropPorts()
	m.datapathLinks()
	for _, b := range o.applied.tables[bridgeTable] {
		for _, p := range b.members {
			for _, i := range o.applied.row(portTable, p).members {
				m.openInterface(b, o.applied.row(ifaceTable, i))
			}
		}
	}
	for name := range o.status {
		if o.applied.row(ifaceTable, name) == nil {
			delete(o.status, name)
		}
	}
	for _, b := range o.applied.tables[bridgeTable] {
		o.localMAC(m, b)
	}
	o.internalMTUs(m)
	m.carriers()
	m.teachBonds(used)
}

// used is the first member of each bond that is in use.
func (o *vswitch) used(m *Machine) map[string]string {
	out := map[string]string{}
	for _, p := range o.applied.tables[portTable] {
		if c := o.carrying(m, p); len(p.members) > 1 && len(c) > 0 {
			out[p.name] = c[0].Name
		}
	}
	return out
}

// teachBonds is what ovs-vswitchd sends when another member of a bond is in use: a frame of each MAC on
// the bridge's other ports (bundle_send_learning_packets).
func (m *Machine) teachBonds(before map[string]string) {
	for name, now := range m.ovs.used(m) {
		if was, made := before[name]; !made || was == now {
			continue
		}
		for _, other := range m.ovs.applied.parent(portTable, name).members {
			for _, i := range m.ovs.applied.row(portTable, other).members {
				if l := m.link(i); l != nil && l.internal && l.Up {
					m.teach(l)
				}
			}
		}
	}
}

// dropPorts removes the links of internal ports and the claims on NICs that the
// database no longer has.
func (m *Machine) dropPorts() {
	o := &m.ovs
	for _, l := range slices.Clone(m.links) {
		i := o.applied.row(ifaceTable, l.Name)
		b, _ := o.applied.bridgeOf(l.Name)
		wanted := i != nil && b != nil && o.opened(b)
		switch {
		case l.internal && !(wanted && i.one("type") == "internal"):
			m.removeLink(l)
		case (l.Master == "ovs-system" || l.Promisc && !l.internal) && !(wanted && o.kernelDatapath(b)):
			if l.Master == "ovs-system" {
				l.Master = ""
			}
			l.Promisc = wanted
		}
	}
}

// datapathLinks are the devices of the datapaths themselves: ovs-system of the
// kernel's, ovs-netdev of the userspace one.
func (m *Machine) datapathLinks() {
	want := map[string]bool{}
	for _, b := range m.ovs.applied.tables[bridgeTable] {
		if m.ovs.opened(b) {
			want[map[bool]string{true: "ovs-system", false: "ovs-netdev"}[m.ovs.kernelDatapath(b)]] = true
		}
	}
	for _, name := range []string{"ovs-system", "ovs-netdev"} {
		l := m.link(name)
		switch {
		case want[name] && l == nil:
			kind := map[string]string{"ovs-system": "openvswitch", "ovs-netdev": "tun"}[name]
			m.addLink(backend.Link{Name: name, Kind: kind, Driver: kind, Virtual: true})
		case !want[name] && l != nil:
			m.removeLink(l)
		}
	}
}

// openInterface opens one interface of a bridge, or notes why it could not.
func (m *Machine) openInterface(b, i *row) {
	o := &m.ovs
	st := o.status[i.name]
	if st == nil {
		st = &status{}
		o.status[i.name] = st
	}
	st.err = ""
	if !o.opened(b) {
		st.ofport = 0 // the column is empty: nothing was tried
		return
	}
	l := m.link(i.name)
	switch i.one("type") {
	case "internal":
		if l == nil {
			l = m.addInternal(b, i)
		} else if !l.internal {
			st.ofport, st.err = -1, fmt.Sprintf("could not add network device %s to ofproto (File exists)", i.name)
			return
		}
		if mac := i.one("mac"); mac != "" && i.name != b.name {
			m.setMAC(l, mac)
		}
	case "", "system":
		switch {
		case l == nil:
			st.ofport, st.err = -1, fmt.Sprintf("could not open network device %s (No such device)", i.name)
			return
		case l.Loopback, l.internal, l.Master != "" && l.Master != "ovs-system":
			st.ofport, st.err = -1, fmt.Sprintf("could not add network device %s to ofproto (%s)", i.name, claimError(l))
			return
		}
		if o.kernelDatapath(b) {
			l.Master = "ovs-system"
		}
		l.Promisc = true
		if mtu := i.number("mtu_request"); mtu != 0 {
			l.MTU = mtu
		}
	default:
		st.ofport = 0
		return
	}
	if st.ofport <= 0 {
		st.ofport = o.number(b, i)
	}
}

func claimError(l *link) string {
	if l.Master != "" {
		return "Device or resource busy"
	}
	return "Invalid argument"
}

func (o *vswitch) number(b, i *row) int {
	if i.name == b.name {
		return 65534 // OFPP_LOCAL
	}
	if n := i.number("ofport_request"); n != 0 {
		return n
	}
	o.nextOF++
	return o.nextOF - 1
}

func (m *Machine) addInternal(b, i *row) *link {
	kind := map[bool]string{true: "openvswitch", false: "tun"}[m.ovs.kernelDatapath(b)]
	l := m.addLink(backend.Link{Name: i.name, Kind: kind, Driver: kind, Virtual: true, Promisc: true})
	l.internal = true
	return l
}

func (m *Machine) setMAC(l *link, mac string) {
	if hw, err := net.ParseMAC(mac); err == nil && len(hw) == 6 && hw[0]&1 == 0 {
		l.MAC = hw.String()
	} // of another, ovs-vswitchd logs a warning and goes on
}

// localMAC gives the bridge's own port its MAC: hwaddr, or the lowest of its
// ports that is neither internal nor locally administered, or a made one.
func (o *vswitch) localMAC(m *Machine, b *row) {
	l := m.link(b.name)
	if l == nil || !l.internal {
		return
	}
	mac := ""
	for _, p := range b.members {
		for _, name := range o.applied.row(portTable, p).members {
			i, port := o.applied.row(ifaceTable, name), m.link(name)
			if i.one("type") == "internal" || port == nil || o.status[name].ofport <= 0 || parseMAC(port.MAC)[0]&3 != 0 {
				continue
			}
			if mac == "" || port.MAC < mac {
				mac = port.MAC
			}
		}
	}
	l.MAC = cmp.Or(mac, madeMAC(b.name))
	m.setMAC(l, b.maps["other_config"]["hwaddr"])
}

// internalMTUs: an internal port without mtu_request has the smallest MTU of the
// other ports of its bridge (ovs-vswitchd.conf.db(5), mtu_request).
func (o *vswitch) internalMTUs(m *Machine) {
	for _, b := range o.applied.tables[bridgeTable] {
		smallest := 0
		var internal []*row
		for _, p := range b.members {
			for _, name := range o.applied.row(portTable, p).members {
				i, l := o.applied.row(ifaceTable, name), m.link(name)
				switch {
				case l == nil || o.status[name] == nil || o.status[name].ofport <= 0:
				case i.one("type") == "internal":
					internal = append(internal, i)
				case smallest == 0 || l.MTU < smallest:
					smallest = l.MTU
				}
			}
		}
		for _, i := range internal {
			m.link(i.name).MTU = cmp.Or(i.number("mtu_request"), smallest, 1500)
		}
	}
}

// commit makes d the database, and has ovs-vswitchd take it up.
func (m *Machine) commit(d *database) {
	m.ovs.log = append(m.ovs.log, committed{m.now, m.ovs.db})
	m.ovs.db = d
	m.reconfigure()
}

// members of a bridge's port with their links, where they could be opened.
func (o *vswitch) openedMembers(m *Machine, p *row) []*link {
	var out []*link
	for _, name := range p.members {
		if l := m.link(name); l != nil && o.status[name] != nil && o.status[name].ofport > 0 {
			out = append(out, l)
		}
	}
	return out
}

func (o *vswitch) ports(b *row) []*row {
	var out []*row
	for _, name := range b.members {
		out = append(out, o.applied.row(portTable, name))
	}
	return out
}

func stringMap(in map[string]string) map[string]string {
	if len(in) == 0 {
		return nil
	}
	return maps.Clone(in)
}
