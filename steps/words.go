package steps

import (
	"fmt"
	"strings"
	"time"

	"bridgehead/tui"
)

// drawn is text that is laid out for the width it is shown at.
type drawn struct {
	tui.Prose
	text func(width int) []string
}

// View lays the text out and shows the lines in sight.
func (d *drawn) View(width, height int) string {
	d.Text = ""
	if d.text != nil {
		d.Text = strings.Join(d.text(width), "\n")
	}
	return d.Prose.View(width, height)
}

// Speak is the text.
func (d *drawn) Speak(width int) string {
	if d.text == nil {
		return ""
	}
	return strings.Join(d.text(width), "\n")
}

// hang wraps text behind lead; the lines after the first are indented as far as lead is long.
func hang(lead, text string, width int) []string {
	lines := tui.Wrap(tui.Clean(text), width-len(lead))
	for i := range lines {
		if i > 0 {
			lead = strings.Repeat(" ", len(lead))
		}
		lines[i] = lead + lines[i]
	}
	return lines
}

// sentence is an error as the operator reads it: a capital letter first, one full stop last.
func sentence(err error) string {
	s := stop(err.Error())
	word, _, _ := strings.Cut(s, " ")
	if s == "" || word == "libvirt" || strings.ContainsAny(word, "0123456789-_:/") { // a name stays as it is
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// stop ends s with one full stop.
func stop(s string) string { return strings.TrimRight(strings.TrimSpace(s), ".") + "." }

// count is "1 network", "2 networks", "no network".
func count(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun
	case 1:
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// span is a time in words: "10 minutes".
func span(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d != 0 && d%time.Hour == 0:
		return count(int(d/time.Hour), "hour")
	case d >= time.Minute && d%time.Minute == 0:
		return count(int(d/time.Minute), "minute")
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", d/time.Second)
	}
	return d.String()
}

// moment is a time of the day, for a console whose zone is not known.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }
