package backend

import (
	"context"
	"net/netip"
	"time"
)

// Prober asks the network. Each call ends within its context's deadline.
type Prober interface {
	// ARP asks who has addr through dev (ARP for IPv4, neighbour solicitation for
	// IPv6) and returns the MAC that answers.
	ARP(ctx context.Context, dev string, addr netip.Addr) (string, error)
	// Ping sends an ICMP echo to addr, through dev unless it is "", and returns the round trip.
	Ping(ctx context.Context, dev string, addr netip.Addr) (time.Duration, error)
	// Duplicate sends an address probe (RFC 5227, RFC 4862) and returns the MAC
	// of another machine that claims addr, "" where none does.
	Duplicate(ctx context.Context, dev string, addr netip.Addr) (string, error)
	// Command runs the operator's own check with /bin/sh -c and fails with its output.
	Command(ctx context.Context, command string) error
}

// Listener hears what switches say by themselves.
type Listener interface {
	// Listen hears LLDP (IEEE 802.1AB) and LACP (IEEE 802.1AX) on the NICs until every one has
	// been heard by both, or ctx ends, which is no error: one Neighbour for each NIC, in their order.
	// It sends nothing and changes nothing but the NICs' multicast filter, for as long as it lasts.
	Listen(ctx context.Context, nics []string) ([]Neighbour, error)
}

// Neighbour is what was heard on one NIC. Silence is no proof: switches send every
// 30 s, if they send at all, and a NIC that is down hears nothing.
type Neighbour struct {
	NIC      string   `json:"nic"`
	Switch   string   `json:"switch,omitempty"`    // LLDP: the system's name, else its chassis id
	Port     string   `json:"port,omitempty"`      // LLDP: port id
	PortText string   `json:"port_text,omitempty"` // LLDP: port description
	LACP     *Partner `json:"lacp,omitempty"`      // nil: no LACPDU was heard
}

// Partner is the sender of a LACPDU.
type Partner struct {
	System string `json:"system"` // MAC
	Key    int    `json:"key"`
	Port   int    `json:"port"`
}

// Where is the switch and its port in words, "" where LLDP said nothing.
func (n Neighbour) Where() string {
	switch {
	case n.Switch == "":
		return ""
	case n.Port == "":
		return n.Switch
	}
	return n.Switch + " port " + n.Port
}
