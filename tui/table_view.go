package tui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

const columnGap = 2

// View shows the column titles, the rows around the cursor, which part of all
// rows that is, and the detail of the row under the cursor. How the height is
// shared does not depend on the cursor, so that moving it moves nothing else.
func (t *Table) View(width, height int) string {
	if t.reading != nil {
		return t.reading.View(width, height)
	}
	rows := t.matching()
	t.Cursor()
	own := height
	if t.Detail != nil && len(t.Rows) > 0 {
		const least = 6 // titles, a few rows, the position: on a small screen the detail gives way
		own = min(max(height/2, min(least, height-2)), len(t.Rows)+2)
	}
	room := own - 1 // titles
	footed := len(rows) > room || t.filter != "" || t.filtering
	if footed {
		room--
	}
	t.scroll.fit(max(room, 1), len(rows))
	t.scroll.reveal(t.at, t.at+1)

	widths := t.widths(width - t.lead())
	lines := []string{strings.Repeat(" ", t.lead()) + Strong(strings.TrimRight(t.line(t.titles(), widths), " "))}
	for i := t.scroll.top; i < t.scroll.end(); i++ {
		line := t.mark(rows[i], i == t.at) + t.line(rows[i].Cells, widths)
		lines = append(lines, strings.TrimRight(line, " "))
	}
	if len(t.Rows) == 0 && t.Empty != "" {
		lines = Wrap(t.Empty, width)
	}
	if footed {
		lines = append(lines, Cut(t.foot(len(rows)), width))
	}
	return strings.Join(append(lines, t.detail(width, height-len(lines))...), "\n")
}

// foot is "NICs 3-18 of 256, filter: eth".
func (t *Table) foot(matching int) string {
	foot := strings.TrimSpace(t.Noun + " " + t.scroll.position())
	if matching < len(t.Rows) {
		foot += fmt.Sprintf(" that match (%d in all)", len(t.Rows))
	}
	switch {
	case t.filtering:
		foot += ", filter: " + t.filter + "_"
	case t.filter != "":
		foot += ", filter: " + t.filter
	}
	return foot
}

// detail is the row under the cursor in full, as far as height goes.
func (t *Table) detail(width, height int) []string {
	row, ok := t.Cursor()
	if t.Detail == nil || !ok || height < 2 {
		return nil
	}
	lines := Wrap(Clean(t.detailText(row)), width)
	if len(lines) > height-1 {
		lines = append(lines[:max(height-2, 0)], "... more: press d")
	}
	return append([]string{strings.Repeat("─", width)}, clip(lines, height-1)...)
}

func (t *Table) detailText(row Row) string {
	text := strings.TrimSpace(t.Detail(row))
	if row.Off != "" && t.Select != SelectNone {
		text = "Cannot be chosen: " + row.Off + "\n" + text
	}
	return text
}

// lead is the width of cursor and mark.
func (t *Table) lead() int {
	if t.Select == SelectNone {
		return 2
	}
	return 6
}

func (t *Table) mark(row Row, cursor bool) string {
	mark := "  "
	if cursor {
		mark = "> "
	}
	chosen := slices.Contains(t.Chosen, row.ID)
	switch {
	case t.Select == SelectNone:
	case row.Off != "":
		mark += " -  "
	case t.Select == SelectOne && chosen:
		mark += "(*) "
	case t.Select == SelectOne:
		mark += "( ) "
	case chosen:
		mark += "[x] "
	default:
		mark += "[ ] "
	}
	return mark
}

func oneLine(s string) string { return strings.ReplaceAll(Clean(s), "\n", " ") }

func (t *Table) titles() []string {
	var titles []string
	for _, c := range t.Columns {
		titles = append(titles, c.Title)
	}
	return titles
}

func (t *Table) line(cells []string, widths []int) string {
	var b strings.Builder
	for i, w := range widths {
		if w == 0 {
			continue
		}
		cell := ""
		if i < len(cells) {
			cell = oneLine(cells[i])
		}
		cell = Cut(cell, w)
		pad := strings.Repeat(" ", max(w-ansi.StringWidth(cell), 0))
		if t.Columns[i].Right {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
		b.WriteString(strings.Repeat(" ", columnGap))
	}
	return b.String()
}

// widths gives each column what its widest cell needs; when that is too much,
// columns are narrowed to Min, and then left out, from the last to the first.
func (t *Table) widths(room int) []int {
	widths := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		widths[i] = ansi.StringWidth(c.Title)
	}
	for _, row := range t.Rows {
		for i := range min(len(row.Cells), len(widths)) {
			widths[i] = max(widths[i], ansi.StringWidth(oneLine(row.Cells[i])))
		}
	}
	over := -columnGap - room
	for _, w := range widths {
		over += w + columnGap
	}
	for i := len(widths) - 1; i >= 0 && over > 0; i-- {
		least := max(t.Columns[i].Min, min(ansi.StringWidth(t.Columns[i].Title), widths[i]))
		give := min(max(widths[i]-least, 0), over)
		widths[i] -= give
		over -= give
	}
	for i := len(widths) - 1; i > 0 && over > 0; i-- {
		over -= widths[i] + columnGap
		widths[i] = 0
	}
	return widths
}
