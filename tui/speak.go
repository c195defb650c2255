package tui

import (
	"fmt"
	"strings"
	"time"
)

// What the widgets say where a screen cannot be drawn or is not seen: whole
// lines, without marks whose place on the screen tells what they mean.

// Ask asks which row to choose.
func (t *Table) Ask() []Question {
	if t.Select == SelectNone || len(t.Rows) == 0 {
		return nil
	}
	q := Question{Label: t.Noun, Many: t.Select == SelectMany, Now: t.Chosen}
	for _, row := range t.Rows {
		q.Options = append(q.Options, Option{Value: row.ID, Label: oneLine(row.Cells[0]), Explain: t.told(row), Off: row.Off})
	}
	if t.Detail != nil {
		q.Detail = func(id string) string {
			for _, row := range t.Rows {
				if row.ID == id {
					return t.detailText(row)
				}
			}
			return ""
		}
	}
	return []Question{q}
}

// told is a row after its first cell: "Link 1 Gb/s, Address 192.168.1.100/24".
// Cells that say that there is nothing are left out.
func (t *Table) told(row Row) string {
	var parts []string
	for i := 1; i < min(len(row.Cells), len(t.Columns)); i++ {
		if cell := oneLine(row.Cells[i]); cell != "" && cell != "-" {
			parts = append(parts, t.Columns[i].Title+" "+cell)
		}
	}
	return strings.Join(parts, ", ")
}

// Speak says why there is nothing to choose, or lists rows that cannot be chosen.
func (t *Table) Speak(int) string {
	switch {
	case len(t.Rows) == 0:
		return t.Empty
	case t.Select != SelectNone:
		return "" // the question lists them
	}
	var lines []string
	for _, row := range t.Rows {
		lines = append(lines, oneLine(row.Cells[0])+": "+t.told(row))
	}
	return strings.Join(lines, "\n")
}

// Speak is the text.
func (p *Prose) Speak(int) string { return Clean(p.Text) }

// Speak is the tab shown, and which others there are.
func (t *Tabs) Speak(width int) string {
	w := t.current()
	if w == nil {
		return ""
	}
	var others []string
	for i, tab := range t.Tabs {
		if i != t.At {
			others = append(others, fmt.Sprintf("%d %s", i+1, tab.Title))
		}
	}
	text := fmt.Sprintf("Part %d of %d: %s.\n\n%s", t.At+1, len(t.Tabs), t.Tabs[t.At].Title, speak(w, width))
	if len(others) > 0 {
		text += "\n\n" + "Other parts, by number: " + strings.Join(others, ", ") + "."
	}
	return text
}

// speak is what a widget says of itself, or, if it cannot, all that it would show.
func speak(w Widget, width int) string {
	if s, ok := w.(Speaker); ok {
		return s.Speak(width)
	}
	const unlimited = 1000 // lines
	return strings.TrimRight(w.View(width, unlimited), "\n ")
}

// Speak lists the changes: line number, "+" for what is added and "-" for what goes.
func (d *Diff) Speak(int) string {
	d.build()
	var b strings.Builder
	for _, line := range d.lines {
		text := line.text
		if line.mark != "" {
			text = strings.TrimRight(fmt.Sprintf("%4d %s %s", max(line.before, line.after), line.mark, text), " ")
		}
		fmt.Fprintln(&b, text)
	}
	return strings.TrimRight(b.String(), "\n")
}

// Speak lists the items that have begun. Those that wait have been shown before.
func (p *Progress) Speak(int) string {
	var lines []string
	for _, item := range p.Items {
		if item.State == Waiting {
			continue
		}
		text := item.State.String() + ": " + Clean(item.Title)
		if item.State == Failed && item.Note != "" {
			text += ": " + oneLine(item.Note)
		}
		lines = append(lines, text)
	}
	return strings.Join(lines, "\n")
}

// Speak lists the checks.
func (c *Checks) Speak(int) string {
	var lines []string
	for _, item := range c.Items {
		text := item.Verdict.String() + ": " + Clean(item.Name)
		if item.Sentence != "" {
			text += ": " + oneLine(item.Sentence)
		}
		lines = append(lines, text)
	}
	return strings.Join(lines, "\n")
}

// breath is how often it is told that work goes on.
const breath = 30 * time.Second

// Speak says what is done, and every half minute for how long.
func (w Working) Speak(width int) string {
	text := capital(Clean(w.What))
	if d := time.Since(w.Since).Truncate(breath); d > 0 {
		text += ", " + Elapsed(d)
	}
	return Cut(text+" ...", width)
}
