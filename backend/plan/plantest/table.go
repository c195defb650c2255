package plantest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Table counts cases by what was being done and what went wrong then. Several tests may count at once.
type Table struct {
	Columns []string // in their order; what is counted in another one stands behind them

	mu    sync.Mutex
	cells map[[2]string]cell
}

type cell struct{ passed, tried int }

// all names the row and the column of the sums.
const all = "all"

// Count adds a case.
func (b *Table) Count(row, column string, passed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cells == nil {
		b.cells = map[[2]string]cell{}
	}
	if !slices.Contains(b.Columns, column) {
		b.Columns = append(b.Columns, column)
	}
	for _, key := range [][2]string{{row, column}, {all, column}, {row, all}, {all, all}} {
		c := b.cells[key]
		c.tried++
		if passed {
			c.passed++
		}
		b.cells[key] = c
	}
}

// Rows are the names of the rows that have a case, sorted.
func (b *Table) Rows() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	rows := map[string]bool{}
	for key := range b.cells {
		rows[key[0]] = true
	}
	delete(rows, all)
	return slices.Sorted(maps.Keys(rows))
}

// String is the table in Markdown, passed/tried.
func (b *Table) String() string {
	rows := append(b.Rows(), all)
	b.mu.Lock()
	defer b.mu.Unlock()
	columns := append(slices.Clone(b.Columns), all)
	var out strings.Builder
	out.WriteString("| | " + strings.Join(columns, " | ") + " |\n|" + strings.Repeat("---|", len(columns)+1) + "\n")
	for _, row := range rows {
		out.WriteString("| " + row)
		for _, column := range columns {
			text := "-"
			if c, ok := b.cells[[2]string{row, column}]; ok {
				text = fmt.Sprintf("%d/%d", c.passed, c.tried)
			}
			out.WriteString(" | " + text)
		}
		out.WriteString(" |\n")
	}
	return out.String()
}
