package tui

import (
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
)

// TextField is one line of text. Blanks around it do not count.
type TextField struct {
	Label string
	Help  string // one line, shown while the field is focused
	Value *string
	Check func(string) error // nil: anything goes; the error is shown as it stands
	When  func() bool        // nil: always shown
	// Detail is what the text comes to, below it while the field is focused, in lines of width columns. Nil: nothing more.
	Detail func(width int) []string

	input  textinput.Model
	loaded bool
	typed  bool
}

func (t *TextField) name() string { return t.Label }
func (t *TextField) shown() bool  { return applies(t.When) }

func (t *TextField) load() {
	if !t.loaded {
		t.input = newInput()
		t.loaded = true
	}
	if strings.TrimSpace(t.input.Value()) != *t.Value {
		t.input.SetValue(*t.Value)
		t.input.CursorEnd()
	}
}

func (t *TextField) focus(bool) { t.load() }

func (t *TextField) key(msg tea.KeyPressMsg) bool {
	if _, ours := find(t.keys(), msg); !ours {
		return false
	}
	t.feed(msg)
	return true
}

func (t *TextField) paste(text string) { t.feed(tea.PasteMsg{Content: strings.TrimSpace(text)}) }

func (t *TextField) feed(msg tea.Msg) {
	t.load()
	t.input.Focus()
	t.input, _ = t.input.Update(msg)
	value := strings.TrimSpace(t.input.Value())
	t.typed = t.typed || value != *t.Value
	*t.Value = value
}

func (t *TextField) keys() []Key { return typing("edit") }

func (t *TextField) check() error {
	if t.Check == nil {
		return nil
	}
	return t.Check(*t.Value)
}

func (t *TextField) question() Question {
	q := Question{Label: t.Label, Help: t.Help, Now: []string{*t.Value}, Err: t.check()}
	q.Optional = t.Check == nil || t.Check("") == nil
	return q
}

func (t *TextField) answer(a AnswerMsg) {
	t.load()
	t.input.SetValue(a.Text())
	t.input.CursorEnd()
	t.typed = true
	*t.Value = strings.TrimSpace(a.Text())
}

func (t *TextField) view(labels, width int, focused bool) []string {
	t.load()
	room := max(width-labels-6, 8)
	t.input.SetWidth(room - 1) // the cursor may stand behind the last character
	if focused {
		t.input.Focus()
	} else {
		t.input.Blur()
	}
	lines := labelled(t.Label, labels, focused, "["+Cut(t.input.View(), room)+"]")
	err := t.check()
	if !t.typed && *t.Value == "" {
		err = nil // nothing wrong yet, only nothing there
	}
	help := ""
	if focused {
		help = t.Help
	}
	lines = append(lines, hint(help, err, labels+4, width)...)
	if focused && err == nil {
		lines = append(lines, detail(t.Detail, width)...)
	}
	return lines
}
