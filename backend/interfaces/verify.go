package interfaces

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// errEdit is a mistake of this package, caught before it does harm.
var errEdit = errors.New("the edit does not come out as it should")

// verify reads the edited configuration again: everybody else's stanzas are as
// they were, the NIC has no address, and the port has what it was to get.
func (v *mover) verify(next *Config) error {
	if err := sameOthers(v.c, next, v.NIC, v.Port); err != nil {
		return err
	}
	boot := false
	var port []string
	for _, s := range next.Stanzas() {
		switch {
		case s.Name == v.NIC:
			boot = boot || (s.Auto || s.Hotplug) && s.Family == "inet"
			if s.Method != "manual" {
				return fmt.Errorf("%w: %s would keep the stanza %q", errEdit, v.NIC, s.Family+" "+s.Method)
			}
		case own(s.Name, v.NIC):
			return fmt.Errorf("%w: %s would keep the alias %s", errEdit, v.NIC, s.Name)
		case own(s.Name, v.Port):
			if auto := slices.Contains(v.boot, s.Name); auto && !s.Auto {
				return fmt.Errorf("%w: %s would not come up at boot", errEdit, s.Name)
			}
			port = append(port, describe(s.Name, s.Family, s.Method, s.Inherits, s.Options))
		}
	}
	if !boot {
		return fmt.Errorf("%w: %s would not come up at boot", errEdit, v.NIC)
	}
	want := v.wanted()
	slices.Sort(want)
	slices.Sort(port)
	if !slices.Equal(want, port) {
		return fmt.Errorf("%w: it would give %s\n%q instead of\n%q", errEdit, v.Port, port, want)
	}
	return nil
}

// wanted describes the port's stanzas as they should be.
func (v *mover) wanted() []string {
	var all []string
	for _, p := range v.parts {
		if !p.gone {
			all = append(all, describe(p.name, p.Family, p.method, p.Inherits, append(p.kept(), p.extra...)))
		}
	}
	for _, s := range v.fresh {
		var options []Option
		for _, o := range s.options {
			name, value := cutWord(o)
			options = append(options, Option{Name: name, Value: value})
		}
		all = append(all, describe(v.Port, s.family, s.method, "", append(options, s.extra...)))
	}
	return all
}

// sameOthers fails where an edit changed more than what concerns NIC and port.
func sameOthers(before, after *Config, nic, port string) error {
	if was, is := before.others(nic, port), after.others(nic, port); was != is {
		return fmt.Errorf("%w: it would change more than it should:\n%s\ninstead of\n%s", errEdit, is, was)
	}
	return nil
}

// others describes all that concerns neither the NIC nor the port.
func (c *Config) others(nic, port string) string {
	var b strings.Builder
	for _, s := range c.Stanzas() {
		if !own(s.Name, nic) && !own(s.Name, port) {
			fmt.Fprintln(&b, describe(s.Name, s.Family, s.Method, s.Inherits, s.Query()), s.Allow)
		}
	}
	for _, list := range [][]mention{c.mappings, c.classes, c.renames} {
		for _, m := range list {
			if !own(m.word, nic) && !own(m.word, port) {
				fmt.Fprintln(&b, m.kind, m.word)
			}
		}
	}
	return b.String()
}

func describe(name, family, method, inherits string, options []Option) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %s", name, family, method, inherits)
	for _, o := range options {
		fmt.Fprintf(&b, "\n%s %s", o.Name, o.Value)
	}
	return b.String()
}
