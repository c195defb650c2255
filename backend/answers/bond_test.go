package answers

import (
	"strings"
	"testing"
)

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
			if again, err := Parse("saved", saved); err != nil || *again.Bond != *a.Bond {
				t.Errorf("read back as %+v, %v:\n%s", again.Bond, err, saved)
			}
		})
	}
}
