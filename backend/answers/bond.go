package answers

import (
	"slices"
	"strings"

	"bridgehead/backend/bond"
)

// Bond describes a bond of several NICs.
type Bond struct {
	Name     string `yaml:"name" json:"name"`
	Mode     string `yaml:"mode" json:"mode"`                             // active-backup, balance-slb, balance-tcp; of the kernel: active-backup, 802.3ad
	LACP     string `yaml:"lacp,omitempty" json:"lacp,omitempty"`         // active, passive, off (the default)
	Fallback bool   `yaml:"fallback,omitempty" json:"fallback,omitempty"` // active-backup as long as nobody negotiates
	Rate     string `yaml:"rate,omitempty" json:"rate,omitempty"`         // slow (the default), fast: once confirmed
	// Primary is the member in use where only one is, as long as its link works; "": the one that had the host's address.
	Primary string       `yaml:"primary,omitempty" json:"primary,omitempty"`
	Members []BondMember `yaml:"members,omitempty" json:"members,omitempty"` // what is set for single ones
}

// Bonding are the options of the bond that a asks for; its Kind is bond.Single where it asks for none.
func (a Answers) Bonding() bond.Options {
	if a.Bond == nil {
		return bond.Options{Kind: bond.Single}
	}
	b := a.Bond
	return bond.Options{Kind: a.Uplink.Kind, Mode: b.Mode, LACP: b.LACP, Fallback: b.Fallback, Rate: b.Rate}
}

// UplinkName is the uplink in words: "eth0", or "examplebond0 (eth0, eth1)".
func (a Answers) UplinkName() string {
	nics := strings.Join(a.Uplink.NICs, ", ")
	if a.Bond == nil {
		return nics
	}
	return a.Bond.Name + " (" + nics + ")"
}

// bondProblems says what is wrong with several NICs, or with the section bond.
func (a Answers) bondProblems(bad reporter) {
	if a.Uplink.Kind != KindOVSBond && a.Uplink.Kind != KindKernelBond {
		if a.Bond != nil && a.Uplink.Kind == KindNIC {
			bad("bond", "a bond goes with kind %s or %s; kind is %s", KindOVSBond, KindKernelBond, a.Uplink.Kind)
		}
		return
	}
	if len(a.Uplink.NICs) < 2 {
		bad("uplink.nics", "a bond has at least two members, %d given; for one NIC use kind nic", len(a.Uplink.NICs))
	}
	if a.Bond == nil {
		bad("bond", "the section is missing; for example bond: {name: examplebond0, mode: active-backup}")
		return
	}
	taken := append([]string{a.Bridge.Name, a.Bridge.Port}, a.Uplink.NICs...)
	if err := LinkName(a.Bond.Name); err != nil {
		bad("bond.name", "%v", err)
	} else if slices.Contains(taken, a.Bond.Name) {
		bad("bond.name", "%s is already the name of the bridge, its port or a NIC; choose another name", a.Bond.Name)
	}
	for _, p := range a.Bonding().Problems() {
		bad("bond."+p.Field, "%s", p.Text)
	}
	a.memberProblems(bad)
}
