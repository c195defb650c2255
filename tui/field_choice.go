package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// Option is one of several to choose from.
type Option struct {
	Value   string
	Label   string
	Explain string // one line
	Off     string // why it cannot be chosen; empty: it can
}

// ChoiceField is one of several options. Moving to an option chooses it.
type ChoiceField struct {
	Label   string
	Help    string
	Options []Option
	Value   *string
	When    func() bool
	// Detail is what the choice comes to, below it while the field is focused, in lines of width columns. Nil: nothing more.
	Detail func(width int) []string
}

func (c *ChoiceField) name() string { return c.Label }
func (c *ChoiceField) shown() bool  { return applies(c.When) }
func (c *ChoiceField) load()        {}
func (c *ChoiceField) focus(bool)   {}
func (c *ChoiceField) paste(string) {}

func (c *ChoiceField) index() int {
	return slices.IndexFunc(c.Options, func(o Option) bool { return o.Value == *c.Value })
}

func (c *ChoiceField) key(msg tea.KeyPressMsg) bool {
	by := 0
	switch msg.String() {
	case "up", "k", "left":
		by = -1
	case "down", "j", "right":
		by = +1
	case "space":
		by = +1
		if open(c.Options, c.index(), +1) < 0 { // round and round
			if first := open(c.Options, -1, +1); first >= 0 {
				*c.Value = c.Options[first].Value
			}
			return true
		}
	}
	if by == 0 {
		return false
	}
	to := open(c.Options, c.index(), by)
	if to < 0 {
		return msg.String() != "up" && msg.String() != "down"
	}
	*c.Value = c.Options[to].Value
	return true
}

// open is the nearest option that can be chosen from at in direction by, or -1.
func open(options []Option, at, by int) int {
	for i := at + by; i >= 0 && i < len(options); i += by {
		if options[i].Off == "" {
			return i
		}
	}
	return -1
}

func (c *ChoiceField) keys() []Key {
	return []Key{Bind("choose", "up", "down", "left", "right", "k", "j", "space").Named("Up/Down")}
}

func (c *ChoiceField) check() error {
	i := c.index()
	if i < 0 {
		return fmt.Errorf("nothing is chosen")
	}
	if off := c.Options[i].Off; off != "" {
		return fmt.Errorf("%s is not possible: %s", c.Options[i].Label, off)
	}
	return nil
}

func (c *ChoiceField) question() Question {
	return Question{Label: c.Label, Help: c.Help, Options: c.Options, Now: []string{*c.Value}, Err: c.check()}
}

func (c *ChoiceField) answer(a AnswerMsg) { *c.Value = a.Text() }

func (c *ChoiceField) view(labels, width int, focused bool) []string {
	lines := heading(c.Label, focused)
	if focused {
		lines = append(lines, hint(c.Help, nil, 2, width)...)
	}
	chosen := c.index()
	lines = append(lines, optionLines(c.Options, width, func(i int, o Option) string {
		switch {
		case i == chosen && focused:
			return "  > (*) "
		case i == chosen:
			return "    (*) "
		case o.Off != "":
			return "     -  "
		}
		return "    ( ) "
	})...)
	if focused {
		lines = append(lines, detail(c.Detail, width)...)
	}
	return lines
}

// detail is what a field that is focused comes to, indented.
func detail(of func(width int) []string, width int) []string {
	if of == nil {
		return nil
	}
	var lines []string
	for _, line := range of(width - 4) {
		lines = append(lines, "    "+line)
	}
	return lines
}

// heading is the first line of a field whose options follow below.
func heading(label string, focused bool) []string {
	if focused {
		return []string{"> " + Strong(label)}
	}
	return []string{"  " + label}
}

// optionLines lists options, each with its explanation, or with the reason why
// it cannot be chosen, in a second column.
func optionLines(options []Option, width int, mark func(int, Option) string) []string {
	const lead = 8
	labels := 0
	for _, o := range options {
		labels = max(labels, min(ansi.StringWidth(o.Label), 24))
	}
	var lines []string
	for i, o := range options {
		text := Clean(o.Explain)
		if o.Off != "" {
			text = "not possible: " + Clean(o.Off)
		}
		label := Clean(o.Label)
		if ansi.StringWidth(label) > labels { // on a line of its own
			lines = append(lines, mark(i, o)+Cut(label, width-lead))
			for _, part := range Wrap(text, width-lead-labels-2) {
				lines = append(lines, strings.Repeat(" ", lead+labels+2)+part)
			}
			continue
		}
		for j, part := range Wrap(text, width-lead-labels-2) {
			if j > 0 {
				lines = append(lines, strings.Repeat(" ", lead+labels+2)+part)
				continue
			}
			lines = append(lines, strings.TrimRight(mark(i, o)+Fit(label, labels)+"  "+part, " "))
		}
	}
	return lines
}
