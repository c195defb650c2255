package survey

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"bridgehead/backend"
)

// A sound host gives no reason to refuse or to warn; nobody would read warnings
// that are always there.
func TestSoundHost(t *testing.T) {
	f := survey(t, console())
	for _, x := range f.Findings {
		if x.Level != Info {
			t.Errorf("%s: %s", x.Level, x.What)
		}
	}
	complete(t, f)
	if !found(f, Info, "at the console (ttyS0)", "does not depend on the network") {
		t.Error("not said that this session is safe:", show(f))
	}
	n, _ := f.NIC("eth0")
	if !n.Usable || n.Owner != (Owner{"ifupdown", "/etc/network/interfaces", 5}) {
		t.Errorf("eth0: usable %v, owner %+v, problems %q", n.Usable, n.Owner, n.Problems)
	}
	if f.Config.Owner != "ifupdown" || !f.Boot.Known || !f.Boot.OK {
		t.Errorf("owner %s, boot order %+v", f.Config.Owner, f.Boot)
	}
}

// complete checks that each finding says what, why and what to do, each as a
// sentence that others can go on with.
func complete(t *testing.T, f Facts) {
	t.Helper()
	for _, x := range f.Findings {
		for _, s := range []string{x.What, x.Why, x.Do} {
			if s == "" || strings.HasSuffix(s, ".") || strings.Contains(s, "\n") {
				t.Errorf("%q in %+v", s, x)
			}
		}
	}
}

const (
	eth0Netplan  = "network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n"
	debianNMConf = "[main]\nplugins=ifupdown,keyfile\n\n[ifupdown]\nmanaged=false\n"
)

func (x *fake) run(unit string) {
	x.units[unit] = backend.Unit{Load: "loaded", Active: "active", Enabled: "enabled"}
}

func (x *fake) bridge(b backend.Bridge) { x.sw.Bridges = append(x.sw.Bridges, b) }

func port(name string) backend.Port {
	return backend.Port{Name: name, Interfaces: []backend.Interface{{Name: name, OfPort: 1}}}
}

