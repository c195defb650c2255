package tui

import (
	"fmt"

	tea "charm.land/bubbletea/v2"
)

// scroll is a window of size lines onto total lines, starting at top.
type scroll struct{ top, size, total int }

// fit sets size and total and keeps top inside.
func (s *scroll) fit(size, total int) {
	s.size, s.total = max(size, 0), total
	s.top = max(min(s.top, total-s.size), 0)
}

// reveal moves the window so that lines from to (exclusive) are in it; when
// they do not fit, their beginning is.
func (s *scroll) reveal(from, to int) {
	if to > s.top+s.size {
		s.top = to - s.size
	}
	if from < s.top {
		s.top = from
	}
	s.fit(s.size, s.total)
}

func (s *scroll) end() int { return min(s.top+s.size, s.total) }

// moves reports whether there is anything out of sight.
func (s *scroll) moves() bool { return s.total > s.size }

// position is "3-18 of 256".
func (s *scroll) position() string {
	if s.total == 0 {
		return "0 of 0"
	}
	return fmt.Sprintf("%d-%d of %d", min(s.top+1, s.total), s.end(), s.total)
}

// key moves the window and reports whether msg was one of its keys.
func (s *scroll) key(msg tea.KeyPressMsg) bool {
	switch msg.String() {
	case "up", "k":
		s.top--
	case "down", "j":
		s.top++
	case "pgup", "ctrl+u":
		s.top -= max(s.size-1, 1)
	case "pgdown", "ctrl+d", "space":
		s.top += max(s.size-1, 1)
	case "home", "g":
		s.top = 0
	case "end", "G":
		s.top = s.total
	default:
		return false
	}
	s.fit(s.size, s.total)
	return true
}

// scrollKeys lists the keys of a scrolling text.
func scrollKeys() []Key {
	return []Key{
		Bind("scroll", "up", "down", "k", "j").Named("Up/Down"),
		Bind("page", "pgup", "pgdown", "ctrl+u", "ctrl+d", "space").Named("PgUp/PgDn"),
		Bind("start, end", "home", "end", "g", "G").Named("Home/End").Hidden(),
	}
}
