package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"bridgehead/backend"
)

// List returns the processes, zombies left out, by pid.
func (table) List(ctx context.Context) ([]backend.Process, error) {
	pids, err := running()
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	all := make([]backend.Process, 0, len(pids))
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("cannot list processes: %w", err)
		}
		if p, ok := one(pid); ok { // else it has just ended
			all = append(all, p)
		}
	}
	return all, nil
}

// Environ returns a process's environment as it was at its start.
func (table) Environ(_ context.Context, pid int) ([]string, error) {
	data, err := os.ReadFile(procfs(pid, "environ"))
	if err != nil {
		return nil, nil
	}
	return split0(data), nil
}

// StartTime returns when a process started, in clock ticks since boot: with the
// boot id and the pid it names a process for ever. A process that has ended is
// os.ErrNotExist, a zombie too.
func StartTime(pid int) (uint64, error) {
	data, err := os.ReadFile(procfs(pid, "stat"))
	if err != nil {
		return 0, os.ErrNotExist
	}
	st, err := parseStat(string(data))
	if err == nil && st.state == "Z" {
		err = os.ErrNotExist
	}
	return st.start, err
}

func running() ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.SortFunc(pids, cmp.Compare)
	return pids, nil
}

func one(pid int) (backend.Process, bool) {
	data, err := os.ReadFile(procfs(pid, "stat"))
	if err != nil {
		return backend.Process{}, false
	}
	st, err := parseStat(string(data))
	if err != nil || st.state == "Z" {
		return backend.Process{}, false
	}
	status, err := os.ReadFile(procfs(pid, "status"))
	if err != nil {
		return backend.Process{}, false
	}
	args, err := os.ReadFile(procfs(pid, "cmdline"))
	if err != nil {
		return backend.Process{}, false
	}
	return backend.Process{PID: pid, PPID: st.ppid, Name: st.comm, Args: split0(args), TTY: terminal(st.tty), UID: realUID(string(status))}, true
}

// stat is what we need of /proc/PID/stat.
type stat struct {
	comm, state string
	ppid        int
	tty         uint32 // tty_nr
	start       uint64 // clock ticks since boot
}

var errStat = errors.New("cannot understand /proc/PID/stat")

// parseStat reads "PID (COMM) STATE PPID …": COMM may hold blanks and brackets.
func parseStat(line string) (stat, error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return stat{}, errStat
	}
	f := strings.Fields(line[end+1:]) // f[0] is field 3 of proc_pid_stat(5)
	if len(f) < 20 {
		return stat{}, errStat
	}
	ppid, err1 := strconv.Atoi(f[1])
	tty, err2 := strconv.ParseInt(f[4], 10, 32)
	start, err3 := strconv.ParseUint(f[19], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return stat{}, errStat
	}
	return stat{line[open+1 : end], f[0], ppid, uint32(tty), start}, nil
}

// realUID reads the "Uid:" line of /proc/PID/status. The owner of /proc/PID would
// not do: it is root wherever a process may not be traced, as sshd's may not.
func realUID(status string) int {
	_, rest, _ := strings.Cut(status, "\nUid:")
	uid, _, _ := strings.Cut(strings.TrimLeft(rest, "\t "), "\t")
	n, err := strconv.Atoi(uid)
	if err != nil {
		return -1
	}
	return n
}

// Device majors of terminals (the kernel's Documentation/admin-guide/devices.txt
// and drivers/tty/pty.c, which gives all pts to the first of their eight majors).
const (
	majorTTY = 4 // minors 0-63 virtual consoles, from 64 serial ports
	majorPTS = 136
)

// terminal names the terminal with device number nr, as tty_nr has it: major in
// bits 8-19, minor in the others; 0 is none.
func terminal(nr uint32) string {
	major, minor := int(nr>>8&0xfff), int(nr&0xff|nr>>12&0xfff00)
	switch {
	case nr == 0:
		return ""
	case major == majorTTY && minor < 64:
		return "tty" + strconv.Itoa(minor)
	case major == majorTTY:
		return "ttyS" + strconv.Itoa(minor-64)
	case major == majorPTS:
		return "pts/" + strconv.Itoa(minor)
	}
	// hvc0, ttyAMA0, ttyUSB0, console: sysfs knows every other.
	target, err := os.Readlink(fmt.Sprintf("/sys/dev/char/%d:%d", major, minor))
	if err != nil {
		return fmt.Sprintf("%d:%d", major, minor)
	}
	return filepath.Base(target)
}

func procfs(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

// split0 splits what the kernel ends with zero bytes.
func split0(data []byte) []string {
	s := strings.TrimSuffix(string(data), "\x00")
	if s == "" {
		return nil
	}
	return strings.Split(s, "\x00")
}
