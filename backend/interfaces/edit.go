package interfaces

import (
	"fmt"
	"strings"
)

// edit gathers changes to the lines of a configuration and makes them in one go.
type edit struct {
	c     *Config
	lines map[place]*lineEdit
	tail  []string // new lines at the end of the main file
	notes []Note
}

// lineEdit is what happens to one line and around it. Lines are without their ending.
type lineEdit struct {
	ahead, after []string
	raw          string
	changed      bool // raw stands for the line
	gone         bool
}

func (e *edit) at(p place) *lineEdit {
	if e.lines[p] == nil {
		e.lines[p] = &lineEdit{}
	}
	return e.lines[p]
}

func (e *edit) replace(p place, raw string) { e.at(p).raw, e.at(p).changed = raw, true }
func (e *edit) remove(p place)              { e.at(p).gone = true }

func (e *edit) ahead(p place, lines ...string) { e.at(p).ahead = append(e.at(p).ahead, lines...) }
func (e *edit) after(p place, lines ...string) { e.at(p).after = append(e.at(p).after, lines...) }

// take removes a line together with the comments right above it, below the
// stanza's head, and returns what was there.
func (e *edit) take(head, p place) []string {
	first := p.index
	for first-1 > head.index && p.file.lines[first-1].comment() && e.lines[place{p.file, first - 1}] == nil {
		first--
	}
	var lines []string
	for i := first; i <= p.index; i++ {
		at := place{p.file, i}
		raw := at.line().raw
		if l := e.lines[at]; l != nil && l.changed {
			raw = l.raw
		}
		lines = append(lines, raw)
		e.remove(at)
	}
	return lines
}

// ending is the line ending of a file, by its first line.
func (f *File) ending() string {
	if len(f.lines) > 0 && strings.HasSuffix(f.lines[0].raw, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// end gives a line that is not the last one its ending; a continuation into
// nothing ends here.
func end(raw, ending string) string {
	comment := strings.HasPrefix(strings.TrimLeft(raw, space), "#")
	text := strings.TrimSuffix(raw, "\n")
	if text != raw && (comment || !strings.HasSuffix(text, `\`)) {
		return raw
	}
	if !comment {
		text = strings.TrimRight(text, `\`)
	}
	return text + ending
}

// text is the content of f after the edit.
func (e *edit) text(f *File) string {
	var out []string
	changed := false
	for i, l := range f.lines {
		le := e.lines[place{f, i}]
		if le == nil {
			out = append(out, l.raw)
			continue
		}
		changed = true
		out = append(out, le.ahead...)
		switch {
		case le.gone:
		case le.changed:
			out = append(out, le.raw)
		default:
			out = append(out, l.raw)
		}
		out = append(out, le.after...)
	}
	if f == e.c.files[0] && len(e.tail) > 0 {
		changed = true
		out = append(out, e.tail...)
	}
	if !changed {
		return f.text()
	}
	return finish(out, f)
}

// finish puts lines together. The file's last line stays as it is if it still
// is the last; another one ends as that one did, with a newline or without.
func finish(lines []string, f *File) string {
	var b strings.Builder
	before := f.text()
	for i, raw := range lines {
		if last := i == len(lines)-1; last && len(f.lines) > 0 && raw == f.lines[len(f.lines)-1].raw {
			return b.String() + raw
		}
		b.WriteString(end(raw, f.ending()))
	}
	text := b.String()
	if open := strings.TrimRight(text, "\r\n"); before != "" && !strings.HasSuffix(before, "\n") && !strings.HasSuffix(open, `\`) {
		return open
	}
	return text
}

// overlay is a Source in which some files are edited.
type overlay struct {
	Source
	edited map[string]string
}

func (o overlay) Read(path string) ([]byte, error) {
	if text, ok := o.edited[path]; ok {
		return []byte(text), nil
	}
	return o.Source.Read(path)
}

// result is the configuration after the edit. c stays as it is.
func (e *edit) result() (*Config, error) {
	edited := map[string]string{}
	for _, f := range e.c.files {
		edited[f.Path] = e.text(f)
	}
	next, err := Load(overlay{e.c.src, edited}, e.c.path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errEdit, err)
	}
	next.src = e.c.src
	for _, f := range next.files {
		for _, old := range e.c.files {
			if f.Path == old.Path {
				f.original = old.original
			}
		}
	}
	return next, nil
}
