// Package lab is a host in namespaces: real ifupdown, real Open vSwitch with the
// userspace datapath, real libvirt, on request a real systemd, and beside it a
// switch and a client that watches. Rehearsals and integration tests use it.
//
// Nothing of it touches the machine's own network or files, and nothing of it
// outlives the process that made it: all processes sit in one PID namespace whose
// first process ends with its parent, and all files are overlays on a tmpfs of
// its mount namespace.
package lab

import (
	"fmt"
	"os"
	"os/exec"
)

// The lab's own processes are this same executable, told apart by argv[0].
const (
	rackArg = "bridgehead-lab-rack"
	nodeArg = "bridgehead-lab-node"
	sshdArg = "sshd: /usr/sbin/sshd -D [listener]" // looks like what it stands for
	connArg = "sshd: root@pts/0"
)

var mainCalled bool

// Main must be called first thing in main, and in TestMain of every test package
// that makes labs. In the lab's own processes, which are this same executable
// run again, it does their work and does not return.
func Main() {
	mainCalled = true
	var run func() error
	switch os.Args[0] {
	case rackArg:
		run = rackMain
	case nodeArg:
		run = nodeMain
	case sshdArg:
		run = sshdMain
	case connArg:
		run = connMain
	default:
		return
	}
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
		os.Exit(1)
	}
	os.Exit(0)
}

// again is this executable run again as one of the lab's processes. The magic
// link finds it even where its path is not visible (proc(5)).
func again(arg0 string, args ...string) *exec.Cmd {
	return &exec.Cmd{Path: "/proc/self/exe", Args: append([]string{arg0}, args...)}
}
