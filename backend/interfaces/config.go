// Package interfaces reads and edits /etc/network/interfaces as ifupdown
// 0.8.41 does (interfaces(5)). Reading is lossless: what is not edited keeps
// every byte. What ifupdown would reject, or read in an undefined way, is
// refused with file and line. The package runs nothing and writes no file: the
// caller writes what Changed returns.
package interfaces

import (
	"fmt"
	"slices"
	"strings"
)

// Source gives the parser its files.
type Source interface {
	// Read returns the content of path; an error that is fs.ErrNotExist where there is none.
	Read(path string) ([]byte, error)
	// Glob returns the existing names that match pattern, in the syntax of filepath.Match.
	Glob(pattern string) ([]string, error)
}

// Error is something in a file that cannot be understood, or will not be edited.
type Error struct {
	File   string
	Line   int // from 1; 0: the file as a whole
	Reason string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
}

// Config is what an interfaces file and the files that it sources say.
type Config struct {
	src   Source
	path  string
	files []*File

	stanzas  []Stanza
	mappings []mention       // one per pattern
	classes  []mention       // words of auto, allow-*, no-auto-down, no-scripts
	renames  []mention       // CUR=NEW
	idle     []place         // auto and the like without a word, outside of a stanza
	seen     map[string]bool // names of files read
}

// mention is one word that names an interface, or a pattern, outside iface stanzas.
type mention struct {
	word string
	kind string // "auto", "hotplug" …: the class; "no-auto-down", "no-scripts", "mapping", "rename"
	bare bool   // the line has no word: it stands for the stanza that it is in
	at   place
}

// place is a logical line of a file.
type place struct {
	file  *File
	index int
}

func (p place) line() line { return p.file.lines[p.index] }

func (p place) refuse(format string, args ...any) *Error {
	return &Error{File: p.file.Path, Line: p.line().no, Reason: fmt.Sprintf(format, args...)}
}

// File is one file of the configuration.
type File struct {
	Path     string // absolute
	original string
	lines    []line
}

// Original is the content as it was read.
func (f *File) Original() []byte { return []byte(f.original) }

// Bytes is the content with the edits made so far.
func (f *File) Bytes() []byte { return []byte(f.text()) }

func (f *File) text() string {
	var b strings.Builder
	for _, l := range f.lines {
		b.WriteString(l.raw)
	}
	return b.String()
}

// Load reads path, normally /etc/network/interfaces, and what it sources. It
// fails with an *Error where the configuration is not understood, and with
// fs.ErrNotExist where there is no such file.
func Load(src Source, path string) (*Config, error) {
	c := &Config{src: src, path: path, seen: map[string]bool{}}
	data, err := src.Read(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	if err := c.read(path, data); err != nil {
		return nil, err
	}
	return c, nil
}

// Files are the files in the order in which ifupdown reads them.
func (c *Config) Files() []*File { return slices.Clone(c.files) }

// Changed are the files whose content is no longer the original.
func (c *Config) Changed() []*File {
	return slices.DeleteFunc(c.Files(), func(f *File) bool { return f.text() == f.original })
}
