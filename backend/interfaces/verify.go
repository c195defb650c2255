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
	if err := sameOthers(v.c, next, v.uplink(), v.NIC, v.Port); err != nil {
		return err
	}
	boot := false
	var port []string
	nic := v.uplink()
	for _, s := range next.Stanzas() {
		switch {
		case s.Name == nic:
			boot = boot || (s.Auto || s.Hotplug) && s.Family == "inet"
			if s.Method != "manual" {
				return fmt.Errorf("%w: %s would keep the stanza %q", errEdit, nic, s.Family+" "+s.Method)
			}
		case own(s.Name, nic), own(s.Name, v.NIC):
			return fmt.Errorf("%w: %s would keep the stanza of %s", errEdit, nic, s.Name)
		case own(s.Name, v.Port):
			if auto := slices.Contains(v.boot, s.Name); auto && !s.Auto {
				return fmt.Errorf("%w: %s would not come up at boot", errEdit, s.Name)
			}
			port = append(port, describe(s.Name, s.Family, s.Method, s.Inherits, s.Options))
		}
	}
	if !boot {
		return fmt.Errorf("%w: %s would not come up at boot", errEdit, nic)
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

// sameOthers fails where an edit changed more than the interfaces that it concerns.
func sameOthers(before, after *Config, concerned ...string) error {
	if was, is := before.others(concerned), after.others(concerned); was != is {
		return fmt.Errorf("%w: it would change more than it should:\n%s\ninstead of\n%s", errEdit, is, was)
	}
	return nil
}

// others describes all but what concerns these interfaces.
func (c *Config) others(concerned []string) string {
	ours := func(name string) bool {
		return slices.ContainsFunc(concerned, func(x string) bool { return own(name, x) })
	}
	var b strings.Builder
	for _, s := range c.Stanzas() {
		if !ours(s.Name) {
			fmt.Fprintln(&b, describe(s.Name, s.Family, s.Method, s.Inherits, s.Query()), s.Allow)
		}
	}
	for _, list := range [][]mention{c.mappings, c.classes, c.renames} {
		for _, m := range list {
			if !ours(m.word) {
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
