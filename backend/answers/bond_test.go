package answers

import (
	"reflect"
	"strings"
	"testing"
)

// members is a bond with LACP for whose members something is set.
func members(list string) string {
	return "{name: bond0, mode: balance-tcp, lacp: active, members: [" + list + "]}"
}

// A bond that cannot work is an error at its line; one that can reads back as it was written.
func TestBond(t *testing.T) {
	const head = "version: 1\nbridge: {name: br0, port: br0p1}\naddress: {method: keep}\napply: {when: now, confirm_within: 10m}\n"
	for _, c := range []struct{ name, uplink, bond, want string }{
		{"active-backup", "{nics: [eth0, eth1], kind: ovs-bond}", "{name: bond0, mode: active-backup}", ""},
		{"LACP", "{nics: [eth0, eth1, eth2], kind: ovs-bond}", "{name: bond0, mode: balance-tcp, lacp: active, fallback: true, rate: fast}", ""},
		{"LACP off", "{nics: [eth0, eth1], kind: ovs-bond}", "{name: bond0, mode: balance-tcp, lacp: off}", "a.yaml:6: bond.lacp: balance-tcp without LACP drops everything"},
		{"one NIC", "{nics: [eth0], kind: ovs-bond}", "{name: bond0, mode: active-backup}", "a.yaml:5: uplink.nics: a bond has at least two members, 1 given"},
		{"twice the same", "{nics: [eth0, eth0], kind: ovs-bond}", "{name: bond0, mode: active-backup}", "a.yaml:5: uplink.nics[1]: eth0 is named twice"},
		{"two loose uplinks", "{nics: [eth0, eth1], kind: nic}", "", "a.yaml:5: uplink.nics: kind nic takes exactly one NIC, 2 given; two uplinks without a bond are a loop"},
		{"no section", "{nics: [eth0, eth1], kind: ovs-bond}", "", "bond: the section is missing"},
		{"a section too many", "{nics: [eth0], kind: nic}", "{name: bond0, mode: active-backup}", "a.yaml:6: bond: a bond goes with kind ovs-bond"},
		{"a name in use", "{nics: [eth0, eth1], kind: ovs-bond}", "{name: br0p1, mode: active-backup}", "a.yaml:6: bond.name: br0p1 is already the name"},
		{"a name too long", "{nics: [eth0, eth1], kind: ovs-bond}", "{name: examplebond00000, mode: active-backup}", "a.yaml:6: bond.name: \"examplebond00000\" is 16 characters long"},
		{"a kernel bond", "{nics: [eth0, eth1], kind: kernel-bond}", "{name: bond0, mode: 802.3ad, rate: fast}", ""},
		{"a kernel bond in a mode of OVS", "{nics: [eth0, eth1], kind: kernel-bond}", "{name: bond0, mode: balance-tcp}", "a.yaml:6: bond.mode: \"balance-tcp\" is no mode of a bond of this kind; use active-backup, 802.3ad"},
		{"a kernel bond with fallback", "{nics: [eth0, eth1], kind: kernel-bond}", "{name: bond0, mode: 802.3ad, fallback: true}", "a.yaml:6: bond.fallback: a kernel bond has no fallback"},
		{"a primary", "{nics: [eth0, eth1], kind: ovs-bond}", "{name: bond0, mode: active-backup, primary: eth1}", ""},
		{"a primary of the fallback", "{nics: [eth0, eth1], kind: ovs-bond}", "{name: bond0, mode: balance-tcp, lacp: active, fallback: true, primary: eth1}", ""},
		{"a primary of nothing", "{nics: [eth0, eth1], kind: ovs-bond}", "{name: bond0, mode: balance-slb, primary: eth1}", "a.yaml:6: bond.primary: a primary is the NIC in use where only one is"},
		{"a primary elsewhere", "{nics: [eth0, eth1], kind: ovs-bond}", "{name: bond0, mode: active-backup, primary: eth2}", "a.yaml:6: bond.primary: eth2 is no member; uplink.nics has eth0, eth1"},
		{"a primary of the kernel's", "{nics: [eth0, eth1], kind: kernel-bond}", "{name: bond0, mode: active-backup, primary: eth1}", "a.yaml:6: bond.primary: a primary goes with kind ovs-bond"},
		{"members", "{nics: [eth0, eth1], kind: ovs-bond}", members("{nic: eth0, port_id: 1, port_priority: 100}, {nic: eth1, port_id: 65535}"), ""},
		{"one member's priority", "{nics: [eth0, eth1], kind: ovs-bond}", members("{nic: eth1, port_priority: 1}"), ""},
		{"members without LACP", "{nics: [eth0, eth1], kind: ovs-bond}", "{name: bond0, mode: active-backup, members: [{nic: eth0, port_priority: 1}]}", "a.yaml:6: bond.members: port_id and port_priority are LACP's, and LACP is off"},
		{"members of the kernel's", "{nics: [eth0, eth1], kind: kernel-bond}", "{name: bond0, mode: 802.3ad, members: [{nic: eth0, port_priority: 1}]}", "a.yaml:6: bond.members: what is set for single members goes with kind ovs-bond"},
		{"no member", "{nics: [eth0, eth1], kind: ovs-bond}", members("{nic: eth2, port_priority: 1}"), "a.yaml:6: bond.members[0].nic: eth2 is no member; uplink.nics has eth0, eth1"},
		{"a member without a name", "{nics: [eth0, eth1], kind: ovs-bond}", members("{port_priority: 1}"), "a.yaml:6: bond.members[0].nic: the member's name is missing"},
		{"a member twice", "{nics: [eth0, eth1], kind: ovs-bond}", members("{nic: eth0, port_priority: 1}, {nic: eth0, port_priority: 2}"), "a.yaml:6: bond.members[1].nic: eth0 is there twice"},
		{"a member without anything", "{nics: [eth0, eth1], kind: ovs-bond}", members("{nic: eth0}"), "a.yaml:6: bond.members[0]: nothing is set for eth0; give port_id or port_priority"},
		{"a priority too high", "{nics: [eth0, eth1], kind: ovs-bond}", members("{nic: eth0, port_priority: 65536}"), "a.yaml:6: bond.members[0].port_priority: 65536 is out of range; use 1 to 65535"},
		{"a priority too low", "{nics: [eth0, eth1], kind: ovs-bond}", members("{nic: eth0, port_priority: -1}"), "a.yaml:6: bond.members[0].port_priority: -1 is out of range"},
		{"one id for two", "{nics: [eth0, eth1], kind: ovs-bond}", members("{nic: eth0, port_id: 7}, {nic: eth1, port_id: 7}"), "a.yaml:6: bond.members[1].port_id: 7 is the port_id of another member already"},
		{"an id for one", "{nics: [eth0, eth1], kind: ovs-bond}", members("{nic: eth0, port_id: 7}"), "a.yaml:6: bond.members: port_id is given for 1 of 2 members: give all of them one, or none"},
		{"a word for a number", "{nics: [eth0, eth1], kind: ovs-bond}", members("{nic: eth0, port_id: first}"), "a.yaml:6: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := head + "uplink: " + c.uplink + "\n"
			if c.bond != "" {
				text += "bond: " + c.bond + "\n"
			}
			a, err := Parse("a.yaml", []byte(text))
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %s", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			saved, err := Encode(a)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := Parse("saved", saved); err != nil || !reflect.DeepEqual(again.Bond, a.Bond) {
				t.Errorf("read back as %+v, %v:\n%s", again.Bond, err, saved)
			}
		})
	}
}
