package tui

import (
	"fmt"
	"strings"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
)

// Confirm asks for a word to be typed before one can go on. For a moment after
// it is shown it swallows every key: those were typed before it was read.
type Confirm struct {
	Text string // what is at stake; above the question
	Word string // what to type

	input textinput.Model
	shown time.Time
	text  Prose
}

// Enter empties the answer and starts the moment in which keys are swallowed.
func (c *Confirm) Enter() tea.Cmd {
	c.input = newInput()
	c.input.CharLimit = 40
	c.shown = time.Now()
	return c.input.Focus()
}

// Next is nil once the word was typed.
func (c *Confirm) Next() error {
	if !strings.EqualFold(strings.TrimSpace(c.input.Value()), c.Word) {
		return fmt.Errorf("To go on, type the word %s.", c.Word)
	}
	return nil
}

func (c *Confirm) early() bool { return time.Since(c.shown) < Grace }

// Ask asks for the word. It is a line of its own, so it was not in flight.
func (c *Confirm) Ask() []Question {
	return []Question{{Label: "To go on, type the word " + c.Word + ". To leave all as it is, type back"}}
}

// Speak is the text.
func (c *Confirm) Speak(int) string { return Clean(c.Text) }

// Update takes the typed word.
func (c *Confirm) Update(msg tea.Msg) tea.Cmd {
	if a, ok := msg.(AnswerMsg); ok {
		c.input.SetValue(a.Text())
		c.shown = time.Time{} // a line is no key in flight
		return nil
	}
	if c.early() {
		return nil
	}
	if press, ok := msg.(tea.KeyPressMsg); ok && Pressed(msg, scrolls...) {
		c.text.scroll.key(press)
		return nil
	}
	var cmd tea.Cmd
	c.input, cmd = c.input.Update(msg)
	return cmd
}

// Keys are those of a text field, and all there are in the first moment.
func (c *Confirm) Keys() []Key {
	if c.early() {
		return []Key{{Keys: []string{AnyKey}}}
	}
	keys := typing("type the word")
	if c.text.scroll.moves() {
		keys = append(keys, Bind("scroll", scrolls...).Named("Up/Down"))
	}
	return keys
}

// scrolls are those keys that scroll the text; the others edit the answer.
var scrolls = []string{"up", "down", "pgup", "pgdown"}

// View shows the text, the question and the answer.
func (c *Confirm) View(width, height int) string {
	c.text.Text = c.Text
	c.input.SetWidth(min(width-4, 40))
	return c.text.View(width, height-4) + "\n\nTo go on, type " + Strong(c.Word) + " and press Enter.\n" +
		"To leave all as it is, press Esc.\n> " + Cut(c.input.View(), width-2)
}
