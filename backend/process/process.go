// Package process is the host's process table and TCP sockets as procfs has
// them (proc(5)), and its clock.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"bridgehead/backend"
)

// patience is how long a process may take to heed SIGTERM, and then SIGKILL.
const patience = 3 * time.Second

// table is backend.Processes.
type table struct{ patience time.Duration }

// New returns the processes of the host.
func New() backend.Processes { return table{patience} }

// Self returns the pid of this process.
func (table) Self() int { return os.Getpid() }

// Stop ends a process, by SIGTERM and where that does not help by SIGKILL. It
// holds on to the process by a pidfd: a pid that is given to another
// process meanwhile is not hit.
func (t table) Stop(ctx context.Context, pid int) error {
	return t.end(ctx, pid, unix.SIGTERM, unix.SIGKILL)
}

// Kill ends a process by SIGKILL.
func (t table) Kill(ctx context.Context, pid int) error {
	return t.end(ctx, pid, unix.SIGKILL)
}

// end sends one signal after the other until the process has ended.
func (t table) end(ctx context.Context, pid int, signals ...unix.Signal) error {
	failed := func(err error) error { return fmt.Errorf("cannot stop process %d: %w", pid, err) }
	if pid <= 1 || pid == os.Getpid() {
		return failed(errors.New("it is the first process or Bridgehead itself"))
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return failed(err)
	}
	defer unix.Close(fd)
	for _, sig := range signals {
		if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return failed(err)
		}
		if ended, err := wait(ctx, fd, t.patience); err != nil {
			return failed(err)
		} else if ended {
			return nil
		}
	}
	return failed(errors.New("it goes on after SIGKILL: it hangs in the kernel, see ps -o pid,stat,wchan"))
}

// wait waits at most d for the process behind a pidfd to end (pidfd_open(2): then
// it is readable).
func wait(ctx context.Context, fd int, d time.Duration) (ended bool, err error) {
	for end := time.Now().Add(d); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 20)
		switch {
		case n > 0:
			return true, nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return false, err
		case ctx.Err() != nil:
			return false, ctx.Err()
		case time.Now().After(end):
			return false, nil
		}
	}
}

// Start runs argv to its end, in a session of its own and away from the
// terminal. What it prints goes through a file: a daemon that it leaves behind
// keeps its output open, and a pipe would keep Start waiting. The file is in memory: a rollback starts DHCP clients, and
// works with a disk that is full or read-only.
func (table) Start(ctx context.Context, argv ...string) error {
	if len(argv) == 0 {
		return errors.New("cannot start a process: no command")
	}
	fd, err := unix.MemfdCreate(argv[0], unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", argv[0], err)
	}
	out := os.NewFile(uintptr(fd), argv[0])
	defer out.Close()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		printed := make([]byte, 4096)
		n, _ := out.ReadAt(printed, 0)
		if said := strings.TrimSpace(string(printed[:n])); said != "" {
			return fmt.Errorf("cannot start %s: %w: %s", strings.Join(argv, " "), err, said)
		}
		return fmt.Errorf("cannot start %s: %w", strings.Join(argv, " "), err)
	}
	return nil
}
