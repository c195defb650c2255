package plan

import (
	"strings"
	"unicode/utf8"
)

// Draw draws p with box lines: before and after beside each other where width columns suffice, else one below the other.
func (p Picture) Draw(width int) []string {
	const gap = 4
	before, after := Tree(p.Before), Tree(p.After)
	left := widest(before) + gap
	if left+widest(after) > width {
		return append(append(block("Before:", before), ""), block("After:", after)...)
	}
	var out []string
	before, after = block("Before:", before), block("After:", after)
	left += 2
	for i := range max(len(before), len(after)) {
		line := ""
		if i < len(before) {
			line = before[i]
		}
		if i < len(after) {
			line += strings.Repeat(" ", left-utf8.RuneCountInString(line)) + after[i]
		}
		out = append(out, line)
	}
	return out
}

// Text is the drawing in ASCII: for a pipe or a file, whose reader's character set is not known.
func (p Picture) Text() string { return ascii.Replace(strings.Join(p.Draw(textWidth), "\n")) + "\n" }

var ascii = strings.NewReplacer("├", "|", "┌", ",", "└", "`", "│", "|", "─", "-")

func block(title string, lines []string) []string {
	out := []string{title}
	for _, l := range lines {
		out = append(out, "  "+l)
	}
	return out
}

func widest(lines []string) int {
	w := 0
	for _, l := range lines {
		w = max(w, utf8.RuneCountInString(l))
	}
	return w
}

// Tree draws nodes, one line each: what is above first, what hangs on it below.
func Tree(nodes []Node) []string {
	var out []string
	for _, n := range nodes {
		for i, a := range n.Above {
			lead := "├─ "
			if i == 0 {
				lead = "┌─ "
			}
			out = append(out, lead+a.Text)
		}
		out = append(append(out, n.Text), branches(n.Below)...)
	}
	return out
}

func branches(nodes []Node) []string {
	var out []string
	for i, n := range nodes {
		lead, rest := "├─ ", "│  "
		if i == len(nodes)-1 {
			lead, rest = "└─ ", "   "
		}
		out = append(out, lead+n.Text)
		for _, l := range branches(n.Below) {
			out = append(out, rest+l)
		}
	}
	return out
}
