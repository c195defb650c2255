// Package tui is the wizard's shell: one frame around the pages of the steps,
// keys that are data, and the widgets pages are made of. It knows no step and
// no host.
//
// A page is a plain struct. Its Update changes the struct and does no I/O;
// I/O happens in the commands it returns, and a command changes nothing: it
// only reports, as a message.
package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

// Page is one screen of a step.
type Page interface {
	Widget

	// Enter is called each time the page is shown, also when one comes back
	// to it. It brings the page up to date with what earlier pages decided,
	// keeps what was typed, and returns the command that starts its work.
	Enter() tea.Cmd

	// Next says whether one may go on: nil, or what is missing, as a sentence
	// for the operator. It is pure. Going back is never checked.
	Next() error

	// Help is the page's long help: plain text, blank lines between
	// paragraphs. The list of keys is added by the shell.
	Help() string
}

// Widget is a part of a page.
type Widget interface {
	// Update takes a message. Of the keys, only those that Keys lists arrive.
	Update(tea.Msg) tea.Cmd

	// View draws into at most width columns and height lines.
	View(width, height int) string

	// Keys lists what the keys do right now. A key that is not listed goes to
	// the shell; a key that is listed with a reason in Off only shows it.
	Keys() []Key
}

// Step is an entry of the flow. Steps are visited in order.
type Step struct {
	ID    string // for GotoMsg
	Title string

	// When says whether the step applies; one that does not is skipped in both
	// directions. Nil: always.
	When func() bool

	// Page makes the page. It is called once, on the first visit, and the page
	// is kept.
	Page func() Page
}

func (s Step) applies() bool { return s.When == nil || s.When() }

// Status is what the frame shows around every page. It is asked for each time
// a screen is drawn and must be quick.
type Status struct {
	Host    string // host name
	Console string // which console this is and which NIC carries it
	Badge   Badge

	// Lock refuses Back with its text, a sentence. Empty: Back is open.
	Lock string

	// Deadline is the instant at which Doing happens by itself, for example
	// "rolls back in". The zero time shows no countdown.
	Deadline time.Time
	Doing    string
}

// Badge tells in words what the wizard may touch.
type Badge string

// The badges.
const (
	Demo     Badge = "DEMO: nothing is touched"
	Rehearse Badge = "REHEARSAL: this host is not touched"
	DryRun   Badge = "DRY RUN: nothing is touched"
	Real     Badge = "REAL: this host"
)

type (
	// NextMsg goes to the next step if the page's Next allows it. After the
	// last step the wizard ends.
	NextMsg struct{}
	// BackMsg goes to the step before.
	BackMsg struct{}
	// GotoMsg goes to the step with this ID.
	GotoMsg struct{ ID string }
	// QuitMsg ends the wizard without a question.
	QuitMsg struct{}
	// SayMsg shows a sentence in the status line until the next key.
	SayMsg struct{ Text string }
	// ErrorMsg shows an error in the status line until the next key.
	ErrorMsg struct{ Err error }
	// TickMsg arrives at the page shown once per second.
	TickMsg struct{ Now time.Time }
)

// Next, Back, Goto, Quit and Say are the commands that send these messages.
func Next() tea.Msg { return NextMsg{} }

// Back is the command that goes to the step before.
func Back() tea.Msg { return BackMsg{} }

// Quit is the command that ends the wizard without a question.
func Quit() tea.Msg { return QuitMsg{} }

// Goto returns the command that goes to the step with this ID.
func Goto(id string) tea.Cmd { return func() tea.Msg { return GotoMsg{id} } }

// Say returns the command that shows a sentence in the status line.
func Say(text string) tea.Cmd { return func() tea.Msg { return SayMsg{text} } }
