package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// Form is a page of fields. Enter goes field by field and after the last one
// on; Tab and the arrows move freely; Back is never held up by a field.
type Form struct {
	Intro    string // prose above the fields
	Fields   []Field
	Check    func() error // over all fields, after each field's own; nil: none
	LongHelp string

	at     int
	scroll scroll
}

// Field is TextField, ChoiceField, ToggleField or MultiField. Each writes to
// the value it was given a pointer to, as it is changed.
type Field interface {
	name() string
	shown() bool
	load()                              // take the value up again from its pointer
	focus(fromBelow bool)               // the field is arrived at
	key(tea.KeyPressMsg) (handled bool) // false: the form may move on
	paste(string)
	keys() []Key
	check() error
	question() Question
	answer(AnswerMsg)
	view(labels, width int, focused bool) []string
}

// widestLabel is how wide the column of labels grows.
const widestLabel = 24

// Enter takes the values up again and puts the focus on a field that is shown.
func (f *Form) Enter() tea.Cmd {
	for _, field := range f.Fields {
		field.load()
	}
	f.settle()
	return nil
}

// settle moves the focus off a field that is not shown.
func (f *Form) settle() {
	if f.at < len(f.Fields) && f.Fields[f.at].shown() {
		return
	}
	if to := f.neighbour(+1); to >= 0 {
		f.at = to
	} else if to := f.neighbour(-1); to >= 0 {
		f.at = to
	}
}

func (f *Form) neighbour(by int) int {
	for i := f.at + by; i >= 0 && i < len(f.Fields); i += by {
		if f.Fields[i].shown() {
			return i
		}
	}
	return -1
}

func (f *Form) focused() Field {
	f.settle()
	if f.at >= len(f.Fields) || !f.Fields[f.at].shown() {
		return nil
	}
	return f.Fields[f.at]
}

// Next checks each field shown, then the form.
func (f *Form) Next() error {
	for _, field := range f.Fields {
		if !field.shown() {
			continue
		}
		if err := field.check(); err != nil {
			return fmt.Errorf("%s: %w", field.name(), err)
		}
	}
	if f.Check != nil {
		return f.Check()
	}
	return nil
}

// Help is LongHelp.
func (f *Form) Help() string { return f.LongHelp }

// Ask asks for each field shown.
func (f *Form) Ask() []Question {
	var questions []Question
	for i, field := range f.Fields {
		if field.shown() {
			q := field.question()
			q.ID = i
			questions = append(questions, q)
		}
	}
	return questions
}

// Speak is the intro.
func (f *Form) Speak(int) string { return Clean(f.Intro) }

// Update edits the focused field or moves the focus.
func (f *Form) Update(msg tea.Msg) tea.Cmd {
	if a, ok := msg.(AnswerMsg); ok {
		if a.ID >= 0 && a.ID < len(f.Fields) && f.Fields[a.ID].shown() {
			f.Fields[a.ID].answer(a)
		}
		return nil
	}
	field := f.focused()
	if field == nil {
		return nil
	}
	switch msg := msg.(type) {
	case tea.PasteMsg:
		field.paste(msg.Content)
	case tea.KeyPressMsg:
		if field.key(msg) {
			return nil
		}
		switch msg.String() {
		case "tab", "down", "enter":
			f.move(+1)
		case "shift+tab", "up":
			f.move(-1)
		}
	}
	return nil
}

func (f *Form) move(by int) {
	if to := f.neighbour(by); to >= 0 {
		f.at = to
		f.Fields[to].focus(by < 0)
	}
}

// Keys are the focused field's and those that move between fields.
func (f *Form) Keys() []Key {
	field := f.focused()
	if field == nil {
		return nil
	}
	keys := field.keys()
	if f.neighbour(+1) >= 0 {
		keys = append(keys, Bind("next field", "enter", "tab", "down"))
	}
	return append(keys, Bind("field before", "shift+tab", "up").Hidden())
}

// View shows the fields, and of a form that does not fit the part around the
// focused one.
func (f *Form) View(width, height int) string {
	f.settle()
	lines, from, to := f.lines(width, true)
	if len(lines) > height {
		lines, from, to = f.lines(width, false)
	}
	if len(lines) > height {
		f.scroll.fit(height-1, len(lines))
		f.scroll.reveal(from, to)
	}
	return f.scroll.view(lines, height)
}

// lines draws everything and says which lines the focused field takes.
func (f *Form) lines(width int, airy bool) (lines []string, from, to int) {
	labels := 0
	for _, field := range f.Fields {
		if field.shown() {
			labels = max(labels, min(ansi.StringWidth(field.name()), widestLabel))
		}
	}
	if f.Intro != "" {
		lines = append(Wrap(Clean(f.Intro), width), "")
	}
	for i, field := range f.Fields {
		if !field.shown() {
			continue
		}
		part := field.view(labels, width, i == f.at)
		if i == f.at {
			from, to = len(lines), len(lines)+len(part)
		}
		lines = append(lines, part...)
		if airy {
			lines = append(lines, "")
		}
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines, from, to
}

// labelled is a field's first line: a mark when it is focused, its label, its
// value. A label wider than the column has a line of its own.
func labelled(label string, labels int, focused bool, value string) []string {
	mark := "  "
	style := func(s string) string { return s }
	if focused {
		mark, style = "> ", Strong
	}
	if ansi.StringWidth(label) > labels {
		return []string{mark + style(label), strings.Repeat(" ", labels+4) + value}
	}
	return []string{mark + style(Fit(label, labels)) + "  " + value}
}

// hint is a field's line of help or its error, below it, indented.
func hint(help string, err error, indent, width int) []string {
	text, style := help, func(s string) string { return s }
	if err != nil {
		text, style = "! "+err.Error(), Bad
	}
	if text == "" {
		return nil
	}
	var lines []string
	for _, line := range Wrap(Clean(text), width-indent) {
		lines = append(lines, strings.Repeat(" ", indent)+style(line))
	}
	return lines
}

func applies(when func() bool) bool { return when == nil || when() }