// Each state of a host that the survey can see has its finding. The numbers are
// those of the hostile states that Bridgehead promises to handle.
func TestHostileStates(t *testing.T) {
	cases := []struct {
		name  string
		host  func() *fake
		make  func(*fake)
		level string
		words string // separated by |
	}{
		{"1 vswitchd dead", console, func(x *fake) { x.sw.Running, x.sw.Reason = false, "ovs-vswitchd does not answer" },
			Refuse, "does not answer|systemctl start openvswitch-switch"},
		{"3 no kernel module", console, func(x *fake) { x.sw.KernelModule = false }, Warn, "no openvswitch module|datapath: netdev"},
		{"3 no module bonding", console, func(x *fake) { delete(x.files, "/lib/modules/6.1.0-18-amd64/kernel/drivers/net/bonding/bonding.ko") },
			Info, "Bonds of the kernel are not possible here|6.1.0-18-amd64 has no module bonding|bond of Open vSwitch"},
		{"6 in a bridge", console, func(x *fake) {
			x.links = append(x.links, backend.Link{Name: "br0", Kind: "bridge", Virtual: true, Up: true})
			x.link("eth1").Master = "br0"
		}, Warn, "eth1|bridge br0|another NIC"},
		{"6 the only NIC is in a bridge", console, func(x *fake) {
			x.links = append(x.links[:2], backend.Link{Name: "br0", Kind: "bridge", Virtual: true, Up: true})
			x.link("eth0").Master = "br0"
		}, Refuse, "No NIC can be chosen"},
		{"6 the only NIC is in a bond", console, func(x *fake) {
			x.links = append(x.links[:2], backend.Link{Name: "bond0", Kind: "bond", Virtual: true, Up: true})
			x.link("eth0").Master = "bond0"
		}, Info, "eth0 belongs to bond bond0|whole|Choose bond0"},
		{"6 on Open vSwitch already", console, func(x *fake) { x.bridge(backend.Bridge{Name: "br0", Ports: []backend.Port{port("eth1")}}) },
			Info, "eth1|on Open vSwitch already|bridge br0"},
		{"7 locally administered MAC", console, func(x *fake) { x.link("eth0").MAC = "52:54:00:12:34:56" }, Info, "52:54:00:12:34:56|explicitly"},
		{"8 a port that failed", console, func(x *fake) {
			p := port("eth9")
			p.Interfaces[0].OfPort, p.Interfaces[0].Error = -1, "could not open network device eth9"
			x.bridge(backend.Bridge{Name: "br0", Ports: []backend.Port{p}})
		}, Warn, "Port eth9|could not open network device|reports success"},
		{"12 no carrier", console, func(x *fake) { x.link("eth1").Carrier = false }, Info, "eth1 has no carrier"},
		{"15 two uplinks", console, func(x *fake) {
			x.bridge(backend.Bridge{Name: "br0", Ports: []backend.Port{port("eth1"), port("eth2")}})
		}, Warn, "eth1 and eth2|loop"},
		{"16 dhclient", console, func(x *fake) {
			x.procs = append(x.procs, backend.Process{PID: 700, PPID: 1, Name: "dhclient", Args: []string{"dhclient", "-pf", "/run/dhclient.eth0.pid", "eth0"}})
		}, Info, "dhclient (process 700)|eth0|stopped"},
		{"16 dhcpcd for all NICs", console, func(x *fake) {
			x.procs = append(x.procs, backend.Process{PID: 700, PPID: 1, Name: "dhcpcd", Args: []string{"dhcpcd: [manager] [ip4] [ip6]"}})
		}, Warn, "dhcpcd (process 700)|every NIC"},
		{"17 dhcpcd and inet6 static", console, func(x *fake) {
			x.pkgs["dhcpcd-base"] = "10.1"
			x.files[interfacesFile] += "iface eth0 inet6 static\n\taddress 2001:db8::2/64\n"
		}, Warn, "dhcpcd|inet6 static"},
		{"18 networkd matches", console, func(x *fake) {
			x.run("systemd-networkd.service")
			x.files["/etc/systemd/network/20-wired.network"] = "[Match]\nName=eth*\n\n[Network]\nDHCP=yes\n"
		}, Refuse, "systemd-networkd|/etc/systemd/network/20-wired.network:2|Narrow Name="},
		{"18 networkd is off", console, func(x *fake) {
			x.units["systemd-networkd.service"] = backend.Unit{Load: "loaded", Active: "inactive", Enabled: "disabled"}
			x.files["/etc/systemd/network/20-wired.network"] = "[Match]\nName=eth*\n"
		}, Info, "would configure eth0|off"},
		{"19 NetworkManager has the NIC", console, func(x *fake) {
			x.run("NetworkManager.service")
			x.files["/etc/NetworkManager/NetworkManager.conf"] = "[main]\nplugins=ifupdown,keyfile\n[ifupdown]\nmanaged=true\n"
		}, Refuse, "NetworkManager|managed=false"},
		{"19 NetworkManager has another NIC", console, func(x *fake) {
			x.run("NetworkManager.service")
			x.files["/etc/NetworkManager/NetworkManager.conf"] = debianNMConf
		}, Warn, "NetworkManager has eth1, eth2 and eth3"},
		{"19 NetworkManager is off", console, func(x *fake) {
			x.pkgs["network-manager"] = "1.42"
			x.units["NetworkManager.service"] = backend.Unit{Load: "loaded", Active: "inactive", Enabled: "disabled"}
			x.files["/etc/NetworkManager/system-connections/wired.nmconnection"] = "[connection]\ninterface-name=eth0\n"
		}, Info, "NetworkManager is installed, but is not used"},
		{"20 Proxmox", console, func(x *fake) { x.files["/etc/pve/storage.cfg"] = "" }, Refuse, "Proxmox VE|database at boot"},
		{"20 ifupdown2", console, func(x *fake) { x.pkgs["ifupdown2"] = "3.2" }, Refuse, "ifupdown2|deletes bridge ports"},
		{"20 what ifupdown2 left behind, and no ifupdown", console, func(x *fake) {
			x.files["/etc/network/ifupdown2/ifupdown2.conf"] = ""
			delete(x.pkgs, "ifupdown")
		}, Refuse, "ifupdown2"},
		{"21 netplan", console, func(x *fake) {
			x.files["/etc/netplan/50-cloud-init.yaml"] = eth0Netplan
			x.files[interfacesFile] = loStanza
		}, Refuse, "netplan|/etc/netplan/50-cloud-init.yaml:4 defines eth0|would be wrong"},
		{"21 netplan and a stanza", console, func(x *fake) { x.files["/etc/netplan/x.yaml"] = eth0Netplan },
			Refuse, "eth0 is configured twice|/etc/netplan/x.yaml:4|/etc/network/interfaces:5"},
		{"21 netplan without a NIC", console, func(x *fake) {
			x.files["/etc/netplan/x.yaml"] = "network:\n  version: 2\n  renderer: networkd\n  ethernets:\n    lo: {addresses: [10.0.0.1/32]}\n"
		}, Info, "define no NIC"},
		{"21 netplan that is not YAML", console, func(x *fake) { x.files["/etc/netplan/x.yaml"] = "network: [\n" }, Refuse, "/etc/netplan/x.yaml|not understood"},
		{"21 netplan that may not be read", console, func(x *fake) {
			x.files["/etc/netplan/x.yaml"], x.denied = "", map[string]bool{"/etc/netplan/x.yaml": true}
		}, Refuse, "/etc/netplan/x.yaml|permission denied"},
		{"22 sourced and twice", console, func(x *fake) {
			x.files[interfacesFile] = loStanza + "source /etc/network/interfaces.d/*\n"
			x.files["/etc/network/interfaces.d/eth0"] = "allow-hotplug eth0\n" + strings.TrimPrefix(eth0Stanza, "auto eth0\n") + "iface eth0 inet static\n\taddress 10.0.0.2/8\n"
		}, Info, "/etc/network/interfaces.d/eth0:2 (inet static) and /etc/network/interfaces.d/eth0:5"},
		{"22 not understood", console, func(x *fake) { x.files[interfacesFile] += "\taddress\n" }, Refuse, "not understood|/etc/network/interfaces:8"},
		{"22 a mapping", console, func(x *fake) {
			x.files[interfacesFile] = loStanza + "auto eth0\nmapping eth0\n\tscript /bin/true\niface home inet dhcp\n"
		}, Refuse, "What configures eth0 is not clear"},
		{"23 cloud-init", console, func(x *fake) { x.files["/etc/cloud/cloud.cfg"] = "users: [default]\n" }, Warn, "cloud-init|config: disabled"},
		{"24 SSH through a VPN", overSSH, func(x *fake) {
			x.links = append(x.links, backend.Link{Name: "wg0", Kind: "wireguard", Virtual: true, Up: true, Addrs: addrs("10.9.0.1/24")})
			x.routes = append(x.routes, route("10.9.0.0/24", "", "wg0"))
			x.env[602] = []string{"SSH_CONNECTION=10.9.0.2 4000 10.9.0.1 22"}
			x.sockets = nil
			x.connect("10.9.0.1:22", "10.9.0.2:4000", 600, 601)
		}, Warn, "is not known|wg0|wireguard"},
		{"25 sudo", overSSH, nil, Warn, "This session (SSH from 192.168.1.50) goes through eth0"},
		{"26 link-local", overSSH, func(x *fake) {
			x.link("eth0").Addrs = append(x.link("eth0").Addrs, addrs("fe80::1/64")...)
			x.env[602] = []string{"SSH_CONNECTION=fe80::50%eth0 4000 fe80::1%eth0 22"}
			x.sockets = nil
			x.connect("[fe80::1]:22", "[fe80::50]:4000", 600)
		}, Warn, "link-local address fe80::50|ends when the address moves"},
		{"27 /32 and on-link gateway", console, func(x *fake) {
			x.link("eth0").Addrs = addrs("203.0.113.5/32")
			x.routes = []backend.Route{route("192.168.1.1/32", "", "eth0"), route("0.0.0.0/0", "192.168.1.1", "eth0")}
		}, Info, "eth0|gateway outside its own network|in that order"},
		{"28 several addresses", console, func(x *fake) { x.link("eth0").Addrs = addrs("192.168.1.100/24", "192.168.1.101/24", "2001:db8::2/64") },
			Info, "192.168.1.100/24, 192.168.1.101/24 and 2001:db8::2/64"},
		{"28 policy routes", console, func(x *fake) {
			x.rules = []backend.Rule{{Priority: 100, Src: netip.MustParsePrefix("10.0.0.0/8"), Table: 100}}
		}, Info, "1 policy routing rule"},
		{"29 management VLAN", console, managed, Info, "eth0.10 carries VLAN 10 of eth0|tag=10|moves from eth0.10 to the port"},
		{"29 and the NIC has an address, too", console, func(x *fake) {
			managed(x)
			x.link("eth0").Addrs = addrs("192.168.1.100/24")
		}, Warn, "eth0.10 carries VLAN 10 of eth0, and its address cannot be moved|eth0 has an address of its own"},
		{"29 made by hand", console, func(x *fake) { managed(x); x.files[interfacesFile] = loStanza }, Warn, "eth0.10|no stanza"},
		{"29 with priorities", console, func(x *fake) { managed(x); x.link("eth0.10").VLANOptions = "egress-qos-map 0:5" }, Warn, "eth0.10|egress-qos-map 0:5"},
		{"29 with another VLAN on it", console, func(x *fake) {
			managed(x)
			x.links = append(x.links, backend.Link{Name: "inner", Kind: "vlan", Parent: "eth0.10", VLAN: 7, Virtual: true})
		}, Warn, "eth0.10|inner sits on it"},
		{"29 in a Linux bridge", console, func(x *fake) {
			managed(x)
			x.links = append(x.links, backend.Link{Name: "br10", Kind: "bridge"})
			x.link("eth0.10").Master = "br10"
		}, Warn, "eth0.10|it is a port of bridge br10"},
		{"30 MTU 9000", console, func(x *fake) { x.link("eth0").MTU = 9000 }, Info, "MTU of 9000|kept"},
		{"31 an unfinished change", console, func(x *fake) { x.files["/var/lib/bridgehead/current/journal.jsonl"] = "{}\n" },
			Info, "earlier change is not finished|bridgehead status"},
		{"35 disk full", console, func(x *fake) { x.room = errors.New("no space left on device") }, Refuse, "no room|no space left"},
		{"36 a firewall rule", console, func(x *fake) {
			x.files["/etc/nftables.conf"] = "# eth0\ntable inet f {\n  iifname \"eth0\" accept\n  iifname \"eth0.7\" drop\n}\n"
		}, Warn, "1 firewall rule names a NIC|/etc/nftables.conf:3: iifname \"eth0\" accept|Only files were read"},
		{"37 guests on default", console, func(x *fake) { x.virt.Domains[0].Running = true }, Info, "network default: example2|left alone"},
		{"a VM whose emulator is gone", console, func(x *fake) { x.virt.Domains[0].Name = "old" }, Warn, "Cannot be started as defined: VM old|its emulator is gone"},
		{"38 libvirt does not answer", console, func(x *fake) {
			x.virt = backend.VirtState{Reason: "no answer on /run/libvirt/libvirt-sock within 3s"}
		}, Warn, "libvirt cannot be reached|libvirt-sock"},
		{"39 a pending timer", console, func(x *fake) { x.armed = true }, Refuse, "A trial is running|bridgehead confirm"},

		{"networking is off", console, func(x *fake) {
			x.units["networking.service"] = backend.Unit{Load: "loaded", Active: "inactive", Enabled: "disabled", After: []string{"ovs-vswitchd.service"}}
		}, Warn, "networking.service is disabled"},
		{"not at boot", console, func(x *fake) {
			x.files[interfacesFile] = loStanza + strings.TrimPrefix(eth0Stanza, "auto eth0\n")
		}, Warn, "eth0 is not brought up at boot|auto eth0"},
		{"boot order", console, func(x *fake) {
			u := x.units["ovs-vswitchd.service"]
			u.Before = nil
			x.units["ovs-vswitchd.service"] = u
		}, Refuse, "starts after the network|Before=networking.service"},
		{"no systemd", console, func(x *fake) { x.manager = "sysvinit" }, Warn, "systemd does not run|no power cut"},
		{"boot order of scripts", console, func(x *fake) {
			x.manager = "sysvinit"
			x.files["/etc/rcS.d/S12networking"], x.files["/etc/rc2.d/S01openvswitch-switch"] = "", ""
		}, Refuse, "starts after the network|/etc/insserv/overrides"},
		{"fail_mode secure", console, func(x *fake) { x.bridge(backend.Bridge{Name: "br0", FailMode: "secure"}) }, Warn, "fail_mode=secure|passes nothing"},
		{"NFS mount", console, func(x *fake) {
			x.files["/proc/mounts"] = "192.168.1.9:/srv /srv nfs4 rw,addr=192.168.1.9 0 0\n"
		}, Warn, "NFS4 mount /srv of 192.168.1.9:/srv (eth0)"},
		{"root on NFS", console, func(x *fake) { x.files["/proc/mounts"] = "192.168.1.9:/root / nfs rw 0 0\n" }, Refuse, "/ is on the network"},
		{"iSCSI", console, func(x *fake) { x.connect("192.168.1.100:40000", "192.168.1.9:3260") }, Warn, "iSCSI connection to 192.168.1.9 (eth0)"},
		{"other sessions", console, func(x *fake) {
			x.procs = append(x.procs, backend.Process{PID: 900, PPID: 400, Name: "sshd-session"})
			x.connect("192.168.1.100:22", "192.168.1.60:4000", 900)
			x.connect("192.168.1.100:22", "192.168.1.61:4000", 900)
		}, Warn, "2 SSH sessions of others through eth0"},
		{"macvtap on the NIC", console, func(x *fake) {
			x.links = append(x.links[:2], backend.Link{Name: "macvtap0", Kind: "macvtap", Parent: "eth0"})
		}, Refuse, "No NIC can be chosen"},
		{"nothing configures the network", console, func(x *fake) { delete(x.files, interfacesFile) }, Refuse, "No program configures the network"},
		{"set by hand", console, func(x *fake) { x.files[interfacesFile] = loStanza }, Warn, "eth0 has addresses that no file explains"},
		{"Open vSwitch in interfaces", console, func(x *fake) {
			x.files[interfacesFile] += "allow-ovs br9\niface br9 inet manual\n\tovs_type OVSBridge\n"
		}, Warn, "br9 has Open vSwitch options|every guest's port"},
		{"another release", console, func(x *fake) { x.files["/etc/os-release"] = "PRETTY_NAME=Devuan\nID=devuan\nVERSION_ID=5\n" }, Info, "not tested: Devuan"},
		{"packages missing", console, func(x *fake) { x.pkgs, x.sw = map[string]string{"ifupdown": "0.8"}, backend.SwitchState{} },
			Info, "openvswitch-switch is not installed|nothing can be done without it"},
		{"two default routes", console, func(x *fake) { x.routes = append(x.routes, route("0.0.0.0/0", "10.0.0.1", "eth1")) }, Warn, "eth0 and eth1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			x := c.host()
			if c.make != nil {
				c.make(x)
			}
			f := survey(t, x)
			if !found(f, c.level, strings.Split(c.words, "|")...) {
				t.Errorf("no finding %q with %q; there are%s", c.level, c.words, show(f))
			}
			complete(t, f)
			if c.level != Refuse && len(f.Refused()) > 0 {
				t.Errorf("refused: %+v", f.Refused())
			}
		})
	}
}

