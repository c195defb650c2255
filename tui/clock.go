package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

// Clock is time as screens see it. Tests bring their own.
type Clock interface {
	Now() time.Time
	// After returns a command that delivers msg when d has passed.
	After(d time.Duration, msg tea.Msg) tea.Cmd
}

// SystemClock is the machine's clock.
type SystemClock struct{}

// Now is time.Now.
func (SystemClock) Now() time.Time { return time.Now() }

// After delivers msg when d has passed.
func (SystemClock) After(d time.Duration, msg tea.Msg) tea.Cmd {
	return tea.Tick(d, func(time.Time) tea.Msg { return msg })
}

// orSystem lets widgets leave their clock out.
func orSystem(c Clock) Clock {
	if c == nil {
		return SystemClock{}
	}
	return c
}
