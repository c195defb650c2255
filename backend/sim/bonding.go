package sim

import (
	"cmp"
	"fmt"
	"strings"

	"bridgehead/backend"
)

// procBond is /proc/net/bonding/NAME as Linux 6.1 writes it (bond_procfs.c), in so far as
// anybody reads it.
func (m *Machine) procBond(name string) backend.File {
	b := m.link(name)
	if b == nil || !b.bond {
		return backend.File{}
	}
	var out strings.Builder
	lacp := b.mode == "802.3ad"
	words := map[string]string{"802.3ad": "IEEE 802.3ad Dynamic link aggregation", "active-backup": "fault-tolerance (active-backup)"}
	fmt.Fprintf(&out, "Ethernet Channel Bonding Driver: v6.1.0-28-amd64\n\nBonding Mode: %s\n", cmp.Or(words[b.mode], b.mode))
	active := m.activeMember(b)
	if b.mode == "active-backup" {
		fmt.Fprintf(&out, "Primary Slave: None\nCurrently Active Slave: %s\n", nameOf(active))
	}
	fmt.Fprintf(&out, "MII Status: %s\nMII Polling Interval (ms): 100\n", map[bool]string{true: "up", false: "down"}[b.Carrier])
	if lacp {
		fmt.Fprintf(&out, "\n802.3ad info\nLACP active: on\nLACP rate: %s\nSystem MAC address: %s\nActive Aggregator Info:\n\tAggregator ID: 1\n", cmp.Or(b.rate, "slow"), b.MAC)
	}
	group := ""
	if active != nil && active.nic != nil {
		group = active.nic.PortChannel
	}
	for n, l := range m.members(b) {
		up := l.Up && l.Carrier
		fmt.Fprintf(&out, "\nSlave Interface: %s\nMII Status: %s\nLink Failure Count: 0\nPermanent HW addr: %s\n", l.Name, map[bool]string{true: "up", false: "down"}[up], cmp.Or(l.own.mac, l.MAC))
		if !lacp {
			continue
		}
		aggregator, partner, key, state, actor := n+2, "00:00:00:00:00:00", 1, 1, 69
		if up && l.nic != nil && l.nic.PortChannel != "" {
			partner, key, state, actor = madeMAC(l.nic.PortChannel), 1, 61, 61
		}
		if l == active || group != "" && up && l.nic != nil && l.nic.PortChannel == group {
			aggregator = 1
		}
		fmt.Fprintf(&out, "Aggregator ID: %d\ndetails actor lacp pdu:\n    port state: %d\ndetails partner lacp pdu:\n    system mac address: %s\n    oper key: %d\n    port number: %d\n    port state: %d\n", aggregator, actor, partner, key, n+1, state)
	}
	return backend.File{Exists: true, Data: []byte(out.String()), Mode: 0o444}
}

func nameOf(l *link) string {
	if l == nil {
		return "None"
	}
	return l.Name
}

// members are those of a bond, in their order.
func (m *Machine) members(bond *link) []*link {
	var out []*link
	for _, l := range m.links {
		if l.Master == bond.Name {
			out = append(out, l)
		}
	}
	return out
}
