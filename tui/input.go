package tui

import (
	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
)

// newInput makes a text input with a cursor that stands still (a blinking one
// repaints twice a second, for ever) and without access to a clipboard.
func newInput() textinput.Model {
	in := textinput.New()
	in.Prompt = ""
	styles := in.Styles()
	styles.Cursor.Blink = false
	styles.Focused = textinput.StyleState{}
	styles.Blurred = textinput.StyleState{}
	in.SetStyles(styles)
	in.KeyMap.Paste = key.NewBinding()
	return in
}

// typing lists the keys of a text input.
func typing(desc string) []Key {
	return []Key{
		Bind(desc, AnyText).Hidden(),
		Bind("move in the text", "left", "right", "home", "end", "ctrl+a", "ctrl+e").Hidden(),
		Bind("erase", "backspace", "delete", "ctrl+h", "ctrl+d").Hidden(),
		Bind("erase to the start, to the end, a word", "ctrl+u", "ctrl+k", "ctrl+w").Hidden(),
	}
}
