package tui

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Question is one thing that a page asks where answers are typed as lines. It
// is data: the page takes the answer as an AnswerMsg, and is asked again.
type Question struct {
	ID       int
	Label    string
	Help     string
	Options  []Option // what to choose from; none: text is typed
	Many     bool     // any number of Options
	Now      []string // the answer as it stands: values of Options, or the text
	Optional bool     // it may be left empty
	Off      string   // why it cannot be changed; empty: it can
	Err      error    // what is wrong with the answer as it stands

	// Detail is all that is known of an option. Nil: nothing more.
	Detail func(value string) string
}

// Asker is a page, or a widget, that asks questions. They are asked in the
// order of their IDs; which there are may change with each answer.
type Asker interface{ Ask() []Question }

// AnswerMsg is an answer, for the page that asked. Values are those of options,
// or one text.
type AnswerMsg struct {
	ID     int
	Values []string
}

// PointMsg puts the cursor on the row with this ID.
type PointMsg struct{ ID string }

// Text is the one value of a text answer.
func (a AnswerMsg) Text() string { return strings.Join(a.Values, " ") }

// Speaker is a page, or a widget, that can be told in lines. What has been
// told is not told again: later only lines that are new, so what changes by the
// second has no place in them. Width is for what is laid out; lines that are
// wider are broken.
type Speaker interface{ Speak(width int) string }

// empty is the answer that takes an answer back.
const empty = "-"

// read turns a line into the values of an answer. An empty line leaves the
// answer as it is.
func (q Question) read(line string) ([]string, error) {
	line = strings.TrimSpace(line)
	switch {
	case q.Off != "" && line != "":
		return nil, errors.New(q.Off)
	case line == "":
		return q.Now, nil
	case line == empty && (q.Many || q.Optional):
		return nil, nil
	case len(q.Options) == 0:
		return []string{line}, nil
	}
	words := []string{line}
	if q.Many {
		words = strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ' ' })
	}
	var values []string
	for _, word := range words {
		o, err := q.option(word)
		if err != nil {
			return nil, err
		}
		values = append(values, o.Value)
	}
	return values, nil
}

// option is the one that word names: by its label, its value, its number, or the
// beginning of the label if no other begins so.
func (q Question) option(word string) (Option, error) {
	found := slices.IndexFunc(q.Options, func(o Option) bool { return strings.EqualFold(o.Label, word) || strings.EqualFold(o.Value, word) })
	if n, err := strconv.Atoi(word); found < 0 && err == nil && n >= 1 && n <= len(q.Options) {
		found = n - 1
	}
	if found < 0 {
		var beginning []int
		for i, o := range q.Options {
			if strings.HasPrefix(strings.ToLower(o.Label), strings.ToLower(word)) {
				beginning = append(beginning, i)
			}
		}
		switch len(beginning) {
		case 0:
			return Option{}, fmt.Errorf("%q is no answer here: type a number from 1 to %d, or the name", word, len(q.Options))
		case 1:
			found = beginning[0]
		default:
			return Option{}, fmt.Errorf("%d answers begin with %s: type more of it, or the number", len(beginning), word)
		}
	}
	o := q.Options[found]
	if o.Off != "" {
		return Option{}, fmt.Errorf("%s is not possible: %s", o.Label, o.Off)
	}
	return o, nil
}

// short says that the prompt alone tells what there is to choose from.
func (q Question) short() bool {
	return len(q.Options) > 0 && len(q.Options) <= 3 && !q.Many &&
		!slices.ContainsFunc(q.Options, func(o Option) bool { return o.Explain != "" || o.Off != "" })
}

// now is the answer as it stands, in words.
func (q Question) now() string {
	if len(q.Options) == 0 {
		return strings.Join(q.Now, " ")
	}
	var words []string
	for i, o := range q.Options {
		if slices.Contains(q.Now, o.Value) {
			word := numbered(i, o)
			if q.short() {
				word = o.Label
			}
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ")
}

// numbered is "2 static".
func numbered(i int, o Option) string { return fmt.Sprintf("%d %s", i+1, o.Label) }
