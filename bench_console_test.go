package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"bridgehead/tui"
)

// pages are the titles on the way, the keys that are pressed on each, and those that turn to other text; Ctrl-N goes on.
var pages = []struct {
	title       string
	keys, turns []string
}{
	{"Survey", []string{"j", "j", "k"}, []string{"\x1b[6~", "\x1b[5~"}},
	{"NIC", []string{"j", "j", "k", "k", " "}, nil},
	{"Uplink", []string{"j", "k"}, nil},
	{"Bridge", []string{"x", "\x7f", "\t", "\t", "j", "k", "\t", "4", "\x7f", "\x1b[Z"}, nil},
	{"Address", []string{"j", "\t", "9", "\x7f", "\x1b[Z", "k"}, nil},
	{"libvirt network", []string{"\t", "x", "\x7f", "\t", "\x1b[Z"}, nil},
	{"VMs", []string{"j", "k", " ", " "}, nil},
	{"Safety net", []string{"j", "k", "\t", "1", "\x7f", "\t"}, nil},
	{"Review", []string{"j", "j", "k"}, []string{"\x1b[6~", "\t", "\t", "\t", "\t"}},
	{"Risk", nil, nil},
	{"Check and confirm", []string{"k", "\x1b", "r", "\x1b"}, nil},
}

// quiet waits until nothing has been written for a while, and says how much was since from.
func (c *console) quiet(from int) int {
	n, since := len(c.stream()), time.Now()
	for time.Since(since) < 150*time.Millisecond {
		<-time.After(5 * time.Millisecond)
		if m := len(c.stream()); m != n {
			n, since = m, time.Now()
		}
	}
	return n - from
}

// press presses a key and says how many bytes the screen takes.
func (c *console) press(key string) int {
	from := len(c.stream())
	c.typed(key)
	wait := 400 * time.Millisecond
	if key == "\x1b" { // it might be the first of an arrow's
		wait *= 3
	}
	for end := time.Now().Add(wait); len(c.stream()) == from && time.Now().Before(end); <-time.After(2 * time.Millisecond) {
	}
	return c.quiet(from)
}

// BenchmarkBytes is what a slow line has to carry: bytes per key that stays on a page, per page turned, and per second of the
// countdown; for each kind of terminal and page the median and the worst. At 9,600 baud 960 bytes take a second.
func BenchmarkBytes(b *testing.B) {
	program := product(b)
	for _, term := range []string{"vt220", "linux", "xterm"} {
		b.Run(term, func(b *testing.B) {
			for b.Loop() {
				countBytes(b, dialTo(b, program, term, 80, 24))
			}
		})
	}
}

func countBytes(b *testing.B, c *console) {
	var all, turns []int
	c.want("look again")
	c.quiet(0)
	for _, p := range pages {
		var keys []int
		for _, key := range p.keys {
			keys = append(keys, c.press(key))
		}
		all = append(all, keys...)
		var turned []int
		for _, key := range p.turns {
			turned = append(turned, c.press(key))
		}
		turns = append(turns, turned...)
		b.Logf("%-18s %v %v", p.title, keys, turned)
		switch p.title {
		case "Risk":
			<-time.After(tui.Grace + 50*time.Millisecond)
			c.typed("apply\r")
			c.want("every check passes")
			c.quiet(0)
		case "Check and confirm": // nothing to go on to
		default:
			turns = append(turns, c.press("\x0e"))
		}
	}
	ticks := c.ticks(10)
	b.ReportMetric(memory(b, c.cmd.Process.Pid), "MB")
	b.ReportMetric(0, "ns/op")
	for what, n := range map[string][]int{"key": all, "page": turns, "tick": ticks} {
		median, worst := middle(n)
		b.ReportMetric(float64(median), "B/"+what)
		b.ReportMetric(float64(worst), "worst-B/"+what)
	}
	must(b, c.cmd.Process.Kill())
}

// ticks are the bytes of n seconds in which nothing is pressed.
func (c *console) ticks(n int) (out []int) {
	from := len(c.stream())
	for len(out) < n {
		for end := time.Now().Add(3 * time.Second); len(c.stream()) == from && time.Now().Before(end); <-time.After(2 * time.Millisecond) {
		}
		out = append(out, c.quiet(from))
		from = len(c.stream())
	}
	return out
}

func middle(n []int) (median, worst int) {
	if len(n) == 0 {
		return 0, 0
	}
	s := slices.Sorted(slices.Values(n))
	return s[len(s)/2], s[len(s)-1]
}

// memory is what the process has held at most, in megabytes (VmHWM of proc(5)).
func memory(b *testing.B, pid int) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(b, err)
	var kB float64
	_, held, _ := strings.Cut(string(status), "VmHWM:")
	_, err = fmt.Sscan(held, &kB)
	must(b, err)
	return kB / 1024
}
