// Package bond knows bonds: which ones can work, how a running one is read, and
// what is wrong with it. It is pure: facts in, words and decisions out.
package bond

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bridgehead/backend"
)

// Kinds of bond, as the answers name them.
const (
	OVS    = "ovs-bond"
	Kernel = "kernel-bond"
)

// Modes: the first three are those of Open vSwitch (ovs-vswitchd.conf.db(5), Port,
// bond_mode), the first and the last those of the kernel that are offered (bonding.rst).
const (
	ActiveBackup = "active-backup"
	BalanceSLB   = "balance-slb"
	BalanceTCP   = "balance-tcp"
	LACP8023ad   = "802.3ad"
)

// LACP of an OVS bond. The kernel's 802.3ad is always Active.
const (
	Active  = "active"
	Passive = "passive"
	Off     = "off"
)

// Rates at which the partner is asked to send: every second, or every 30 (IEEE 802.1AX).
const (
	Fast = "fast"
	Slow = "slow"
)

// Patience is how long a negotiation may take before it has failed: spanning tree
// on the switch takes up to 50 s, and a partner at slow rate speaks every 30.
const Patience = 100 * time.Second

// Options say how NICs are to be bonded. Empty LACP is Off, or Active with
// LACP8023ad; empty Rate is Slow.
type Options struct {
	Kind     string
	Mode     string
	LACP     string
	Fallback bool // active-backup as long as nobody negotiates (other_config:lacp-fallback-ab)
	Rate     string
}

// Speaks says that the bond negotiates by LACP.
func (o Options) Speaks() bool {
	return o.Mode == LACP8023ad || o.LACP == Active || o.LACP == Passive
}

// Problem is an option that cannot work.
type Problem struct {
	Field string // mode, lacp, fallback, rate, kind; nics for the members
	Text  string
}

// Problems are the combinations that cannot work, whatever the NICs are.
func (o Options) Problems() []Problem {
	var out []Problem
	bad := func(field, format string, args ...any) {
		out = append(out, Problem{field, fmt.Sprintf(format, args...)})
	}
	modes := map[string][]string{OVS: {ActiveBackup, BalanceSLB, BalanceTCP}, Kernel: {ActiveBackup, LACP8023ad}}[o.Kind]
	switch {
	case modes == nil:
		bad("kind", "%q is no kind of bond; use %s or %s", o.Kind, OVS, Kernel)
		return out
	case !slices.Contains(modes, o.Mode):
		bad("mode", "%q is no mode of a bond of this kind; use %s", o.Mode, strings.Join(modes, ", "))
		return out
	case !slices.Contains([]string{"", Active, Passive, Off}, o.LACP):
		bad("lacp", "%q is not possible; use active, passive or off", o.LACP)
		return out
	case !slices.Contains([]string{"", Fast, Slow}, o.Rate):
		bad("rate", "%q is no rate; use slow (every 30 s) or fast (every second)", o.Rate)
	}
	switch off := o.LACP == Off || o.LACP == ""; {
	case o.Kind == Kernel:
		o.kernelProblems(bad)
		return out
	case o.Mode == BalanceTCP && off:
		bad("lacp", "balance-tcp without LACP drops everything that arrives; use lacp: active, or another mode")
	case o.Mode == BalanceSLB && !off:
		bad("mode", "balance-slb is for switches without LACP; with LACP use balance-tcp")
	}
	if !o.Speaks() && o.Fallback {
		bad("fallback", "there is nothing to fall back from: LACP is off")
	}
	if !o.Speaks() && o.Rate != "" {
		bad("rate", "the rate is LACP's, and LACP is off")
	}
	return out
}

func (o Options) kernelProblems(bad func(field, format string, args ...any)) {
	switch {
	case o.Mode == LACP8023ad && o.LACP != "" && o.LACP != Active:
		bad("lacp", "the kernel's 802.3ad always is active; leave lacp out")
	case o.Mode == ActiveBackup && o.Speaks():
		bad("lacp", "the kernel's active-backup has no LACP; use mode 802.3ad")
	case o.Mode == ActiveBackup && o.Rate != "":
		bad("rate", "the rate is LACP's, and active-backup has none")
	}
	if o.Fallback {
		bad("fallback", "a kernel bond has no fallback to active-backup; use an OVS bond")
	}
}

// MemberProblems say why these links cannot be bonded like that. Every NIC's speed
// is what it runs at now; 0 is unknown and is not compared.
func (o Options) MemberProblems(members []backend.Link) []Problem {
	var out []Problem
	bad := func(format string, args ...any) {
		out = append(out, Problem{"nics", fmt.Sprintf(format, args...)})
	}
	if len(members) < 2 {
		bad("a bond has at least two members, %d given; for one NIC use kind nic", len(members))
	}
	for i, l := range members {
		switch {
		case slices.ContainsFunc(members[:i], func(x backend.Link) bool { return x.Name == l.Name }):
			bad("%s is named twice", l.Name)
		case l.Wireless:
			bad("%s is Wi-Fi: an access point knows no bonds, and passes no frames of other MAC addresses", l.Name)
		case l.Master != "":
			bad("%s belongs to %s already; take it out of there first", l.Name, l.Master)
		case l.Loopback || l.Kind != "" && l.Kind != "veth" || l.Kind == "" && l.Virtual:
			bad("%s is no NIC", l.Name)
		}
	}
	if o.Speaks() {
		out = append(out, speeds(members)...)
	}
	if mtus := groups(members, func(l backend.Link) int { return l.MTU }); len(mtus) > 1 {
		bad("the members have different MTUs: %s; set them alike first", list(mtus, ""))
	}
	return out
}

// speeds: an aggregate holds links of one speed (IEEE 802.1AX 6.3.3).
func speeds(members []backend.Link) []Problem {
	known := slices.DeleteFunc(slices.Clone(members), func(l backend.Link) bool { return !l.Up || !l.Carrier || l.SpeedMbps == 0 })
	by := groups(known, func(l backend.Link) int { return l.SpeedMbps })
	var out []Problem
	if len(by) > 1 {
		out = append(out, Problem{"nics", "LACP bonds only links of one speed: " + list(by, " Mb/s") + "; leave the odd ones out, or use active-backup"})
	}
	for _, l := range known {
		if strings.EqualFold(l.Duplex, "half") {
			out = append(out, Problem{"nics", l.Name + " runs at half duplex, which LACP does not bond; look at cable and switch port"})
		}
	}
	return out
}

type group struct {
	value int
	names []string
}

func groups(links []backend.Link, by func(backend.Link) int) []group {
	var out []group
	for _, l := range links {
		i := slices.IndexFunc(out, func(g group) bool { return g.value == by(l) })
		if i < 0 {
			out, i = append(out, group{value: by(l)}), len(out)
		}
		out[i].names = append(out[i].names, l.Name)
	}
	return out
}

func list(by []group, unit string) string {
	var out []string
	for _, g := range by {
		out = append(out, fmt.Sprintf("%s %d%s", strings.Join(g.names, ", "), g.value, unit))
	}
	return strings.Join(out, "; ")
}
