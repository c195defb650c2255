package survey

import (
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend"
)

// unitNames are the units that the survey asks for.
var unitNames = []string{
	"openvswitch-switch.service", "ovsdb-server.service", "ovs-vswitchd.service",
	"networking.service", "network-pre.target",
	"NetworkManager.service", "systemd-networkd.service",
}

// bootOrder says whether ovs-vswitchd starts before the network is configured on
// this host. If it did not, ifup would not find the bridge port. It is read from
// the units themselves: the answer differs between releases and back-ports.
func (e *evidence) bootOrder() BootOrder {
	switch {
	case e.Foreign:
		return BootOrder{Reason: "another root is looked at: its units cannot be asked"}
	case e.manager == "sysvinit":
		return e.scriptOrder()
	case e.manager != "systemd":
		return BootOrder{Reason: "systemd does not run here"}
	case e.packagesKnown && !e.has("openvswitch-switch") && e.units["ovs-vswitchd.service"].Load == "":
		return BootOrder{Reason: "Open vSwitch is not installed yet"}
	}
	const network = "networking.service"
	if e.units[network].Load == "" {
		return BootOrder{Reason: network + " does not exist"}
	}
	for _, name := range []string{"ovs-vswitchd.service", "openvswitch-switch.service"} {
		if e.units[name].Load == "" {
			continue
		}
		if e.before(name, network) {
			return BootOrder{OK: true, Known: true, Reason: fmt.Sprintf("%s is ordered before %s", name, network)}
		}
		return BootOrder{Known: true, Reason: fmt.Sprintf("%s is not ordered before %s", name, network)}
	}
	return BootOrder{Reason: "ovs-vswitchd.service does not exist"}
}

// scriptOrder is the order of the scripts of sysvinit: all of runlevel S before any other, by the names of their links.
func (e *evidence) scriptOrder() BootOrder {
	link := func(name string) string {
		for path := range e.files.names {
			if base, ok := strings.CutPrefix(path, "/etc/rcS.d/"); ok && strings.HasPrefix(base, "S") && base[min(3, len(base)):] == name {
				return base
			}
		}
		return ""
	}
	const network, ovs = "networking", "openvswitch-switch"
	switch n, o := link(network), link(ovs); {
	case e.packagesKnown && !e.has("openvswitch-switch"):
		return BootOrder{Reason: "Open vSwitch is not installed yet"}
	case n == "":
		return BootOrder{Reason: "no script of /etc/rcS.d starts the network"}
	case o != "" && o < n:
		return BootOrder{OK: true, Known: true, Reason: o + " comes before " + n + " in /etc/rcS.d"}
	}
	return BootOrder{Known: true, Reason: "no script of /etc/rcS.d starts openvswitch-switch before networking"}
}

// before says whether unit a is ordered before b, directly or over other units
// that were asked for (systemd.unit(5), Before= and After=).
func (e *evidence) before(a, b string) bool {
	seen := map[string]bool{}
	var reach func(name string) bool
	reach = func(name string) bool {
		if seen[name] {
			return false
		}
		seen[name] = true
		if follows(e.units, name, b) {
			return true
		}
		for _, next := range unitNames {
			if follows(e.units, name, next) && reach(next) {
				return true
			}
		}
		return false
	}
	return reach(a)
}

func follows(units map[string]backend.Unit, first, then string) bool {
	return slices.Contains(units[first].Before, then) || slices.Contains(units[then].After, first)
}
