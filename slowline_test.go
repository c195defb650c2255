package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"

	"bridgehead/tui"
)

// pace is how fast a serial line carries characters: each takes ten bits.
type pace struct {
	baud int // 0: at once
	free time.Time
}

// chunk is the part of buf that a hundredth of a second fills.
func (p *pace) chunk(buf []byte) []byte {
	if p.baud == 0 {
		return buf
	}
	return buf[:min(len(buf), max(1, p.baud/1000))]
}

// wait waits until n characters have gone over the line.
func (p *pace) wait(n int) {
	if p.baud == 0 {
		return
	}
	if now := time.Now(); p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(time.Duration(n) * 10 * time.Second / time.Duration(p.baud))
	<-time.After(time.Until(p.free))
}

// far is an operator's terminal of 80x24 at the other end of the line.
type far struct {
	*console
	vt   *vt.Emulator
	seen int
}

// screen is what it shows of what has arrived.
func (f *far) screen() string {
	s := f.stream()
	f.vt.WriteString(s[f.seen:])
	f.seen = len(s)
	lines := strings.Split(f.vt.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// The demo over a serial line, from the first screen to the last: each screen is that of the goldens, to the character, and
// is there in time; while the countdown runs, the line is idle.
func TestOverASerialLine(t *testing.T) {
	for _, line := range []struct {
		term string
		baud int
	}{{"vt220", 9600}, {"linux", 9600}, {"vt220", 115200}} {
		t.Run(line.term+" "+strconv.Itoa(line.baud), func(t *testing.T) {
			t.Parallel()
			c := &far{console: dialAt(t, line.baud, self(t), line.term, 80, 24), vt: vt.NewEmulator(80, 24)}
			defer c.vt.Close()
			for i, name := range []string{"survey", "nic", "uplink", "bridge", "address", "libvirt", "vms", "safety", "review-changes", "risk-own-session"} {
				from, began := len(c.stream()), time.Now()
				if i > 0 {
					c.typed("\x0e")
				}
				c.shows(name, line.term)
				t.Logf("%-18s %5d bytes %6.2f s", name, len(c.stream())-from, time.Since(began).Seconds())
			}
			<-time.After(tui.Grace)
			c.typed("apply\r")
			c.want("every check passes")
			c.quiet(0)
			ticks := 0
			for _, n := range c.ticks(5) {
				ticks += n
			}
			if ticks > 5*40 {
				t.Errorf("five seconds of the countdown take %d bytes", ticks)
			}
			c.typed("k")
			c.want("Keep this change?")
			c.typed("\r")
			c.shows("done-demo", line.term)
			c.typed("\r")
			c.exits(exitDone)
			c.simple(line.term)
		})
	}
}

// instant is when the change began, which the demo's clock decides.
var instant = regexp.MustCompile(`\d{8}T\d{6}Z`)

// shows waits until the screen below its first line, which names the host, is that of the golden.
func (c *far) shows(name, term string) {
	c.t.Helper()
	golden, err := os.ReadFile("golden/screens/" + name + ".txt")
	must(c.t, err)
	_, want, _ := strings.Cut(string(golden), "\n")
	if tui.ASCIIOnly(func(key string) string { return map[string]string{"TERM": term, "LC_ALL": "C.UTF-8"}[key] }) {
		want = tui.ToASCII(want)
	}
	var got string
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		if _, got, _ = strings.Cut(c.screen(), "\n"); instant.ReplaceAllString(got, "") == instant.ReplaceAllString(want, "") {
			return
		}
	}
	c.t.Fatalf("the screen is not %s:\n%s\nbut\n%s", name, want, got)
}
