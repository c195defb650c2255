package interfaces

import (
	"slices"
	"strings"
)

// methods are the address families of ifupdown on Linux and their methods.
var methods = map[string][]string{
	"inet":  {"bootp", "dhcp", "ipv4ll", "loopback", "manual", "ppp", "static", "tunnel", "wvdial"},
	"inet6": {"6to4", "auto", "dhcp", "loopback", "manual", "static", "tunnel", "v4tunnel"},
	"ipx":   {"dynamic", "static"},
	"can":   {"static"},
	"meta":  {"none"},
}

// longestWord is what ifupdown's buffer for a word holds; it reads longer ones wrongly.
const longestWord = 79

// parser reads the lines of one file.
type parser struct {
	c       *Config
	file    *File
	at      place
	stanza  int // index of the iface stanza being read, or -1
	mapping bool
	script  bool // the mapping being read has its script
}

func (c *Config) read(path string, data []byte) error {
	file := &File{Path: path, original: string(data), lines: scan(string(data))}
	if i := strings.IndexByte(file.original, 0); i >= 0 {
		return &Error{File: path, Line: strings.Count(file.original[:i], "\n") + 1, Reason: "holds a NUL byte"}
	}
	c.seen[path] = true
	c.files = append(c.files, file)
	p := &parser{c: c, file: file, stanza: -1}
	for i, l := range file.lines {
		if l.text == "" {
			continue
		}
		p.at = place{file, i}
		if err := p.line(l); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) line(l line) error {
	if strings.ContainsAny(l.text[:1], space) {
		return p.at.refuse("a line that begins with a continued blank is not understood")
	}
	first, rest := cutWord(l.text)
	if len(first) > longestWord {
		return p.at.refuse("the word %.20s... is too long", first)
	}
	class, allow := strings.CutPrefix(first, "allow-")
	switch {
	case first == "mapping":
		p.stanza, p.mapping, p.script = -1, true, false
		return p.names("mapping", rest)
	case first == "source":
		p.stanza, p.mapping = -1, false
		return p.source(rest)
	case strings.HasPrefix(first, "source-dir"):
		p.stanza, p.mapping = -1, false
		return p.sourceDirectory(rest)
	case first == "iface":
		p.mapping = false
		return p.iface(rest)
	case first == "auto", first == "no-auto-down", first == "no-scripts":
		return p.class(first, rest)
	case allow && class != "":
		return p.class(class, rest)
	case first == "rename":
		p.stanza, p.mapping = -1, false
		return p.names("rename", rest)
	case p.stanza >= 0:
		return p.option(first, rest)
	case p.mapping:
		return p.mapOption(first, rest)
	}
	return p.at.refuse("%q stands outside of any stanza", first)
}

// names keeps the words of rest, each of which names an interface.
func (p *parser) names(kind, rest string) error {
	for _, word := range words(rest) {
		if len(word) > longestWord {
			return p.at.refuse("the word %.20s... is too long", word)
		}
		m := mention{word: word, kind: kind, at: p.at}
		switch kind {
		case "mapping":
			p.c.mappings = append(p.c.mappings, m)
		case "rename":
			p.c.renames = append(p.c.renames, m)
		default:
			p.c.classes = append(p.c.classes, m)
		}
	}
	return nil
}

// class reads auto, allow-*, no-auto-down and no-scripts. Without a word, in an
// iface stanza, they mean that stanza and do not end it.
func (p *parser) class(kind, rest string) error {
	if rest == "" && p.stanza >= 0 {
		s := &p.c.stanzas[p.stanza]
		p.c.classes = append(p.c.classes, mention{word: s.Name, kind: kind, bare: true, at: p.at})
		s.last = p.at.index
		return nil
	}
	p.stanza, p.mapping = -1, false
	if rest == "" {
		p.c.idle = append(p.c.idle, p.at)
	}
	return p.names(kind, rest)
}

func (p *parser) iface(rest string) error {
	w := words(rest)
	for _, word := range w {
		if len(word) > longestWord {
			return p.at.refuse("the word %.20s... is too long", word)
		}
	}
	if len(w) == 0 {
		return p.at.refuse("iface without a name")
	}
	s := Stanza{Name: w[0], File: p.file.Path, Line: p.at.line().no, head: p.at, last: p.at.index}
	w = w[1:]
	if len(w) > 0 && methods[w[0]] != nil {
		s.Family = w[0]
		w = w[1:]
		if len(w) > 0 && slices.Contains(methods[s.Family], w[0]) {
			s.Method = w[0]
			w = w[1:]
		}
	}
	inherits := len(w) > 0 && w[0] == "inherits"
	switch {
	case s.Family == "" && !inherits:
		return p.at.refuse("unknown or no address family, and nothing to inherit from")
	case s.Method == "" && !inherits:
		return p.at.refuse("unknown or no method, and nothing to inherit from")
	case inherits && len(w) == 1:
		return p.at.refuse("inherits without a name")
	case inherits:
		if err := p.inherit(&s, w[1]); err != nil {
			return err
		}
	}
	p.c.stanzas = append(p.c.stanzas, s)
	p.stanza = len(p.c.stanzas) - 1
	return nil
}

// inherit copies what the first stanza of that name, and of the family where
// one is given, holds so far.
func (p *parser) inherit(s *Stanza, from string) error {
	for _, base := range p.c.stanzas {
		if base.Name != from || s.Family != "" && s.Family != base.Family {
			continue
		}
		s.Inherits = from
		s.base, s.vars = slices.Clone(base.vars), slices.Clone(base.vars)
		if s.Family == "" {
			s.Family = base.Family
		}
		if s.Method == "" {
			s.Method = base.Method
		}
		return nil
	}
	return p.at.refuse("inherits from %s, which is not defined before it", from)
}

func (p *parser) option(name, value string) error {
	if value == "" {
		return p.at.refuse("option %s has no value", name)
	}
	s := &p.c.stanzas[p.stanza]
	s.Options = append(s.Options, Option{Name: name, Value: value, Line: p.at.line().no})
	s.lines = append(s.lines, p.at.index)
	s.last = p.at.index
	s.vars.add(Option{name, value, p.at.line().no})
	return nil
}

func (p *parser) mapOption(name, value string) error {
	switch {
	case name == "script" && p.script:
		return p.at.refuse("a second script in this mapping")
	case name == "script":
		p.script = true
	case name != "map":
		return p.at.refuse("%q does not belong into a mapping", name)
	}
	return nil
}
