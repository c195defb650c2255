package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// Select is how many rows of a Table can be chosen.
type Select int

// The ways to select. SelectOne: Space chooses the row under the cursor, Enter
// chooses it and goes on. SelectMany: Space chooses or drops it.
const (
	SelectNone Select = iota
	SelectOne
	SelectMany
)

// Column is a column of a Table.
type Column struct {
	Title string
	Right bool // numbers
	Min   int  // narrowest useful width; columns are narrowed from the last to the first
}

// Row is a row of a Table.
type Row struct {
	ID    string
	Cells []string
	Off   string // why it cannot be chosen; empty: it can
}

// Table is a list with a cursor.
type Table struct {
	Columns []Column
	Rows    []Row
	Select  Select
	Chosen  []string // IDs, in the order of the rows
	Noun    string   // what a row is, plural: "NICs"
	Empty   string   // shown instead of no rows
	// Detail is shown below the rows for the row under the cursor; "d" shows it
	// alone when it is long. Nil: none.
	Detail func(Row) string

	at        int // into the rows that match the filter
	filter    string
	filtering bool // the filter is being typed
	scroll    scroll
	reading   *Prose // the detail alone
}

// Cursor is the row under the cursor; ok is false when no row is shown.
func (t *Table) Cursor() (row Row, ok bool) {
	rows := t.matching()
	if len(rows) == 0 {
		return Row{}, false
	}
	t.at = max(min(t.at, len(rows)-1), 0)
	return rows[t.at], true
}

// Browsing says that keys move among the rows: no filter is being typed and no
// detail is read alone. A page may then have letters of its own.
func (t *Table) Browsing() bool { return !t.filtering && t.reading == nil }

// Point puts the cursor on the row with this ID, if there is one.
func (t *Table) Point(id string) {
	if i := slices.IndexFunc(t.matching(), func(r Row) bool { return r.ID == id }); i >= 0 {
		t.at = i
	}
}

// SetRows replaces the rows. The cursor stays on its row as long as that exists;
// chosen rows that are gone or can no longer be chosen are dropped.
func (t *Table) SetRows(rows []Row) {
	current, _ := t.Cursor()
	t.Rows = rows
	t.Point(current.ID)
	t.choose(t.Chosen)
}

// Choose sets Chosen to those of ids that can be chosen.
func (t *Table) Choose(ids []string) { t.choose(ids) }

// ChooseShown chooses the rows that match the filter and of which may says yes, or drops them where
// all of them are chosen.
func (t *Table) ChooseShown(may func(id string) bool) {
	var ids []string
	for _, row := range t.matching() {
		if row.Off == "" && may(row.ID) {
			ids = append(ids, row.ID)
		}
	}
	if left := slices.DeleteFunc(slices.Clone(t.Chosen), func(id string) bool { return slices.Contains(ids, id) }); len(left)+len(ids) == len(t.Chosen) {
		t.choose(left)
		return
	}
	t.choose(append(slices.Clone(t.Chosen), ids...))
}

// choose sets Chosen to those of ids that can be chosen, in the rows' order.
func (t *Table) choose(ids []string) {
	t.Chosen = nil
	wanted := map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	for _, row := range t.Rows {
		if row.Off == "" && wanted[row.ID] {
			t.Chosen = append(t.Chosen, row.ID)
		}
	}
}

// matching are the rows that contain every word of the filter.
func (t *Table) matching() []Row {
	words := strings.Fields(strings.ToLower(t.filter))
	if len(words) == 0 {
		return t.Rows
	}
	var rows []Row
	for _, row := range t.Rows {
		text := strings.ToLower(strings.Join(row.Cells, " "))
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
			rows = append(rows, row)
		}
	}
	return rows
}

