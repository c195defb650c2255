package interfaces

import (
	"path"
	"slices"
	"strings"
)

// Stanza is one iface stanza: the options of one logical interface for one
// address family. An interface may have several, also of the same family.
type Stanza struct {
	Name     string // logical interface; the interface itself unless a mapping or pattern says otherwise
	Family   string // inet, inet6, ipx, can
	Method   string // static, dhcp, manual …
	Inherits string // stanza whose options come first; "" if none

	Options []Option // as written, in file order, without the inherited ones
	File    string
	Line    int

	Auto    bool     // brought up at boot: auto, allow-auto
	Hotplug bool     // brought up when the kernel announces it: allow-hotplug
	Allow   []string // all its classes: "auto", "hotplug" …

	vars  variables // as ifupdown holds them: inherited ones first, equal names joined
	base  variables // the inherited ones
	head  place
	lines []int // of the options
	last  int   // last line that belongs to the stanza
}

// Option is one option line. Value may hold newlines in what Query returns.
type Option struct {
	Name  string
	Value string
	Line  int
}

// hooks are the options that may be given several times; post-up is up, and pre-down is down.
var hooks = []string{"pre-up", "up", "post-up", "down", "pre-down", "post-down"}

// Stanzas are the iface stanzas in the order in which ifupdown reads them,
// without the loopback stanza that it adds by itself.
func (c *Config) Stanzas() []Stanza {
	all := slices.Clone(c.stanzas)
	for i := range all {
		s := &all[i]
		for _, m := range c.classes {
			names, as := m.names(s.Name)
			if (names && as == "" || as == s.Name) && !strings.HasPrefix(m.kind, "no-") && !slices.Contains(s.Allow, m.kind) {
				s.Allow = append(s.Allow, m.kind)
			}
		}
		s.Auto, s.Hotplug = slices.Contains(s.Allow, "auto"), slices.Contains(s.Allow, "hotplug")
	}
	return all
}

// Interface returns the stanzas that ifup applies to the network interface name
// at boot: those of that name, or of the logical name that an auto or allow-*
// pattern gives it. It fails with an *Error where that is left to a mapping
// script, to a rename, or to a property of the hardware.
func (c *Config) Interface(name string) ([]Stanza, error) {
	logical, err := c.logical(name)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(c.Stanzas(), func(s Stanza) bool { return s.Name != logical.word }), nil
}

// logical returns the logical name of a network interface, with the place that gives it.
func (c *Config) logical(name string) (mention, error) {
	logical := mention{}
	for _, m := range c.classes {
		if strings.HasPrefix(m.kind, "no-") {
			continue
		}
		names, as := m.names(name)
		if as == "" {
			as = name
		}
		switch {
		case as != name && !decidable(m.word):
			return m, m.at.refuse("whether %s means %s depends on the hardware", m.word, name)
		case names && logical.word != "" && logical.word != as:
			return m, m.at.refuse("%s would be brought up as %s and as %s", name, logical.word, as)
		case names:
			logical = mention{word: as, at: m.at}
		}
	}
	if logical.word == "" {
		logical.word = name
	}
	for _, m := range c.renames {
		from, to, ok := strings.Cut(m.word, "=")
		if !ok || from != to && to != name && (matches(from, name) || !decidable(from)) {
			return m, m.at.refuse("%s would be renamed by %s", name, m.word)
		}
	}
	for _, m := range c.mappings {
		if p, ok := pattern(m.word); !ok || match(p, logical.word) {
			return m, m.at.refuse("a mapping script decides what %s means", logical.word)
		}
	}
	return logical, nil
}

// names says whether the word of an auto or allow-* line names the interface,
// literally or by a pattern on its name, and the logical name it gives it.
func (m mention) names(name string) (bool, string) {
	word, logical, _ := strings.Cut(m.word, "=")
	return matches(word, name), logical
}

// matches says whether word is name or a pattern [VARIABLE]/VALUE[/OPTIONS] that
// surely matches it.
func matches(word, name string) bool {
	if !strings.Contains(word, "/") {
		return word == name
	}
	if !decidable(word) {
		return false
	}
	p, _ := pattern(word[1:])
	return match(p, name)
}

// decidable says whether a word's pattern, if it is one, looks at names only.
func decidable(word string) bool {
	word, _, _ = strings.Cut(word, "=")
	if !strings.Contains(word, "/") {
		return true
	}
	_, ok := pattern(strings.TrimPrefix(word, "/"))
	return ok && strings.HasPrefix(word, "/") && strings.Count(word, "/") == 1
}

func match(pattern, name string) bool {
	ok, _ := path.Match(pattern, name)
	return ok
}
