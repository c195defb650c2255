package sim

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"bridgehead/backend"
)

// process is one process. Calls of a dead one fail with ErrKilled.
type process struct {
	m    *Machine
	pid  int
	ppid int
	argv []string
	tty  string
	uid  int
	env  []string
	self bool // one of bridgehead's own
	dead bool
}

func (m *Machine) makeProcesses() {
	for _, s := range m.spec.Processes {
		m.procs = append(m.procs, &process{m: m, pid: s.PID, ppid: s.PPID, argv: slices.Clone(s.Args), tty: s.TTY, uid: s.UID, env: s.Env})
		m.nextPID = max(m.nextPID, s.PID+1)
	}
}

func (m *Machine) spawn(ppid int, argv ...string) *process {
	p := &process{m: m, pid: m.nextPID, ppid: ppid, argv: argv}
	p.self = path.Base(argv[0]) == "bridgehead"
	if parent := m.process(ppid); parent != nil {
		p.tty, p.uid, p.env = parent.tty, parent.uid, parent.env
	} else {
		p.ppid = 1
	}
	m.nextPID++
	m.procs = append(m.procs, p)
	return p
}

func (m *Machine) process(pid int) *process {
	for _, p := range m.procs {
		if p.pid == pid {
			return p
		}
	}
	return nil
}

// Kill ends a process at once, as SIGKILL does: its locks are free, the watches
// it ran are over unless systemd owns them.
func (m *Machine) Kill(pid int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.process(pid); p != nil {
		m.end(p)
	}
}

func (m *Machine) end(p *process) {
	p.dead = true
	m.procs = slices.DeleteFunc(m.procs, func(x *process) bool { return x == p })
	for _, child := range m.procs {
		if child.ppid == p.pid {
			child.ppid = 1
		}
	}
	m.files.unlock(p)
}

// running returns the processes whose program has that name.
func (m *Machine) running(name string) []*process {
	var out []*process
	for _, p := range m.procs {
		if path.Base(p.argv[0]) == name {
			out = append(out, p)
		}
	}
	return out
}

type processes struct{ p *process }

func (h processes) Self() int { return h.p.pid }

func (h processes) List(ctx context.Context) ([]backend.Process, error) {
	return ask(ctx, h.p, func() ([]backend.Process, error) {
		var out []backend.Process
		for _, p := range h.p.m.procs {
			out = append(out, backend.Process{PID: p.pid, PPID: p.ppid, Name: p.name(), Args: slices.Clone(p.argv), TTY: p.tty, UID: p.uid})
		}
		slices.SortFunc(out, func(a, b backend.Process) int { return a.PID - b.PID })
		return out, nil
	})
}

// name is comm: the program, at most 15 bytes (proc(5)).
func (p *process) name() string {
	name := strings.TrimSuffix(strings.TrimPrefix(path.Base(strings.Fields(p.argv[0])[0]), "-"), ":")
	return name[:min(len(name), 15)]
}

func (h processes) Environ(ctx context.Context, pid int) ([]string, error) {
	return ask(ctx, h.p, func() ([]string, error) {
		if p := h.p.m.process(pid); p != nil {
			return slices.Clone(p.env), nil
		}
		return nil, nil
	})
}

func (h processes) Sockets(ctx context.Context) ([]backend.Socket, error) {
	return ask(ctx, h.p, func() ([]backend.Socket, error) {
		var out []backend.Socket
		for _, s := range h.p.m.spec.Sockets {
			if alive := slices.DeleteFunc(slices.Clone(s.PIDs), func(pid int) bool { return h.p.m.process(pid) == nil }); len(alive) > 0 {
				s.PIDs = alive
				out = append(out, s)
			}
		}
		return out, nil
	})
}

func (h processes) Stop(ctx context.Context, pid int) error { return h.kill(ctx, "kill", pid, true) }

// Kill leaves a DHCP client no time to give its address back.
func (h processes) Kill(ctx context.Context, pid int) error {
	return h.kill(ctx, "kill -9", pid, false)
}

func (h processes) kill(ctx context.Context, how string, pid int, asked bool) error {
	return h.p.change(ctx, fmt.Sprintf("%s (%s)", how, h.p.m.command(pid)), func() error {
		p := h.p.m.process(pid)
		switch {
		case p == nil:
			return nil
		case pid == 1:
			return fmt.Errorf("%s 1: operation not permitted", how)
		}
		if asked && p.name() == "dhcpcd" {
			h.p.m.giveBack(p)
		}
		h.p.m.end(p)
		return nil
	})
}

// command is the command line of a process.
func (m *Machine) command(pid int) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.process(pid); p != nil {
		return strings.Join(p.argv, " ")
	}
	return "no process"
}

// Start runs the few programs that are simulated; another is not found.
func (h processes) Start(ctx context.Context, argv ...string) error {
	if len(argv) == 0 {
		return fmt.Errorf("cannot start a program without a name")
	}
	what := strings.Join(argv, " ")
	return h.p.change(ctx, what, func() error {
		program, ok := programs[path.Base(argv[0])]
		if !ok {
			return fmt.Errorf("cannot start %s: executable file not found in $PATH", argv[0])
		}
		if err := program(h.p, argv); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	})
}

// programs are what Processes.Start can run.
var programs = map[string]func(*process, []string) error{
	"dhclient": dhclient, "dhcpcd": dhclient, "udhcpc": dhclient,
	"ifup": ifupProgram, "ifdown": ifupProgram,
	"true": func(*process, []string) error { return nil },
}
