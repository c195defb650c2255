package tui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// ErrLeft is returned by Run when the operator left with Ctrl-C.
var ErrLeft = errors.New("left before the end")

// ErrGone is returned by Run when the terminal went away.
var ErrGone = errors.New("the terminal is gone")

// SignalError is returned by Run when a signal ended the wizard.
type SignalError struct{ Signal os.Signal }

func (e SignalError) Error() string { return "ended by signal: " + e.Signal.String() }

// patience is how long Run waits for a line that takes no more bytes.
const patience = 2 * time.Second

// Suitable says why the wizard's screens cannot be shown on this terminal, and
// what to do; nil: they can.
func Suitable(in, out *os.File, termName string) error {
	switch {
	case !term.IsTerminal(int(in.Fd())):
		return errors.New("the standard input is not a terminal")
	case !term.IsTerminal(int(out.Fd())):
		return errors.New("the standard output is not a terminal")
	case termName == "" || termName == "dumb":
		return fmt.Errorf("TERM is %q (for screens set it to what your console is, "+
			"for a serial line usually: export TERM=vt220)", termName)
	}
	return nil
}

// Run shows the wizard until it ends, and leaves the terminal as it was found,
// however it ends. It returns nil at the regular end, ErrLeft, ErrGone, a
// SignalError, an InternalError, or what Suitable says.
func Run(shell *Shell, in, out *os.File) error {
	name := os.Getenv("TERM")
	if err := Suitable(in, out, name); err != nil {
		return err
	}
	t, err := prepare(in, out)
	if err != nil {
		return err
	}
	rich := isRichTerm(name)
	defer t.restore(rich)

	shell.ASCII = shell.ASCII || ASCIIOnly(os.Getenv)
	shell.paste, shell.old = rich, isOldTerm(name)
	if size, err := unix.IoctlGetWinsize(int(out.Fd()), unix.TIOCGWINSZ); err == nil {
		shell.width, shell.height = int(size.Col), int(size.Row) // known before the first screen: none is drawn twice
	}
	ended := make(chan error, 2) // signals and a terminal that is gone
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var program *tea.Program
	quit := func() { go program.Quit() }
	program = tea.NewProgram(guarded{shell, shell, quit},
		tea.WithContext(ctx),
		tea.WithInput(&keyboard{in, func() { offer(ended, ErrGone) }}),
		tea.WithOutput(newOutput(out, rich)),
		tea.WithColorProfile(colours(os.Getenv)),
		tea.WithFPS(20), // a slow line shows no more
		tea.WithFilter(shell.resized),
		tea.WithoutSignalHandler(),
	)
	stop := watchSignals(ended, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer stop()

	finished := make(chan error, 1)
	go func() {
		_, err := program.Run()
		finished <- err
	}()
	return wait(shell, quit, finished, ended)
}

// resized drops sizes that are no news: for each, Bubble Tea clears the screen and draws all of it again.
func (s *Shell) resized(_ tea.Model, msg tea.Msg) tea.Msg {
	if size, ok := msg.(tea.WindowSizeMsg); ok && size.Width == s.width && size.Height == s.height {
		return nil
	}
	return msg
}

// wait returns when the program has finished. After a signal it does so even
// when the line is stuck and the program with it.
func wait(shell *Shell, quit func(), finished, ended <-chan error) error {
	var why error
	var late <-chan time.Time
	for {
		select {
		case err := <-finished:
			switch {
			case why != nil:
				return why
			case len(ended) > 0: // the cause, when err is its consequence
				return <-ended
			case shell.fatal != nil:
				return shell.fatal
			case err == nil && shell.left:
				return ErrLeft
			}
			return err
		case err := <-ended:
			if why == nil {
				why, late = err, time.After(patience)
				quit()
			}
		case <-late:
			return why
		}
	}
}

func offer(c chan<- error, err error) {
	select {
	case c <- err:
	default:
	}
}

// watchSignals reports signals that end a process.
func watchSignals(ended chan<- error, which ...os.Signal) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, which...)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				offer(ended, SignalError{s})
			case <-done:
				return
			}
		}
	}()
	return func() { signal.Stop(signals); close(done) }
}

