package interfaces

import (
	"slices"
	"strings"
)

// space is what isspace(3) matches in the C locale, in which ifupdown runs.
const space = " \t\n\v\f\r"

// line is one logical line: a physical line with those that continue it.
type line struct {
	raw  string // as in the file, with its line endings
	text string // as ifupdown reads it: joined, trimmed; "" where it is blank or a comment
	kept []int  // where in raw each byte of text is
	no   int    // number of its first physical line, from 1
}

func (l line) comment() bool { return strings.HasPrefix(strings.TrimLeft(l.raw, space), "#") }
func (l line) blank() bool   { return l.text == "" && !l.comment() }

func (l line) indent() string {
	return l.raw[:len(l.raw)-len(strings.TrimLeft(l.raw, " \t"))]
}

// scan splits data into logical lines, none of which is lost: the raw parts
// put together are data.
func scan(data string) []line {
	var lines []line
	physical := strings.SplitAfter(data, "\n")
	if last := len(physical) - 1; physical[last] == "" {
		physical = physical[:last]
	}
	for i := 0; i < len(physical); {
		n, l := join(physical[i:])
		l.no = i + 1
		lines = append(lines, l)
		i += n
	}
	return lines
}

// join makes a logical line of the first n physical lines. A comment is never
// continued, and a backslash before a carriage return continues nothing, as in
// ifupdown 0.8.41.
func join(physical []string) (n int, l line) {
	size := 0
	var text []byte
	add := func(from int) {
		content := strings.TrimSuffix(physical[n], "\n")
		for i := from; i < len(content); i++ {
			text = append(text, content[i])
			l.kept = append(l.kept, size+i)
		}
		size += len(physical[n])
		n++
	}
	first := strings.TrimSuffix(physical[0], "\n")
	add(len(first) - len(strings.TrimLeft(first, space)))
	if len(text) > 0 && text[0] == '#' {
		return n, line{raw: physical[0]}
	}
	for len(text) > 0 && text[len(text)-1] == '\\' {
		text = text[:len(text)-1]
		l.kept = l.kept[:len(text)]
		if n < len(physical) {
			add(0)
		}
	}
	l.text = strings.TrimRight(string(text), space)
	l.kept = l.kept[:len(l.text)]
	l.raw = strings.Join(physical[:n], "")
	return n, l
}

// splice replaces text[from:to] of a line.
type splice struct {
	from, to int
	with     string
}

// splice returns the raw line with its text changed, all else as it was.
func (l line) splice(changes []splice) string {
	raw := l.raw
	for _, s := range slices.Backward(changes) {
		raw = raw[:l.kept[s.from]] + s.with + raw[l.kept[s.to-1]+1:]
	}
	return raw
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
