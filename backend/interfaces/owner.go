package interfaces

import (
	"slices"
	"strings"
)

// owner says where an option of a NIC's stanza goes when its address moves.
type owner int

const (
	toPort owner = iota // with the address
	atNIC               // with the hardware
	both                // it has to hold for either
	never               // the NIC cannot be moved with it
)

// hardware are options, or beginnings of options, that are about the NIC's
// hardware: of ethtool's scripts (interfaces(5) as ethtool extends it), and
// ifupdown's own "media" and "description".
var hardware = []string{"ethernet-", "link-", "offload-", "hardware-", "driver-", "media", "description", "txqueuelen"}

// foreign are beginnings of options that make the NIC a part of something else, and what that is.
var foreign = []struct{ prefix, what string }{
	{"ovs_", "is configured for Open vSwitch in this file"}, {"ovs-", "is configured for Open vSwitch in this file"},
	{"bridge_", "is a bridge"}, {"bridge-", "is a bridge"},
	{"bond-", "is a bond or belongs to one"}, {"bond_", "is a bond or belongs to one"}, {"slaves", "is a bond or belongs to one"}, {"team-", "belongs to a team"},
	{"vlan-", "is a VLAN interface"}, {"vlan_", "is a VLAN interface"},
	{"wpa-", "is wireless"}, {"wireless", "is wireless"}, {"hostapd", "is wireless"},
}

// known are the options that belong to an address, beside dns-*.
var known = []string{
	"address", "netmask", "broadcast", "network", "gateway", "metric", "pointopoint", "scope",
	"preferred-lifetime", "accept_ra", "autoconf", "privext", "dad-attempts", "dad-interval",
	"hostname", "leasetime", "leasehours", "vendor", "client", "dhcp", "request_prefix", "ll-attempts", "ll-interval",
}

// ownerOf says who owns an option that is no hook, and why where it is refused.
func ownerOf(name string) (owner, string) {
	for _, f := range foreign {
		if strings.HasPrefix(name, f.prefix) {
			return never, f.what + " (" + name + ")"
		}
	}
	if name == "mtu" || name == "hwaddress" {
		return both, ""
	}
	for _, h := range hardware {
		if name == h || strings.HasSuffix(h, "-") && strings.HasPrefix(name, h) {
			return atNIC, ""
		}
	}
	return toPort, ""
}

// makesBond says that an option is one of those of which ifenslave makes a bond.
func makesBond(name string) bool {
	return strings.HasPrefix(name, "bond-") || strings.HasPrefix(name, "bond_") || name == "slaves"
}

func isKnown(name string) bool {
	return slices.Contains(known, name) || strings.HasPrefix(name, "dns-")
}
