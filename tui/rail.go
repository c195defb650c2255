package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

const (
	railJoint = " ─ "
	railMore  = "..." // there are more steps on that side
)

// rail is the line under the header: the names of the steps that apply, the
// one shown in brackets. Where not all fit, it has those around that one.
func (s *Shell) rail() string {
	names, at := s.names()
	from, to := at, at+1
	fits := func(from, to int) bool {
		return from >= 0 && to <= len(names) && ansi.StringWidth(railOf(names, from, to)) <= s.width
	}
	if fits(from-1, to) { // where one comes from; then what comes next; then what was
		from--
	}
	for fits(from, to+1) {
		to++
	}
	for fits(from-1, to) {
		from--
	}
	line := Cut(railOf(names, from, to), s.width)
	if rest := s.width - ansi.StringWidth(line) - 1; rest > 0 {
		line += " " + strings.Repeat("─", rest)
	}
	return line
}

// railOf joins the names from and to (exclusive), and says where there are more.
func railOf(names []string, from, to int) string {
	seen := append([]string{}, names[from:to]...)
	if from > 0 {
		seen = append([]string{railMore}, seen...)
	}
	if to < len(names) {
		seen = append(seen, railMore)
	}
	return strings.Join(seen, railJoint)
}

// names are the steps that apply, and which of them is shown; that one is in brackets.
func (s *Shell) names() (names []string, at int) {
	for i, step := range s.Steps {
		switch {
		case i == s.at:
			at = len(names)
			names = append(names, "["+step.Title+"]")
		case step.applies():
			names = append(names, step.Title)
		}
	}
	if len(names) == 0 {
		return []string{""}, 0
	}
	return names, at
}

// path is all of them on one line.
func (s *Shell) path() string {
	names, _ := s.names()
	return strings.Join(names, ", ")
}