// colours is how much colour the terminal gets: sixteen at most, none with
// NO_COLOR (https://no-color.org: set and not empty) or an old TERM.
func colours(getenv func(string) string) colorprofile.Profile {
	if getenv("NO_COLOR") != "" || isOldTerm(getenv("TERM")) {
		return colorprofile.ASCII
	}
	return colorprofile.ANSI
}

// terminal is what was found and has to be restored.
type terminal struct {
	in, out *os.File
	modes   *unix.Termios
	size    *unix.Winsize // nil: not changed
}

// prepare gives a terminal without a size one, and keeps Bubble Tea from
// moving the cursor with tabs: where a console has its tab stops is not known.
func prepare(in, out *os.File) (*terminal, error) {
	modes, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("cannot read the terminal's modes: %w", err)
	}
	t := &terminal{in: in, out: out, modes: modes}
	raw := *modes
	raw.Oflag |= unix.TAB3 // Bubble Tea looks at this; output processing itself is off while it runs
	if err := unix.IoctlSetTermios(int(in.Fd()), unix.TCSETS, &raw); err != nil {
		return nil, fmt.Errorf("cannot set the terminal's modes: %w", err)
	}
	size, err := unix.IoctlGetWinsize(int(out.Fd()), unix.TIOCGWINSZ)
	if err == nil && (size.Col == 0 || size.Row == 0) {
		t.size = size
		given := &unix.Winsize{Col: number16("COLUMNS", 80), Row: number16("LINES", 24)}
		if err := unix.IoctlSetWinsize(int(out.Fd()), unix.TIOCSWINSZ, given); err != nil {
			return nil, errors.Join(fmt.Errorf("cannot set the terminal's size: %w; try: stty rows 24 cols 80", err),
				unix.IoctlSetTermios(int(in.Fd()), unix.TCSETS, modes))
		}
	}
	return t, nil
}

// number16 reads a size from the environment.
func number16(name string, otherwise uint16) uint16 {
	n, err := strconv.ParseUint(strings.TrimSpace(os.Getenv(name)), 10, 16)
	if err != nil || n == 0 {
		return otherwise
	}
	return uint16(n)
}

// restore undoes prepare and whatever Bubble Tea could not undo, and drops
// what was typed meanwhile: it was meant for the wizard, not for the shell.
func (t *terminal) restore(rich bool) {
	reset := "\x1b[m\x1b[?7h\x1b[?25h"
	if !rich { // no alternate screen: the last page stays above the prompt
		reset += "\r\x1b[J"
	}
	// Nothing can be done about errors here, and a terminal that is gone needs
	// nothing. A line that takes no more bytes must not hold up the end.
	written := make(chan struct{})
	go func() {
		_, _ = t.out.WriteString(reset)
		close(written)
	}()
	select {
	case <-written:
	case <-time.After(patience):
	}
	if t.size != nil {
		_ = unix.IoctlSetWinsize(int(t.out.Fd()), unix.TIOCSWINSZ, t.size)
	}
	_ = unix.IoctlSetTermios(int(t.in.Fd()), unix.TCSETS, t.modes)
	_ = unix.IoctlSetInt(int(t.in.Fd()), unix.TCFLSH, unix.TCIFLUSH)
}

// guarded ends the wizard when it panics, with the terminal restored and one
// line for the operator.
type guarded struct {
	tea.Model
	shell *Shell
	quit  func()
}

func (g guarded) Init() (cmd tea.Cmd) {
	defer g.catch()
	return g.Model.Init()
}

func (g guarded) Update(msg tea.Msg) (model tea.Model, cmd tea.Cmd) {
	model = g
	defer g.catch()
	_, cmd = g.Model.Update(msg)
	return g, cmd
}

func (g guarded) View() (view tea.View) {
	if g.shell.fatal != nil {
		return view
	}
	defer g.catch()
	return g.Model.View()
}

func (g guarded) catch() {
	if r := recover(); r != nil {
		g.shell.fatal = &InternalError{r, debug.Stack()}
		g.quit()
	}
}
