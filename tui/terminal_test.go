package tui_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"bridgehead/tui"
)

// The test binary is also the program under test: a small wizard on its
// standard input and output, which says on standard error how it ended.
func TestMain(m *testing.M) {
	if scenario := os.Getenv("TUI_TEST_SCENARIO"); scenario != "" {
		err := tui.Run(wizard(scenario), os.Stdin, os.Stdout)
		var internal *tui.InternalError
		fmt.Fprintf(os.Stderr, "ended: %v, internal: %v\n", err, errors.As(err, &internal))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// misbehaving is a page that goes wrong on the key x.
type misbehaving struct {
	screen
	how    string
	broken bool
}

func (p *misbehaving) Keys() []tui.Key { return append(p.screen.Keys(), tui.Bind("break", "x")) }

func (p *misbehaving) Update(msg tea.Msg) tea.Cmd {
	if !tui.Pressed(msg, "x") {
		return p.screen.Update(msg)
	}
	switch p.how {
	case "update":
		panic("broken update")
	case "command":
		return tea.Batch(func() tea.Msg { panic("broken command") })
	case "view":
		p.broken = true
	}
	return nil
}

func (p *misbehaving) View(width, height int) string {
	if p.broken {
		panic("broken view")
	}
	return p.screen.View(width, height)
}

func wizard(scenario string) *tui.Shell {
	deadline := time.Now().Add(10 * time.Minute)
	text := &tui.Prose{Text: "The first page ─ with a line.\n" + strings.Repeat("Some text to fill the page.\n", 12)}
	return &tui.Shell{
		Product: "Bridgehead",
		Status: func() tui.Status {
			return tui.Status{Host: "kvm1", Badge: tui.Demo, Deadline: deadline, Doing: "rolls back in"}
		},
		Steps: []tui.Step{
			{ID: "one", Title: "First", Page: func() tui.Page { return &misbehaving{screen: screen{Widget: text}, how: scenario} }},
			{ID: "two", Title: "Second", Page: func() tui.Page { return screen{Widget: &tui.Prose{Text: "The second page."}} }},
		},
	}
}

// console is a terminal with the wizard on it.
type console struct {
	t      *testing.T
	master *os.File
	tty    *os.File // kept open: what is left in its queues can be looked at
	cmd    *exec.Cmd
	stderr *bytes.Buffer
	before *unix.Termios

	mu     sync.Mutex
	bytes  []byte
	screen *vt.Emulator
	wrote  chan struct{} // something has been written
}

// open starts the wizard on a new terminal. A size of 0x0 is what a serial
// line has.
func open(t *testing.T, scenario string, cols, rows uint16, env ...string) *console {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(master, &pty.Winsize{Cols: cols, Rows: rows}); err != nil {
		t.Fatal(err)
	}
	c := &console{t: t, master: master, tty: tty, stderr: &bytes.Buffer{}, wrote: make(chan struct{}, 1)}
	c.before = c.modes()
	c.screen = vt.NewEmulator(max(int(cols), 80), max(int(rows), 24))
	c.cmd = exec.Command(os.Args[0])
	c.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "GORACE=atexit_sleep_ms=0", "TUI_TEST_SCENARIO=" + scenario}, env...)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = tty, tty, c.stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go c.listen()
	go func() { _, _ = io.Copy(io.Discard, c.screen) }() // its answers to queries
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
		master.Close()
		tty.Close()
	})
	return c
}

