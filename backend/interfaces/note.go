package interfaces

import "fmt"

// Note is something the operator should know about an edit, at a line of the
// file as it was before.
type Note struct {
	File string
	Line int
	Warn bool // it may need a decision; otherwise it only says what was done
	Text string
}

func (p place) note(format string, args ...any) Note {
	return Note{File: p.file.Path, Line: p.line().no, Text: fmt.Sprintf(format, args...)}
}

func (p place) warn(format string, args ...any) Note {
	n := p.note(format, args...)
	n.Warn = true
	return n
}
