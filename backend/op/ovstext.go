package op

import (
	"fmt"
	"strings"
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
	port := record{head: "Port " + o.Port, in: []record{{head: "Interface " + o.Port,
		set: []string{"type: internal", fmt.Sprintf("mac: %q", o.MAC)}}}}
	if o.Tag != 0 {
		port.set = []string{fmt.Sprintf("tag: %d", o.Tag)}
	}
	if o.MTU != 0 {
		port.in[0].set = append(port.in[0].set, fmt.Sprintf("mtu_request: %d", o.MTU))
	}
	br := record{head: "Bridge " + o.Bridge, in: []record{port}}
	if o.Datapath != "" && o.Datapath != "system" {
		br.set = []string{"datapath_type: " + o.Datapath}
	}
	br.set = append(br.set, fmt.Sprintf("other_config:hwaddr: %q", o.MAC), strings.Replace(mark, "=", ": ", 1))
	return br
}

func (o *AttachNIC) record() record {
	return record{head: "Port " + o.NIC, in: []record{{head: "Interface " + o.NIC}}}
}

func (o *AddBond) record() record {
	r := record{head: "Port " + o.Bond}
	r.set = colons(o.portArgs()[3:]) // after: set Port NAME
	for _, m := range o.Members {
		r.in = append(r.in, record{head: "Interface " + m.NIC, set: colons(m.settings())})
	}
	return r
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
