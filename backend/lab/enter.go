package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// node is one of the lab's machines, seen from outside: proc is the directory of
// its first process in the rack's /proc, which is a way to its namespaces.
type node struct {
	name string
	proc string
}

// nsFlags are the namespaces a node has of its own, in the order of setns(2):
// files are opened first, so mnt may come at any place.
var nsFlags = []struct {
	name string
	flag int
}{
	{"uts", unix.CLONE_NEWUTS}, {"ipc", unix.CLONE_NEWIPC}, {"net", unix.CLONE_NEWNET},
	{"pid", unix.CLONE_NEWPID}, {"cgroup", unix.CLONE_NEWCGROUP}, {"mnt", unix.CLONE_NEWNS},
}

// dropped are capabilities with which a process in the lab could still change the machine.
var dropped = []struct {
	name string
	cap  uintptr
}{{"sys_module", unix.CAP_SYS_MODULE}, {"sys_time", unix.CAP_SYS_TIME}, {"sys_rawio", unix.CAP_SYS_RAWIO}, {"syslog", unix.CAP_SYSLOG}}

// command is argv inside the node, by way of nsenter(1). When the returned
// process is killed, argv is killed too.
func (n *node) command(argv ...string) *exec.Cmd {
	var args []string
	for _, ns := range nsFlags {
		file := ns.name
		if file == "mnt" {
			file = "mount"
		}
		args = append(args, fmt.Sprintf("--%s=%s/ns/%s", file, n.proc, ns.name))
	}
	bounds := make([]string, len(dropped))
	for i, d := range dropped {
		bounds[i] = "-" + d.name
	}
	args = append(args, "--", "setpriv", "--pdeathsig", "KILL", "--bounding-set", strings.Join(bounds, ","), "--")
	cmd := exec.Command("nsenter", append(args, argv...)...)
	cmd.Env = environment()
	cmd.WaitDelay = 3 * time.Second // a daemon that argv leaves behind may hold on to the pipes
	return cmd
}

// start starts cmd inside the node: the process is cmd's own, not that of nsenter.
func (n *node) start(cmd *exec.Cmd) error {
	if cmd.Env == nil {
		cmd.Env = environment()
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	return n.inside(nsFlagAll, func() error {
		for _, d := range dropped {
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, d.cap, 0, 0, 0); err != nil {
				return err
			}
		}
		if fi, err := os.Stat(dir); cmd.Dir == "" && err == nil && fi.IsDir() {
			cmd.Dir = dir // entering a mount namespace goes to its root
		}
		return cmd.Start()
	})
}

const (
	nsFlagAll = -1
	nsFlagNet = unix.CLONE_NEWNET
)

// inside runs f on a thread of its own that has entered the node's namespaces, all
// of them or those in flags. Sockets that f opens belong to the node; so do
// processes that f starts.
func (n *node) inside(flags int, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if unix.Gettid() == unix.Getpid() {
			// The main thread is what others see in /proc/self: hold it, and use another.
			err := n.inside(flags, f)
			runtime.UnlockOSThread()
			done <- err
			return
		}
		err := n.enter(flags)
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

func (n *node) enter(flags int) error {
	fds := make([]int, len(nsFlags))
	for i, ns := range nsFlags {
		fd, err := unix.Open(filepath.Join(n.proc, "ns", ns.name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("cannot enter %s: %w", n.name, err)
		}
		defer unix.Close(fd)
		fds[i] = fd
	}
	if flags&unix.CLONE_NEWNS != 0 {
		if err := unix.Unshare(unix.CLONE_FS); err != nil { // or setns refuses the mount namespace
			return err
		}
	}
	for i, ns := range nsFlags {
		if flags&ns.flag == 0 {
			continue
		}
		if err := unix.Setns(fds[i], ns.flag); err != nil {
			return fmt.Errorf("cannot enter the %s namespace of %s: %w", ns.name, n.name, err)
		}
	}
	return nil
}

// inNet runs f on a thread in the node's network namespace only.
func (n *node) inNet(f func() error) error { return n.inside(nsFlagNet, f) }

// run runs a command to its end and fails with what it printed.
func (n *node) run(ctx context.Context, argv ...string) error {
	cmd := n.command(argv...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	if err := cmd.Wait(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("%s: %s: %w\n%s", n.name, strings.Join(argv, " "), err, strings.TrimSpace(out.String()))
	}
	return nil
}

// environment is what commands in the lab get: little, and always the same.
func environment() []string {
	env := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh", "LC_ALL=C.UTF-8",
	}
	for _, keep := range []string{"TERM", "GOCOVERDIR", "GORACE", "NO_COLOR"} {
		if v, ok := os.LookupEnv(keep); ok {
			env = append(env, keep+"="+v)
		}
	}
	return env
}
