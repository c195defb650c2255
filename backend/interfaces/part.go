package interfaces

import (
	"slices"
	"strings"
)

// part is a stanza of the NIC that becomes one of the port.
type part struct {
	Stanza
	name   string // of the port, or of its alias
	method string
	items  []item
	moved  []string // lines that come to it from the NIC's manual stanza, and what they say
	extra  []Option
	gone   bool
}

// item is an option line of a part, and what becomes of it.
type item struct {
	Option
	at      place // its line; the stanza's head for a new one
	who     owner
	changes []splice
	text    string // what the line says instead
	drop    bool
}

// now is the option after the edit.
func (i item) now() Option {
	o := i.Option
	if i.text != "" {
		o.Name, o.Value = cutWord(i.text)
	}
	if len(i.changes) > 0 {
		o.Value = apply(o.Value, i.changes)
	}
	return o
}

// kept are the options of the part after the edit.
func (p *part) kept() []Option {
	var all []Option
	for _, i := range p.items {
		if !i.drop {
			all = append(all, i.now())
		}
	}
	return all
}

// set gives the part's option one new value, on the line of the first it has,
// or after the last of the options behind.
func (p *part) set(name, value string, behind ...string) {
	text, found, at := name+" "+value, false, 0
	for i := range p.items {
		it := &p.items[i]
		if it.Name == name {
			it.text, it.drop, found = text, found, true
		}
		if !it.drop && slices.Contains(behind, it.Name) {
			at = i + 1
		}
	}
	if !found {
		p.items = slices.Insert(p.items, at, item{Option: Option{Name: name}, at: p.head, text: text})
	}
}

// append adds a new option line.
func (p *part) append(text string) {
	name, _ := cutWord(text)
	p.items = append(p.items, item{Option: Option{Name: name}, at: p.head, text: text})
}

// says tells whether the part sets an MTU or hardware address as o does, itself or by a command.
func (p *part) says(o Option) bool {
	return slices.ContainsFunc(append(p.kept(), p.base...), func(k Option) bool {
		return k.Name == o.Name || k.Name == "pre-up" && strings.HasPrefix(k.Value, "ip link set dev $IFACE "+o.Name+" ")
	})
}

func (p *part) drop(names ...string) {
	for i := range p.items {
		if slices.Contains(names, p.items[i].Name) {
			p.items[i].drop = true
		}
	}
}

// emit writes the part: its head with the new name and method, and its options.
func (p *part) emit(e *edit) {
	indent := e.indent(p.Stanza)
	after := p.head
	for _, i := range p.items {
		switch {
		case i.at == p.head && !i.drop:
			e.after(after, indent+i.text)
			continue
		case i.at == p.head:
			continue
		case i.drop:
			e.remove(i.at)
		case i.text != "":
			e.replace(i.at, i.at.line().indent()+i.text)
		case len(i.changes) > 0:
			e.replace(i.at, i.raw())
		}
		after = i.at
	}
	if p.gone {
		e.erase(p.Stanza)
		return
	}
	e.after(place{p.head.file, p.last}, p.moved...)
	head := p.head.line()
	at := positions(head.text)
	changes := []splice{{at[1].from, at[1].to, p.name}}
	if p.method != p.Method {
		changes = append(changes, splice{at[3].from, at[3].to, p.method})
	}
	e.replace(p.head, head.splice(changes))
}

// erase removes the head of a stanza whose options are gone, and one of the
// empty lines around it.
func (e *edit) erase(s Stanza) {
	e.remove(s.head)
	f, before, next := s.head.file, s.head.index-1, s.last+1
	switch {
	case before < 0 || !f.lines[before].blank():
	case next == len(f.lines):
		e.remove(place{f, before})
	case f.lines[next].blank():
		e.remove(place{f, next})
	}
}

// raw is the line with its changes, which count from the value's beginning.
func (i item) raw() string {
	l := i.at.line()
	offset := len(l.text) - len(i.Value)
	changes := slices.Clone(i.changes)
	for n := range changes {
		changes[n].from += offset
		changes[n].to += offset
	}
	return l.splice(changes)
}

// positions returns where the words of text are.
func positions(text string) []splice {
	var all []splice
	for at := 0; at < len(text); {
		rest := strings.TrimLeft(text[at:], space)
		at = len(text) - len(rest)
		word, _ := cutWord(rest)
		if word != "" {
			all = append(all, splice{from: at, to: at + len(word), with: word})
		}
		at += len(word)
	}
	return all
}

// indent is what option lines begin with in a stanza, in its file, or anywhere.
func (e *edit) indent(s Stanza) string {
	if len(s.lines) > 0 {
		return s.head.file.lines[s.lines[0]].indent()
	}
	for _, same := range []bool{true, false} {
		for _, other := range e.c.stanzas {
			if len(other.lines) > 0 && (!same || other.head.file == s.head.file) {
				return other.head.file.lines[other.lines[0]].indent()
			}
		}
	}
	return "    "
}
