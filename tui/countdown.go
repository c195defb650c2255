package tui

import (
	"strings"
	"time"
)

// Countdown is one line: time left, and a bar that gets shorter.
type Countdown struct {
	Label    string           // "Rolls back in"
	Deadline func() time.Time // asked for at each draw; the zero time: nothing runs
	Total    time.Duration    // what a full bar stands for
}

// Left is the time left, never negative.
func (c Countdown) Left() time.Duration {
	return max(time.Until(c.Deadline()), 0)
}

// View is "Rolls back in 09:32  [████████░░]", or nothing when nothing runs.
func (c Countdown) View(width int) string {
	if c.Deadline == nil || c.Deadline().IsZero() {
		return ""
	}
	text := MinSec(c.Left())
	if c.Label != "" {
		text = c.Label + " " + text
	}
	room := min(width-len(text)-4, 40)
	if room < 5 || c.Total <= 0 {
		return Cut(text, width)
	}
	full := int(min(c.Left()*time.Duration(room)/c.Total, time.Duration(room)))
	if full == 0 && c.Left() > 0 {
		full = 1
	}
	return Strong(text) + "  [" + strings.Repeat("█", full) + strings.Repeat("░", room-full) + "]"
}
