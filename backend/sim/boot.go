package sim

import (
	"slices"
	"strings"
	"time"

	"bridgehead/backend"
)

// bootTime is what a boot takes, from the power to the end of networking.
const bootTime = 30 * time.Second

// OnBoot adds a function that runs at each boot when Open vSwitch is up and before
// the network is, with the machine unlocked: the place of a unit ordered so.
func (m *Machine) OnBoot(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bootUnits = append(m.bootUnits, f)
}

// Reboot ends every process and boots: the kernel starts anew, Open vSwitch comes
// back from its database, units of OnBoot run, ifupdown brings up what
// /etc/network/interfaces says, libvirt its networks. What ifup complains about is
// in BootLog.
func (m *Machine) Reboot() { m.PowerCut(0) }

// PowerCut is Reboot after which the transactions of Open vSwitch's database, and the definitions of libvirt, of
// the last lost are gone that no Sync had made durable. A loss of 0 loses nothing.
func (m *Machine) PowerCut(lost time.Duration) {
	m.mu.Lock()
	for i := range m.ovs.log {
		if lost > 0 && m.ovs.log[i].at > m.now-lost {
			m.ovs.db = m.ovs.log[i].before
			break
		}
	}
	if lost > 0 {
		m.virt.lose(m.now - lost)
	}
	m.virt.log = nil
	m.die()
	m.startKernel()
	m.startSwitch()
	units := m.bootUnits
	m.mu.Unlock()
	m.outside(func() {
		for _, unit := range units {
			unit()
		}
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bootLog = m.ifupAll()
	m.startLibvirt()
	m.carriers()
	m.traffic()
}

// BootLog is what ifup complained about at the last boot.
func (m *Machine) BootLog() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.bootLog)
}

// die ends all processes and forgets what is in memory only.
func (m *Machine) die() {
	for _, p := range slices.Clone(m.procs) {
		m.end(p)
	}
	for name := range m.files.nodes {
		for _, dir := range []string{"/run/", "/tmp/"} {
			if strings.HasPrefix(name, dir) && !m.files.nodes[name].dir {
				delete(m.files.nodes, name)
			}
		}
	}
	if m.spec.Init != "systemd" {
		m.guards = map[string]*process{} // nobody starts the watch again
	}
	m.boots++
	m.now += bootTime
	m.booted = m.now
	m.timers = nil
}

func (m *Machine) startKernel() {
	m.links, m.routes, m.rules = nil, nil, nil
	m.world.init()
	m.makeHardware()
	for _, s := range m.spec.Processes { // the daemons; nobody is logged in
		if s.PPID <= 1 {
			p := &process{m: m, pid: s.PID, ppid: s.PPID, argv: slices.Clone(s.Args), tty: s.TTY, uid: s.UID}
			m.procs = append(m.procs, p)
		}
	}
}

func (m *Machine) startSwitch() {
	o := &m.ovs
	o.status, o.applied, o.nextOF, o.log = map[string]*status{}, &database{}, 1, nil
	o.server, o.daemon, o.hung, o.serverHung = o.installed, o.installed, false, false
	m.reconfigure()
}

// startLibvirt starts the networks with autostart and the domains that ran.
func (m *Machine) startLibvirt() {
	v := &m.virt
	v.running, v.hung = v.installed, false
	v.networks = slices.DeleteFunc(v.networks, func(n *network) bool { return n.transient })
	for _, n := range v.networks {
		n.live = nil
		if n.autostart {
			if err := m.startNetwork(n); err != nil {
				m.bootLog = append(m.bootLog, "libvirt: "+err.Error())
			}
		}
	}
	for i := range v.domains {
		d := &v.domains[i]
		if d.Running {
			m.startDomain(d)
		}
		d.Running = d.Running && !slices.ContainsFunc(d.NICs, func(n backend.DomainNIC) bool { return !m.sourceReady(n) })
	}
	m.plugDomains()
}

// sourceReady says whether a domain with that NIC can start.
func (m *Machine) sourceReady(nic backend.DomainNIC) bool {
	if nic.Type == "network" {
		n := m.network(nic.Source)
		return n != nil && n.live != nil
	}
	return true
}
