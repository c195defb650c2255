package interfaces

import (
	"slices"
	"strings"
)

// mover is one Move on its way: what it found, and what it writes.
type mover struct {
	*edit
	Move
	up         uplink
	parts      []*part             // stanzas that become the port's, in file order
	leftovers  map[string][]string // lines of the NIC's manual stanzas that go to the port, by family
	expected   map[string][]Option // the same as options
	configured bool                // the file gives the NIC an address
	assigning  *place              // a command that does
	boot       []string            // port and aliases that come up at boot
	fresh      []newStanza         // of the port
}

// newStanza is a stanza that the file does not have yet.
type newStanza struct {
	family, method string
	options        []string // new lines
	moved          []string // lines out of the file, and what they say
	extra          []Option
}

// read takes the NIC's stanzas apart.
func (v *mover) read() error {
	v.leftovers, v.expected = map[string][]string{}, map[string][]Option{}
	v.boot = []string{v.Port}
	var manual []Stanza
	for _, s := range v.c.Stanzas() {
		if !own(s.Name, v.NIC) {
			continue
		}
		switch kind := s.Family + " " + s.Method; {
		case slices.Contains([]string{"inet static", "inet dhcp", "inet6 static", "inet6 auto", "inet6 dhcp"}, kind),
			s.Method == "manual" && (s.Name != v.NIC || v.stacked()):
			if err := v.readPart(s); err != nil {
				return err
			}
		case s.Method == "manual":
			manual = append(manual, s)
			if s.Family == "inet" && v.up.manual == nil {
				v.up.manual = &s
				v.up.options = slices.Clone(s.Options)
			}
		default:
			return s.head.refuse("an address of the kind %q cannot be moved", kind)
		}
	}
	for _, s := range manual {
		if err := v.readManual(s); err != nil {
			return err
		}
	}
	for _, p := range v.parts {
		if err := v.hardware(p); err != nil {
			return err
		}
	}
	return nil
}

func (v *mover) readPart(s Stanza) error {
	alias := strings.TrimPrefix(s.Name, v.NIC)
	p := &part{Stanza: s, name: v.Port + alias, method: s.Method}
	if alias != "" {
		if err := v.checkAlias(p); err != nil {
			return err
		}
	} else if s.Method != "manual" {
		v.configured = true
	}
	for i, o := range s.Options {
		it := item{Option: o, at: place{s.head.file, s.lines[i]}}
		if v.stacked() {
			gone, err := v.ofLink(o, it.at)
			if err != nil {
				return err
			}
			if gone {
				it.drop = true
				p.items = append(p.items, it)
				continue
			}
		}
		who, err := v.owner(o, &it)
		if err != nil {
			return err
		}
		it.who = who
		if who == toPort && !slices.Contains(hooks, o.Name) && !isKnown(o.Name) {
			v.notes = append(v.notes, it.at.warn("option %s is not known; it goes with the address", o.Name))
		}
		p.items = append(p.items, it)
	}
	v.parts = append(v.parts, p)
	return v.inherited(p)
}

func (v *mover) checkAlias(p *part) error {
	if alias := strings.TrimPrefix(p.Name, v.NIC+":"); checkName("an alias", alias) != nil {
		return p.head.refuse("%s is no name for an alias", p.Name)
	}
	if len(p.name) > longestName {
		return p.head.refuse("%s would become %s, which is longer than %d characters: choose a shorter name for the port", p.Name, p.name, longestName)
	}
	for _, name := range []string{p.Name, p.name} {
		if logical, err := v.c.logical(name); err != nil {
			return err
		} else if logical.word != name {
			return logical.at.refuse("%s is brought up as %s", name, logical.word)
		}
	}
	return nil
}

