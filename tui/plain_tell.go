package tui

import (
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"
)

// tell says what is new, and asks for a line if the page can take one.
func (p *plain) tell() tea.Cmd {
	if p.shell.Page() == nil {
		return nil
	}
	p.tellPage()
	if text := p.shell.say; text != "" {
		p.shell.say = ""
		p.say(p.wrap(Clean(text)))
	}
	prompt := p.prompt()
	switch {
	case prompt == "": // busy
		return nil
	case p.open && prompt != p.asked:
		p.write("\n")
		p.open = false
	}
	if !p.open {
		p.write(prompt)
	}
	p.asked, p.open = prompt, true
	if p.reading {
		return nil
	}
	p.reading = true
	return p.read
}

// tellPage tells a page when it is shown, and later what is new on it.
func (p *plain) tellPage() {
	if p.visit != p.shell.visits {
		p.visit, p.told, p.whole, p.at, p.from, p.mark = p.shell.visits, nil, false, 0, 0, 0
		p.drop()
		p.say("\n" + p.heading() + "\n")
	}
	if p.shell.asking {
		return
	}
	anew := len(p.told) == 0
	if text := p.news(); text != "" {
		p.say(text)
	}
	if mark, text := p.countdown(); mark != p.mark || anew {
		p.mark = mark
		if text != "" {
			p.say(text)
		}
	}
	if q, ok := p.question(); ok && anew {
		p.at = q.ID
		p.put(q)
	}
}

// news are the lines of the page that it did not have when it was told last; after a key that has changed it, all of them.
func (p *plain) news() string {
	lines := strings.Split(speak(p.shell.Page(), p.width), "\n")
	now := map[string]bool{"": true}
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
		now[lines[i]] = true
	}
	if p.whole && !maps.Equal(now, p.told) {
		p.told, p.whole = nil, false
	}
	var fresh []string
	for _, line := range lines {
		if line == "" || !p.told[line] {
			fresh = append(fresh, Wrap(line, p.width)...)
		}
	}
	p.told = now
	return squeezed(fresh)
}

// squeezed has no two empty lines together, and none at its ends.
func squeezed(lines []string) string {
	var out []string
	for _, line := range lines {
		if line != "" || len(out) > 0 && out[len(out)-1] != "" {
			out = append(out, line)
		}
	}
	return strings.TrimRight(strings.Join(out, "\n"), "\n")
}

// heading says where one is: step, host, console, and what may be touched.
func (p *plain) heading() string {
	status := p.shell.status()
	var where []string
	for _, text := range []string{status.Host, status.Console, string(status.Badge)} {
		if text != "" {
			where = append(where, Clean(text))
		}
	}
	return p.wrap(p.shell.position() + " (" + strings.Join(where, "; ") + ")")
}

// marks are the times left at which a countdown is told.
var marks = []time.Duration{10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 3 * time.Minute, 5 * time.Minute, 10 * time.Minute,
	15 * time.Minute, 20 * time.Minute, 30 * time.Minute, 40 * time.Minute, 50 * time.Minute, time.Hour}

// countdown is the mark next below which the time left is, and what to say of it.
func (p *plain) countdown() (mark time.Duration, text string) {
	status := p.shell.status()
	if status.Deadline.IsZero() {
		return 0, ""
	}
	left := time.Until(status.Deadline)
	for _, m := range marks {
		if mark = m; left <= m {
			break
		}
	}
	return mark, capital(Clean(status.Doing)) + " " + MinSec(left) + "."
}

// prompt asks for what the page can take now. Empty: it is busy.
func (p *plain) prompt() string {
	if p.shell.asking {
		return "Leave? y or n [n]: "
	}
	if q, ok := p.question(); ok {
		return q.prompt()
	}
	var parts []string
	keys := p.shell.Page().Keys()
	if on, ok := find(keys, keyOf("enter")); !ok {
		parts = append(parts, "Enter "+p.shell.nextWord())
	} else if on.Off == "" {
		parts = append(parts, "Enter "+on.Desc)
	}
	for _, k := range keys {
		if name := []rune(first(k.Keys)); len(name) == 1 && unicode.IsLetter(name[0]) && k.Off == "" && k.Desc != "" && !k.Quiet {
			parts = append(parts, string(name)+" "+k.Desc)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	if on, ok := find(keys, keyOf("esc")); ok && on.Off == "" {
		parts = append(parts, "back "+on.Desc)
	} else if !ok && p.shell.canGoBack() {
		parts = append(parts, "back")
	}
	return strings.Join(append(parts, "help", "quit"), "; ") + ": "
}

func first(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	return keys[0]
}

func (p *plain) wrap(text string) string { return strings.Join(Wrap(text, p.width), "\n") }

func capital(text string) string {
	if text == "" {
		return text
	}
	return fmt.Sprintf("%c%s", unicode.ToUpper([]rune(text)[0]), string([]rune(text)[1:]))
}
