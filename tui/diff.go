package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/aymanbagabas/go-udiff"
	"github.com/charmbracelet/x/ansi"
)

// FileDiff is a file before and after. A file that does not exist is marked
// so: an empty file and none are different things.
type FileDiff struct {
	Path          string
	Before, After string
	Created       bool // it did not exist before
	Removed       bool // it will not exist after
}

// Diff shows the changes of several files, as a unified diff with the line
// numbers of both sides. What is added begins with "+", what goes with "-".
type Diff struct {
	Files []FileDiff

	whole     bool // whole files, not only the changes
	left      int  // first column of the text shown
	wide      bool // the screen is too narrow for a line, or was
	scroll    scroll
	search    string
	searching bool // the search is being typed
	found     int  // line of the last match

	lines []diffLine // made by build,
	made  []FileDiff // from these files
	full  bool       // and this view
}

type diffLine struct {
	before, after int    // line numbers, 0: none
	mark          string // "+", "-", " "; "" for a heading
	text          string
	path          string // of a heading: the file
	file          bool   // heading of a file
}

const (
	diffLead   = 12 // two line numbers and the mark
	diffStride = 16 // columns per step to the side
	unchanged  = 3  // lines shown around a change
)

// build makes the lines anew when files or view changed.
func (d *Diff) build() {
	if d.lines != nil && d.full == d.whole && slices.Equal(d.made, d.Files) {
		return
	}
	d.made, d.full, d.lines = slices.Clone(d.Files), d.whole, nil
	for i, f := range d.Files {
		if i > 0 {
			d.lines = append(d.lines, diffLine{})
		}
		d.lines = append(d.lines, f.lines(d.whole)...)
	}
	if len(d.Files) == 0 {
		d.lines = []diffLine{{text: "Nothing is changed."}}
	}
}

func (f FileDiff) lines(whole bool) []diffLine {
	around := unchanged
	if whole {
		around = strings.Count(f.Before, "\n") + strings.Count(f.After, "\n") + 2
	}
	edits := udiff.Lines(f.Before, f.After)
	unified, err := udiff.ToUnifiedDiff(f.Path, f.Path, f.Before, edits, around)
	if err != nil { // edits come from the text itself
		return []diffLine{{text: fmt.Sprintf("cannot compare %s: %v", f.Path, err), file: true}}
	}
	var body []diffLine
	added, removed := 0, 0
	for i, hunk := range unified.Hunks {
		if i > 0 {
			body = append(body, diffLine{text: "..."})
		}
		before, after := hunk.FromLine, hunk.ToLine
		for _, line := range hunk.Lines {
			l := diffLine{before: before, after: after, mark: " ", text: line.Content}
			switch line.Kind {
			case udiff.Insert:
				l.mark, l.before = "+", 0
				added++
				after++
			case udiff.Delete:
				l.mark, l.after = "-", 0
				removed++
				before++
			default:
				before++
				after++
			}
			if !strings.HasSuffix(l.text, "\n") {
				l.text += " (no line feed at the end)"
			}
			l.text = oneLine(strings.TrimSuffix(l.text, "\n"))
			body = append(body, l)
		}
	}
	if len(body) == 0 && whole && f.Before != "" {
		for i, text := range strings.Split(strings.TrimSuffix(f.Before, "\n"), "\n") {
			body = append(body, diffLine{before: i + 1, after: i + 1, mark: " ", text: oneLine(text)})
		}
	}
	return append([]diffLine{{text: f.heading(added, removed), path: Clean(f.Path), file: true}}, body...)
}

// Lines are its changes with what is around them, to be shown among other things: no more than width columns each.
func (f FileDiff) Lines(width int) []string {
	var out []string
	var d Diff
	for _, line := range f.lines(false) {
		out = append(out, d.draw(line, width))
	}
	return out
}

// heading is "/etc/network/interfaces: 4 lines added, 1 removed".
func (f FileDiff) heading(added, removed int) string {
	what := fmt.Sprintf("%d added, %d removed", added, removed)
	switch {
	case f.Created:
		what = "new, " + lineCount(added)
	case f.Removed:
		what = "removed, " + lineCount(removed)
	case added+removed == 0:
		what = "unchanged"
	}
	return Clean(f.Path) + ": " + what
}

