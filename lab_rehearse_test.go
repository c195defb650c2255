package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"bridgehead/backend/lab"
)

// A rehearsal on this very machine: all of it is gone afterwards, and nothing was touched.
func TestRehearse(t *testing.T) {
	program, err := exec.LookPath("bridgehead")
	must(t, err)
	before := machine(t)
	s := onTerminal(t, (*exec.Cmd).Start, "linux", program, "rehearse")
	s.want("[REHEARSAL: this host is not touched]")
	s.apply()
	children := descendants(t, s.cmd.Process.Pid)
	if len(children) < 5 {
		t.Errorf("the rehearsal has only the processes %v", children)
	}
	s.press("k")
	s.want("Keep this change?")
	s.press("enter")
	s.want("eth0 is a port of bridge examplebr0")
	s.press("enter")
	s.exits(0)
	for pid := range children {
		if now := started(pid); now == children[pid] {
			t.Errorf("process %d of the rehearsal is still there", pid)
		}
	}
	if after := machine(t); after != before {
		t.Errorf("the machine has changed:\n%s\nwas\n%s", after, before)
	}
}

// A rehearsal that loses its terminal leaves nothing either.
func TestRehearsalLost(t *testing.T) {
	program, err := exec.LookPath("bridgehead")
	must(t, err)
	before := machine(t)
	s := onTerminal(t, (*exec.Cmd).Start, "linux", program, "rehearse", "--tutorial")
	s.apply()
	children := descendants(t, s.cmd.Process.Pid)
	s.hangUp()
	<-s.read
	eventually(t, "every process of the rehearsal has ended", func() bool {
		for pid := range children {
			if started(pid) == children[pid] {
				return false
			}
		}
		return true
	})
	if after := machine(t); after != before {
		t.Errorf("the machine has changed:\n%s\nwas\n%s", after, before)
	}
}

// Line by line, Ctrl-C is a signal to all of the terminal's processes; the wizard asks, and the rehearsal stays.
func TestRehearsalAsksBeforeItIsLeft(t *testing.T) {
	program, err := exec.LookPath("bridgehead")
	must(t, err)
	s := onTerminal(t, (*exec.Cmd).Start, "dumb", program, "rehearse", "--tutorial", "--plain")
	s.want("look again")
	s.press("ctrl+c")
	s.want("Leave? y or n")
	s.press("n", "enter")
	s.want("You stay.")
	s.press("ctrl+c")
	eventually(t, "it asks again", func() bool { return strings.Count(words(s.text()), "Leave? y or n") == 2 })
	s.press("y", "enter")
	s.want("The rehearsal host is gone.")
	s.exits(0)
}

// On a host with ifupdown the rehearsal is a replica of it.
func TestRehearseReplica(t *testing.T) {
	h := up(t, lab.Spec{Hostname: "kvm7", Libvirt: true})
	before := h.snapshot()
	s := h.wizard("rehearse")
	s.want("Bridgehead on kvm7", "[REHEARSAL: this host is not touched]")
	s.apply()
	s.press("k")
	s.want("Keep this change?")
	s.press("enter")
	s.want("eth0 is a port of bridge examplebr0")
	s.press("enter")
	s.exits(0)
	h.same(before)
	h.sh("! test -e /var/lib/bridgehead")
}

var lifetimes = regexp.MustCompile(`(valid_lft|preferred_lft|expires) \w+`)

// machine is what a rehearsal must not touch of the machine that the test runs on.
func machine(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, args := range []string{"-d addr", "-4 route show table all", "-6 route show table all", "rule", "-6 rule"} {
		out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
		if err != nil {
			t.Fatalf("ip %s: %v\n%s", args, err, out)
		}
		b.Write(lifetimes.ReplaceAll(out, []byte("$1")))
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	must(t, err)
	b.Write(mounts)
	for _, dir := range []string{"/etc/network", "/etc/systemd", "/etc/openvswitch", "/etc/libvirt", "/var/lib/bridgehead", "/run/openvswitch", "/run/network"} {
		fmt.Fprintf(&b, "%s %x\n", dir, hash(t, dir))
	}
	return b.String()
}

// hash is one of all files below dir: names, modes, contents.
func hash(t *testing.T, dir string) []byte {
	t.Helper()
	sum := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if os.IsNotExist(err) {
				return nil
			}
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(sum, path, info.Mode())
		if !d.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		sum.Write(data)
		return err
	})
	must(t, err)
	return sum.Sum(nil)
}

// descendants are the processes below pid with the times they started at.
func descendants(t *testing.T, pid int) map[int]string {
	t.Helper()
	parents := map[int]int{}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	must(t, err)
	for _, dir := range dirs {
		if f := stat(dir); f != nil {
			child, _ := strconv.Atoi(filepath.Base(dir))
			parents[child], _ = strconv.Atoi(f[1])
		}
	}
	found := map[int]string{pid: started(pid)}
	for more := true; more; {
		more = false
		for child, parent := range parents {
			if _, below := found[parent]; below && found[child] == "" {
				found[child], more = started(child), true
			}
		}
	}
	delete(found, pid)
	for child, at := range found {
		if at == "" { // has ended meanwhile
			delete(found, child)
		}
	}
	return found
}

// started is when a process started, in ticks since boot; "" where there is none or only its remains.
func started(pid int) string {
	if f := stat(fmt.Sprintf("/proc/%d", pid)); f != nil && f[0] != "Z" {
		return f[19]
	}
	return ""
}

// stat are the fields of proc_pid_stat(5) from the third, the state, on.
func stat(dir string) []string {
	data, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return nil
	}
	return strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
}
