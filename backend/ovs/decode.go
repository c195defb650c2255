package ovs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// table is what "ovs-vsctl --format=json list" prints: rows of values in the
// notation of RFC 7047, section 5.1.
type table struct {
	Headings []string            `json:"headings"`
	Data     [][]json.RawMessage `json:"data"`
}

// readTable reads the next table of d, which must have exactly these columns, or any where they are nil.
func readTable(d *json.Decoder, columns []string) (table, error) {
	var t table
	if err := d.Decode(&t); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return t, err
	}
	if columns != nil && !slices.Equal(t.Headings, columns) {
		return t, fmt.Errorf("columns %q instead of %q", t.Headings, columns)
	}
	for _, row := range t.Data {
		if len(row) != len(t.Headings) {
			return t, fmt.Errorf("a row of %d values for %d columns", len(row), len(t.Headings))
		}
	}
	return t, nil
}

// scan stores the values of row i, in the order of the columns.
func (t table) scan(i int, into ...any) error {
	for n, v := range into {
		if err := atom(t.Data[i][n], v); err != nil {
			return fmt.Errorf("column %s: %w", t.Headings[n], err)
		}
	}
	return nil
}

// atom is json.Unmarshal without its leniency towards null.
func atom(b []byte, into any) error {
	if string(b) == "null" {
		return errors.New("null is no value")
	}
	return json.Unmarshal(b, into)
}

// uuid is ["uuid", "…"]: a row, or a reference to one.
type uuid string

func (u *uuid) UnmarshalJSON(b []byte) error {
	content, err := tagged(b, "uuid")
	if err != nil {
		return err
	}
	return atom(content, (*string)(u))
}

// set is ["set", [value, …]], or a single value.
type set[T any] []T

func (s *set[T]) UnmarshalJSON(b []byte) error {
	var items []json.RawMessage
	if content, err := tagged(b, "set"); err != nil {
		items = []json.RawMessage{b}
	} else if err := atom(content, &items); err != nil {
		return err
	}
	*s = make([]T, len(items))
	for i, item := range items {
		if err := atom(item, &(*s)[i]); err != nil {
			return err
		}
	}
	return nil
}

// optional is a set of at most one value; the zero value stands for none.
type optional[T any] struct{ value T }

func (o *optional[T]) UnmarshalJSON(b []byte) error {
	var s set[T]
	if err := s.UnmarshalJSON(b); err != nil {
		return err
	}
	switch len(s) {
	case 0:
		*o = optional[T]{}
	case 1:
		o.value = s[0]
	default:
		return fmt.Errorf("%d values where one is expected", len(s))
	}
	return nil
}

// dict is ["map", [["key", "value"], …]].
type dict map[string]string

func (m *dict) UnmarshalJSON(b []byte) error {
	content, err := tagged(b, "map")
	if err != nil {
		return err
	}
	var pairs []pair
	if err := atom(content, &pairs); err != nil {
		return err
	}
	*m = nil
	for _, p := range pairs {
		if *m == nil {
			*m = dict{}
		}
		(*m)[p.key] = p.value
	}
	return nil
}

// pair is one ["key", "value"] of a map.
type pair struct{ key, value string }

func (p *pair) UnmarshalJSON(b []byte) error {
	var two []json.RawMessage
	if err := atom(b, &two); err != nil {
		return err
	}
	if len(two) != 2 {
		return fmt.Errorf("%s is no pair", b)
	}
	return errors.Join(atom(two[0], &p.key), atom(two[1], &p.value))
}

// tagged returns the content of [tag, content].
func tagged(b []byte, tag string) (json.RawMessage, error) {
	var two []json.RawMessage
	var found string
	if err := json.Unmarshal(b, &two); err != nil || len(two) != 2 || json.Unmarshal(two[0], &found) != nil || found != tag {
		return nil, fmt.Errorf("%s is no %s", b, tag)
	}
	return two[1], nil
}
