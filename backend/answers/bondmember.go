package answers

import (
	"fmt"
	"slices"
	"strings"
)

// BondMember is what is set for one member of an OVS bond (ovs-vswitchd.conf.db(5), Interface,
// other_config:lacp-port-id and lacp-port-priority). 0 leaves it to Open vSwitch.
type BondMember struct {
	NIC          string `yaml:"nic" json:"nic"`
	PortID       int    `yaml:"port_id,omitempty" json:"port_id,omitempty"`             // 1 to 65535, by which the switch tells ports apart
	PortPriority int    `yaml:"port_priority,omitempty" json:"port_priority,omitempty"` // 1 to 65535, the lower the sooner in the aggregate
}

const maxPort = 65535

// memberProblems says what is wrong with what is set for single members.
func (a Answers) memberProblems(bad reporter) {
	b := a.Bond
	switch one := b.Mode == "active-backup" || b.Fallback; {
	case b.Primary == "":
	case a.Uplink.Kind != KindOVSBond:
		bad("bond.primary", "a primary goes with kind %s; kind is %s", KindOVSBond, a.Uplink.Kind)
	case !one:
		bad("bond.primary", "a primary is the NIC in use where only one is: with mode active-backup, or fallback: true")
	case !slices.Contains(a.Uplink.NICs, b.Primary):
		bad("bond.primary", "%s is no member; uplink.nics has %s", b.Primary, strings.Join(a.Uplink.NICs, ", "))
	}
	switch {
	case len(b.Members) == 0:
		return
	case a.Uplink.Kind != KindOVSBond:
		bad("bond.members", "what is set for single members goes with kind %s; kind is %s", KindOVSBond, a.Uplink.Kind)
		return
	case !a.Bonding().Speaks():
		bad("bond.members", "port_id and port_priority are LACP's, and LACP is off")
		return
	}
	for i, m := range b.Members {
		a.memberProblem(m, b.Members[:i], func(field, format string, args ...any) {
			bad(fmt.Sprintf("bond.members[%d]%s", i, field), format, args...)
		})
	}
	given := slices.DeleteFunc(slices.Clone(b.Members), func(m BondMember) bool { return m.PortID == 0 })
	if len(given) > 0 && len(given) < len(a.Uplink.NICs) {
		bad("bond.members", "port_id is given for %d of %d members: give all of them one, or none, for Open vSwitch numbers the others itself and may take the same", len(given), len(a.Uplink.NICs))
	}
}

func (a Answers) memberProblem(m BondMember, before []BondMember, bad reporter) {
	same := func(is func(BondMember) bool) bool { return slices.ContainsFunc(before, is) }
	switch {
	case m.NIC == "":
		bad(".nic", "the member's name is missing")
	case !slices.Contains(a.Uplink.NICs, m.NIC):
		bad(".nic", "%s is no member; uplink.nics has %s", m.NIC, strings.Join(a.Uplink.NICs, ", "))
	case same(func(x BondMember) bool { return x.NIC == m.NIC }):
		bad(".nic", "%s is there twice", m.NIC)
	case m.PortID == 0 && m.PortPriority == 0:
		bad("", "nothing is set for %s; give port_id or port_priority", m.NIC)
	}
	for _, x := range []struct {
		name  string
		value int
	}{{"port_id", m.PortID}, {"port_priority", m.PortPriority}} {
		if x.value < 0 || x.value > maxPort {
			bad("."+x.name, "%d is out of range; use 1 to %d, or leave it out", x.value, maxPort)
		}
	}
	if m.PortID != 0 && same(func(x BondMember) bool { return x.PortID == m.PortID }) {
		bad(".port_id", "%d is the port_id of another member already; each has its own", m.PortID)
	}
}
