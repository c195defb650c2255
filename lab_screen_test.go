package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// screen is an operator at a terminal of 80x24 on which the wizard runs.
type screen struct {
	t    testing.TB
	cmd  *exec.Cmd
	keys *os.File      // the operator's side of the terminal
	read chan struct{} // closed when the terminal has nothing more to show

	mu sync.Mutex // the emulator has none of its own
	vt *vt.Emulator
}

// wizard starts the wizard on the host, with a terminal of its own.
func (h host) wizard(args ...string) *screen {
	h.t.Helper()
	return onTerminal(h.t, h.Start, "linux", append([]string{programPath}, args...)...)
}

// onTerminal starts argv with start, on a new terminal of the kind that TERM names.
func onTerminal(t testing.TB, start func(*exec.Cmd) error, term string, argv ...string) *screen {
	t.Helper()
	ours, theirs, err := pty.Open()
	must(t, err)
	defer theirs.Close()
	must(t, pty.Setsize(ours, &pty.Winsize{Rows: 24, Cols: 80}))
	s := &screen{t: t, keys: ours, read: make(chan struct{}), vt: vt.NewEmulator(80, 24)}
	s.cmd = &exec.Cmd{
		Path: argv[0], Args: argv, Stdin: theirs, Stdout: theirs, Stderr: theirs,
		Env:         []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "TERM=" + term},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Setctty: true},
	}
	must(t, start(s.cmd))
	go s.show()
	go s.reply()
	t.Cleanup(s.end)
	return s
}

// show draws what the program writes.
func (s *screen) show() {
	defer close(s.read)
	buf := make([]byte, 4096)
	for {
		n, err := s.keys.Read(buf)
		s.mu.Lock()
		s.vt.Write(buf[:n])
		s.mu.Unlock()
		if err != nil { // EIO: nobody has the other side open any more
			return
		}
	}
}

// reply answers what the program asks the terminal, as terminals do.
func (s *screen) reply() {
	buf := make([]byte, 256)
	for {
		n, err := s.vt.Read(buf)
		if err != nil {
			return
		}
		s.keys.Write(buf[:n])
	}
}

func (s *screen) end() {
	if s.cmd.ProcessState == nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	}
	s.keys.Close()
	<-s.read
	s.vt.InputPipe().(io.Closer).Close() // its own Close races with Read
}

// text is what is on the screen.
func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.vt.String()
}

// want waits until all texts are on the screen. Blanks and line breaks do not count.
func (s *screen) want(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		for end := time.Now().Add(patience); !s.shows(text); <-time.After(5 * time.Millisecond) {
			if time.Now().After(end) {
				s.t.Fatalf("%q does not appear on the screen:\n%s", text, s.text())
			}
		}
	}
}

func (s *screen) shows(text string) bool { return strings.Contains(words(s.text()), words(text)) }

var (
	keyBytes = map[string]string{"enter": "\r", "esc": "\x1b", "tab": "\t", "space": " ", "ctrl+c": "\x03", "ctrl+n": "\x0e", "ctrl+u": "\x15", "down": "\x1b[B", "right": "\x1b[C"}
	position = regexp.MustCompile(`Step \d+ of \d+: (\S+( \S+)*)`)
)

// press presses keys; what is no key's name is typed.
func (s *screen) press(keys ...string) {
	s.t.Helper()
	for _, k := range keys {
		if b, ok := keyBytes[k]; ok {
			k = b
		}
		_, err := s.keys.WriteString(k)
		must(s.t, err)
	}
}

// page is the title of the page shown, "" where none is.
func (s *screen) page() string {
	if m := position.FindStringSubmatch(s.text()); m != nil {
		return m[1]
	}
	return ""
}

// to continues from page to page until the one called title is shown.
func (s *screen) to(title string) {
	s.t.Helper()
	s.want("Step ")
	if s.page() == "Survey" {
		s.want("Logins") // it has ended
	}
	for s.page() != title {
		here := s.page()
		s.press("ctrl+n")
		for end := time.Now().Add(patience); s.page() == here || s.page() == ""; <-time.After(5 * time.Millisecond) {
			if time.Now().After(end) {
				s.t.Fatalf("there is no way on from %s:\n%s", here, s.text())
			}
		}
	}
}

// accept types the word that the risk page asks for. Keys that come too early are swallowed,
// so it is typed anew until it stands there.
func (s *screen) accept() {
	s.t.Helper()
	s.want("To go on, type apply")
	for end := time.Now().Add(patience); !s.shows("> apply"); {
		if time.Now().After(end) {
			s.t.Fatalf("the word cannot be typed:\n%s", s.text())
		}
		s.press("ctrl+u", "apply")
		for soon := time.Now().Add(300 * time.Millisecond); !s.shows("> apply") && time.Now().Before(soon); <-time.After(5 * time.Millisecond) {
		}
	}
	s.press("enter")
}

// apply goes through the wizard until the change is active and every check passes.
func (s *screen) apply() {
	s.t.Helper()
	s.to("Risk")
	s.accept()
	s.want("every check passes")
}

// exits waits until the program has ended, and fails the test unless it did so with this code.
func (s *screen) exits(code int) {
	s.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			s.t.Fatal(err)
		}
	case <-time.After(patience):
		s.t.Fatalf("the wizard does not end:\n%s", s.text())
	}
	if got := s.cmd.ProcessState.ExitCode(); got != code {
		s.t.Fatalf("the wizard ended with %d, want %d:\n%s", got, code, s.text())
	}
}

// hangUp takes the terminal away, as a lost connection does.
func (s *screen) hangUp() {
	s.t.Helper()
	must(s.t, s.keys.Close())
}
