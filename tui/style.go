package tui

import "charm.land/lipgloss/v2"

// The styles use the terminal's own eight colours and bold. Whatever one of
// them says is also said by a word or a mark. No italics and no underline: the
// VGA console shows them as green and cyan. The renderer drops what NO_COLOR
// or TERM does not allow.
var (
	bold    = lipgloss.NewStyle().Bold(true)
	good    = lipgloss.NewStyle().Foreground(lipgloss.Green)
	warn    = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Yellow)
	bad     = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Red)
	reverse = lipgloss.NewStyle().Reverse(true)
)

// Strong, Good, Warn and Bad style one line of text. Colour never carries the
// meaning alone: the text says it too.
func Strong(text string) string { return bold.Render(text) }

// Good styles text that says something went well.
func Good(text string) string { return good.Render(text) }

// Warn styles a warning.
func Warn(text string) string { return warn.Render(text) }

// Bad styles an error.
func Bad(text string) string { return bad.Render(text) }