func lineCount(n int) string {
	if n == 1 {
		return "1 line"
	}
	return fmt.Sprintf("%d lines", n)
}

// Keys scroll, search, and change the view.
func (d *Diff) Keys() []Key {
	if d.searching {
		return []Key{
			Bind("search for", AnyText),
			Bind("erase", "backspace", "ctrl+h"),
			Bind("search", "enter"),
			Bind("give up", "esc"),
		}
	}
	view := "whole files"
	if d.whole {
		view = "changes only"
	}
	none := ""
	if d.search == "" {
		none = "Search for something first, with /."
	}
	keys := []Key{
		Bind("search", "/"),
		Bind("next, last match", "n", "N").Unless(none).Named("n/N"),
		Bind(view, "w"),
	}
	if len(d.Files) > 1 {
		keys = append(keys, Bind("next, last change", "c", "C", "]", "[").Named("c/C"))
	}
	if d.scroll.moves() {
		keys = append(keys, scrollKeys()...)
	}
	if d.wide {
		keys = append(keys, Bind("sideways", "left", "right").Named("Left/Right"))
	}
	return keys
}

// Update handles the keys.
func (d *Diff) Update(msg tea.Msg) tea.Cmd {
	press, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil
	}
	if d.searching {
		return d.editSearch(press)
	}
	d.build()
	switch press.String() {
	case "left":
		d.left = max(d.left-diffStride, 0)
	case "right":
		d.left = min(d.left+diffStride, max(d.widest()-diffStride, 0))
	case "w":
		d.toggleWhole()
	case "/":
		d.searching, d.search = true, ""
	case "n":
		return d.find(+1, false)
	case "N":
		return d.find(-1, false)
	case "c", "]":
		d.goToFile(+1)
	case "C", "[":
		d.goToFile(-1)
	default:
		d.scroll.key(press)
	}
	return nil
}

// toggleWhole changes the view and keeps the line at the top in sight.
func (d *Diff) toggleWhole() {
	var top diffLine
	if d.scroll.top < len(d.lines) {
		top = d.lines[d.scroll.top]
	}
	d.whole = !d.whole
	d.build()
	d.scroll.fit(d.scroll.size, len(d.lines))
	for i, line := range d.lines {
		if line == top {
			d.scroll.top = i
			break
		}
	}
	d.scroll.fit(d.scroll.size, len(d.lines))
}

func (d *Diff) widest() int {
	w := 0
	for _, line := range d.lines {
		w = max(w, ansi.StringWidth(line.text))
	}
	return w
}

func (d *Diff) goToFile(by int) {
	for i := d.scroll.top + by; i >= 0 && i < len(d.lines); i += by {
		if d.lines[i].file {
			d.scroll.top = i
			return
		}
	}
}

func (d *Diff) editSearch(press tea.KeyPressMsg) tea.Cmd {
	switch press.String() {
	case "enter":
		d.searching = false
		if d.search != "" {
			return d.find(+1, true)
		}
	case "esc":
		d.searching, d.search = false, ""
	case "backspace", "ctrl+h":
		if runes := []rune(d.search); len(runes) > 0 {
			d.search = string(runes[:len(runes)-1])
		}
	default:
		d.search += press.Text
	}
	return nil
}

// find brings the next line with the search text into sight, beginning with
// the line at the top itself if fresh is set, and going round at the end.
func (d *Diff) find(by int, fresh bool) tea.Cmd {
	d.build()
	n := len(d.lines)
	from := d.found
	if fresh {
		from = d.scroll.top - by
	}
	for step := 1; step <= n; step++ {
		i := ((from+by*step)%n + n) % n
		if d.matches(d.lines[i]) {
			d.found = i
			d.scroll.reveal(i, i+1)
			return nil
		}
	}
	return Say("Not found: " + d.search)
}

func (d *Diff) matches(line diffLine) bool {
	return d.search != "" && strings.Contains(strings.ToLower(line.text), strings.ToLower(d.search))
}
