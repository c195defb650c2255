package tui

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"
)

// The smallest screen the wizard works on, and how long keys are swallowed
// after a dangerous question appears: they were typed before it was read.
const (
	MinWidth, MinHeight = 60, 16
	Grace               = 600 * time.Millisecond
)

// Shell is the wizard: the one tea.Model. Fill the exported fields, then Run.
type Shell struct {
	Product string
	Steps   []Step
	Status  func() Status
	// Leave says in which state the host is left when the wizard ends now. It
	// is shown when Ctrl-C asks. Nil: nothing has been changed.
	Leave func() string
	ASCII bool // draw with ASCII only; Run sets it from locale and TERM

	pages         map[int]Page
	at            int
	width, height int
	say           string // sentence in the status line
	sayBad        bool   // it is an error
	help          *Prose // the ? page, while it is open
	asked         time.Time
	asking        bool // Ctrl-C's question is open
	paste         bool // the terminal knows bracketed paste
	old           bool // it cannot insert and delete characters, nor show colours
	left          bool // ended by Ctrl-C
	over          bool // ended
	visits        int  // how often a page was shown
	fatal         error
}

type tickMsg time.Time

func tick() tea.Cmd {
	return tea.Tick(time.Second, func(now time.Time) tea.Msg { return tickMsg(now) })
}

// Page is the page shown.
func (s *Shell) Page() Page { return s.pages[s.at] }

// Step is the step shown; without steps, an empty one.
func (s *Shell) Step() Step {
	if s.at >= len(s.Steps) {
		return Step{}
	}
	return s.Steps[s.at]
}

// Init starts the clock and shows the first step that applies.
func (s *Shell) Init() tea.Cmd {
	s.pages = map[int]Page{}
	first := s.neighbour(-1, +1)
	if first < 0 {
		return s.end()
	}
	return tea.Batch(s.show(first), tick())
}

// Update routes a message to the frame, to the page that asked for it, or to
// the page shown.
func (s *Shell) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		s.width, s.height = msg.Width, msg.Height
		return s, s.toPage(s.at, msg)
	case tea.KeyPressMsg:
		return s, s.key(msg)
	case tea.PasteMsg:
		return s, s.pasted(msg)
	case tickMsg:
		return s, tea.Batch(s.toPage(s.at, TickMsg{time.Time(msg)}), tick())
	case routedMsg:
		return s, s.routed(msg)
	case fatalMsg:
		s.fatal = msg.err
		return s, s.end()
	}
	if cmd, ours := s.command(msg); ours {
		return s, cmd
	}
	return s, s.toPage(s.at, msg)
}

// routed delivers what a page's command reported to that page, shown or not.
// What the frame is asked to do counts only from the page shown: a late "next"
// from a page one has left must not push another one.
func (s *Shell) routed(m routedMsg) tea.Cmd {
	if cmd, ours := s.commandFrom(m); ours {
		return cmd
	}
	return s.toPage(m.page, m.msg)
}

func (s *Shell) commandFrom(m routedMsg) (tea.Cmd, bool) {
	if m.page != s.at {
		switch m.msg.(type) {
		case NextMsg, BackMsg, GotoMsg, QuitMsg, SayMsg, ErrorMsg:
			return nil, true
		}
		return nil, false
	}
	return s.command(m.msg)
}

// command does what a message asks of the frame.
func (s *Shell) command(msg tea.Msg) (cmd tea.Cmd, ours bool) {
	switch msg := msg.(type) {
	case NextMsg:
		return s.next(), true
	case BackMsg:
		return s.back(), true
	case GotoMsg:
		return s.goTo(msg.ID), true
	case QuitMsg:
		return s.end(), true
	case SayMsg:
		s.say, s.sayBad = msg.Text, false
		return nil, true
	case ErrorMsg:
		if msg.Err != nil {
			s.say, s.sayBad = msg.Err.Error(), true
		}
		return nil, true
	}
	return nil, false
}

// neighbour is the nearest step that applies from at in direction by, or -1.
func (s *Shell) neighbour(at, by int) int {
	for i := at + by; i >= 0 && i < len(s.Steps); i += by {
		if s.Steps[i].applies() {
			return i
		}
	}
	return -1
}

