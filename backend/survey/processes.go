package survey

import (
	"slices"
	"strings"

	"bridgehead/backend"
)

// processes is the process table by pid.
type processes map[int]backend.Process

func newProcesses(list []backend.Process) processes {
	t := processes{}
	for _, p := range list {
		t[p.PID] = p
	}
	return t
}

// byPID returns the processes that satisfy ok, by pid.
func (t processes) byPID(ok func(backend.Process) bool) []backend.Process {
	var list []backend.Process
	for _, p := range t {
		if ok(p) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b backend.Process) int { return a.PID - b.PID })
	return list
}

// ancestry is pid's process and its parents, nearest first.
func (t processes) ancestry(pid int) []backend.Process {
	var line []backend.Process
	for seen := map[int]bool{}; pid > 0 && !seen[pid]; {
		seen[pid] = true
		p, ok := t[pid]
		if !ok {
			break
		}
		line = append(line, p)
		pid = p.PPID
	}
	return line
}

// What lies between a process and the one who types: the first of these in its ancestry.
const (
	fromSSH      = "ssh"
	fromTmux     = "tmux"
	fromScreen   = "screen"
	fromMosh     = "mosh"
	fromConsole  = "console" // a login on a serial line or virtual terminal
	fromTerminal = "terminal"
	fromNothing  = "none" // no terminal at all: a service, a timer
)

// origin is where a process is operated from.
type origin struct {
	kind  string
	tty   string            // of the console, else of the process
	at    backend.Process   // the process that decided: sshd, the tmux server …
	below []backend.Process // the processes between, nearest to the operator last
	sshd  []int             // pids of the sshd processes that serve this login
}

// origin walks up from pid to what the operator's terminal hangs on.
func (t processes) origin(pid int) origin {
	o := origin{kind: fromNothing}
	line := t.ancestry(pid)
	for i, p := range line {
		if o.tty == "" {
			o.tty = p.TTY
		}
		o.at, o.below = p, line[:i]
		switch {
		case isSSHD(p):
			o.kind = fromSSH
			for _, q := range line[i:] {
				if isSSHD(q) {
					o.sshd = append(o.sshd, q.PID)
				}
			}
			return o
		case p.PID != pid && isTmuxServer(p):
			o.kind = fromTmux
			return o
		case p.PID != pid && isScreenServer(p):
			o.kind = fromScreen
			return o
		case p.Name == "mosh-server":
			o.kind = fromMosh
			return o
		case isConsole(p.TTY):
			o.kind, o.tty = fromConsole, p.TTY
			return o
		}
	}
	if o.tty != "" {
		o.kind = fromTerminal
	}
	return o
}

// isSSHD knows the names of the processes that serve an SSH login: since OpenSSH
// 9.8 that is sshd-session, since 10.0 also sshd-auth.
func isSSHD(p backend.Process) bool {
	switch p.Name {
	case "sshd", "sshd-session", "sshd-auth", "dropbear":
		return true
	}
	return false
}

// tmux names its two halves with prctl(PR_SET_NAME) (compat/setproctitle.c).
func isTmuxServer(p backend.Process) bool { return strings.HasPrefix(p.Name, "tmux: server") }
func isTmuxClient(p backend.Process) bool { return strings.HasPrefix(p.Name, "tmux: client") }

// screen's server calls itself SCREEN; what is attached to it keeps its name.
func isScreenServer(p backend.Process) bool {
	return p.Name == "screen" && len(p.Args) > 0 && strings.HasPrefix(p.Args[0], "SCREEN")
}
func isScreenClient(p backend.Process) bool { return p.Name == "screen" && !isScreenServer(p) }

// isConsole says whether a terminal is a virtual terminal or a serial line (devices.txt).
func isConsole(tty string) bool { return consoleKind(tty) != "" }

func consoleKind(tty string) string {
	switch {
	case len(tty) > 3 && strings.HasPrefix(tty, "tty") && strings.Trim(tty[3:], "0123456789") == "":
		return "vt"
	case strings.HasPrefix(tty, "tty") && len(tty) > 3, strings.HasPrefix(tty, "hvc"), strings.HasPrefix(tty, "xvc"):
		return "serial"
	case tty == "console":
		return "serial"
	}
	return ""
}

// attached are the terminals attached to a tmux or screen server. Which server a
// client talks to cannot be seen from outside; those of the same user that were
// told the same socket are taken, and where there are none, all.
func (t processes) attached(server backend.Process, isClient func(backend.Process) bool) []backend.Process {
	all := t.byPID(isClient)
	var same []backend.Process
	for _, p := range all {
		if p.UID == server.UID && socketOf(p) == socketOf(server) {
			same = append(same, p)
		}
	}
	if len(same) > 0 {
		return same
	}
	return all
}

// socketOf is what tmux was told with -L or -S.
func socketOf(p backend.Process) string {
	for i, a := range p.Args {
		if (a == "-L" || a == "-S") && i+1 < len(p.Args) {
			return a + p.Args[i+1]
		}
		if i > 0 && len(a) > 2 && (strings.HasPrefix(a, "-L") || strings.HasPrefix(a, "-S")) {
			return a
		}
	}
	return ""
}

// worthReading are the processes whose environment may tell of an SSH login:
// our own ancestry, and that of each terminal multiplexer's client.
func (t processes) worthReading(self int) []int {
	var pids []int
	add := func(pid int) {
		for _, p := range t.ancestry(pid) {
			if !slices.Contains(pids, p.PID) {
				pids = append(pids, p.PID)
			}
		}
	}
	add(self)
	for _, p := range t.byPID(func(p backend.Process) bool { return isTmuxClient(p) || isScreenClient(p) }) {
		add(p.PID)
	}
	return pids
}
