package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"bridgehead/tui"
)

// console is a terminal with the program on the demo host: its bytes, its modes, its queues.
type console struct {
	t      testing.TB
	master *os.File
	tty    *os.File
	cmd    *exec.Cmd
	stderr bytes.Buffer
	before *unix.Termios
	cols   uint16
	held   bool // the keyboard has been seen held
	late   int  // characters typed when it was given back already: the shell's

	mu    sync.Mutex
	bytes []byte
}

// dial starts the program on a terminal of that kind and size.
func dial(t testing.TB, term string, cols, rows uint16, args ...string) *console {
	t.Helper()
	return dialTo(t, self(t), term, cols, rows, args...)
}

func dialTo(t testing.TB, program, term string, cols, rows uint16, args ...string) *console {
	t.Helper()
	return dialAt(t, 0, program, term, cols, rows, args...)
}

// dialAt has a line of so many baud to the terminal; 0: it takes no time.
func dialAt(t testing.TB, baud int, program, term string, cols, rows uint16, args ...string) *console {
	t.Helper()
	master, tty, err := pty.Open()
	must(t, err)
	must(t, pty.Setsize(master, &pty.Winsize{Cols: cols, Rows: rows}))
	c := &console{t: t, master: master, tty: tty, cols: cols}
	c.before = c.modes()
	c.cmd = &exec.Cmd{Path: program, Args: append([]string{"bridgehead", "--demo"}, args...), Stdin: tty, Stdout: tty, Stderr: &c.stderr,
		Env:         []string{"PATH=" + os.Getenv("PATH"), "HOME=/root", "LC_ALL=C.UTF-8", "GORACE=atexit_sleep_ms=0", "TERM=" + term},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Setctty: true}}
	must(t, c.cmd.Start())
	go func() {
		buf, pace := make([]byte, 4096), pace{baud: baud}
		for {
			n, err := master.Read(pace.chunk(buf))
			pace.wait(n)
			c.mu.Lock()
			c.bytes = append(c.bytes, buf[:n]...)
			c.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		if c.cmd.ProcessState == nil {
			c.cmd.Process.Kill()
			c.cmd.Wait()
		}
		master.Close()
		tty.Close()
	})
	return c
}

func (c *console) modes() *unix.Termios {
	c.t.Helper()
	modes, err := unix.IoctlGetTermios(int(c.tty.Fd()), unix.TCGETS)
	must(c.t, err)
	return modes
}

func (c *console) stream() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.bytes)
}

func (c *console) want(text string) {
	c.t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(c.stream(), text); <-time.After(5 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("%q does not appear: %q", text, c.stream())
		}
	}
}

// typed types, and leaves a terminal two milliseconds to deliver it.
func (c *console) typed(text string) {
	c.t.Helper()
	_, err := io.WriteString(c.master, text)
	must(c.t, err)
	<-time.After(2 * time.Millisecond)
	switch given := *c.modes() == *c.before; {
	case !given:
		c.held = true
	case c.held || c.over():
		c.late += len(text)
	}
}

// left counts the characters that whoever reads the terminal next will get, lines that are not complete among them.
func (c *console) left() int {
	c.t.Helper()
	raw := *c.modes()
	raw.Lflag &^= unix.ICANON
	must(c.t, unix.IoctlSetTermios(int(c.tty.Fd()), unix.TCSETS, &raw))
	n, err := unix.IoctlGetInt(int(c.tty.Fd()), unix.TIOCINQ)
	must(c.t, err)
	must(c.t, unix.IoctlSetTermios(int(c.tty.Fd()), unix.TCSETS, c.before))
	return n
}

// prompt is what the shell writes next.
const prompt = "kvm1:~# "

// exits waits for the end, and fails the test unless the terminal is as it was.
func (c *console) exits(code int) {
	c.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- c.cmd.Wait() }()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			c.t.Fatal(err)
		}
	case <-time.After(patience):
		c.t.Fatalf("the wizard does not end: %q", c.stream())
	}
	if got := c.cmd.ProcessState.ExitCode(); got != code {
		c.t.Errorf("exit code %d, want %d: %s", got, code, &c.stderr)
	}
	if strings.Contains(c.stderr.String(), "goroutine ") {
		c.t.Errorf("a stack: %s", &c.stderr)
	}
	if after := c.modes(); *after != *c.before {
		c.t.Errorf("terminal modes are\n%+v, were\n%+v", after, c.before)
	}
	if n := c.left(); n > c.late {
		c.t.Errorf("%d characters are left for the shell, and %d were typed after the wizard's last act", n, c.late)
	}
	_, err := c.tty.WriteString(prompt)
	must(c.t, err)
	c.want(prompt) // all before it has been read, too
}

// leave leaves by Ctrl-C and y, which counts once there was time to read the question.
func (c *console) leave() {
	c.t.Helper()
	c.typed("\x03")
	c.want("Any other key  stay")
	<-time.After(tui.Grace + 50*time.Millisecond)
	c.typed("y")
	c.exits(exitUnchanged)
}

