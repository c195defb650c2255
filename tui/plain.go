package tui

import (
	"io"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// plain is the wizard by line prompts: the same Shell, pages and checks, told
// line by line and answered by lines. A page that asks questions is asked through
// them; of every other page each line typed is a key of its bindings.
type plain struct {
	shell *Shell
	out   io.Writer
	read  tea.Cmd // reads a line: a lineMsg or goneMsg
	drop  func()  // drops what was typed before it was asked for
	width int
	echo  bool // answers are written, too: no terminal does

	visit   int             // of the shell, that was told
	told    map[string]bool // the lines of this page that were
	whole   bool            // a key was pressed: if that changes the page, it is told whole
	at      int             // ID of the question asked now
	from    int             // first option listed
	mark    time.Duration   // of the countdown, that was told
	asked   string          // the prompt shown last
	open    bool            // it stands there without an answer
	reading bool
}

type (
	lineMsg      struct{ text string }
	goneMsg      struct{} // the input has ended
	interruptMsg struct{} // Ctrl-C
)

// Init starts the shell on a screen on which everything has room.
func (p *plain) Init() tea.Cmd {
	p.shell.width, p.shell.height = max(p.width, MinWidth), 1<<16
	cmd := p.shell.Init()
	return tea.Batch(cmd, p.tell())
}

// View is empty: what is to be said is said when it happens.
func (p *plain) View() tea.View { return tea.View{} }

// Update takes a line, or hands the message to the shell, and tells what is new.
func (p *plain) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg, tea.KeyPressMsg: // of a program without a screen
		return p, nil
	case lineMsg:
		if p.reading, p.open = false, false; p.echo {
			p.write(Clean(msg.text) + "\n")
		}
		cmd = p.line(strings.TrimSpace(msg.text))
	case goneMsg:
		p.shell.left = true
		return p, p.shell.end()
	case interruptMsg:
		if p.shell.asking {
			return p, p.leave(true)
		}
		p.leaveQuestion()
	default:
		_, cmd = p.shell.Update(msg)
	}
	if p.shell.over {
		return p, cmd
	}
	return p, tea.Batch(cmd, p.tell())
}

// write writes; a reader that is gone shows by the end of the input.
func (p *plain) write(text string) { _, _ = io.WriteString(p.out, text) }

// say writes lines, on lines of their own.
func (p *plain) say(text string) {
	if p.open {
		p.write("\n")
	}
	p.open = false
	p.write(text + "\n")
}

// line takes what was typed at the prompt.
func (p *plain) line(text string) tea.Cmd {
	word := strings.ToLower(text)
	switch {
	case p.shell.asking:
		return p.leave(word == "y" || word == "yes")
	case word == "quit" || word == "leave":
		p.leaveQuestion()
		return nil
	case word == "help" || word == "?":
		p.help()
		return nil
	}
	if q, ok := p.question(); ok {
		return p.answer(q, text)
	}
	switch {
	case word == "":
		return p.press("enter")
	case goesBack(text):
		return p.press("esc")
	case len([]rune(text)) == 1:
		if _, ok := find(p.shell.Page().Keys(), keyOf(text)); ok {
			if p.shell.status().Deadline.IsZero() { // else only what is new
				p.whole = true
			}
			return p.press(text)
		}
	}
	p.say("This page does not know " + quoted(text) + ".")
	return nil
}

// goesBack: esc is what pages call it.
func goesBack(text string) bool {
	return strings.EqualFold(text, "back") || strings.EqualFold(text, "esc")
}

// press gives the shell a key, as a terminal does.
func (p *plain) press(name string) tea.Cmd { return p.shell.key(keyOf(name)) }

func keyOf(name string) tea.KeyPressMsg {
	switch name {
	case "enter":
		return tea.KeyPressMsg{Code: tea.KeyEnter}
	case "esc":
		return tea.KeyPressMsg{Code: tea.KeyEscape}
	case "next":
		return tea.KeyPressMsg{Code: 'n', Mod: tea.ModCtrl}
	case "before":
		return tea.KeyPressMsg{Code: 'p', Mod: tea.ModCtrl}
	}
	return tea.KeyPressMsg{Code: []rune(name)[0], Text: name}
}

func (p *plain) leaveQuestion() {
	p.shell.asking, p.shell.asked = true, time.Now()
	p.say("\n" + strings.Join(p.shell.leaveText(p.width), "\n"))
}

// leave is the answer to whether to leave. A whole line is no key in flight.
func (p *plain) leave(yes bool) tea.Cmd {
	p.shell.asking = false
	if yes {
		p.shell.left = true
		return p.shell.end()
	}
	p.say("You stay.")
	return nil
}

func (p *plain) help() {
	p.say("\n" + strings.Join(Wrap(Clean(p.shell.Page().Help())+"\n\nThe steps: "+p.shell.path()+"\n\n"+linesHelp, p.width), "\n") + "\n")
	p.told = nil
}

const linesHelp = `Each answer is a line: type it and press Enter. What stands in brackets is the answer as it is, and Enter alone keeps it. A single - makes an answer empty. Of a list, type the number, the name or its beginning; of a long one, /text lists those that have the text, and more goes on.
back (or esc) goes back, help says this, quit leaves.`
