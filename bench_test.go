package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"testing"
	"time"

	"bridgehead/backend/lab"
)

// product builds the program as it is delivered.
func product(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "bridgehead")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return path
}

// spread reports the median and the worst of some times in milliseconds, in place of the mean.
func spread(b *testing.B, times []time.Duration) {
	b.Helper()
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(milliseconds(times[len(times)/2]), "median-ms")
	b.ReportMetric(milliseconds(times[len(times)-1]), "worst-ms")
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// BenchmarkFirstFrame is the time from the start of the program to the first page on the terminal, on the demo host
// and on a host of a lab; of the latter also to the end of the survey.
func BenchmarkFirstFrame(b *testing.B) {
	program := product(b)
	measure := func(name, until string, open func(*testing.B) *screen) {
		b.Run(name, func(b *testing.B) {
			var times []time.Duration
			for b.Loop() {
				start := time.Now()
				s := open(b)
				for !s.shows(until) {
					if time.Since(start) > patience {
						b.Fatalf("%q does not appear:\n%s", until, s.text())
					}
					<-time.After(time.Millisecond)
				}
				times = append(times, time.Since(start))
				s.end()
			}
			spread(b, times)
		})
	}
	demo := func(b *testing.B) *screen { return onTerminal(b, (*exec.Cmd).Start, "linux", program, "--demo") }
	measure("demo", "Step 1 of", demo)
	h := up(b, lab.Spec{Bind: map[string]string{programPath: program}})
	onHost := func(*testing.B) *screen { return h.wizard() }
	measure("host", "Step 1 of", onHost)
	measure("host-surveyed", "Logins", onHost)
}

// BenchmarkSurvey is the time of survey --json on hosts with few and many NICs.
func BenchmarkSurvey(b *testing.B) {
	program := product(b)
	for _, n := range []int{4, 256} {
		b.Run(fmt.Sprintf("nics=%d", n), func(b *testing.B) {
			h := up(b, lab.Spec{NICs: make([]lab.NIC, n), Bind: map[string]string{programPath: program}})
			var times []time.Duration
			for b.Loop() {
				start := time.Now()
				h.run("survey", "--json").want(b, 0, `"name": "eth0"`)
				times = append(times, time.Since(start))
			}
			spread(b, times)
		})
	}
}

// BenchmarkSize is how large the program is.
func BenchmarkSize(b *testing.B) {
	info, err := os.Stat(product(b))
	must(b, err)
	for b.Loop() {
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(info.Size())/1e6, "MB")
}
