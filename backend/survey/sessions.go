package survey

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"bridgehead/backend"
)

// connection is one SSH connection, seen from this host.
type connection struct {
	local, remote netip.AddrPort
	pid           int
	how           string // how it was found
}

func (c connection) key() string { return c.local.String() + " " + c.remote.String() }

// sessions finds every SSH login, this one among them, and the NIC that carries
// each. unknown says why the NIC of this session cannot be known; it is empty at
// the console, where the network carries nothing of this session, and in a rehearsal.
func (e *evidence) sessions() (list []Session, unknown string) {
	var own []connection
	if !e.Rehearsal {
		own, unknown = e.own(e.self, nil)
	}
	for _, c := range own {
		s := e.session(c)
		s.Own = true
		list = append(list, s)
		if s.NIC == "" && unknown == "" {
			unknown = fmt.Sprintf("SSH from %s: %s", s.From, s.Reason)
		}
	}
	if unknown == "" && differ(list) {
		unknown = "several terminals are attached, through different NICs"
	}
	for _, c := range e.established() {
		if !slices.ContainsFunc(own, func(o connection) bool { return o.key() == c.key() }) {
			list = append(list, e.session(c))
		}
	}
	return list, unknown
}

// nics are the NICs that carry the session.
func (s Session) nics() []string {
	if s.NIC == "" {
		return nil
	}
	return strings.Split(s.NIC, ", ")
}

func differ(list []Session) bool {
	return slices.ContainsFunc(list, func(s Session) bool { return s.NIC != list[0].NIC })
}

func (e *evidence) session(c connection) Session {
	w := e.way(c.local.Addr(), c.remote.Addr())
	s := Session{
		From: c.remote.Addr().Unmap().String(),
		To:   c.local.Addr().Unmap().String(),
		NIC:  strings.Join(w.nics, ", "),
		Via:  w.via,
		PID:  c.pid,
	}
	s.Reason = w.why
	if c.how != "" {
		s.Reason = c.how + "; " + w.why
	}
	return s
}

// own finds the connections that pid is operated through, with the reason where
// there must be one that cannot be found.
func (e *evidence) own(pid int, seen []int) ([]connection, string) {
	if len(e.procs) == 0 {
		return nil, "the processes could not be listed"
	}
	o := e.procs.origin(pid)
	switch o.kind {
	case fromSSH:
		return e.ssh(o)
	case fromTmux:
		return e.multiplexed(o, "tmux", isTmuxClient, seen)
	case fromScreen:
		return e.multiplexed(o, "screen", isScreenClient, seen)
	case fromMosh:
		return nil, "this is a mosh session: it roams over UDP, so no connection tells where it comes from"
	case fromTerminal:
		return nil, fmt.Sprintf("the terminal %s belongs to no login that can be seen (it hangs on %s)", o.tty, o.at.Name)
	}
	return nil, ""
}

// multiplexed finds the connections of the terminals that are attached to a
// tmux or screen server. The server itself is no one's child, and the
// environment that it hands on is that of the login which started it.
func (e *evidence) multiplexed(o origin, name string, isClient func(backend.Process) bool, seen []int) ([]connection, string) {
	if slices.Contains(seen, o.at.PID) {
		return nil, ""
	}
	seen = append(seen, o.at.PID)
	clients := e.procs.attached(o.at, isClient)
	if len(clients) == 0 {
		return nil, fmt.Sprintf("this runs inside %s, and no terminal is attached to it", name)
	}
	var found []connection
	var unknown string
	for _, p := range clients {
		cs, why := e.own(p.PID, seen)
		for _, c := range cs {
			c.how = fmt.Sprintf("%s client %d, %s", name, p.PID, c.how)
			if !slices.ContainsFunc(found, func(f connection) bool { return f.key() == c.key() }) {
				found = append(found, c)
			}
		}
		if why != "" && unknown == "" {
			unknown = "inside " + name + ": " + why
		}
	}
	return found, unknown
}

