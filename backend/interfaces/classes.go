package interfaces

import (
	"slices"
	"strings"
)

// classes takes the NIC's aliases off the auto and allow-* lines, as they will
// come up after the port; lines without a word, in a stanza that moves, are
// written out.
func (v *mover) classes() {
	changes := map[place][]splice{}
	for _, m := range v.c.classes {
		p := v.partOf(m)
		boot := m.kind == "auto" || m.kind == "hotplug"
		if boot && p != nil && v.leaves(p.Name) && !p.gone && !slices.Contains(v.boot, p.name) {
			v.boot = append(v.boot, p.name)
		}
		switch {
		case p == nil:
			v.otherClass(m)
		case m.bare && !v.leaves(p.Name):
			v.remove(m.at)
			v.up.classes = append(v.up.classes, m.at.line().text+" "+v.NIC)
		case m.bare && (boot || p.gone):
			v.remove(m.at)
		case !m.bare:
			changes[m.at] = append(changes[m.at], takeWord(m, p, boot)...)
		}
	}
	for at, c := range changes {
		slices.SortFunc(c, func(a, b splice) int { return a.from - b.from })
		c = slices.Compact(c)
		if left := apply(at.line().text, c); len(words(left)) < 2 {
			v.remove(at)
		} else {
			v.replace(at, at.line().splice(c))
		}
	}
}

// leaves says that nothing of that name will be there any more.
func (v *mover) leaves(name string) bool { return name != v.NIC || v.stacked() }

// partOf is the stanza that a word means and that moves: an alias by its name,
// any by a line without a word.
func (v *mover) partOf(m mention) *part {
	for _, p := range v.parts {
		inside := p.head.file == m.at.file && p.head.index < m.at.index && m.at.index <= p.last
		if m.bare && inside || !m.bare && m.word == p.Name && v.leaves(p.Name) {
			return p
		}
	}
	return nil
}

func (v *mover) otherClass(m mention) {
	if names, _ := m.names(v.NIC); !names || m.kind == "auto" || m.kind == "hotplug" || strings.HasPrefix(m.kind, "no-") {
		return
	}
	v.notes = append(v.notes, m.at.warn("%s stays in the class %q, and %s is not in it", v.NIC, m.kind, v.Port))
}

// takeWord removes an alias's word from a line, or renames it.
func takeWord(m mention, p *part, boot bool) []splice {
	var changes []splice
	all := positions(m.at.line().text)
	for i := 1; i < len(all); i++ {
		switch {
		case all[i].with != m.word:
		case boot || p.gone:
			changes = append(changes, splice{all[i-1].to, all[i].to, ""})
		default:
			changes = append(changes, splice{all[i].from, all[i].to, p.name})
		}
	}
	return changes
}

// portClasses are the lines that bring the port up as the NIC was.
func (v *mover) portClasses() []string {
	lines := []string{"auto " + strings.Join(v.boot, " ")}
	for _, kind := range []string{"no-auto-down", "no-scripts"} {
		covers := func(name string) bool {
			return slices.ContainsFunc(v.c.classes, func(m mention) bool {
				p, ok := pattern(m.word)
				return ok && m.kind == kind && match(p, name)
			})
		}
		if covers(v.NIC) && !covers(v.Port) {
			lines = append(lines, kind+" "+v.Port)
		}
	}
	return lines
}
