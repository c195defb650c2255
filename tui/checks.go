package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// Verdict is the outcome of a check.
type Verdict int

// The verdicts. CheckNote is for what is worth knowing and stops nothing.
const (
	CheckRunning Verdict = iota
	CheckOK
	CheckNote
	CheckFailed
)

var verdictWords = [...]string{"running", "ok", "note", "FAILED"}

// String is the word the operator reads.
func (v Verdict) String() string {
	if v < 0 || int(v) >= len(verdictWords) {
		return "?"
	}
	return verdictWords[v]
}

func (v Verdict) style(text string) string {
	switch v {
	case CheckOK:
		return Good(text)
	case CheckNote:
		return Warn(text)
	case CheckFailed:
		return Bad(text)
	}
	return text
}

// Check is one line of Checks.
type Check struct {
	Name     string // what is looked at, a few words
	Verdict  Verdict
	Sentence string // what was seen
}

// Checks lists checks that change while one looks.
type Checks struct {
	Items []Check

	scroll scroll
}

// Set changes the check with this name, or adds it at the end.
func (c *Checks) Set(name string, verdict Verdict, sentence string) {
	for i := range c.Items {
		if c.Items[i].Name == name {
			c.Items[i].Verdict, c.Items[i].Sentence = verdict, sentence
			return
		}
	}
	c.Items = append(c.Items, Check{name, verdict, sentence})
}

// Failed are the names of the checks that failed.
func (c *Checks) Failed() []string {
	var names []string
	for _, item := range c.Items {
		if item.Verdict == CheckFailed {
			names = append(names, item.Name)
		}
	}
	return names
}

// Update scrolls.
func (c *Checks) Update(msg tea.Msg) tea.Cmd {
	if press, ok := msg.(tea.KeyPressMsg); ok {
		c.scroll.key(press)
	}
	return nil
}

// Keys are the scroll keys, once there is more than fits.
func (c *Checks) Keys() []Key {
	if !c.scroll.moves() {
		return nil
	}
	return scrollKeys()
}

// View shows "ok       gateway answers: 192.168.1.1 in 0.4 ms" per check.
func (c *Checks) View(width, height int) string {
	const lead = 9
	var lines []string
	for _, item := range c.Items {
		text := Clean(item.Name)
		if item.Sentence != "" {
			text += ": " + Clean(item.Sentence)
		}
		head := item.Verdict.style(Fit(item.Verdict.String(), lead-2)) + "  "
		for i, line := range Wrap(text, width-lead) {
			if i > 0 {
				head = strings.Repeat(" ", lead)
			}
			lines = append(lines, head+line)
		}
	}
	return c.scroll.view(lines, height)
}