// ssh finds the connection of a login by the socket that its sshd holds, and by
// SSH_CONNECTION in the environment that sshd gave it. They must agree.
func (e *evidence) ssh(o origin) ([]connection, string) {
	said, hasSaid := e.sshConnection(o)
	var held []connection
	for _, s := range e.sockets {
		if !s.Listen && slices.ContainsFunc(s.PIDs, func(pid int) bool { return slices.Contains(o.sshd, pid) }) {
			held = append(held, connection{unmap(s.Local), unmap(s.Remote), o.sshd[0], fmt.Sprintf("held by sshd %d", o.sshd[0])})
		}
	}
	ports := e.sshPorts()
	if hasSaid {
		for _, h := range held {
			if h.local.Port() == said.local.Port() && h.remote.Port() == said.remote.Port() &&
				h.local.Addr() == said.local.Addr().WithZone("") && h.remote.Addr() == said.remote.Addr().WithZone("") {
				return []connection{said}, ""
			}
		}
	}
	// What else an sshd holds is forwarded: from another port than it listens on.
	served := slices.DeleteFunc(slices.Clone(held), func(c connection) bool { return !ports[c.local.Port()] })
	switch {
	case hasSaid && len(served) > 0:
		return served[:1], fmt.Sprintf("SSH_CONNECTION says %s, but sshd holds a connection from %s",
			said.remote.Addr(), served[0].remote.Addr())
	case hasSaid:
		return []connection{said}, ""
	case len(served) == 1:
		return served, ""
	case len(served) == 0:
		return nil, fmt.Sprintf("this is an SSH login (sshd %d), but its connection cannot be seen", o.at.PID)
	}
	return served, "sshd holds several connections"
}

// sshConnection reads SSH_CONNECTION, "client port server port" (ssh(1)), of
// the process nearest to sshd that has it: further away it may be stale.
func (e *evidence) sshConnection(o origin) (connection, bool) {
	for _, p := range slices.Backward(o.below) {
		for _, v := range e.environ[p.PID] {
			value, ok := strings.CutPrefix(v, "SSH_CONNECTION=")
			if !ok {
				continue
			}
			if c, ok := parseSSHConnection(value); ok {
				c.pid = o.sshd[0]
				c.how = fmt.Sprintf("SSH_CONNECTION of process %d", p.PID)
				return c, true
			}
		}
	}
	return connection{}, false
}

func parseSSHConnection(value string) (connection, bool) {
	f := strings.Fields(value)
	if len(f) != 4 {
		return connection{}, false
	}
	remote, ok1 := endpoint(f[0], f[1])
	local, ok2 := endpoint(f[2], f[3])
	return connection{local: local, remote: remote}, ok1 && ok2
}

func endpoint(addr, port string) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(addr)
	n, err2 := strconv.ParseUint(port, 10, 16)
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), err == nil && err2 == nil
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// established are all connections to sshd: to the ports that it serves, or, for
// a port that no file tells, held by a process that sshd started.
func (e *evidence) established() []connection {
	ports := e.sshPorts()
	var list []connection
	for _, s := range e.sockets {
		if s.Listen || !ports[s.Local.Port()] {
			continue
		}
		c := connection{local: unmap(s.Local), remote: unmap(s.Remote)}
		i := slices.IndexFunc(s.PIDs, func(pid int) bool { return isSSHD(e.procs[pid]) })
		switch {
		case i >= 0:
			c.pid, c.how = s.PIDs[i], fmt.Sprintf("held by sshd %d", s.PIDs[i])
		case len(s.PIDs) > 0: // the port is another program's
			continue
		}
		list = append(list, c)
	}
	return list
}

// sshPorts are the ports that sshd serves: 22, what sshd_config and sshd's
// command line say, what it is seen to listen on, and that of this session.
func (e *evidence) sshPorts() map[uint16]bool {
	ports := map[uint16]bool{22: true}
	add := func(s string) {
		if n, err := strconv.ParseUint(s, 10, 16); err == nil {
			ports[uint16(n)] = true
		}
	}
	for name, f := range e.files.read {
		if !strings.HasPrefix(name, "/etc/ssh/sshd_config") {
			continue
		}
		for line := range strings.Lines(string(f.Data)) {
			if w := strings.Fields(strings.Replace(line, "=", " ", 1)); len(w) > 1 && strings.EqualFold(w[0], "port") {
				add(w[1])
			}
		}
	}
	for _, p := range e.procs {
		if !isSSHD(p) {
			continue
		}
		words := strings.Fields(strings.Join(p.Args, " ")) // sshd writes its title into one argument
		for i, w := range words {
			if w == "-p" && i+1 < len(words) {
				add(words[i+1])
			}
			add(strings.TrimPrefix(w, "Port="))
		}
	}
	for _, s := range e.sockets {
		if s.Listen && slices.ContainsFunc(s.PIDs, func(pid int) bool { return isSSHD(e.procs[pid]) }) {
			ports[s.Local.Port()] = true
		}
	}
	if o := e.procs.origin(e.self); o.kind == fromSSH {
		if c, ok := e.sshConnection(o); ok {
			ports[c.local.Port()] = true
		}
	}
	return ports
}
