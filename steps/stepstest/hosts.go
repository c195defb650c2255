package stepstest

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/sim"
)

// Each of these makes another host of the demo. They can be combined.

// All applies several of them.
func All(changes ...func(*sim.Spec)) func(*sim.Spec) {
	return func(s *sim.Spec) {
		for _, change := range changes {
			change(s)
		}
	}
}

// Console has the operator at the serial console, and nobody else logged in.
func Console(s *sim.Spec) {
	s.Processes = slices.DeleteFunc(s.Processes, func(p sim.Process) bool { return p.TTY == "pts/0" || p.PID == 812 })
	s.Processes = append(s.Processes,
		sim.Process{Process: backend.Process{PID: 900, PPID: 1, Args: []string{"login", "--"}, TTY: "ttyS0"}},
		sim.Process{Process: backend.Process{PID: 901, PPID: 900, Args: []string{"-bash"}, TTY: "ttyS0"}})
	s.Shell, s.Sockets = 901, nil
}

// Colleague is logged in over SSH, through eth0.
func Colleague(s *sim.Spec) {
	s.Processes = append(s.Processes, sim.Process{Process: backend.Process{PID: 950, PPID: 598, Args: []string{"sshd: anna@pts/1"}}})
	s.Sockets = append(s.Sockets, backend.Socket{Local: netip.MustParseAddrPort("192.168.1.100:22"),
		Remote: netip.MustParseAddrPort("192.168.1.51:40022"), PIDs: []int{950}})
}

// NoPackages has neither Open vSwitch nor libvirt installed.
func NoPackages(s *sim.Spec) {
	s.OVS, s.Virt = nil, nil
	s.Processes = slices.DeleteFunc(s.Processes, func(p sim.Process) bool {
		return slices.Contains([]string{"ovsdb-server", "ovs-vswitchd", "/usr/sbin/libvirtd", "/usr/bin/qemu-system-x86_64"}, p.Args[0])
	})
	s.Units = slices.DeleteFunc(s.Units, func(u backend.Unit) bool {
		return strings.HasPrefix(u.Name, "ov") || strings.HasPrefix(u.Name, "libvirt")
	})
	for _, n := range []string{"openvswitch-switch", "openvswitch-common", "libvirt-daemon-system", "libvirt-clients", "qemu-system-x86", "virtinst"} {
		delete(s.Packages, n)
	}
}

// NICs gives the host n NICs more, eth4 and up.
func NICs(n int) func(*sim.Spec) {
	return func(s *sim.Spec) {
		for i := range n {
			s.NICs = append(s.NICs, sim.NIC{Wire: fmt.Sprint("rack", i), Link: backend.Link{Name: fmt.Sprint("eth", 4+i),
				MAC: fmt.Sprintf("00:1b:21:40:%02x:%02x", i/256, i%256), Driver: "i40e", SpeedMbps: 10000, Up: true}})
		}
	}
}

// VMs gives the host n VMs more, which do not run.
func VMs(n int) func(*sim.Spec) {
	return func(s *sim.Spec) {
		for i := range n {
			s.Virt.Domains = append(s.Virt.Domains, backend.Domain{Name: fmt.Sprintf("%s%03d", []string{"db", "web"}[i%2], i), UUID: fmt.Sprintf("0d2f7f0a-57a1-4c8e-a5c4-%012d", i), Persistent: true,
				NICs: []backend.DomainNIC{{MAC: fmt.Sprintf("52:54:00:40:%02x:%02x", i/256, i%256), Type: "network", Source: "default", Model: "virtio"}}})
		}
	}
}

// DHCP has eth0 configured by dhclient.
func DHCP(s *sim.Spec) {
	file(s, "/etc/network/interfaces", "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet dhcp\n")
	file(s, "/var/lib/dhcp/dhclient.eth0.leases", "lease {\n  interface \"eth0\";\n  fixed-address 192.168.1.100;\n}\n")
	s.Processes = append(s.Processes, sim.Process{Process: backend.Process{PID: 555, PPID: 1, Args: []string{"dhclient", "-4", "-v", "-i",
		"-pf", "/run/dhclient.eth0.pid", "-lf", "/var/lib/dhcp/dhclient.eth0.leases", "-I", "-df", "/var/lib/dhcp/dhclient6.eth0.leases", "eth0"}}})
	s.DHCP = []sim.DHCPServer{{Wire: "lan", Leases: map[string]netip.Prefix{s.NICs[0].MAC: netip.MustParsePrefix("192.168.1.100/24")},
		Gateway: netip.MustParseAddr("192.168.1.1")}}
}