func (s *Shell) next() tea.Cmd {
	if err := s.Page().Next(); err != nil {
		s.say, s.sayBad = err.Error(), true
		return nil
	}
	to := s.neighbour(s.at, +1)
	if to < 0 {
		return s.end()
	}
	return s.show(to)
}

func (s *Shell) end() tea.Cmd {
	s.over = true
	return tea.Quit
}

func (s *Shell) back() tea.Cmd {
	if lock := s.status().Lock; lock != "" {
		s.say, s.sayBad = lock, false
		return nil
	}
	to := s.neighbour(s.at, -1)
	if to < 0 {
		s.say, s.sayBad = "This is the first step. Ctrl-C leaves.", false
		return nil
	}
	return s.show(to)
}

func (s *Shell) goTo(id string) tea.Cmd {
	for i, step := range s.Steps {
		if step.ID == id && step.applies() {
			return s.show(i)
		}
	}
	s.say, s.sayBad = fmt.Sprintf("cannot go to step %q: it does not apply here", id), true
	return nil
}

// show makes step i the one shown. A page is made on its first visit and kept.
func (s *Shell) show(i int) tea.Cmd {
	s.at, s.say, s.help = i, "", nil
	s.visits++
	page, ok := s.pages[i]
	if !ok {
		page = s.Steps[i].Page()
		s.pages[i] = page
	}
	return route(i, page.Enter())
}

func (s *Shell) toPage(i int, msg tea.Msg) tea.Cmd {
	page, ok := s.pages[i]
	if !ok {
		return nil
	}
	return route(i, page.Update(msg))
}

func (s *Shell) status() Status {
	if s.Status == nil {
		return Status{}
	}
	return s.Status()
}

// The shell's own keys. A page that lists one of them takes it over.
var (
	keyNext = Bind("continue", "enter", "ctrl+n")
	keyBack = Bind("back", "esc", "ctrl+p")
	keyHelp = Bind("help", "?", "ctrl+g", "f1") // many a console loses F1
	keyQuit = Bind("leave", "ctrl+c")
)

func (s *Shell) key(msg tea.KeyPressMsg) tea.Cmd {
	if msg.String() == "alt+esc" { // Esc twice in a hurry
		msg = tea.KeyPressMsg{Code: tea.KeyEscape}
	}
	switch {
	case s.asking:
		return s.answerLeave(msg)
	case keyQuit.Matches(msg):
		s.asking, s.asked = true, time.Now()
		return nil
	case s.tooSmall() || s.Page() == nil:
		return nil
	case s.help != nil:
		return s.helpKey(msg)
	}
	s.say = ""
	if k, ok := find(s.Page().Keys(), msg); ok {
		if k.Off != "" {
			s.say, s.sayBad = k.Off, false
			return nil
		}
		return s.toPage(s.at, msg)
	}
	switch {
	case keyNext.Matches(msg):
		return s.next()
	case keyBack.Matches(msg):
		return s.back()
	case keyHelp.Matches(msg):
		s.help = &Prose{Text: s.helpText()}
	}
	return nil
}

// answerLeave handles the keys of Ctrl-C's question. A second Ctrl-C is a yes,
// once there was time to read.
func (s *Shell) answerLeave(msg tea.KeyPressMsg) tea.Cmd {
	if time.Since(s.asked) < Grace {
		return nil
	}
	if Pressed(msg, "y", "Y", "ctrl+c") { // nothing is drawn any more: a slow line would hold it up
		s.left = true
		return s.end()
	}
	s.asking = false
	return nil
}

func (s *Shell) helpKey(msg tea.KeyPressMsg) tea.Cmd {
	if _, ok := find(s.help.Keys(), msg); ok {
		return s.help.Update(msg)
	}
	s.help = nil
	return nil
}

// pasted hands pasted text to a page that takes text.
func (s *Shell) pasted(msg tea.PasteMsg) tea.Cmd {
	if s.asking || s.help != nil || s.tooSmall() || s.Page() == nil {
		return nil
	}
	for _, k := range s.Page().Keys() {
		if k.Off == "" && k.Matches(tea.KeyPressMsg{Text: "a", Code: 'a'}) {
			return s.toPage(s.at, msg)
		}
	}
	return nil
}

func (s *Shell) tooSmall() bool { return s.width < MinWidth || s.height < MinHeight }
