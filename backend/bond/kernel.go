package bond

import (
	"fmt"
	"strings"
)

// ReadKernel takes into s what /proc/net/bonding/NAME says (bond_procfs.c). Actor and partner
// of LACP are there for root only; without them no member counts as attached.
func (s *State) ReadKernel(text string) error {
	if !strings.HasPrefix(text, "Ethernet Channel Bonding Driver") {
		return fmt.Errorf("cannot read the state of bond %s: %q is not what the bonding driver writes", s.Name, firstLine(text))
	}
	s.Kind, s.LACP = Kernel, Off
	k := kernelReader{reader: reader{s: s}}
	for raw := range strings.Lines(text) {
		l := strings.TrimSpace(raw)
		key, value, _ := strings.Cut(l, ": ")
		k.line(strings.TrimSuffix(key, ":"), strings.TrimSpace(value))
	}
	k.conclude()
	return nil
}

type kernelReader struct {
	reader
	part       string // "actor" or "partner": whose details are being read
	aggregator string // the active one
	active     string // the active member
	own        map[string]string
	actor      map[string]int // each member's own state
}

func (k *kernelReader) line(key, value string) {
	switch key {
	case "Bonding Mode":
		k.s.Mode = kernelMode(value)
		if k.s.Mode == LACP8023ad {
			k.s.LACP = Active
		}
	case "LACP active":
		if value == Off {
			k.s.LACP = Passive
		}
	case "LACP rate":
		k.s.Rate = value
	case "Currently Active Slave":
		k.active = value
	case "System MAC address":
		k.s.System = value
	case "Slave Interface":
		k.at(value)
		k.part = ""
	case "details actor lacp pdu", "details partner lacp pdu":
		k.part = strings.Fields(key)[1]
	case "Aggregator ID":
		if k.member == nil {
			k.aggregator = value
		} else {
			if k.own == nil {
				k.own = map[string]string{}
			}
			k.own[k.member.Name] = value
		}
	}
	if k.member != nil {
		k.memberLine(key, value)
	}
}

func (k *kernelReader) memberLine(key, value string) {
	m := k.member
	switch key {
	case "MII Status":
		m.Carrier = value == "up"
	case "Permanent HW addr":
		m.MAC = value
	case "Link Failure Count":
		m.Flaps = number(value)
	}
	if k.part == "actor" && key == "port state" {
		if k.actor == nil {
			k.actor = map[string]int{}
		}
		k.actor[m.Name] = number(value)
	}
	if k.part != "partner" {
		return
	}
	switch key {
	case "system mac address":
		m.Partner.System = value
	case "oper key":
		m.Partner.Key = number(value)
	case "port number":
		m.Partner.Port = number(value)
	case "port state":
		m.Partner.Synced = number(value)&synchronization != 0
	}
}

// Bits of a port's state (IEEE 802.1AX 6.4.2.3).
const (
	synchronization = 1 << 3
	defaulted       = 1 << 6 // nobody is there
	expired         = 1 << 7 // the partner's last word is too old
)

// conclude says in LACP's words what the driver says by aggregators. The driver gives a port
// without a partner an aggregator of its own, and makes one of those the active one.
func (k *kernelReader) conclude() {
	for i := range k.s.Members {
		m := &k.s.Members[i]
		m.Active = m.Name == k.active
		if k.s.Mode != LACP8023ad {
			m.Enabled = m.Carrier // one that stands by, too, as Open vSwitch has it
			continue
		}
		m.Status = "defaulted"
		switch { // a port that has just come up is expired, too, without ever having had a partner
		case m.Partner.Known() && k.actor[m.Name]&(expired|defaulted) == 0:
			m.Status = "current"
		case m.Partner.Known() && k.actor[m.Name]&expired != 0:
			m.Status = "expired"
		}
		in := k.aggregator != "" && k.own[m.Name] == k.aggregator
		m.Attached = in && m.Partner.Known()
		m.Enabled = m.Attached && m.Partner.Synced && m.Carrier
		k.s.Negotiated = k.s.Negotiated || m.Attached
	}
}

// kernelMode reads the driver's own words (bond_mode_name).
func kernelMode(s string) string {
	for word, mode := range map[string]string{"IEEE 802.3ad": LACP8023ad, "fault-tolerance (active-backup)": ActiveBackup} {
		if strings.HasPrefix(s, word) {
			return mode
		}
	}
	return s
}
