package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// Tab is a titled part of a page.
type Tab struct {
	Title string
	Widget
}

// Tabs shows one of several widgets. Tab and Shift-Tab go round; digits go straight.
type Tabs struct {
	Tabs []Tab
	At   int
}

func (t *Tabs) current() Widget {
	if len(t.Tabs) == 0 {
		return nil
	}
	t.At = max(min(t.At, len(t.Tabs)-1), 0)
	return t.Tabs[t.At].Widget
}

// Keys are those of the tab shown and those that change tabs; a tab in which
// text is typed keeps its letters and digits.
func (t *Tabs) Keys() []Key {
	w := t.current()
	if w == nil {
		return nil
	}
	keys := []Key{Bind("other tab", "tab", "shift+tab")}
	var digits []string
	for i := range min(len(t.Tabs), 9) {
		digits = append(digits, fmt.Sprint(i+1))
	}
	own := w.Keys()
	if isTaken(own, "1") {
		return append(own, keys...)
	}
	return append(append(keys, own...), Bind("tab 1, 2, ...", digits...).Hidden())
}

// Update changes tabs or passes the message on: keys to the tab shown,
// everything else to all of them.
func (t *Tabs) Update(msg tea.Msg) tea.Cmd {
	current := t.current()
	if current == nil {
		return nil
	}
	press, ok := msg.(tea.KeyPressMsg)
	if !ok {
		var cmds []tea.Cmd
		for _, tab := range t.Tabs {
			cmds = append(cmds, tab.Update(msg))
		}
		return tea.Batch(cmds...)
	}
	name := press.String()
	if _, taken := find(current.Keys(), press); taken {
		return current.Update(msg)
	}
	n := len(t.Tabs)
	switch {
	case name == "tab":
		t.At = (t.At + 1) % n
	case name == "shift+tab":
		t.At = (t.At + n - 1) % n
	case len(name) == 1 && name[0] >= '1' && int(name[0]-'1') < n:
		t.At = int(name[0] - '1')
	}
	return nil
}

// View shows the titles, the current one in brackets, and its widget.
func (t *Tabs) View(width, height int) string {
	w := t.current()
	if w == nil {
		return ""
	}
	bar, plain := "", 0
	for i, tab := range t.Tabs {
		title := fmt.Sprintf(" %d %s ", i+1, tab.Title)
		if i == t.At {
			title = fmt.Sprintf("[%d %s]", i+1, tab.Title)
		}
		plain += ansi.StringWidth(title)
		if i == t.At {
			title = Strong(title)
		}
		bar += title
	}
	if plain > width {
		bar = Strong(fmt.Sprintf("[%d %s]", t.At+1, t.Tabs[t.At].Title)) + fmt.Sprintf(" of %d tabs", len(t.Tabs))
	}
	return bar + "\n" + strings.Repeat("─", width) + "\n" + w.View(width, height-2)
}
