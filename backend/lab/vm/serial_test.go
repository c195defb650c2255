//go:build vm

package vm

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// instant is when the demo's change began.
var instant = regexp.MustCompile(`\d{8}T\d{6}Z`)

// The demo on the serial console, its line set to each speed, as getty leaves it: vt220, 24x80. Every screen is that of the
// goldens to the character, and the line is as it was afterwards. QEMU does not slow a line down; how long a screen takes
// is measured where it can be, in TestOverASerialLine.
func TestDemoOnTheSerialConsole(t *testing.T) {
	g := resume(t)
	s := g.screen()
	for _, baud := range []int{9600, 115200} {
		speed := strconv.Itoa(baud)
		s.press("stty " + speed + "; stty -a >/run/before; clear; TERM=vt220 LC_ALL=C.UTF-8 bridgehead --demo; stty -a >/run/after; echo en''ded\n")
		for i, name := range []string{"survey", "nic", "uplink", "bridge", "address", "libvirt", "vms", "safety", "review-changes", "risk-own-session"} {
			if i > 0 {
				s.press("\x0e")
			}
			s.golden(name)
		}
		s.accept()
		s.want("every check passes")
		s.press("k")
		s.want("Keep this change?")
		s.press("\r")
		s.golden("done-demo")
		s.press("\r")
		s.want("ended")
		g.same("modes of the line", g.sh("cat /run/after"), g.sh("cat /run/before"))
		if before := g.sh("cat /run/before"); !strings.HasPrefix(before, "speed "+speed+" baud") {
			t.Errorf("not at %d baud: %s", baud, before)
		}
	}
	g.untouched()
}

// ascii has what a vt220 gets instead of lines and blocks.
var ascii = strings.NewReplacer("─", "-", "│", "|", "└", "+", "├", "+", "█", "#", "░", ".")

// golden waits until the screen below its first line is that of the golden, in ASCII.
func (s *screen) golden(name string) {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "golden", "screens", name+".txt"))
	must(s.t, err)
	want := plain(ascii.Replace(string(data)))
	for end := time.Now().Add(patience); plain(s.text()) != want; <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("the screen is not %s:\n%s\nbut\n%s", name, want, plain(s.text()))
		}
	}
}

// plain leaves out the first line, which says whether it is a demo, blanks at the ends of lines, and instants.
func plain(screen string) string {
	lines := strings.Split(strings.TrimRight(screen, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return instant.ReplaceAllString(strings.TrimRight(strings.Join(lines[1:], "\n"), "\n"), "")
}
