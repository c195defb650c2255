package interfaces

import (
	"slices"
	"strconv"
	"strings"
)

// uplink is the stanza that the NIC is left with.
type uplink struct {
	*edit
	nic     string
	member  bool     // of a bond of the kernel, which takes only NICs that are down, and brings them up
	manual  *Stanza  // its "inet manual" stanza, if the file has one
	options []Option // what that stanza has, and gets
	lines   []string // what it gets, as lines
	classes []string // lines to put above, which name it
}

// add gives the NIC an option that it has to keep, with the lines that say it.
func (u *uplink) add(o Option, from place, lines ...string) error {
	hook := slices.Contains(hooks, o.Name)
	for _, have := range u.options {
		if hook || have.Name != o.Name {
			continue
		}
		if have.Value != o.Value {
			return from.refuse("%s of %s is set twice, to %s and to %s", o.Name, u.nic, have.Value, o.Value)
		}
		return nil
	}
	u.options = append(u.options, o)
	u.lines = append(u.lines, lines...)
	return nil
}

// share gives the NIC what has to hold for port and NIC alike: an MTU and a
// hardware address, where ifupdown heeds them in a stanza of that kind.
func (u *uplink) share(s Stanza, o Option, from place, indent string) error {
	kind := s.Family + " " + s.Method
	heeded := kind == "inet static" || s.Method == "manual" || o.Name == "hwaddress" && kind != "inet6 auto"
	if o.Name == "mtu" && kind == "inet6 static" { // raises the link's MTU, never lowers it
		n, err := strconv.Atoi(o.Value)
		heeded = err == nil && n > 1500 && !slices.ContainsFunc(u.options, func(o Option) bool { return o.Name == "mtu" })
	}
	switch {
	case !heeded:
		return nil
	case strings.Contains(o.Value, "\n"):
		return from.refuse("%s is set more than once: %s", o.Name, strings.Join(strings.Fields(o.Value), ", "))
	}
	return u.add(o, from, indent+o.Name+" "+o.Value)
}

// raise adds the commands that bring the NIC up and down, where it has none such.
func (u *uplink) raise(indent string) {
	if u.member {
		return
	}
	for _, state := range []string{"up", "down"} {
		if !slices.ContainsFunc(u.options, func(o Option) bool { return sets(o, u.nic, state) }) {
			u.lines = append(u.lines, indent+state+" ip link set $IFACE "+state)
		}
	}
}

// sets says that a hook sets the link up, or down.
func sets(o Option, nic, state string) bool {
	if !slices.Contains(hooks, o.Name) || strings.HasSuffix(o.Name, "up") != (state == "up") {
		return false
	}
	return slices.ContainsFunc(shellCommands(o.Value), func(c shellCommand) bool {
		args := c.words()
		concerns := slices.Contains(args, nic) || slices.Contains(args, "$IFACE")
		return concerns && slices.Contains(args, state) && (c.isLink() || c.program == "ifconfig")
	})
}

// boot makes sure that the NIC comes up at boot: it stays what it is, or becomes auto.
func (u *uplink) boot() {
	for _, m := range u.c.classes {
		if names, _ := m.names(u.nic); names && (m.kind == "auto" || m.kind == "hotplug") {
			return
		}
	}
	u.classes = append(u.classes, "auto "+u.nic)
}

// stanza is the NIC's whole stanza, for where the file has none.
func (u *uplink) stanza() []string {
	return append(append(slices.Clone(u.classes), "iface "+u.nic+" inet manual"), u.lines...)
}

// extend writes what the NIC's stanza lacks into it.
func (u *uplink) extend() {
	u.ahead(u.manual.head, u.classes...)
	u.after(place{u.manual.head.file, u.manual.last}, u.lines...)
}

// read finds the stanza of a NIC that may have none but manual ones.
func (u *uplink) read() error {
	for _, s := range u.c.Stanzas() {
		if !own(s.Name, u.nic) {
			continue
		}
		if s.Method != "manual" || s.Name != u.nic {
			return s.head.refuse("%s has a stanza of its own with an address (%s %s)", s.Name, s.Family, s.Method)
		}
		for i, o := range s.Options {
			at := place{s.head.file, s.lines[i]}
			if who, why := ownerOf(o.Name); who == never {
				return at.refuse("%s %s", u.nic, why)
			}
			if h := inspect(o.Value, u.nic, u.nic); slices.Contains(hooks, o.Name) && (h.assigns || h.refuse != "") {
				return at.refuse("%s is given an address, or a master, by a command", u.nic)
			}
		}
		if s.Family == "inet" && u.manual == nil {
			u.manual = &s
			u.options = slices.Clone(s.Options)
		}
	}
	return nil
}

func uplinkOnly(c *Config, nic string, member bool) ([]Note, error) {
	if err := checkName("the NIC", nic); err != nil {
		return nil, err
	}
	notes, err := c.concerns(nic, "", "")
	if err != nil {
		return nil, err
	}
	u := &uplink{edit: &edit{c: c, lines: map[place]*lineEdit{}, notes: notes}, nic: nic, member: member}
	if err := u.read(); err != nil {
		return nil, err
	}
	u.boot()
	if u.manual != nil {
		u.raise(u.indent(*u.manual))
		u.extend()
	} else {
		u.raise(u.indent(Stanza{}))
		u.append(u.stanza())
	}
	next, err := u.result()
	if err != nil {
		return nil, err
	}
	if err := sameOthers(c, next, nic, nic); err != nil {
		return nil, err
	}
	*c = *next
	return u.notes, nil
}

// append puts stanzas at the end of the main file, each after an empty line.
func (e *edit) append(stanzas ...[]string) {
	lines := e.c.files[0].lines
	for _, s := range stanzas {
		if len(e.tail) > 0 || len(lines) > 0 && !lines[len(lines)-1].blank() {
			e.tail = append(e.tail, "")
		}
		e.tail = append(e.tail, s...)
	}
}
