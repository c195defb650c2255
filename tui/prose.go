package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// Prose is text to read: wrapped, scrolling when it is long.
type Prose struct {
	Text string

	scroll scroll
}

// Update scrolls.
func (p *Prose) Update(msg tea.Msg) tea.Cmd {
	if press, ok := msg.(tea.KeyPressMsg); ok {
		p.scroll.key(press)
	}
	return nil
}

// Keys are the scroll keys, once there is more than fits.
func (p *Prose) Keys() []Key {
	if !p.scroll.moves() {
		return nil
	}
	return scrollKeys()
}

// View shows the lines in sight; when there are more, the last line says which.
func (p *Prose) View(width, height int) string {
	return p.scroll.view(Wrap(Clean(p.Text), width), height)
}

// view cuts the window out of lines and, if not all fit, ends with the position.
func (s *scroll) view(lines []string, height int) string {
	if len(lines) <= height {
		s.fit(height, len(lines))
		return strings.Join(lines, "\n")
	}
	s.fit(height-1, len(lines))
	seen := append([]string{}, lines[s.top:s.end()]...)
	return strings.Join(append(seen, "Lines "+s.position()), "\n")
}
