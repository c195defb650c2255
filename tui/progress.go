package tui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// State is how far an item is.
type State int

// The states.
const (
	Waiting State = iota
	Doing
	Done
	Failed
	Undoing
	Undone
)

var stateWords = [...]string{"waiting", "doing", "done", "FAILED", "undoing", "undone"}

// String is the word the operator reads.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateWords) {
		return "?"
	}
	return stateWords[s]
}

func (s State) style(text string) string {
	switch s {
	case Done:
		return Good(text)
	case Failed:
		return Bad(text)
	case Doing, Undoing:
		return Strong(text)
	case Undone:
		return Warn(text)
	}
	return text
}

// Item is one line of Progress.
type Item struct {
	Title string
	State State
	Began time.Time // set by Set
	Ended time.Time // set by Set
	Note  string    // shown below the item while it is doing, and kept when it failed
}

// Progress lists items with their states and times, and follows the one that
// is being done. The operator can scroll back; scrolling to the end follows again.
type Progress struct {
	Items []Item

	scroll scroll
	held   bool // the operator scrolled away
}

// Set gives item i a state and keeps its times.
func (p *Progress) Set(i int, state State) {
	if i < 0 || i >= len(p.Items) {
		return
	}
	item, now := &p.Items[i], time.Now()
	switch state {
	case Doing, Undoing:
		item.Began, item.Ended = now, time.Time{}
	case Done, Failed, Undone:
		if item.Began.IsZero() {
			item.Began = now
		}
		item.Ended = now
	}
	item.State = state
}

// Note gives item i its live line.
func (p *Progress) Note(i int, note string) {
	if i >= 0 && i < len(p.Items) {
		p.Items[i].Note = note
	}
}

// Update scrolls.
func (p *Progress) Update(msg tea.Msg) tea.Cmd {
	if press, ok := msg.(tea.KeyPressMsg); ok && p.scroll.key(press) {
		p.held = p.scroll.end() < p.scroll.total
	}
	return nil
}

// Keys are the scroll keys, once there is more than fits.
func (p *Progress) Keys() []Key {
	if !p.scroll.moves() {
		return nil
	}
	return scrollKeys()
}

// View shows "doing  12 s  add port eth0 to examplebr0" per item.
func (p *Progress) View(width, height int) string {
	var lines []string
	active := 0
	for _, item := range p.Items {
		if item.State != Waiting {
			active = len(lines)
		}
		lines = append(lines, p.lines(item, width)...)
	}
	if len(lines) <= height {
		p.scroll.fit(height, len(lines))
		return strings.Join(lines, "\n")
	}
	p.scroll.fit(height-1, len(lines))
	if !p.held {
		p.scroll.reveal(active, min(active+2, len(lines)))
	}
	return p.scroll.view(lines, height)
}

func (p *Progress) lines(item Item, width int) []string {
	const lead = 16 // state and time
	elapsed := ""
	if !item.Began.IsZero() {
		end := item.Ended
		if end.IsZero() {
			end = time.Now()
		}
		elapsed = Elapsed(end.Sub(item.Began))
	}
	head := item.State.style(Fit(item.State.String(), 7)) + " " + fmt.Sprintf("%6s", elapsed) + "  "
	var lines []string
	for i, line := range Wrap(Clean(item.Title), width-lead) {
		if i > 0 {
			head = strings.Repeat(" ", lead)
		}
		lines = append(lines, head+line)
	}
	indent := strings.Repeat(" ", lead+2)
	switch {
	case item.Note == "":
	case item.State == Failed:
		for _, line := range Wrap(Clean(item.Note), width-lead-2) {
			lines = append(lines, indent+Bad(line))
		}
	case item.State == Doing || item.State == Undoing:
		lines = append(lines, indent+Cut(lastLine(Clean(item.Note)), width-lead-2))
	}
	return lines
}

func lastLine(s string) string {
	s = strings.TrimRight(s, "\n ")
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// Elapsed writes a duration as "12 s", "3m05s" or "1h02m".
func Elapsed(d time.Duration) string {
	s := int(max(d, 0) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
}

// Working is one line for work whose length is unknown: a mark that turns once
// per second, what is done, and for how long.
type Working struct {
	What  string
	Since time.Time
}

// View is the line, cut to width.
func (w Working) View(width int) string {
	d := time.Since(w.Since)
	mark := `|/-\`[int(max(d, 0)/time.Second)%4]
	return Cut(fmt.Sprintf("%c %s, %s", mark, Clean(w.What), Elapsed(d)), width)
}
