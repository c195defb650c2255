package survey

import "slices"

// needs are the packages of the tutorial under the names of Debian 11 to 13 and
// Ubuntu 20.04 and later; older names do as well where they are installed.
var needs = []PackageNeed{
	{For: "Open vSwitch itself", AnyOf: []string{"openvswitch-switch"}, Mandatory: true},
	{For: "libvirt networks and guests", AnyOf: []string{"libvirt-daemon-system", "libvirt-bin"}},
	{For: "running guests", AnyOf: []string{"qemu-system-x86", "qemu-kvm", "qemu-system"}},
	{For: "creating guests (virt-install)", AnyOf: []string{"virtinst"}},
}

// others say who configures the network.
var others = []string{
	"ifupdown", "ifupdown2", "pve-manager", "proxmox-ve", "netplan.io", "network-manager",
	"cloud-init", "isc-dhcp-client", "dhcpcd-base", "dhcpcd5", "ifenslave", "vlan", "bridge-utils",
}

func packageNames() []string {
	names := slices.Clone(others)
	for _, n := range needs {
		names = append(names, n.AnyOf...)
	}
	return names
}

func (e *evidence) packageState() PackageState {
	s := PackageState{Installed: map[string]string{}, Missing: []string{}, Needs: []PackageNeed{}, Known: e.packagesKnown && !e.Foreign}
	if !s.Known {
		return s
	}
	for name, version := range e.packages {
		s.Installed[name] = version
	}
	for _, n := range needs {
		n.AnyOf = slices.Clone(n.AnyOf)
		for _, name := range n.AnyOf {
			if e.packages[name] != "" {
				n.Have = name
				break
			}
		}
		if n.Have == "" {
			s.Missing = append(s.Missing, n.AnyOf[0])
		}
		s.Needs = append(s.Needs, n)
	}
	return s
}