func (c *console) listen() {
	buf := make([]byte, 4096)
	for {
		n, err := c.master.Read(buf)
		c.mu.Lock()
		c.bytes = append(c.bytes, buf[:n]...)
		_, _ = c.screen.Write(buf[:n])
		c.mu.Unlock()
		select {
		case c.wrote <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (c *console) modes() *unix.Termios {
	c.t.Helper()
	modes, err := unix.IoctlGetTermios(int(c.tty.Fd()), unix.TCGETS)
	if err != nil {
		c.t.Fatal(err)
	}
	return modes
}

func (c *console) look() (screen, stream string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.screen.String(), string(c.bytes)
}

// until waits until the screen has the text.
func (c *console) until(text string) {
	c.t.Helper()
	c.untilTrue(text, func(screen string) bool { return strings.Contains(screen, text) })
}

// enough is how long a test waits for what has to come, on a busy machine.
const enough = time.Minute

func (c *console) untilTrue(what string, holds func(screen string) bool) {
	c.t.Helper()
	deadline := time.After(enough)
	for {
		screen, _ := c.look()
		if holds(screen) {
			return
		}
		select {
		case <-c.wrote:
		case <-deadline:
			c.t.Fatalf("%q does not appear:\n%s", what, screen)
		}
	}
}

func (c *console) keys(text string) {
	c.t.Helper()
	if _, err := c.master.WriteString(text); err != nil {
		c.t.Fatal(err)
	}
}

// end waits for the wizard's end and checks that the terminal is as it was.
func (c *console) end(want string) { c.t.Helper(); c.endWith("", want) }

// endWith types keys again and again meanwhile.
func (c *console) endWith(keys, want string) {
	c.t.Helper()
	c.ended(keys, want)
	if _, err := c.tty.WriteString("\r$ prompt"); err != nil {
		c.t.Fatal(err)
	}
	c.until("$ prompt") // all before it has been read, too
}

func (c *console) ended(keys, want string) {
	c.t.Helper()
	done := make(chan error, 1)
	go func() { done <- c.cmd.Wait() }()
	deadline, again := time.After(enough), time.NewTicker(100*time.Millisecond)
	defer again.Stop()
	for running := true; running; {
		select {
		case err := <-done:
			running = false
			if err != nil {
				c.t.Errorf("%v, stderr: %s", err, c.stderr)
			}
		case <-again.C:
			c.keys(keys)
		case <-deadline:
			c.t.Fatal("the wizard does not end")
		}
	}
	if got := c.stderr.String(); !strings.Contains(got, "ended: "+want) || strings.Contains(got, "goroutine") {
		c.t.Errorf("stderr: %q, want %q and no stack", got, want)
	}
	if after := c.modes(); *after != *c.before {
		c.t.Errorf("terminal modes are\n%+v, were\n%+v", after, c.before)
	}
}

// strange finds sequences beyond ECMA-48 and VT102.
var strange = regexp.MustCompile(`\x1b(?:[^\[78DEM]|\[[0-9;]*[^0-9;@A-HJ-MPSTXZ` + "`" + `abdefgmrhl]|\[[0-9;]*[^4;][hl])`)

func TestFirstFrameOnSerialConsole(t *testing.T) {
	for _, term := range []string{"linux", "vt220", "vt100", "vt102", "ansi", "xterm", "screen.linux"} {
		t.Run(term, func(t *testing.T) {
			c := open(t, "fine", 0, 0, "TERM="+term)
			c.until("Step 1 of 2: First")
			c.until("^C leave")
			c.keys("\r")
			c.until("The second page.")
			c.keys("\x1b[")
			c.keys("D") // an arrow in two pieces is no Esc
			c.keys("\r")
			c.end("<nil>")
			_, stream := c.look()
			if term != "xterm" {
				if found := strange.FindAllString(strings.NewReplacer("\x1b[?25", "\x1b[4", "\x1b[?7", "\x1b[4").Replace(stream), -1); found != nil {
					t.Errorf("a %s gets %q", term, found)
				}
			}
			for _, query := range []string{"$p", "?u", ">4", ">1u", "\x1b[c", "\x1b[6n", "]11"} {
				if strings.Contains(stream, query) {
					t.Errorf("the terminal is asked %q", query)
				}
			}
			if strings.HasPrefix(term, "vt") && strings.Contains(stream, "\x1b[3") {
				t.Error("a VT terminal gets colours")
			}
			size, err := pty.GetsizeFull(c.tty)
			if err != nil || size.Cols != 0 || size.Rows != 0 {
				t.Errorf("size %v %v, was 0x0", size, err)
			}
		})
	}
}

func TestSizeOfASerialLineFromTheEnvironment(t *testing.T) {
	c := open(t, "fine", 0, 0, "TERM=vt220", "COLUMNS=70", "LINES=20")
	c.until("^C leave")
	screen, _ := c.look()
	if lines := strings.Split(screen, "\n"); !strings.Contains(lines[19], "^C leave") || len(strings.TrimSpace(lines[2])) != 70 {
		t.Errorf("not 70 x 20:\n%s", screen)
	}
}

func TestNoColourWhenNotWanted(t *testing.T) {
	c := open(t, "fine", 80, 24, "TERM=xterm", "NO_COLOR=yes")
	c.until("^C leave")
	_, stream := c.look()
	if found := regexp.MustCompile(`\x1b\[[0-9;]*[34][0-9][0-9;]*m`).FindAllString(stream, -1); found != nil {
		t.Errorf("colours with NO_COLOR: %q", found)
	}
}

func TestTerminalIsRestoredHoweverItEnds(t *testing.T) {
	for _, c := range []struct {
		scenario, keys string // the wizard, and what is typed
		signal         syscall.Signal
		want           string
	}{
		{"fine", "\r\r", 0, "<nil>"},
		{"update", "x", 0, "the wizard stopped, a fault of its own: broken update, internal: true"},
		{"command", "x", 0, "the wizard stopped, a fault of its own: broken command, internal: true"},
		{"view", "x", 0, "the wizard stopped, a fault of its own: broken view, internal: true"},
		{"fine", "", syscall.SIGTERM, "ended by signal: terminated"},
		{"fine", "", syscall.SIGHUP, "ended by signal: hangup"},
		{"fine", "", syscall.SIGINT, "ended by signal: interrupt"},
	} {
		t.Run(strings.TrimSpace(c.scenario+" "+c.keys+" "+c.signal.String()), func(t *testing.T) {
			console := open(t, c.scenario, 80, 24, "TERM=xterm")
			console.until("^C leave")
			if c.signal != 0 {
				if err := console.cmd.Process.Signal(c.signal); err != nil {
					t.Fatal(err)
				}
			}
			console.keys(c.keys)
			console.end(c.want)
			_, stream := console.look()
			shown, hidden := strings.LastIndex(stream, "\x1b[?25h"), strings.LastIndex(stream, "\x1b[?25l")
			if shown < hidden {
				t.Error("the cursor stays hidden")
			}
			if strings.Count(stream, "\x1b[?1049h") != 1 || !strings.Contains(stream, "\x1b[?1049l") {
				t.Error("the alternate screen stays")
			}
		})
	}
}

func TestLeaving(t *testing.T) {
	c := open(t, "fine", 80, 24, "TERM=linux")
	c.until("^C leave")
	c.keys("\x03")
	c.until("Leave Bridgehead?")
	c.endWith("\x03", "left before the end") // again, as the first ones may still be keys in flight
}

func TestAStuckLineHoldsNobodyUp(t *testing.T) {
	c := open(t, "fine", 80, 24, "TERM=vt220")
	c.until("^C leave")
	if err := unix.IoctlSetInt(int(c.tty.Fd()), unix.TCXONC, unix.TCOOFF); err != nil {
		t.Fatal(err)
	}
	c.keys("\r") // a page that cannot be drawn
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.ended("", "ended by signal: terminated")
}

func TestTerminalThatHangsUp(t *testing.T) {
	c := open(t, "fine", 80, 24, "TERM=vt220")
	c.until("^C leave")
	c.tty.Close()
	c.master.Close()
	done := make(chan error, 1)
	go func() { done <- c.cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(enough):
		t.Fatal("the wizard lives on without a terminal")
	}
}

// TestTickIsCheap: at 9,600 baud a second is 960 characters.
func TestTickIsCheap(t *testing.T) {
	for _, term := range []string{"linux", "vt220"} {
		t.Run(term, func(t *testing.T) {
			t.Parallel()
			c := open(t, "fine", 80, 24, "TERM="+term)
			c.until("^C leave")
			screen, before := c.look()
			first := left(screen)
			c.untilTrue("two ticks", func(screen string) bool { return left(screen) <= first-2 })
			screen, after := c.look()
			ticks := first - left(screen)
			if n := len(after) - len(before); n > 30*(ticks+1) {
				t.Errorf("%d ticks of the countdown cost %d bytes: %q", ticks, n, after[len(before):])
			}
		})
	}
}

var countdown = regexp.MustCompile(`rolls back in (\d+):(\d+)`)

// left is the seconds that the countdown on the screen shows.
func left(screen string) (seconds int) {
	if m := countdown.FindStringSubmatch(screen); m != nil {
		minutes, _ := strconv.Atoi(m[1])
		seconds, _ = strconv.Atoi(m[2])
		seconds += 60 * minutes
	}
	return seconds
}

func TestUnsuitableTerminals(t *testing.T) {
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer tty.Close()
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, c := range []struct {
		in, out *os.File
		term    string
		want    string
	}{
		{tty, tty, "vt220", ""},
		{file, tty, "vt220", "standard input is not a terminal"},
		{tty, file, "vt220", "standard output is not a terminal"},
		{tty, tty, "dumb", `TERM is "dumb"`},
		{tty, tty, "", `TERM is ""`},
	} {
		err := tui.Suitable(c.in, c.out, c.term)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("TERM %q: %v, want %q", c.term, err, c.want)
		}
	}
}

// A terminal of true colour gets the sixteen that it has itself, and without colours the same words and marks are there.
func TestColourAddsNoMeaning(t *testing.T) {
	digits := regexp.MustCompile(`[0-9]`) // of the countdown
	var screens []string
	for _, env := range []string{"COLORTERM=truecolor", "NO_COLOR=yes"} {
		c := open(t, "fine", 80, 24, "TERM=xterm-256color", "LC_ALL=C.UTF-8", env)
		c.until("^C leave")
		screen, stream := c.look()
		if found := regexp.MustCompile(`\x1b\[[0-9;:]*[34]8[;:][0-9;:]*m`).FindAllString(stream, -1); found != nil {
			t.Errorf("%s: colours beyond sixteen: %q", env, found)
		}
		screens = append(screens, digits.ReplaceAllString(screen, "0"))
	}
	if screens[0] != screens[1] {
		t.Errorf("with colours\n%s\nwithout\n%s", screens[0], screens[1])
	}
}