// What looks like trouble and is none is not reported.
func TestNoFalseAlarm(t *testing.T) {
	cases := []struct {
		name string
		make func(*fake)
		not  string // in no finding
	}{
		{"two uplinks with RSTP", func(x *fake) {
			x.bridge(backend.Bridge{Name: "br0", RSTP: true, Ports: []backend.Port{port("eth1"), port("eth2")}})
		}, "loop"},
		{"cloud-init that is off", func(x *fake) {
			x.files["/etc/cloud/cloud.cfg"] = "users: [default]\n"
			x.files["/etc/cloud/cloud.cfg.d/99-disable-network-config.cfg"] = "network:\n  config: disabled\n"
		}, "cloud-init"},
		{"cloud-init that is off, on one line", func(x *fake) {
			x.pkgs["cloud-init"] = "22"
			x.files["/etc/cloud/cloud.cfg.d/99.cfg"] = "network: {config: disabled}\n"
		}, "cloud-init"},
		{"what ifupdown2 left behind", func(x *fake) { x.files["/etc/network/ifupdown2/ifupdown2.conf"] = "" }, "ifupdown2"},
		{"a connection within this host", func(x *fake) { x.connect("127.0.0.1:4000", "127.0.0.1:2049") }, "NFS"},
		{"a gateway on a link-local address", func(x *fake) {
			x.link("eth0").Addrs = append(x.link("eth0").Addrs, addrs("2001:db8::2/64", "fe80::2/64")...)
			x.routes = append(x.routes, route("::/0", "fe80::1", "eth0"))
		}, "gateway outside"},
		{"controller and fail_mode secure", func(x *fake) { x.bridge(backend.Bridge{Name: "br0", FailMode: "secure", Controllers: 1}) }, "fail_mode"},
		{"vendor's files of networkd", func(x *fake) {
			x.run("systemd-networkd.service")
			x.files["/usr/lib/systemd/network/80-container-host0.network"] = "[Match]\nKind=veth\nName=host0\n"
			x.files["/usr/lib/systemd/network/80-wifi-adhoc.network"] = "[Match]\nType=wlan\nWLANInterfaceType=ad-hoc\n"
		}, "networkd"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			x := console()
			c.make(x)
			f := survey(t, x)
			if strings.Contains(show(f), c.not) {
				t.Errorf("%q in%s", c.not, show(f))
			}
		})
	}
}

// managed has the host's address on a VLAN link.
func managed(x *fake) {
	x.link("eth0").Addrs = nil
	x.links = append(x.links, backend.Link{Name: "eth0.10", Kind: "vlan", Parent: "eth0", VLAN: 10, Virtual: true, Up: true, Carrier: true, Addrs: addrs("10.0.10.2/24")})
	x.files[interfacesFile] = loStanza + "\nauto eth0.10\niface eth0.10 inet static\n\taddress 10.0.10.2/24\n"
}
