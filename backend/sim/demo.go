package sim

import (
	"net/netip"

	"bridgehead/backend"
)

// The demo host: the one of the tutorial.
const (
	demoInterfaces = `# This file describes the network interfaces available on your system
# and how to activate them. For more information, see interfaces(5).

source /etc/network/interfaces.d/*

# The loopback network interface
auto lo
iface lo inet loopback

# The primary network interface: rack 3, switch port 17
auto eth0
iface eth0 inet static
	address 192.168.1.100
	netmask 255.255.255.0
	gateway 192.168.1.1
	# dns-* options are implemented by the resolvconf package, if installed
	dns-nameservers 192.168.1.1
	dns-search example.com
`
	demoDefaultNetwork = `<network>
  <name>default</name>
  <uuid>9a05da11-e96b-47f3-8253-a3a482e445f5</uuid>
  <forward mode='nat'/>
  <bridge name='virbr0' stp='on' delay='0'/>
  <mac address='52:54:00:0a:cd:21'/>
  <ip address='192.168.122.1' netmask='255.255.255.0'>
    <dhcp>
      <range start='192.168.122.2' end='192.168.122.254'/>
    </dhcp>
  </ip>
</network>
`
)

// Demo is the tutorial's host: Debian 12 with eth0 to eth3, eth0 static
// 192.168.1.100/24, a running Open vSwitch, the libvirt network "default", the
// VMs example1 (running) and example2, and an SSH session on eth0.
func Demo() *Machine { return New(DemoSpec()) }