// owner says who gets an option; a hook that goes to the port is changed to name it.
func (v *mover) owner(o Option, it *item) (owner, error) {
	if !slices.Contains(hooks, o.Name) {
		who, why := ownerOf(o.Name)
		if v.Bond && makesBond(o.Name) {
			return atNIC, nil
		}
		if who == never {
			return who, it.at.refuse("%s %s", v.NIC, why)
		}
		return who, nil
	}
	if v.Bond && onlyLinks(o.Value) {
		return atNIC, nil
	}
	h := inspect(o.Value, v.NIC, v.Port)
	switch {
	case h.refuse != "":
		return never, it.at.refuse("%s", h.refuse)
	case h.link:
		return atNIC, nil
	case len(h.changes) > 0:
		it.changes = h.changes
		v.notes = append(v.notes, it.at.note("this command now names %s instead of %s", v.Port, v.NIC))
	}
	if h.unclear {
		v.notes = append(v.notes, it.at.warn("this command goes with the address and still mentions %s: see whether it should be %s", v.NIC, v.Port))
	}
	if h.assigns {
		v.configured, v.assigning = true, &it.at
	}
	return toPort, nil
}

// inherited sees to the options that a part has from another stanza: they move
// with it, so none may be the NIC's alone.
func (v *mover) inherited(p *part) error {
	for _, o := range p.base {
		it := item{at: p.head}
		who, err := v.owner(o, &it)
		switch {
		case err != nil:
			return err
		case who == atNIC, o.Value == "random":
			return p.head.refuse("inherits %q, which belongs to the hardware: write it into the stanza itself", o.Name)
		case it.changes != nil:
			return p.head.refuse("inherits a command that names %s: write it into the stanza itself", v.NIC)
		}
	}
	return nil
}

// hardware takes out of a part what is the NIC's, and copies what is both's.
func (v *mover) hardware(p *part) error {
	if p.Name != v.NIC || v.stacked() {
		return nil
	}
	for _, o := range p.base {
		if who, _ := ownerOf(o.Name); who == both {
			if err := v.up.share(p.Stanza, o, p.head, v.indent(p.Stanza)); err != nil {
				return err
			}
		}
	}
	for i := range p.items {
		it := &p.items[i]
		var err error
		switch it.who {
		case both:
			err = v.up.share(p.Stanza, it.Option, it.at, v.indent(p.Stanza))
			if it.Value == "random" {
				it.drop = true
				v.notes = append(v.notes, it.at.warn("a random %s stays with %s only: %s has an address of its own", it.Name, v.NIC, v.Port))
			}
		case atNIC:
			it.drop = true
			err = v.up.add(it.Option, it.at, v.take(p.head, it.at)...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readManual looks for what concerns addresses in a stanza that stays the NIC's.
func (v *mover) readManual(s Stanza) error {
	if err := v.inheritedManual(s); err != nil {
		return err
	}
	for i, o := range s.Options {
		it := item{Option: o, at: place{s.head.file, s.lines[i]}}
		who, err := v.owner(o, &it)
		if err != nil {
			return err
		}
		if who != toPort || !slices.Contains(hooks, o.Name) && !isKnown(o.Name) {
			continue
		}
		if len(it.changes) > 0 {
			v.replace(it.at, it.raw())
		}
		v.leftovers[s.Family] = append(v.leftovers[s.Family], v.take(s.head, it.at)...)
		v.expected[s.Family] = append(v.expected[s.Family], it.now())
		if s.Family == "inet" && v.up.manual != nil && v.up.manual.head == s.head {
			n := slices.Index(v.up.options, o)
			v.up.options = slices.Delete(v.up.options, n, n+1)
		}
	}
	return nil
}

func (v *mover) inheritedManual(s Stanza) error {
	for _, o := range s.base {
		it := item{at: s.head}
		who, err := v.owner(o, &it)
		if err != nil {
			return err
		}
		if who == toPort {
			return s.head.refuse("inherits %q, which would stay with %s: write it into the stanza itself", o.Name, v.NIC)
		}
	}
	return nil
}
