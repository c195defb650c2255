package tui

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// RunPlain shows the wizard line by line until it ends: on a terminal that can
// move no cursor, through a pipe, to a screen reader. It writes text and line
// feeds, nothing else, and changes no mode of the terminal. It returns what Run
// returns; ErrLeft also when the input ends.
func RunPlain(shell *Shell, in, out *os.File) error {
	tty := term.IsTerminal(int(in.Fd()))
	shell.ASCII = shell.ASCII || ASCIIOnly(os.Getenv)
	ended := make(chan error, 2)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var program *tea.Program
	quit := func() { go program.Quit() }
	p := lines(shell, in, out, widthOf(out), !tty)
	if tty {
		p.drop = func() { _ = unix.IoctlSetInt(int(in.Fd()), unix.TCFLSH, unix.TCIFLUSH) }
	}
	defer p.drop() // what was typed ahead was not meant for the shell
	program = tea.NewProgram(guarded{p, shell, quit}, tea.WithContext(ctx), tea.WithInput(nil), tea.WithOutput(io.Discard),
		tea.WithoutRenderer(), tea.WithoutSignalHandler())
	signal.Ignore(syscall.SIGTSTP) // as on the screens: whoever works on a change must not be made to stand still
	defer signal.Reset(syscall.SIGTSTP)
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT)
	defer signal.Stop(interrupts)
	go func() {
		for range interrupts {
			program.Send(interruptMsg{})
		}
	}()
	stop := watchSignals(ended, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer stop()
	finished := make(chan error, 1)
	go func() {
		_, err := program.Run()
		finished <- err
	}()
	err := wait(shell, quit, finished, ended)
	_, _ = io.WriteString(out, "\n")
	return err
}

// Lines is the wizard told to out and answered from in, line by line; RunPlain
// runs it. With echo the answers are written, too, where no terminal does it.
func Lines(shell *Shell, in io.Reader, out io.Writer, width int, echo bool) tea.Model {
	return lines(shell, in, out, width, echo)
}

func lines(shell *Shell, in io.Reader, out io.Writer, width int, echo bool) *plain {
	input := bufio.NewReader(in)
	return &plain{shell: shell, out: lineWriter{out, shell.ASCII}, width: width, echo: echo, drop: func() {}, read: func() tea.Msg {
		line, err := input.ReadString('\n')
		if err != nil && line == "" {
			return goneMsg{}
		}
		return lineMsg{strings.TrimRight(line, "\r\n")}
	}}
}

// lineWriter writes text without styles.
type lineWriter struct {
	w     io.Writer
	ascii bool
}

func (l lineWriter) Write(p []byte) (int, error) {
	text := ansi.Strip(string(p))
	if l.ascii {
		text = ToASCII(text)
	}
	_, err := io.WriteString(l.w, text)
	return len(p), err
}

// widthOf is how wide lines may be: as the terminal, 80 where that is not known.
func widthOf(out *os.File) int {
	w, _, err := term.GetSize(int(out.Fd()))
	if err != nil || w <= 0 {
		w = int(number16("COLUMNS", 80))
	}
	return max(w, 40) - 1 // a line that is full makes some terminals break twice
}
