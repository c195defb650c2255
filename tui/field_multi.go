package tui

import (
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"
)

// ToggleField is yes or no.
type ToggleField struct {
	Label string
	Help  string
	Value *bool
	Off   string // why it cannot be changed; empty: it can
	When  func() bool
}

func (t *ToggleField) name() string { return t.Label }
func (t *ToggleField) shown() bool  { return applies(t.When) }
func (t *ToggleField) load()        {}
func (t *ToggleField) focus(bool)   {}
func (t *ToggleField) paste(string) {}
func (t *ToggleField) check() error { return nil }

func (t *ToggleField) key(msg tea.KeyPressMsg) bool {
	switch msg.String() {
	case "space", "left", "right":
		*t.Value = !*t.Value
	case "y":
		*t.Value = true
	case "n":
		*t.Value = false
	default:
		return false
	}
	return true
}

func (t *ToggleField) keys() []Key {
	return []Key{
		Bind("yes/no", "space", "left", "right").Unless(t.Off),
		Bind("yes", "y").Unless(t.Off).Hidden(),
		Bind("no", "n").Unless(t.Off).Hidden(),
	}
}

const yes, no = "yes", "no"

func (t *ToggleField) question() Question {
	now := no
	if *t.Value {
		now = yes
	}
	return Question{Label: t.Label, Help: t.Help, Options: []Option{{Value: yes, Label: yes}, {Value: no, Label: no}}, Now: []string{now}, Off: t.Off}
}

func (t *ToggleField) answer(a AnswerMsg) { *t.Value = a.Text() == yes }

func (t *ToggleField) view(labels, width int, focused bool) []string {
	box := "[ ] no"
	if *t.Value {
		box = "[x] yes"
	}
	lines := labelled(t.Label, labels, focused, box)
	help := ""
	if focused {
		help = t.Help
	}
	if t.Off != "" {
		help = "fixed: " + t.Off
	}
	return append(lines, hint(help, nil, labels+4, width)...)
}

// MultiField is any number of options.
type MultiField struct {
	Label   string
	Help    string
	Options []Option
	Value   *[]string // values of the chosen options, in the options' order
	Check   func([]string) error
	When    func() bool

	at int
}

func (m *MultiField) name() string { return m.Label }
func (m *MultiField) shown() bool  { return applies(m.When) }
func (m *MultiField) paste(string) {}

func (m *MultiField) load() { m.at = max(min(m.at, len(m.Options)-1), 0) }

func (m *MultiField) focus(fromBelow bool) {
	m.at = 0
	if fromBelow {
		m.at = max(len(m.Options)-1, 0)
	}
}

func (m *MultiField) key(msg tea.KeyPressMsg) bool {
	switch msg.String() {
	case "up", "k":
		if m.at == 0 {
			return false
		}
		m.at--
	case "down", "j":
		if m.at >= len(m.Options)-1 {
			return false
		}
		m.at++
	case "space":
		m.toggle()
	default:
		return false
	}
	return true
}

func (m *MultiField) toggle() {
	if m.at >= len(m.Options) || m.Options[m.at].Off != "" {
		return
	}
	want := m.Options[m.at].Value
	var values []string
	for _, o := range m.Options {
		has := slices.Contains(*m.Value, o.Value)
		if has != (o.Value == want) {
			values = append(values, o.Value)
		}
	}
	*m.Value = values
}

func (m *MultiField) keys() []Key {
	off := ""
	if m.at < len(m.Options) {
		off = m.Options[m.at].Off
	}
	return []Key{
		Bind("choose", "space").Unless(off),
		Bind("move", "up", "down", "k", "j").Named("Up/Down"),
	}
}

func (m *MultiField) check() error {
	for _, o := range m.Options {
		if o.Off != "" && slices.Contains(*m.Value, o.Value) {
			return fmt.Errorf("%s is not possible: %s", o.Label, o.Off)
		}
	}
	if m.Check != nil {
		return m.Check(*m.Value)
	}
	return nil
}

func (m *MultiField) question() Question {
	return Question{Label: m.Label, Help: m.Help, Options: m.Options, Many: true, Now: *m.Value, Err: m.check()}
}

func (m *MultiField) answer(a AnswerMsg) {
	var values []string
	for _, o := range m.Options { // in the options' order
		if slices.Contains(a.Values, o.Value) {
			values = append(values, o.Value)
		}
	}
	*m.Value = values
}

func (m *MultiField) view(labels, width int, focused bool) []string {
	lines := heading(m.Label, focused)
	if focused {
		lines = append(lines, hint(m.Help, nil, 2, width)...)
	}
	return append(lines, optionLines(m.Options, width, func(i int, o Option) string {
		cursor := "    "
		if focused && i == m.at {
			cursor = "  > "
		}
		switch {
		case slices.Contains(*m.Value, o.Value):
			return cursor + "[x] "
		case o.Off != "":
			return cursor + " -  "
		}
		return cursor + "[ ] "
	})...)
}