// Keys depend on the row under the cursor and on the filter.
func (t *Table) Keys() []Key {
	if t.reading != nil {
		return append([]Key{Bind("back to the list", "esc", "d", "enter")}, scrollKeys()...)
	}
	if t.filtering {
		keys := []Key{
			Bind("filter", AnyText),
			Bind("erase", "backspace", "ctrl+h"),
			Bind("keep the filter", "enter"),
			Bind("drop the filter", "esc"),
		}
		if len(t.matching()) > 1 {
			keys = append(keys, t.moveKeys())
		}
		return keys
	}
	var keys []Key
	row, ok := t.Cursor()
	off := row.Off
	if !ok {
		off = "there is no row to choose"
	}
	switch t.Select {
	case SelectOne:
		keys = append(keys, Bind("choose", "space").Unless(off), Bind("choose and continue", "enter").Unless(off))
	case SelectMany:
		keys = append(keys, Bind("choose", "space").Unless(off))
	}
	if len(t.matching()) > 1 {
		keys = append(keys, t.moveKeys())
	}
	if len(t.Rows) > 1 {
		keys = append(keys, Bind("filter", "/"))
	}
	if t.Detail != nil && ok {
		keys = append(keys, Bind("detail", "d"))
	}
	if t.filter != "" {
		keys = append(keys, Bind("drop the filter", "esc"))
	}
	return keys
}

func (t *Table) moveKeys() Key {
	keys := []string{"up", "down", "pgup", "pgdown", "home", "end", "ctrl+u", "ctrl+d"}
	if !t.filtering {
		keys = append(keys, "k", "j", "g", "G")
	}
	return Bind("move", keys...).Named("Up/Down")
}

// Update moves, chooses and filters.
func (t *Table) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case AnswerMsg:
		t.choose(msg.Values)
		return nil
	case PointMsg:
		t.Point(msg.ID)
		return nil
	}
	press, ok := msg.(tea.KeyPressMsg)
	if !ok {
		if paste, ok := msg.(tea.PasteMsg); ok && t.filtering {
			t.filter += strings.TrimSpace(Clean(paste.Content))
		}
		return nil
	}
	switch {
	case t.reading != nil && Pressed(msg, "esc", "d", "enter"):
		t.reading = nil
		return nil
	case t.reading != nil:
		return t.reading.Update(msg)
	case t.filtering:
		return t.editFilter(press)
	}
	row, ok := t.Cursor()
	switch press.String() {
	case "d":
		if t.Detail != nil && ok {
			t.reading = &Prose{Text: t.detailText(row)}
		}
	case "/":
		t.filtering = true
	case "esc":
		t.dropFilter()
	case "space", "enter":
		if !ok || row.Off != "" {
			return nil
		}
		if t.Select == SelectMany {
			t.toggle(row.ID)
			return nil
		}
		t.choose([]string{row.ID})
		if press.String() == "enter" {
			return Next
		}
	default:
		t.move(press)
	}
	return nil
}

func (t *Table) toggle(id string) {
	if i := slices.Index(t.Chosen, id); i >= 0 {
		t.Chosen = slices.Delete(slices.Clone(t.Chosen), i, i+1)
		return
	}
	t.choose(append(slices.Clone(t.Chosen), id))
}

func (t *Table) editFilter(press tea.KeyPressMsg) tea.Cmd {
	switch press.String() {
	case "enter":
		t.filtering = false
	case "esc":
		t.dropFilter()
	case "backspace", "ctrl+h":
		if runes := []rune(t.filter); len(runes) > 0 {
			t.filter = string(runes[:len(runes)-1])
		}
	default:
		if press.Text == "" {
			t.move(press)
			return nil
		}
		t.filter += press.Text
		t.at = 0
	}
	return nil
}

// dropFilter shows all rows again, with the cursor where it was.
func (t *Table) dropFilter() {
	row, ok := t.Cursor()
	t.filter, t.filtering = "", false
	if ok {
		t.Point(row.ID)
	}
}

func (t *Table) move(press tea.KeyPressMsg) {
	page := max(t.scroll.size-1, 1)
	switch press.String() {
	case "up", "k":
		t.at--
	case "down", "j":
		t.at++
	case "pgup", "ctrl+u":
		t.at -= page
	case "pgdown", "ctrl+d":
		t.at += page
	case "home", "g":
		t.at = 0
	case "end", "G":
		t.at = len(t.Rows)
	}
	t.Cursor() // keeps it inside
}
