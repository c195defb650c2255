package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"bridgehead/backend"
	"bridgehead/backend/op"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/real"
	"bridgehead/backend/trial"
)

// Where the program on the host of a lab finds what will go wrong in it, and leaves what it has seen.
const (
	strikePath  = "/run/strike.json"
	changesPath = "/run/changes.jsonl" // the changes that it made
	struckPath  = "/run/struck"        // is there once it has happened
)

// at is one change that a command makes to the host.
type at struct {
	Command string // of the program: apply, confirm, rollback, undo
	Undoing bool   // the operation, or else it is being done
	Op      int    // index into the plan's operations
	Call    int    // of the operation's changes, from 1
}

// strike is what goes wrong at a change, right before it or right after it.
type strike struct {
	At    at
	After bool
	Fault string // "" only notes the changes of the command
}

// strikes has the host of this process fail as strikePath says, where there is one.
func strikes() {
	var s strike
	data, err := os.ReadFile(strikePath)
	if err != nil || json.Unmarshal(data, &s) != nil || len(os.Args) < 2 || os.Args[1] != s.At.Command {
		return
	}
	realHost = func(o real.Options) (backend.Host, error) {
		h, err := real.Host(o)
		if err != nil {
			return h, err
		}
		seen := map[at]int{}
		run := trial.Trial{Host: h, Dir: trial.StateDir}
		return plantest.Around(h, func(effect func() error) error {
			now := s.now(&run)
			seen[now.At]++
			now.At.Call = seen[now.At]
			return s.change(now, effect)
		}), nil
	}
}

// change is one change with the kind of its operation; of the inverse of one, of that one, too.
type change struct {
	At       at
	Kind, Of string
}

// now is the operation that is being done or undone.
func (s strike) now(run *trial.Trial) change {
	now := change{At: at{Command: s.At.Command, Op: -1}}
	status, err := run.Status(context.Background(), "")
	if err != nil {
		return now
	}
	for i, o := range status.Ops {
		if o.State == "doing" || o.State == "undoing" {
			now.At.Op, now.At.Undoing = i, o.State == "undoing"
			x := status.Plan.Items[i].Op
			now.Kind, now.Of = x.Kind(), x.Kind()
			if back, ok := x.(*op.Inverse); ok {
				now.Of = back.Of.Kind()
			}
		}
	}
	return now
}

// change makes one change, with what goes wrong at it.
func (s strike) change(now change, effect func() error) error {
	if s.Fault == "" {
		line, _ := json.Marshal(now) // plain data
		note(changesPath, string(line)+"\n")
	}
	if s.Fault == "" || now.At != s.At {
		return effect()
	}
	if s.After {
		return errors.Join(effect(), s.hit())
	}
	if err := s.hit(); err != nil {
		return err
	}
	return effect()
}

func note(path, text string) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		panic(err)
	}
}

// errInjected is what a change fails with that is to fail.
var errInjected = errors.New("injected")

// daemons are the programs of those that can be dead or hang.
var daemons = map[string]string{"vswitchd": "ovs-vswitchd", "ovsdb": "ovsdb-server", "libvirtd": "libvirtd"}

// hit lets it happen.
func (s strike) hit() error {
	if _, err := os.Stat(struckPath); err == nil {
		return nil // once is enough
	}
	note(struckPath, s.Fault)
	name, what, _ := strings.Cut(s.Fault, " ")
	switch {
	case s.Fault == "error":
		return errInjected
	case s.Fault == "killed":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	case s.Fault == "hang-up":
		if _, _, errno := unix.Syscall(unix.SYS_VHANGUP, 0, 0, 0); errno != 0 {
			panic(errno)
		}
	case s.Fault == "disk full":
		fillDisk()
	case s.Fault == "read-only":
		shell(readOnly)
	case what == "dead":
		signalDaemon(daemons[name], unix.SIGKILL)
	case what == "hung":
		signalDaemon(daemons[name], unix.SIGSTOP)
	default:
		panic("no fault " + s.Fault)
	}
	return nil
}

// diskPath is the disk on which what can be full is.
const diskPath = "/run/disk"

// fillDisk leaves no byte on it.
func fillDisk() {
	f, err := os.OpenFile(diskPath+"/fill", os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	for size := 1 << 20; size >= 512; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			panic(err)
		}
	}
}

// readOnly makes what is below /etc read-only, and writable what it may be again.
const (
	readOnly = "for d in /etc/network /etc/libvirt /etc; do mount -o remount,bind,ro $d; done"
	writable = "for d in /etc /etc/libvirt /etc/network; do mount -o remount,bind,rw $d; done"
)

func shell(script string) {
	if out, err := exec.Command("/bin/sh", "-ec", script).CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%s: %v: %s", script, err, out))
	}
}

// signalDaemon signals a daemon by the name of its program, and waits until one that is killed is gone.
func signalDaemon(name string, sig unix.Signal) {
	out, err := exec.Command("pidof", name).Output()
	if err != nil {
		panic(fmt.Sprintf("%s does not run: %v", name, err))
	}
	for _, word := range strings.Fields(string(out)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			panic(err)
		}
		_ = unix.Kill(pid, sig)
		for sig == unix.SIGKILL && unix.Kill(pid, 0) == nil {
			<-time.After(time.Millisecond)
		}
	}
}