// sequences finds control sequences; a VT100 knows these finals, and the modes for wrap and cursor.
var (
	sequences = regexp.MustCompile(`\x1b(?:\[[0-9;?>=!$ ]*[@-~]|\][^\x07\x1b]*|[^\[\]])`)
	simple    = regexp.MustCompile(`^\x1b(?:\[[0-9;]*[ABCDHJKmr]|\[\?(?:7|25)[hl]|M)$`)
)

// simple fails the test where a VT terminal got what a VT100 does not know.
func (c *console) simple(term string) {
	c.t.Helper()
	for _, seq := range sequences.FindAllString(c.stream(), -1) {
		if strings.HasPrefix(term, "vt") && !simple.MatchString(seq) {
			c.t.Errorf("a %s gets %q", term, seq)
		}
	}
}

// What each kind of terminal gets first and last is known to the byte: no query, no mode it may not know.
func TestFirstAndLastBytes(t *testing.T) {
	const line, rich = "\x1b[m\x1b[?7h\x1b[?25h\r\x1b[J", "\x1b[?1049l\x1b[?25h\x1b[?2004l\x1b[m\x1b[?7h\x1b[?25h"
	for _, k := range []struct{ term, first, last string }{
		{"linux", "", "\x1b[24;1H\x1b[?25h" + line}, {"vt100", "", "\x1b[24;1H\x1b[?25h" + line}, {"vt220", "", "\x1b[24;1H\x1b[?25h" + line},
		{"xterm-256color", "\x1b[?1049h", "\x1b[24;1H" + rich}, {"tmux-256color", "\x1b[?1049h", "\x1b[24;1H" + rich}, {"screen", "\x1b[?1049h", "\x1b[24;1H" + rich}, {"xterm-direct", "\x1b[?1049h", "\x1b[24;1H" + rich},
	} {
		for _, size := range [][2]uint16{{80, 24}, {0, 0}} {
			t.Run(fmt.Sprint(k.term, size), func(t *testing.T) {
				t.Parallel()
				c := dial(t, k.term, size[0], size[1])
				c.want("look again")
				c.leave()
				stream := c.stream()
				first, _, _ := strings.Cut(stream, "Bridgehead")
				paste := ""
				if k.first != "" {
					paste = "\x1b[?2004h"
				}
				const clear = "\x1b[H\x1b[2J"
				if n := strings.Count(stream, "\x1b[2J"); n != 1 {
					t.Errorf("the screen is cleared %d times", n)
				}
				if want := k.first + "\x1b[?25l" + paste + clear + "\x1b[7m"; first != want {
					t.Errorf("first %q, want %q", first, want)
				}
				if last := stream[strings.LastIndex(stream, "stay")+len("stay"):]; last != k.last+prompt {
					t.Errorf("last %q, want %q", last, k.last)
				}
				c.simple(k.term)
				if size, err := pty.GetsizeFull(c.tty); err != nil || size.Cols != c.cols {
					t.Errorf("size %v %v, was %d columns", size, err, c.cols)
				}
			})
		}
	}
}

// However it is ended in the middle of the steps, the terminal is as it was and nothing is left for the shell.
func TestEndedMidWizard(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT} {
		for _, args := range [][]string{nil, {"--plain"}} {
			if sig == syscall.SIGINT && args != nil { // that asks; see TestLineByLineOnATerminal
				continue
			}
			t.Run(sig.String()+strings.Join(args, ""), func(t *testing.T) {
				t.Parallel()
				c := dial(t, "vt220", 80, 24, args...)
				c.want("look again")
				c.typed("\r")
				c.want("Which NIC connects")
				must(t, c.cmd.Process.Signal(sig))
				c.typed("reboot\r")
				c.exits(exitUnchanged)
			})
		}
	}
}

// The whole way line by line, on a terminal that can nothing: lines in, lines out.
func TestLineByLineOnATerminal(t *testing.T) {
	t.Parallel()
	c := dial(t, "dumb", 0, 0)
	for _, x := range [][2]string{{"look again", ""}, {"NICs, 1 to 4", ""}, {"Uplink, 1 to 3", ""}, {"Bridge [examplebr0]", "br7"}, {"Internal port [br7p1]", ""},
		{"Datapath, 1 to 2", ""}, {"VLAN tag:", ""}, {"MTU:", ""}, {"Address, 1 to 3", ""}, {"Change libvirt, yes", "no"}, {"VMs, numbers 1 to 2", ""}, {"When, 1 to 2", ""},
		{"Confirm within [", ""}, {"Must answer:", ""}, {"Own check:", ""}} {
		c.want(x[0])
		c.typed(x[1] + "\n")
	}
	c.want("s save")
	c.typed("\x03") // Ctrl-C asks, and once only
	c.want("Leave? y or n")
	c.typed("n\n")
	c.want("You stay.")
	c.typed("\n")
	c.want("To go on, type the word apply")
	c.typed("apply\n")
	c.want("every check passes")
	c.typed("k\n")
	c.want("Enter yes, keep")
	c.typed("\n")
	c.want("Enter finish")
	c.typed("\n")
	c.exits(exitDone)
	if s := c.stream(); strings.ContainsAny(s, "\x1b\x07\x0e") || !strings.Contains(s, "Rolls back in 10:00.") {
		t.Errorf("%q", s)
	}
}

