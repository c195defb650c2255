//go:build vm

package vm

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bridgehead/backend/trial"
)

// The power goes at any moment of a change: whatever the disk then has, the guest comes up as it was
// last confirmed and answers.

func TestCutAtEveryWriteOfApplyAndConfirm(t *testing.T) {
	cutEverywhere(t, "apply and confirm", "", func(g *guest) {
		g.apply("")
		g.confirm()
		g.await(trial.None)
	})
}

func TestCutAtEveryWriteOfARollback(t *testing.T) {
	cutEverywhere(t, "rollback", "rollback", func(g *guest) {
		g.apply("--confirm-within 10s")
		g.await(trial.None)
	})
}

// moment is what a power cut leaves of a change on the disk.
type moment struct {
	flush int    // of the run, from which on the disk is so
	last  string // event of the journal
	armed bool   // the guard was, so that something may have been changed
	new   bool   // it was confirmed
}

// tried is how many different disks each run is booted from, at most.
const tried = 48

// cutEverywhere records a run, finds every disk that differs in what matters, and boots from them; only from those
// after the event of the journal that from names.
func cutEverywhere(t *testing.T, name, from string, act func(*guest)) {
	g := resume(t)
	act(g)
	g.sh("sync")
	g.PowerCut()
	all := moments(t, g)
	all = all[max(0, slices.IndexFunc(all, func(m moment) bool { return m.last == from })):]
	chosen := spread(all, tried)
	t.Logf("%s: %d different disks, %d of them booted", name, len(all), len(chosen))
	survived := 0
	w := g.replay(t)
	defer w.Close()
	for i, m := range chosen {
		for w.Flushes < m.flush {
			if ok, err := w.Next(); err != nil || !ok {
				t.Fatalf("flush %d is not in the log: %v", m.flush, err)
			}
		}
		if t.Run(fmt.Sprintf("%02d-%s", i, strings.ReplaceAll(m.last, " ", "-")), func(t *testing.T) { g.survives(t, m) }) {
			survived++
		}
	}
	record(fmt.Sprintf("| %s | %d | %d | %d |", name, len(all), len(chosen), survived))
}

// spread picks n of all, evenly.
func spread(all []moment, n int) []moment {
	if len(all) <= n {
		return all
	}
	var out []moment
	for i := range n {
		out = append(out, all[i*(len(all)-1)/(n-1)])
	}
	return out
}

func (g *guest) raw() string { return filepath.Join(g.dir, "raw") }

func (g *guest) replay(t *testing.T) *Writes {
	t.Helper()
	w, err := Replay(t.Context(), common.snapshot, g.log(), g.raw())
	must(t, err)
	return w
}

// moments looks at the disk after each flush of the run, and returns the first of each kind.
func moments(t *testing.T, g *guest) []moment {
	t.Helper()
	w := g.replay(t)
	defer w.Close()
	var out []moment
	seen := map[string]bool{}
	for {
		ok, err := w.Next()
		must(t, err)
		if !ok {
			return out
		}
		m, key := look(t, w)
		if !seen[key] {
			seen[key] = true
			out = append(out, m)
		}
	}
}

// look finds out what the disk has now, and a key that is the same for disks that are.
func look(t *testing.T, w *Writes) (moment, string) {
	t.Helper()
	dir, err := os.MkdirTemp(common.dir, "look-")
	must(t, err)
	defer os.RemoveAll(dir)
	must(t, w.Look(t.Context(), dir, "/var/lib/bridgehead", "/var/lib/openvswitch", "/etc/network", "/etc/systemd/system"))
	files, err := Files(dir)
	must(t, err)
	sum := sha256.New()
	m := moment{flush: w.Flushes, last: "nothing yet"}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		data := files[path]
		if filepath.Base(path) == "journal.jsonl" {
			data = m.read(data)
		}
		if strings.HasPrefix(path, "/var/lib/openvswitch") {
			data = dates.ReplaceAllString(data, "")
		}
		fmt.Fprintf(sum, "%s %d\n%s", temporary.ReplaceAllString(path, "$1"), len(data), data)
	}
	return m, string(sum.Sum(nil))
}

var (
	dates     = regexp.MustCompile(`(?m)"_date":\d+|^OVSDB JSON.*$`)
	temporary = regexp.MustCompile(`(/\.[a-z.]+?)\d+$`) // names of files that are about to be renamed
)

// read takes up the journal, and returns what of it matters.
func (m *moment) read(journal string) string {
	var out bytes.Buffer
	for line := range strings.Lines(journal) {
		var rec struct {
			Event string
			Op    int
		}
		if json.Unmarshal([]byte(line), &rec) != nil {
			fmt.Fprintln(&out, "torn")
			continue
		}
		m.last = rec.Event
		if rec.Op >= 0 {
			m.last = fmt.Sprintf("%s %d", rec.Event, rec.Op)
		}
		m.armed = m.armed || rec.Event == "armed"
		m.new = m.new || rec.Event == "confirmed"
		fmt.Fprintln(&out, m.last)
	}
	return out.String()
}

// survives boots from the disk as it is now in the replay.
func (g *guest) survives(t *testing.T, m moment) {
	g.t = t
	disk := filepath.Join(g.dir, "cut.qcow2")
	must(t, Overlay(t.Context(), disk, g.raw(), "raw"))
	defer os.Remove(disk)
	g.bootFrom(disk)
	defer g.PowerCut()
	took, err := g.peer.Await(Address, g.Born, BootTime)
	if err != nil {
		t.Errorf("after flush %d: %v", m.flush, err)
	} else {
		figures.add("power-on to an answered ping after a cut", took)
	}
	must(t, g.ShellUp())
	g.settled()
	if m.new {
		g.converted()
	} else {
		g.untouched()
	}
	g.idle(m.armed)
	want := "No change has been made on this host."
	switch {
	case m.new:
		want = "confirmed"
	case m.armed:
		want = "rolled-back"
	}
	if got := g.history(); !strings.Contains(got, want) || strings.Count(got, "\n") > 0 {
		t.Errorf("the history is %q, want %s", got, want)
	}
	if got := g.sh("bridgehead status"); m.armed && !strings.Contains(got, want) {
		t.Errorf("the status is %q, want %s", got, want)
	}
	if _, err := g.peer.Await(Address, time.Now(), 5*time.Second); err != nil {
		t.Error("at the end: ", err)
	}
	if t.Failed() {
		t.Logf("flush %d, last event %s\n%s", m.flush, m.last, g.sh("bridgehead status; bridgehead history; ovs-vsctl show; ip address; journalctl -b --no-pager -o short-monotonic -u 'bridgehead*' -u 'ovs*' -u networking; ls -lR /var/lib/bridgehead"))
	}
}
