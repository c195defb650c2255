package interfaces

import (
	"slices"
	"strconv"
	"strings"
)

// write turns what was decided into changes of lines.
func (v *mover) write() {
	v.up.boot()
	v.classes()
	alive := slices.DeleteFunc(slices.Clone(v.parts), func(p *part) bool { return p.gone })
	v.leave(alive)
	v.share(alive)
	indent := v.indent(v.style(alive))
	v.up.raise(indent)
	for _, p := range v.parts {
		p.emit(v.edit)
	}
	port := v.portClasses()
	var stanzas [][]string
	for _, s := range v.fresh {
		stanzas = append(stanzas, s.lines(v.Port, indent))
	}
	main := slices.ContainsFunc(alive, func(p *part) bool { return p.Name == v.NIC })
	switch {
	case v.up.manual != nil:
		v.up.extend()
	case len(alive) > 0:
		v.ahead(alive[0].head, append(v.up.stanza(), "")...)
	default:
		v.append(v.up.stanza())
	}
	switch {
	case main:
		if v.up.manual != nil && v.up.manual.head.file == alive[0].head.file && v.up.manual.last == alive[0].head.index-1 {
			port = append([]string{""}, port...)
		}
		v.ahead(alive[0].head, port...)
		v.insert(alive[len(alive)-1].Stanza, stanzas...)
	case len(alive) > 0: // only aliases
		stanzas[0] = append(port, stanzas[0]...)
		for _, s := range stanzas {
			v.ahead(alive[0].head, append(s, "")...)
		}
	case v.up.manual != nil:
		stanzas[0] = append(port, stanzas[0]...)
		v.insert(*v.up.manual, stanzas...)
	default:
		stanzas[0] = append(port, stanzas[0]...)
		v.append(stanzas...)
	}
}

// style is the stanza whose indentation new lines take.
func (v *mover) style(alive []*part) Stanza {
	switch {
	case v.up.manual != nil && len(v.up.manual.lines) > 0:
		return *v.up.manual
	case len(alive) > 0:
		return alive[0].Stanza
	}
	return Stanza{}
}

// lines is the stanza as it is written.
func (s newStanza) lines(name, indent string) []string {
	all := []string{"iface " + name + " " + s.family + " " + s.method}
	for _, o := range s.options {
		all = append(all, indent+o)
	}
	return append(all, s.moved...)
}

// leave finds a stanza of the port for what comes out of the NIC's manual
// stanzas, and sees to it that the port has a stanza at all.
func (v *mover) leave(alive []*part) {
	for _, f := range []string{"inet", "inet6"} {
		if len(v.leftovers[f]) == 0 {
			continue
		}
		fits := func(p *part) bool { return p.Name == v.NIC && p.Family == f }
		if i := slices.IndexFunc(alive, fits); i >= 0 {
			alive[i].moved, alive[i].extra = v.leftovers[f], v.expected[f]
			continue
		}
		i := slices.IndexFunc(v.fresh, func(s newStanza) bool { return s.family == f })
		if i < 0 {
			v.fresh = append(v.fresh, newStanza{family: f, method: "manual"})
			i = len(v.fresh) - 1
		}
		v.fresh[i].moved, v.fresh[i].extra = v.leftovers[f], v.expected[f]
	}
	if len(v.fresh) == 0 && !slices.ContainsFunc(alive, func(p *part) bool { return p.Name == v.NIC }) {
		v.fresh = []newStanza{{family: "inet", method: "manual"}}
	}
}

// share gives the port the MTU and hardware address that the NIC's own stanza
// sets, be it by a command.
func (v *mover) share(alive []*part) {
	for _, o := range v.up.options {
		if mtu := commandMTU(o); mtu != "" {
			o = Option{Name: "mtu", Value: mtu}
		}
		if o.Name != "mtu" && o.Name != "hwaddress" || o.Value == "random" {
			continue
		}
		text := o.Name + " " + o.Value
		i := slices.IndexFunc(alive, func(p *part) bool { return p.Name == v.NIC })
		switch {
		case i < 0:
			if !slices.Contains(v.fresh[0].options, text) {
				v.fresh[0].options = append(v.fresh[0].options, heeded(v.fresh[0].method, text))
			}
		case !slices.ContainsFunc(alive, func(p *part) bool { return p.says(o) }):
			alive[i].append(heeded(alive[i].method, text))
		}
	}
}

// commandMTU is the MTU that a hook sets when the link comes up, "" if none.
func commandMTU(o Option) string {
	if !slices.Contains(hooks, o.Name) || !strings.HasSuffix(o.Name, "up") {
		return ""
	}
	for _, c := range shellCommands(o.Value) {
		args := c.words()
		if i := slices.Index(args, "mtu"); i >= 0 && i+1 < len(args) && (c.isLink() || c.program == "ifconfig") {
			if _, err := strconv.Atoi(args[i+1]); err == nil {
				return args[i+1]
			}
		}
	}
	return ""
}

// heeded is an mtu or hwaddress line for a stanza of that method.
func heeded(method, text string) string {
	name, value := cutWord(text)
	switch {
	case method == "static", method == "manual", method == "dhcp" && name == "hwaddress":
		return text
	case name == "hwaddress":
		return "pre-up ip link set dev $IFACE address " + value
	}
	return "pre-up ip link set dev $IFACE mtu " + value
}

// insert puts stanzas after another one, with an empty line between.
func (v *mover) insert(s Stanza, stanzas ...[]string) {
	last := place{s.head.file, s.last}
	for _, lines := range stanzas {
		v.after(last, append([]string{""}, lines...)...)
	}
	if next := s.last + 1; len(stanzas) > 0 && next < len(s.head.file.lines) && !s.head.file.lines[next].blank() {
		v.after(last, "")
	}
}
