package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestStartIsTheProcessItself(t *testing.T) {
	l := up(t, Spec{})
	out, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", "trap 'hostname; exit 7' HUP; pwd; while :; do :; done")
	cmd.Stdout = out
	if err := l.Start(cmd); err != nil {
		t.Fatal(err)
	}
	written := func(s string) func() bool {
		return func() bool { b, _ := os.ReadFile(out.Name()); return string(b) == s }
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it runs where this test does", written(dir+"\n"))
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("the signal did not reach it: %v", err)
	}
	eventually(t, "the host's name printed", written(dir+"\nhost\n"))
}

func TestKillingACommandEndsWhatRunsInTheHost(t *testing.T) {
	l := up(t, Spec{})
	cmd := l.Host("sleep", "4242")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	running := func() bool { return strings.Contains(sh(t, l.Host, "ps -o args= ax"), "sleep 4242") }
	eventually(t, "the command runs", running)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	eventually(t, "the command is gone", func() bool { return !running() })
}

// pidNamespaces are the PID namespaces of a lab, by which its processes are found.
func (l *Lab) pidNamespaces() []string {
	var ns []string
	for _, dir := range []string{fmt.Sprintf("/proc/%d", l.rack.Process.Pid), l.host.proc, l.sw.proc, l.client.proc} {
		name, err := os.Readlink(dir + "/ns/pid")
		if err != nil {
			panic(err)
		}
		ns = append(ns, name)
	}
	return ns
}

// processesIn counts the machine's processes that are in one of the PID namespaces.
func processesIn(namespaces []string) int {
	n := 0
	links, _ := filepath.Glob("/proc/[0-9]*/ns/pid")
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil && slices.Contains(namespaces, name) {
			n++
		}
	}
	return n
}

// traces is what a lab must leave as it was: mounts, links and open files of this process, cgroups.
func traces(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	links, err := filepath.Glob("/sys/class/net/*")
	if err != nil {
		t.Fatal(err)
	}
	root, err := cgroupRoot()
	if err != nil {
		t.Fatal(err)
	}
	cgroups, _ := filepath.Glob(filepath.Join(root, fmt.Sprintf("%s%d-*", cgroupPrefix, os.Getpid())))
	files, _ := filepath.Glob("/proc/self/fd/*")
	return fmt.Sprintf("%s\n%s\n%s\n%d open files", mounts, links, cgroups, len(files))
}

func TestCloseLeavesNothing(t *testing.T) {
	if err := up(t, Spec{NoOVS: true}).Close(); err != nil { // what the runtime opens once and keeps is open now
		t.Fatal(err)
	}
	for _, spec := range []Spec{{Libvirt: true, DHCP: true}, {Systemd: true}} {
		before := traces(t)
		l := up(t, spec)
		s, err := l.Session(t.Context(), hostAddr)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		ns := l.pidNamespaces()
		if n := processesIn(ns); n < 5 {
			t.Fatalf("only %d processes found", n)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if n := processesIn(ns); n != 0 {
			t.Errorf("%d processes left", n)
		}
		eventually(t, "no traces left", func() bool { return traces(t) == before })
	}
}

// hold is a process that makes a lab, says where it is, and waits to be killed.
func hold() {
	l, err := Up(context.Background(), Spec{Systemd: os.Getenv("LAB_TEST_HOLD") == "systemd"})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(strings.Join(l.pidNamespaces(), " "), l.cgroup)
	select {}
}

func TestKillingTheParentEndsTheLab(t *testing.T) {
	for _, kind := range []string{"plain", "systemd"} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "LAB_TEST_HOLD="+kind)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		words := strings.Fields(line)
		if processesIn(words) < 5 {
			t.Fatalf("no lab: %s", line)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
		eventually(t, "every process of the lab is gone", func() bool { return processesIn(words) == 0 })
		if kind == "systemd" {
			eventually(t, "its cgroup is gone", func() bool { _, err := os.Stat(words[len(words)-1]); return os.IsNotExist(err) })
		}
	}
}
