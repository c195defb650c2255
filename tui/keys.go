package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// Key binds keys to what they do. Footer, help and behaviour derive from it.
type Key struct {
	Keys []string // names as Bubble Tea gives them: "enter", "ctrl+n", "space", "a"
	Desc string   // what it does, in one to three words

	// Label names the keys on the screen. Empty: made from the first of Keys.
	Label string
	// Off is why the key does nothing right now, as a sentence. Empty: it works.
	Off string
	// Quiet keeps the key out of the footer; the ? page still lists it.
	Quiet bool
}

const (
	// AnyText in Key.Keys stands for every key that types a character.
	AnyText = "any text"
	// AnyKey in Key.Keys stands for every key but Ctrl-C.
	AnyKey = "any key"
)

// Bind makes a Key.
func Bind(desc string, keys ...string) Key { return Key{Keys: keys, Desc: desc} }

// Unless returns k switched off for the given reason; "" leaves it on.
func (k Key) Unless(reason string) Key { k.Off = reason; return k }

// Named returns k with another label.
func (k Key) Named(label string) Key { k.Label = label; return k }

// Hidden returns k kept out of the footer.
func (k Key) Hidden() Key { k.Quiet = true; return k }

// Matches reports whether msg is one of the keys, whether switched off or not.
func (k Key) Matches(msg tea.KeyPressMsg) bool {
	return slices.Contains(k.Keys, msg.String()) ||
		msg.Text != "" && slices.Contains(k.Keys, AnyText) ||
		slices.Contains(k.Keys, AnyKey)
}

// Pressed reports whether msg is a press of one of the named keys.
func Pressed(msg tea.Msg, names ...string) bool {
	press, ok := msg.(tea.KeyPressMsg)
	return ok && slices.Contains(names, press.String())
}

// find returns the first key that msg matches.
func find(keys []Key, msg tea.KeyPressMsg) (Key, bool) {
	for _, k := range keys {
		if k.Matches(msg) {
			return k, true
		}
	}
	return Key{}, false
}

var keyNames = map[string]string{
	"enter": "Enter", "esc": "Esc", "tab": "Tab", "shift+tab": "Shift-Tab", "space": "Space",
	"up": "Up", "down": "Down", "left": "Left", "right": "Right", "f1": "F1",
	"backspace": "Backspace", "delete": "Delete",
	"pgup": "PgUp", "pgdown": "PgDn", "home": "Home", "end": "End", AnyText: "letters", AnyKey: "keys",
}

func keyName(key string) string {
	if name, ok := keyNames[key]; ok {
		return name
	}
	if rest, ok := strings.CutPrefix(key, "ctrl+"); ok {
		return "^" + strings.ToUpper(rest)
	}
	return key
}

func (k Key) label() string {
	if k.Label != "" || len(k.Keys) == 0 {
		return k.Label
	}
	return keyName(k.Keys[0])
}

// allNames lists every key of the binding, for the ? page.
func (k Key) allNames() string {
	var names []string
	for _, key := range k.Keys {
		names = append(names, keyName(key))
	}
	return strings.Join(names, ", ")
}
