package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// View shows the window onto the diff; its last line says where it is.
func (d *Diff) View(width, height int) string {
	d.build()
	d.scroll.fit(height-1, len(d.lines))
	d.wide = d.left > 0 || d.widest() > width-diffLead
	var out []string
	for _, line := range d.lines[d.scroll.top:d.scroll.end()] {
		out = append(out, d.draw(line, width))
	}
	for len(out) < height-1 {
		out = append(out, "")
	}
	return strings.Join(append(out, Cut(d.foot(width), width)), "\n")
}

// foot is "Lines 3-18 of 256, /etc/network/interfaces:12, 2 with "gateway", from column 17, Left: back".
func (d *Diff) foot(width int) string {
	foot := "Lines " + d.scroll.position()
	if place := d.place(); place != "" {
		foot += ", " + place
	}
	if d.searching {
		return "Search: " + d.search + "_"
	}
	if d.search != "" {
		n := 0
		for _, line := range d.lines {
			if d.matches(line) {
				n++
			}
		}
		foot += fmt.Sprintf(", %d with %q", n, d.search)
	}
	switch {
	case d.left > 0:
		foot += fmt.Sprintf(", from column %d, Left: back", d.left+1)
	case d.wide:
		foot += ", Right: more"
	}
	return foot
}

// place is "/etc/network/interfaces:12": where the line found last is, or else the first in sight.
func (d *Diff) place() string {
	at := d.scroll.top
	if d.search != "" && !d.searching && d.found >= at && d.found < d.scroll.end() && d.matches(d.lines[d.found]) {
		at = d.found
	}
	line := 0
	for i := at; i < d.scroll.end() && line == 0; i++ {
		if line = d.lines[i].after; line == 0 {
			line = d.lines[i].before
		}
		if line != 0 {
			at = i
		}
	}
	for ; line > 0 && at >= 0; at-- {
		if d.lines[at].file {
			return fmt.Sprintf("%s:%d", d.lines[at].path, line)
		}
	}
	return ""
}

func (d *Diff) draw(line diffLine, width int) string {
	if line.mark == "" {
		if line.file {
			return Strong(Cut(line.text, width))
		}
		return strings.Repeat(" ", diffLead) + line.text
	}
	text := ansi.Cut(line.text, d.left, d.left+max(width-diffLead, 0))
	text = number(line.before) + number(line.after) + line.mark + " " + text
	text = strings.TrimRight(text, " ")
	if d.matches(line) {
		text = strings.TrimRight(Fit(text, width-2), " ") + " <"
	}
	switch line.mark {
	case "+":
		return good.Render(text)
	case "-":
		return bad.UnsetBold().Render(text)
	}
	return text
}

// number is a line number in four columns and a blank.
func number(n int) string {
	if n == 0 {
		return "     "
	}
	return fmt.Sprintf("%4d ", n)
}