// DemoSpec is the Spec of Demo, for a test that wants a host a little different.
func DemoSpec() Spec {
	return Spec{
		Hostname: "kvm1", Init: "systemd",
		NICs:    demoNICs(),
		Routes:  []backend.Route{{Dst: netip.MustParsePrefix("0.0.0.0/0"), Gateway: ip("192.168.1.1"), Dev: "eth0", OnLink: true}},
		Sysctls: map[string]string{"ipv4/conf/default/rp_filter": "2", "ipv4/ip_forward": "1", "ipv6/conf/default/accept_ra": "1", "ipv4/conf/default/promote_secondaries": "1"},
		Files:   demoFiles(),
		Dirs:    []string{"/etc/network/interfaces.d", "/etc/netplan", "/var/lib/openvswitch", "/etc/openvswitch", "/var/lib/libvirt/images"},
		OVS:     &OVS{Version: "3.1.0", KernelModule: true},
		Bonding: true,
		Virt: &Libvirt{
			Version:  "9.0.0",
			Networks: []Network{{XML: demoDefaultNetwork, Active: true, Autostart: true}},
			Domains: []backend.Domain{
				{Name: "example1", UUID: "6e6c4e5c-3f4b-4d3a-9b62-8f4b0f1d2a31", Running: true, Persistent: true,
					NICs: []backend.DomainNIC{{MAC: "52:54:00:6b:3c:58", Type: "network", Source: "default", Target: "vnet0", Model: "virtio"}}},
				{Name: "example2", UUID: "0d2f7f0a-57a1-4c8e-a5c4-6d5c3a7be902", Persistent: true,
					NICs: []backend.DomainNIC{{MAC: "52:54:00:9e:11:a4", Type: "network", Source: "default", Model: "virtio"}}},
			},
		},
		Packages: map[string]string{
			"openvswitch-switch": "3.1.0-2+deb12u1", "openvswitch-common": "3.1.0-2+deb12u1", "libvirt-daemon-system": "9.0.0-4+deb12u2",
			"libvirt-clients": "9.0.0-4+deb12u2", "qemu-system-x86": "1:7.2+dfsg-7+deb12u12", "virtinst": "1:4.1.0-2", "ifupdown": "0.8.41",
			"iproute2": "6.1.0-3", "iputils-ping": "3:20221126-1+deb12u1", "iputils-arping": "3:20221126-1+deb12u1", "ethtool": "1:6.1-1",
		},
		Available: map[string]string{"openvswitch-switch": "3.1.0-2+deb12u1", "openvswitch-common": "3.1.0-2+deb12u1",
			"libvirt-daemon-system": "9.0.0-4+deb12u2", "libvirt-clients": "9.0.0-4+deb12u2", "qemu-system-x86": "1:7.2+dfsg-7+deb12u12",
			"virtinst": "1:4.1.0-2", "ifupdown": "0.8.41", "iputils-arping": "3:20221126-1+deb12u1", "iputils-ping": "3:20221126-1+deb12u1", "ethtool": "1:6.1-1", "lldpd": "1.0.16-1+deb12u1"},
		Units:     demoUnits(),
		Processes: demoProcesses(),
		Sockets:   []backend.Socket{{Local: netip.MustParseAddrPort("192.168.1.100:22"), Remote: netip.MustParseAddrPort("192.168.1.50:50022"), PIDs: []int{812}}},
		Shell:     831,
		Peers: []Peer{
			{Name: "gateway", MAC: "00:00:5e:00:01:01", Wire: "lan", Addrs: prefixes("192.168.1.1/24", "fe80::1/64"), Router: true},
			{Name: "client", MAC: "3c:97:0e:11:22:33", Wire: "lan", Addrs: prefixes("192.168.1.50/24")},
			{Name: "dns", MAC: "00:25:90:44:55:66", Behind: "gateway", Addrs: prefixes("9.9.9.9/32")},
		},
		Client: "client",
	}
}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func prefixes(in ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range in {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func demoNICs() []NIC {
	card := func(name, alt, mac, driver, bus, wire string, up bool) NIC {
		return NIC{Wire: wire, Link: backend.Link{Name: name, AltNames: []string{alt}, MAC: mac, Driver: driver, Bus: bus, SpeedMbps: 1000, Duplex: "full", Up: up}}
	}
	nics := []NIC{
		card("eth0", "enp2s0f0", "00:1b:21:3a:4f:10", "igb", "0000:02:00.0", "lan", true),
		card("eth1", "enp2s0f1", "00:1b:21:3a:4f:11", "igb", "0000:02:00.1", "lan", true),
		card("eth2", "enp0s25", "00:25:90:0c:7e:52", "e1000e", "0000:00:19.0", "lan", false),
		card("eth3", "enp3s0", "00:25:90:0c:7e:53", "e1000e", "0000:03:00.0", "", true),
	}
	nics[0].Addrs = []backend.Addr{{Prefix: netip.MustParsePrefix("192.168.1.100/24"), Broadcast: ip("192.168.1.255"), Scope: "global", Label: "eth0"}}
	return nics
}

func demoFiles() map[string]backend.File {
	text := func(s string) backend.File { return backend.File{Data: []byte(s), Mode: 0o644} }
	return map[string]backend.File{
		"/etc/network/interfaces":    text(demoInterfaces),
		"/run/network/ifstate":       text("lo=lo\neth0=eth0\n"),
		"/run/network/ifstate.lo":    text("lo\n"),
		"/run/network/ifstate.eth0":  text("eth0\n"),
		"/etc/hostname":              text("kvm1\n"),
		"/etc/hosts":                 text("127.0.0.1\tlocalhost\n192.168.1.100\tkvm1.example.com\tkvm1\n"),
		"/etc/resolv.conf":           text("search example.com\nnameserver 192.168.1.1\n"),
		"/etc/os-release":            text("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n"),
		"/etc/debian_version":        text("12.8\n"),
		"/proc/sys/kernel/osrelease": text("6.1.0-28-amd64\n"),
		"/proc/sys/kernel/hostname":  text("kvm1\n"),

		"/var/vm/ISO/debian-12.8.0-amd64-netinst.iso": text("CD001\n"),
	}
}

func demoUnits() []backend.Unit {
	return append(ovsUnits(), libvirtdUnit(),
		backend.Unit{Name: "networking.service", Load: "loaded", Active: "active", Enabled: "enabled",
			After: []string{"local-fs.target", "network-pre.target", ovsdbUnit, vswitchdUnit}, Before: []string{"network.target", "network-online.target", "shutdown.target"}},
		backend.Unit{Name: "ssh.service", Load: "loaded", Active: "active", Enabled: "enabled", After: []string{"network.target"}},
		backend.Unit{Name: "systemd-networkd.service", Load: "loaded", Active: "inactive", Enabled: "disabled"},
	)
}

func demoProcesses() []Process {
	proc := func(pid, ppid int, tty string, argv ...string) Process {
		return Process{Process: backend.Process{PID: pid, PPID: ppid, Args: argv, TTY: tty}}
	}
	login := []string{"USER=root", "HOME=/root", "SHELL=/bin/bash", "TERM=xterm-256color", "LANG=C.UTF-8",
		"SSH_CONNECTION=192.168.1.50 50022 192.168.1.100 22", "SSH_CLIENT=192.168.1.50 50022 22", "SSH_TTY=/dev/pts/0"}
	bash := proc(831, 812, "pts/0", "-bash")
	bash.Env = login
	return []Process{
		proc(1, 0, "", "/sbin/init"),
		proc(402, 1, "", "ovsdb-server", "/etc/openvswitch/conf.db", "--detach"),
		proc(447, 1, "", "ovs-vswitchd", "unix:/var/run/openvswitch/db.sock", "--detach"),
		proc(598, 1, "", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"),
		proc(611, 1, "tty1", "/sbin/agetty", "-o", "-p -- \\u", "--noclear", "-", "linux"),
		proc(640, 1, "", "/usr/sbin/libvirtd"),
		proc(733, 1, "", "/usr/bin/qemu-system-x86_64", "-name", "guest=example1,debug-threads=on"),
		proc(812, 598, "", "sshd: root@pts/0"),
		bash,
	}
}