// A size that changes all the time, and keys meanwhile: in the end the screen is right.
func TestResizeStorm(t *testing.T) {
	t.Parallel()
	c := dial(t, "xterm", 80, 24)
	c.want("look again")
	r := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		must(t, pty.Setsize(c.tty, &pty.Winsize{Cols: uint16(r.IntN(301)), Rows: uint16(r.IntN(101))}))
		c.typed([]string{"j", "k", "\x1b[B", "\x1b[6~", "?", "\x1b[A"}[r.IntN(6)])
	}
	must(t, pty.Setsize(c.tty, &pty.Winsize{Cols: 20, Rows: 5}))
	c.want("This screen is 20")
	must(t, pty.Setsize(c.tty, &pty.Winsize{Cols: 81, Rows: 25}))
	c.typed("\x1b[H")
	c.wantAfter("This screen is 20", "leave")
	c.leave()
}

// Keys as fingers and cats press them, at the real program: it does not crash, and nothing is applied without the word.
// BRIDGEHEAD_KEYS says how many.
func TestRandomKeys(t *testing.T) {
	t.Parallel()
	n := 1500
	if s := os.Getenv("BRIDGEHEAD_KEYS"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		must(t, err)
	}
	seed := uint64(n)
	r := rand.New(rand.NewPCG(seed, 7))
	terms := []string{"linux", "vt220", "xterm", "tmux-256color"}
	for pressed, runs := 0, 0; pressed < n; runs++ {
		c := dial(t, terms[runs%len(terms)], 80, 24)
		c.want("look again")
		log := ""
		for ; pressed < n && c.late == 0 && !c.over(); pressed++ {
			key := randomKey(r)
			log += key
			c.typed(key)
			c.taken()
			if r.IntN(40) == 0 {
				must(t, pty.Setsize(c.tty, &pty.Winsize{Cols: uint16(r.IntN(200)), Rows: uint16(r.IntN(60))}))
			}
		}
		if !c.over() {
			must(t, c.cmd.Process.Signal(syscall.SIGTERM))
		}
		c.exits(exitUnchanged)
		if s := c.stream(); strings.Contains(s, ": Apply") || strings.Contains(s, "fault of its own") {
			t.Fatalf("after the keys %q", log)
		}
		c.simple(terms[runs%len(terms)])
	}
	t.Logf("%d keys", n)
}

// randomKey has no y in it: neither can apply be typed, nor the question of Ctrl-C be answered but by itself.
func randomKey(r *rand.Rand) string {
	keys := []string{"\r", "\r", "\r", "\x0e", "\x0e", "\x10", "\t", "\x1b[Z", "\x1b", "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1bOA", "\x1b[5~", "\x1b[6~",
		"\x1b[H", "\x1b[F", "\x1b[[A", "\x1bOP", "\x1b[200~eth1\r\x1b[201~", "\x7f", "\x08", "\x15", "\x0b", "\x17", "\x1a", "\x1c", "\x00", "?", "/", " ", " ",
		"b", "d", "e", "f", "g", "G", "i", "j", "k", "l", "n", "p", "a", "r", "s", "w", "1", "2", "3", "4", "5", "0", ".", "-", "\xc3", "ü", "\xff", "\x1b[99999;1", "\x1b]0;", "\x03"}
	return keys[r.IntN(len(keys))]
}

// over says that the program has ended.
func (c *console) over() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, c.cmd.Process.Pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo != 0
}

// taken waits until what was typed has been read. A machine that does much else gets four times the patience.
func (c *console) taken() {
	c.t.Helper()
	for end := time.Now().Add(4 * patience); !c.over(); <-time.After(time.Millisecond) {
		if n, err := unix.IoctlGetInt(int(c.tty.Fd()), unix.TIOCINQ); err != nil || n == 0 {
			return
		}
		if time.Now().After(end) {
			c.cmd.Process.Signal(syscall.SIGABRT) // says where it is
			c.cmd.Wait()
			c.t.Fatalf("keys are not read any more:\n%s\n%q", &c.stderr, c.stream())
		}
	}
}

// wantAfter waits until text comes after the last mark.
func (c *console) wantAfter(mark, text string) {
	c.t.Helper()
	eventually(c.t, text+" after "+mark, func() bool {
		s := c.stream()
		return strings.Contains(s[strings.LastIndex(s, mark):], text)
	})
}
