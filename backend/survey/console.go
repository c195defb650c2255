package survey

import (
	"slices"

	"bridgehead/backend"
)

// console says where this process is operated from.
func (e *evidence) console(unknown string) Console {
	kind, tty := e.operated(e.self, nil)
	return Console{Kind: kind, TTY: tty, Unknown: unknown}
}

// operated is the kind and the terminal that pid is operated from. Inside tmux
// or screen that is the terminal that is attached; one over SSH counts before
// one at the console, for it is the one that can be lost.
func (e *evidence) operated(pid int, seen []int) (kind, tty string) {
	o := e.procs.origin(pid)
	var isClient func(backend.Process) bool
	switch o.kind {
	case fromConsole:
		return consoleKind(o.tty), o.tty
	case fromSSH, fromMosh:
		return "ssh", o.tty
	case fromTmux:
		isClient = isTmuxClient
	case fromScreen:
		isClient = isScreenClient
	default:
		return o.kind, o.tty
	}
	if slices.Contains(seen, o.at.PID) {
		return fromTerminal, o.tty
	}
	kind, tty = fromTerminal, o.tty
	for _, p := range e.procs.attached(o.at, isClient) {
		k, t := e.operated(p.PID, append(seen, o.at.PID))
		if k == "ssh" {
			return k, t
		}
		kind, tty = k, t
	}
	return kind, tty
}
