package bond

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Cause is what a finding is about: a row of the table in rows.go.
type Cause string

// Causes, in the order in which they are looked for.
const (
	PortError    Cause = "port-error"    // Open vSwitch could not open a member
	AdminDown    Cause = "admin-down"    // a member was never set up
	NoCarrier    Cause = "no-carrier"    // no member has a link
	Configured   Cause = "configured"    // a member has an address, a DHCP client or a master
	NoLACP       Cause = "no-lacp"       // nobody answers LACP
	BothPassive  Cause = "both-passive"  // nobody begins
	Stopped      Cause = "stopped"       // the partner spoke, and has stopped
	TwoPartners  Cause = "two-partners"  // members lead to different port-channels
	LeftOut      Cause = "left-out"      // some members negotiate, others hear nobody
	OneUnplugged Cause = "one-unplugged" // a member without carrier
	CabledSelf   Cause = "cabled-self"   // two members are cabled together
	TCPWithout   Cause = "tcp-without"   // balance-tcp without LACP
	Flapping     Cause = "flapping"      // a link comes and goes
	SomePeers    Cause = "some-peers"    // some machines answer, others do not
	Silent       Cause = "silent"        // all is well, and nobody answers
)

// Level is how bad a finding is.
type Level string

// A Wait may still mend itself, Degraded works, with fewer members than it has, Broken does not work.
const (
	Wait     Level = "wait"
	Degraded Level = "degraded"
	Broken   Level = "broken"
)

// Remedy is what Bridgehead itself can do about a finding during the trial.
type Remedy string

// Remedies.
const (
	FallbackOn      Remedy = "fallback"      // other_config:lacp-fallback-ab=true
	UseActiveBackup Remedy = "active-backup" // bond_mode=active-backup lacp=off
	UseActive       Remedy = "lacp-active"   // lacp=active
	DropMembers     Remedy = "drop"          // leave the finding's members out
)

// Finding is one thing that is wrong with a bond.
type Finding struct {
	Cause   Cause    `json:"cause"`
	Level   Level    `json:"level"`
	What    string   `json:"what"`    // what is seen and what it means, a sentence without its full stop
	Do      string   `json:"do"`      // what to do about it
	Remedy  Remedy   `json:"remedy"`  // the one key; "" where hands are needed
	Members []string `json:"members"` // whom it is about
}

// Key says what the remedy's key does.
func (f Finding) Key() string {
	switch f.Remedy {
	case FallbackOn:
		return "fallback on"
	case UseActiveBackup:
		return "active-backup instead"
	case UseActive:
		return "lacp=active instead"
	case DropMembers:
		return "leave out " + strings.Join(f.Members, ", ")
	}
	return ""
}

// Reach is what probes of the network say.
type Reach struct {
	Asked    int // machines that must answer
	Answered int // and those that do
}

// Diagnose says what is wrong with a bond that has run for so long, in the order of the table: the
// first finding is the one to tell. None is nothing wrong. Believed are only "attached", "enabled"
// and a probe that was answered.
func Diagnose(s State, reach Reach, running time.Duration) []Finding {
	d := diagnosis{s: s, reach: reach, early: running < Patience, fresh: running < linkTime}
	for _, row := range rows {
		row(&d)
	}
	return d.found
}

// linkTime is how long a NIC that was set up may take to find its speed and have a carrier.
const linkTime = 10 * time.Second

type diagnosis struct {
	s     State
	reach Reach
	early bool // a negotiation may still come
	fresh bool // a carrier may still come
	found []Finding
}

func (d *diagnosis) say(f Finding, members []Member) {
	f.Members = names(members)
	d.found = append(d.found, f)
}

// waits is Wait as long as that may still come, then what it is.
func (d *diagnosis) waits(l Level) Level {
	if d.early {
		return Wait
	}
	return l
}

// lights is Wait as long as a carrier may still come, then what it is.
func (d *diagnosis) lights(l Level) Level {
	if d.fresh {
		return Wait
	}
	return l
}

// level is Degraded where the bond works all the same.
func (d *diagnosis) level() Level {
	if len(d.s.Working()) > 0 {
		return Degraded
	}
	return Broken
}

// are are the members for which is holds.
func (d *diagnosis) are(is func(Member) bool) []Member {
	return slices.DeleteFunc(slices.Clone(d.s.Members), func(m Member) bool { return !is(m) })
}

func (d *diagnosis) all(list []Member) bool { return len(list) == len(d.s.Members) }

func names(list []Member) []string {
	out := make([]string, len(list))
	for i, m := range list {
		out[i] = m.Name
	}
	return out
}

func join(list []Member) string { return strings.Join(names(list), ", ") }

// place is a member as somebody finds it in the rack.
func (m Member) place() string {
	out := m.Name
	if m.MAC != "" {
		out += " (MAC " + m.MAC + ")"
	}
	if m.Cabled != "" {
		out += ", cabled to " + m.Cabled
	}
	return out
}

func places(list []Member) string {
	out := make([]string, len(list))
	for i, m := range list {
		out[i] = m.place()
	}
	return strings.Join(out, "; ")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// partners lists NIC → partner, as one tells it to the network people.
func partners(list []Member) string {
	out := make([]string, len(list))
	for i, m := range list {
		out[i] = fmt.Sprintf("%s to system %s key %d port %d", m.Name, m.Partner.System, m.Partner.Key, m.Partner.Port)
		if m.Cabled != "" {
			out[i] += " (" + m.Cabled + ")"
		}
	}
	return strings.Join(out, "; ")
}
