package interfaces

import (
	"path"
	"slices"
	"strings"
)

// token is a word of a shell command line, unquoted, or an operator.
type shellWord struct {
	text     string
	from, to int // in the command line
	operator bool
}

// shellWords splits a command line as far as is needed to see which programs
// it calls with which words. It expands nothing.
func shellWords(line string) []shellWord {
	var all []shellWord
	var text strings.Builder
	start := -1
	end := func(i int) {
		if start >= 0 {
			all = append(all, shellWord{text: text.String(), from: start, to: i})
		}
		start = -1
		text.Reset()
	}
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case strings.IndexByte(space, c) >= 0:
			end(i)
			continue
		case strings.IndexByte(";&|()<>`", c) >= 0:
			end(i)
			all = append(all, shellWord{text: string(c), from: i, to: i + 1, operator: true})
			continue
		}
		if start < 0 {
			start = i
		}
		switch {
		case c == '\\' && i+1 < len(line):
			i++
			text.WriteByte(line[i])
		case c == '\'' || c == '"':
			close := strings.IndexByte(line[i+1:], c)
			if close < 0 {
				close = len(line) - i - 1
			}
			text.WriteString(line[i+1 : i+1+close])
			i = min(i+1+close, len(line)-1)
		default:
			text.WriteByte(c)
		}
	}
	end(len(line))
	return all
}

// shellCommand is one simple command: a program and its arguments.
type shellCommand struct {
	program string // without its directory
	args    []shellWord
	files   []shellWord // that it is redirected from or to
}

// prefixes are words before a program that do not change what it does.
var prefixes = []string{"if", "then", "else", "elif", "while", "until", "do", "!", "{", "exec", "command", "sudo", "env", "nice", "eval"}

func shellCommands(line string) []shellCommand {
	var all []shellCommand
	var current shellCommand
	file := false
	end := func() {
		if current.program != "" || len(current.files) > 0 {
			all = append(all, current)
		}
		current, file = shellCommand{}, false
	}
	for _, w := range shellWords(strings.TrimPrefix(line, "-")) {
		if strings.HasPrefix(line, "-") { // ifupdown: a failure does not matter
			w.from, w.to = w.from+1, w.to+1
		}
		switch {
		case w.operator && (w.text == "<" || w.text == ">"):
			file = true
		case w.operator && file && w.text == "&": // 2>&1
		case w.operator:
			end()
		case file:
			current.files = append(current.files, w)
			file = false
		case current.program != "":
			current.args = append(current.args, w)
		case slices.Contains(prefixes, w.text), assignment(w.text):
		default:
			current.program = path.Base(w.text)
		}
	}
	end()
	return all
}

func assignment(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// words are the texts of the arguments.
func (c shellCommand) words() []string {
	all := make([]string, len(c.args))
	for i, w := range c.args {
		all[i] = w.text
	}
	return all
}
