package tui

import (
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// Clean makes text from a host fit for the screen: tabs become spaces, other
// control characters (escape sequences among them) become visible or go, so
// that no file, VM name or LLDP neighbour can write to the terminal. Line
// feeds stay.
func Clean(s string) string {
	var b strings.Builder
	column := 0
	for _, r := range s {
		switch {
		case r == '\n':
			column = 0
			b.WriteRune(r)
			continue
		case r == '\t':
			n := 8 - column%8
			b.WriteString(strings.Repeat(" ", n))
			column += n
			continue
		case r == '\r':
			continue
		case r < ' ' || r == 0x7f:
			b.WriteString("^" + string(r^0x40))
			column += 2
			continue
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar:
			r = '?'
		}
		b.WriteRune(r)
		column++
	}
	return b.String()
}

// Wrap breaks text at blanks into lines of at most width columns. A line that
// fits stays as it is; a continuation line keeps the indent of its paragraph, of
// an item ("- ") that of its text; a word wider than a line is cut.
func Wrap(text string, width int) []string {
	width = max(width, 1)
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		if ansi.StringWidth(paragraph) <= width {
			lines = append(lines, strings.TrimRight(paragraph, " "))
			continue
		}
		lines = append(lines, wrapParagraph(paragraph, width)...)
	}
	return lines
}

func wrapParagraph(paragraph string, width int) (lines []string) {
	indent := paragraph[:len(paragraph)-len(strings.TrimLeft(paragraph, " "))]
	if len(indent) >= width/2 {
		indent = ""
	}
	line, used := indent, len(indent) // used: columns
	words := strings.Fields(paragraph)
	if len(words) > 1 && words[0] == "-" && len(indent)+2 < width/2 { // of an item: the other lines hang below its text
		line, words = indent+"- ", words[1:]
		indent += "  "
		used = len(indent)
	}
	for _, word := range words {
		w := ansi.StringWidth(word)
		if used > len(indent) && used+1+w <= width {
			line, used = line+" "+word, used+1+w
			continue
		}
		if used > len(indent) {
			lines = append(lines, line)
			line, used = indent, len(indent)
		}
		for used+w > width { // wider than any line
			head := ansi.Truncate(word, width-used, "")
			if head == "" {
				head = string([]rune(word)[:1])
			}
			lines = append(lines, line+head)
			line = indent
			word = word[len(head):]
			w = ansi.StringWidth(word)
		}
		line, used = line+word, used+w
	}
	return append(lines, line)
}

// Fit cuts or pads text to exactly width columns. A cut shows as "~".
func Fit(text string, width int) string {
	if width <= 0 {
		return ""
	}
	if ansi.StringWidth(text) > width {
		text = ansi.Truncate(text, width, "~")
	}
	return text + strings.Repeat(" ", max(width-ansi.StringWidth(text), 0))
}

// Cut cuts text to at most width columns. A cut shows as "~".
func Cut(text string, width int) string {
	if width <= 0 {
		return ""
	}
	return ansi.Truncate(text, width, "~")
}

// leftRight puts left at the left edge and right at the right edge of one
// line, or of as many as it takes not to lose a word.
func leftRight(left, right string, width int) []string {
	gap := width - ansi.StringWidth(left) - ansi.StringWidth(right)
	switch {
	case right == "":
		return Wrap(left, width)
	case left == "":
		return Wrap(right, width)
	case gap >= 2:
		return []string{left + strings.Repeat(" ", gap) + right}
	}
	return append(Wrap(left, width), Wrap(right, width)...)
}

// clip keeps the first height lines.
func clip(lines []string, height int) []string {
	return lines[:min(len(lines), max(height, 0))]
}
