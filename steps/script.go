package steps

import (
	"strings"

	"bridgehead/backend/op"
	"bridgehead/backend/plan"
	"bridgehead/tui"
)

// script is the plan's commands as one would type them, for a screen of that width.
func script(pl plan.Plan, width int) []string {
	lines := []string{"What is done, as you would type it:"}
	for _, i := range pl.Items {
		n := i.Op.Describe()
		lines = append(lines, "")
		for _, l := range tui.Wrap(n.Text, width-2) {
			lines = append(lines, "# "+l)
		}
		if f, file := i.Op.(*op.WriteFile); file {
			lines = append(lines, "editor "+f.Path+"   # see the tab Changes")
			continue
		}
		for _, c := range n.Commands {
			lines = append(lines, typed(c, width)...)
		}
	}
	return lines
}

// typed breaks a command into lines of at most width columns that a shell reads as that command: at a
// "--" between commands first, else at blanks outside of quotes. A here-document stays as it is.
func typed(command string, width int) []string {
	if len(command) <= width || strings.Contains(command, "\n") {
		return strings.Split(command, "\n")
	}
	var lines []string
	line := ""
	add := func(part string) {
		switch {
		case line == "":
			line = part
		case len(line)+1+len(part)+2 <= width: // two for the " \"
			line += " " + part
		default:
			lines = append(lines, line+` \`)
			line = "    " + part
		}
	}
	for i, part := range strings.Split(command, " -- ") {
		words := blanks(part)
		if i > 0 && line != "" {
			lines = append(lines, line+` \`)
			line = "    --"
		}
		for _, w := range words {
			add(w)
		}
	}
	return append(lines, line)
}

// blanks splits at blanks outside of quotes.
func blanks(s string) []string {
	var out []string
	var quote rune
	word, escaped := "", false
	for _, r := range s {
		switch {
		case escaped:
			escaped = false
		case quote == 0 && r == '\\':
			escaped = true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		case quote == 0 && r == ' ':
			out, word = append(out, word), ""
			continue
		}
		word += string(r)
	}
	return append(out, word)
}
