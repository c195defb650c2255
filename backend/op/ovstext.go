package op

import (
	"strings"

	"bridgehead/backend"
)

// What Open vSwitch's database holds, written like a file in the manner of ovs-vsctl show, so that a change of
// it reads as a diff like any other.

// record is a bridge, port or interface with what is set on it.
type record struct {
	head string // "Port eth0"
	set  []string
	in   []record
}

func (r record) text() string { return strings.Join(r.lines(""), "\n") + "\n" }

func (r record) lines(indent string) []string {
	out := []string{indent + r.head}
	for _, s := range r.set {
		out = append(out, indent+"    "+s)
	}
	for _, x := range r.in {
		out = append(out, x.lines(indent+"    ")...)
	}
	return out
}

// madeIn is the change that makes r, which path names.
func madeIn(path string, r record) []FileChange {
	return []FileChange{{Path: "Open vSwitch " + path, After: r.text(), Created: true}}
}

func (o *AddBridge) record() record {
	rows := o.rows()
	return record{head: "Bridge " + o.Bridge, set: colons(setOn(rows, "Bridge", o.Bridge)), in: []record{portRecord(rows, o.Port, o.Port)}}
}

func (o *AttachNIC) record() record { return portRecord(o.rows(), o.NIC, o.NIC) }

// portRecord is a port with what rows set on it and its interfaces.
func portRecord(rows []backend.Row, port string, interfaces ...string) record {
	r := record{head: "Port " + port, set: colons(setOn(rows, "Port", port))}
	for _, i := range interfaces {
		r.in = append(r.in, record{head: "Interface " + i, set: colons(setOn(rows, "Interface", i))})
	}
	return r
}

func (o *AddBond) record() record {
	return portRecord(o.rows(), o.Bond, o.nics()...)
}

// colons writes settings of ovs-vsctl as they stand in a record.
func colons(settings []string) []string {
	var out []string
	for _, s := range settings {
		out = append(out, strings.Replace(s, "=", ": ", 1))
	}
	return out
}

func (o *SetBondRate) record(rate string) record {
	return record{head: "Port " + o.Bond, set: []string{"other_config:lacp-time: " + rate}}
}