// DefaultUnused has no running VM.
func DefaultUnused(s *sim.Spec) {
	for i := range s.Virt.Domains {
		s.Virt.Domains[i].Running = false
		s.Virt.Domains[i].NICs[0].Target = ""
	}
}

const loOnly = "auto lo\niface lo inet loopback\n"

// Netplan has the network configured by netplan.
func Netplan(s *sim.Spec) {
	file(s, "/etc/network/interfaces", loOnly)
	file(s, "/etc/netplan/01-netcfg.yaml", "network:\n  version: 2\n  ethernets:\n    eth0:\n      addresses: [192.168.1.100/24]\n")
	s.Packages["netplan.io"] = "0.106-2"
	active(s, "systemd-networkd.service")
}

// NetworkManager has it configured by NetworkManager.
func NetworkManager(s *sim.Spec) {
	file(s, "/etc/network/interfaces", loOnly)
	file(s, "/etc/NetworkManager/NetworkManager.conf", "[main]\nplugins=ifupdown,keyfile\n\n[ifupdown]\nmanaged=true\n")
	s.Packages["network-manager"] = "1.42.4-1"
	active(s, "NetworkManager.service")
}

// Networkd has it configured by systemd-networkd, through a wide match.
func Networkd(s *sim.Spec) {
	file(s, "/etc/network/interfaces", loOnly)
	file(s, "/etc/systemd/network/20-wired.network", "[Match]\nName=eth*\n\n[Network]\nDHCP=yes\n")
	active(s, "systemd-networkd.service")
}

// Ifupdown2 has ifupdown2 instead of ifupdown.
func Ifupdown2(s *sim.Spec) {
	delete(s.Packages, "ifupdown")
	s.Packages["ifupdown2"] = "3.0.0-1.1"
}

// Proxmox is Proxmox VE.
func Proxmox(s *sim.Spec) {
	Ifupdown2(s)
	s.Packages["pve-manager"] = "8.1.4"
}

func file(s *sim.Spec, name, text string) {
	s.Files[name] = backend.File{Exists: true, Data: []byte(text), Mode: 0o644}
}

func active(s *sim.Spec, unit string) {
	s.Units = slices.DeleteFunc(s.Units, func(u backend.Unit) bool { return u.Name == unit })
	s.Units = append(s.Units, backend.Unit{Name: unit, Load: "loaded", Active: "active", Enabled: "enabled"})
}

// FailOn makes each call fail whose description has the words, until ClearFaults.
func FailOn(m *sim.Machine, words string, reason string) {
	m.Fault(func(p sim.Point) error {
		if p.When == sim.Before && strings.Contains(p.What, words) {
			return errors.New(reason)
		}
		return nil
	})
}

// Tagged has the host's address in VLAN 10, on eth0.10.
func Tagged(s *sim.Spec) {
	addrs := s.NICs[0].Addrs
	s.NICs[0].Addrs = nil
	for i := range addrs {
		addrs[i].Label = "eth0.10"
	}
	s.Links = append(s.Links, backend.Link{Name: "eth0.10", Kind: "vlan", Parent: "eth0", VLAN: 10, MAC: s.NICs[0].MAC, Up: true, Addrs: addrs})
	for i := range s.Routes {
		s.Routes[i].Dev = "eth0.10"
	}
	for i := range s.Peers {
		s.Peers[i].VLAN = 10
	}
	f := s.Files["/etc/network/interfaces"]
	f.Data = []byte(strings.ReplaceAll(string(f.Data), "eth0", "eth0.10"))
	s.Files["/etc/network/interfaces"] = f
	s.Files["/run/network/ifstate"] = backend.File{Data: []byte("lo=lo\neth0.10=eth0.10\n"), Mode: 0o644}
	s.Files["/run/network/ifstate.eth0.10"] = backend.File{Data: []byte("eth0.10\n"), Mode: 0o644}
	delete(s.Files, "/run/network/ifstate.eth0")
}
