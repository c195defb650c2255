package interfaces

import "strings"

// space is what isspace(3) matches in the C locale, in which ifupdown runs.
const space = " \t\n\v\f\r"

// line is one logical line: a physical line with those that continue it.
type line struct {
	raw  string // as in the file, with its line endings
	text string // as ifupdown reads it: joined, trimmed; "" where it is blank or a comment
	no   int    // number of its first physical line, from 1
}

func (l line) comment() bool { return strings.HasPrefix(strings.TrimLeft(l.raw, space), "#") }
func (l line) blank() bool   { return l.text == "" && !l.comment() }

// word returns the first word of the line and the rest after it.
func (l line) word() (string, string) { return cutWord(l.text) }

// scan splits data into logical lines, none of which is lost: the raw parts
// put together are data. A comment is never continued, and a backslash before
// a carriage return continues nothing, as in ifupdown 0.8.41.
func scan(data []byte) []line {
	var lines []line
	physical := strings.SplitAfter(string(data), "\n")
	if physical[len(physical)-1] == "" {
		physical = physical[:len(physical)-1]
	}
	for i := 0; i < len(physical); {
		first := i
		l := line{no: first + 1}
		text := strings.TrimLeft(strings.TrimSuffix(physical[i], "\n"), space)
		i++
		if !strings.HasPrefix(text, "#") {
			for strings.HasSuffix(text, `\`) {
				text = strings.TrimSuffix(text, `\`)
				if i < len(physical) {
					text += strings.TrimSuffix(physical[i], "\n")
					i++
				}
			}
			l.text = strings.TrimRight(text, space)
		}
		l.raw = strings.Join(physical[first:i], "")
		lines = append(lines, l)
	}
	return lines
}

// cutWord splits off the first word of s; the rest has no space before it.
func cutWord(s string) (word, rest string) {
	end := strings.IndexAny(s, space)
	if end < 0 {
		return s, ""
	}
	return s[:end], strings.TrimLeft(s[end:], space)
}

func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(space, r) })
}
