package vm

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// measured collects figures by what they are of.
type measured struct {
	mu    sync.Mutex
	names []string
	all   map[string][]time.Duration
}

var figures = measured{all: map[string][]time.Duration{}}

func (m *measured) add(name string, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all[name] == nil {
		m.names = append(m.names, name)
	}
	m.all[name] = append(m.all[name], d)
}

// table is what was measured, in Markdown.
func (m *measured) table() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	fmt.Fprintln(&b, "| what | times | fastest | median | slowest |")
	fmt.Fprintln(&b, "|---|---|---|---|---|")
	for _, name := range m.names {
		d := slices.Sorted(slices.Values(m.all[name]))
		fmt.Fprintf(&b, "| %s | %d | %.2f s | %.2f s | %.2f s |\n", name, len(d), d[0].Seconds(), d[len(d)/2].Seconds(), d[len(d)-1].Seconds())
	}
	return b.String()
}

// records are rows of the table of power cuts.
var records []string

func record(row string) { records = append(records, row) }

// report prints what was measured.
func report() {
	if len(records) > 0 {
		fmt.Println("\n| run | different disks | booted | came up as they should |\n|---|---|---|---|\n" + strings.Join(records, "\n"))
	}
	if len(figures.names) > 0 {
		fmt.Println("\n" + figures.table())
	}
}
