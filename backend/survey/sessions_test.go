package survey

import (
	"strings"
	"testing"

	"bridgehead/backend"
)

func own(f Facts) (list []Session) {
	for _, s := range f.Sessions {
		if s.Own {
			list = append(list, s)
		}
	}
	return list
}

// inTmux moves the session of overSSH into tmux: the server is nobody's child,
// and only its client tells where the session comes from.
func inTmux() *fake {
	x := overSSH()
	x.procs = x.procs[:len(x.procs)-2] // not sudo, not bridgehead
	x.procs = append(x.procs,
		backend.Process{PID: 610, PPID: 602, Name: "tmux: client", Args: []string{"tmux", "attach"}, TTY: "pts/0", UID: 1000},
		backend.Process{PID: 620, PPID: 1, Name: "tmux: server", Args: []string{"tmux"}, UID: 1000},
		backend.Process{PID: 621, PPID: 620, Name: "bash", TTY: "pts/1", UID: 1000},
		backend.Process{PID: 622, PPID: 621, Name: "sudo", TTY: "pts/1"},
		backend.Process{PID: 623, PPID: 622, Name: "bridgehead", TTY: "pts/2"},
	)
	// What the login that once started the server was; it is long gone.
	x.env[621] = []string{"SSH_CONNECTION=10.1.1.1 1 10.1.1.2 22"}
	x.self = 623
	return x
}

func TestOwnSession(t *testing.T) {
	cases := []struct {
		name          string
		host          func() *fake
		make          func(*fake)
		nic, via      string // of this session; "" for none
		kind, unknown string // of the console
	}{
		{"console", console, nil, "", "", "serial", ""},
		{"virtual terminal", console, func(x *fake) {
			for i := range x.procs {
				x.procs[i].TTY = strings.Replace(x.procs[i].TTY, "ttyS0", "tty1", 1)
			}
		}, "", "", "vt", ""},
		{"a service", console, func(x *fake) { x.self = 1 }, "", "", "none", ""},
		{"sudo", overSSH, nil, "eth0", "eth0", "ssh", ""},
		{"sudo, environments hidden", overSSH, func(x *fake) { x.env = nil }, "eth0", "eth0", "ssh", ""},
		{"not root: sockets without processes", overSSH, func(x *fake) { x.sockets[0].PIDs = nil }, "eth0", "eth0", "ssh", ""},
		{"a stale variable further down", overSSH, func(x *fake) {
			x.sockets[0].PIDs = nil
			x.env[604] = []string{"SSH_CONNECTION=10.1.1.1 1 10.1.1.2 22"}
		}, "eth0", "eth0", "ssh", ""},
		{"from a guest", overSSH, func(x *fake) {
			x.links = append(x.links, backend.Link{Name: "virbr0", Kind: "bridge", Virtual: true, Addrs: addrs("192.168.122.1/24")},
				backend.Link{Name: "vnet0", Kind: "tun", Virtual: true, Master: "virbr0"})
			x.routes = append(x.routes, route("192.168.122.0/24", "", "virbr0"))
			x.env, x.sockets = nil, nil
			x.connect("192.168.122.1:22", "192.168.122.7:1000", 600)
		}, "", "virbr0", "ssh", "bridge virbr0 has no NIC"},
		{"neither environment nor socket", overSSH, func(x *fake) { x.env, x.sockets[0].PIDs = nil, nil }, "", "", "ssh", "connection cannot be seen"},
		{"environment and socket disagree", overSSH, func(x *fake) { x.env[602] = []string{"SSH_CONNECTION=192.168.1.77 1 192.168.1.100 22"} },
			"eth0", "eth0", "ssh", "SSH_CONNECTION says 192.168.1.77"},
		{"a forwarded connection beside it", overSSH, func(x *fake) {
			x.env = nil
			x.connect("192.168.1.100:40000", "192.168.1.9:80", 601)
		}, "eth0", "eth0", "ssh", ""},
		{"another port, OpenSSH 10", overSSH, func(x *fake) {
			for i := range x.procs {
				if x.procs[i].PID >= 600 && x.procs[i].Name == "sshd" {
					x.procs[i].Name = "sshd-session"
				}
			}
			x.files["/etc/ssh/sshd_config.d/port.conf"] = "Port 2222\n"
			x.env, x.sockets = nil, nil
			x.connect("192.168.1.100:2222", "192.168.1.50:51234", 600)
		}, "eth0", "eth0", "ssh", ""},
		{"IPv4 as IPv6", overSSH, func(x *fake) {
			x.sockets = nil
			x.connect("[::ffff:192.168.1.100]:22", "[::ffff:192.168.1.50]:51234", 600)
		}, "eth0", "eth0", "ssh", ""},
		{"VLAN over bond", overSSH, func(x *fake) {
			x.link("eth0").Addrs = nil
			x.link("eth0").Master, x.link("eth1").Master = "bond0", "bond0"
			x.links = append(x.links,
				backend.Link{Name: "bond0", Kind: "bond", Virtual: true, Up: true},
				backend.Link{Name: "bond0.10", Kind: "vlan", Parent: "bond0", VLAN: 10, Virtual: true, Up: true, Addrs: addrs("192.168.1.100/24")})
			x.routes = []backend.Route{route("0.0.0.0/0", "192.168.1.1", "bond0.10"), route("192.168.1.0/24", "", "bond0.10")}
		}, "eth0, eth1", "bond0.10", "ssh", ""},
		{"Linux bridge", overSSH, func(x *fake) {
			x.link("eth0").Addrs, x.link("eth0").Master = nil, "br0"
			x.links = append(x.links,
				backend.Link{Name: "vnet0", Kind: "tun", Virtual: true, Master: "br0"},
				backend.Link{Name: "br0", Kind: "bridge", Virtual: true, Up: true, Addrs: addrs("192.168.1.100/24")})
			x.routes = []backend.Route{route("192.168.1.0/24", "", "br0")}
		}, "eth0", "br0", "ssh", ""},
		{"port of an Open vSwitch bridge, userspace datapath", overSSH, func(x *fake) {
			x.link("eth0").Addrs = nil
			x.links = append(x.links, backend.Link{Name: "br0p1", Kind: "tun", Virtual: true, Up: true, Addrs: addrs("192.168.1.100/24")})
			p := port("br0p1")
			p.Interfaces[0].Type = "internal"
			x.bridge(backend.Bridge{Name: "br0", Ports: []backend.Port{port("eth0"), p, port("vnet0")}})
			x.routes = []backend.Route{route("192.168.1.0/24", "", "br0p1")}
		}, "eth0", "br0p1", "ssh", ""},
		{"the answer leaves by another NIC", overSSH, func(x *fake) { x.routes = []backend.Route{route("192.168.1.0/24", "", "eth1")} },
			"", "eth0", "ssh", "the route to 192.168.1.50 leaves by eth1"},
		{"policy routing", overSSH, func(x *fake) {
			x.routes = []backend.Route{route("0.0.0.0/0", "10.0.0.1", "eth1"), route("0.0.0.0/0", "192.168.1.1", "eth0")}
			x.routes[1].Table = 100
			x.rules = []backend.Rule{
				{Priority: 20, Table: 254},
				{Priority: 10, Src: addrs("192.168.1.100/32")[0].Prefix, Table: 100},
				// None of these is about this packet.
				{Priority: 5, V6: true, Table: 254},
				{Priority: 6, Src: addrs("10.0.0.0/8")[0].Prefix, Table: 254},
				{Priority: 7, Dst: addrs("10.0.0.0/8")[0].Prefix, Table: 254},
				{Priority: 8, IIF: "eth1", Table: 254},
				{Priority: 9, Mark: 1, Mask: 1, Table: 254},
			}
		}, "eth0", "eth0", "ssh", ""},
		{"through another program on this host", overSSH, func(x *fake) {
			x.env[602] = []string{"SSH_CONNECTION=127.0.0.1 4000 127.0.0.1 22"}
			x.sockets = nil
			x.connect("127.0.0.1:22", "127.0.0.1:4000")
		}, "", "", "ssh", "through another program"},
		{"sudo in tmux", inTmux, nil, "eth0", "eth0", "ssh", ""},
		{"tmux with nobody attached", inTmux, func(x *fake) { x.procs[8].Name = "gone" }, "", "", "terminal", "inside tmux, and no terminal is attached"},
		{"tmux started over SSH, attached at the console", inTmux, func(x *fake) { x.procs[8].PPID, x.procs[8].TTY = 501, "ttyS0" }, "", "", "serial", ""},
		{"tmux attached twice, through two NICs", inTmux, func(x *fake) {
			x.link("eth1").Addrs = addrs("10.0.0.2/24")
			x.routes = append(x.routes, route("10.0.0.0/24", "", "eth1"))
			x.procs = append(x.procs,
				backend.Process{PID: 700, PPID: 400, Name: "sshd"},
				backend.Process{PID: 701, PPID: 700, Name: "bash", TTY: "pts/5"},
				backend.Process{PID: 702, PPID: 701, Name: "tmux: client", Args: []string{"tmux", "a"}, UID: 1000})
			x.connect("10.0.0.2:22", "10.0.0.9:1000", 700)
		}, "eth0", "eth0", "ssh", "through different NICs"},
		{"the client of another tmux server does not count", inTmux, func(x *fake) {
			x.link("eth1").Addrs = addrs("10.0.0.2/24")
			x.routes = append(x.routes, route("10.0.0.0/24", "", "eth1"))
			x.procs = append(x.procs,
				backend.Process{PID: 700, PPID: 400, Name: "sshd"},
				backend.Process{PID: 701, PPID: 700, Name: "tmux: client", Args: []string{"tmux", "-L", "work", "a"}, UID: 1000},
				backend.Process{PID: 702, PPID: 700, Name: "tmux: client", Args: []string{"tmux", "a"}, UID: 1001})
			x.connect("10.0.0.2:22", "10.0.0.9:1000", 700)
		}, "eth0", "eth0", "ssh", ""},
		{"screen", overSSH, func(x *fake) {
			x.procs = append(x.procs[:len(x.procs)-2],
				backend.Process{PID: 610, PPID: 602, Name: "screen", Args: []string{"screen", "-r"}, TTY: "pts/0", UID: 1000},
				backend.Process{PID: 620, PPID: 1, Name: "screen", Args: []string{"SCREEN"}, UID: 1000},
				backend.Process{PID: 604, PPID: 620, Name: "bridgehead", TTY: "pts/1"})
		}, "eth0", "eth0", "ssh", ""},
		{"mosh", overSSH, func(x *fake) {
			x.procs[6].PPID, x.procs[6].Name = 1, "mosh-server" // instead of sshd
			x.sockets = nil
		}, "", "", "ssh", "mosh"},
		{"a terminal of nobody", console, func(x *fake) {
			for i := range x.procs {
				x.procs[i].TTY = strings.Replace(x.procs[i].TTY, "ttyS0", "pts/9", 1)
			}
		}, "", "", "terminal", "pts/9 belongs to no login"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			x := c.host()
			if c.make != nil {
				c.make(x)
			}
			f := survey(t, x)
			var nic, via string
			if s := own(f); len(s) > 0 {
				nic, via = s[0].NIC, s[0].Via
			}
			if nic != c.nic || via != c.via {
				t.Errorf("this session goes through %q via %q, want %q via %q; sessions %+v", nic, via, c.nic, c.via, f.Sessions)
			}
			if f.Console.Kind != c.kind {
				t.Errorf("console %q, want %q", f.Console.Kind, c.kind)
			}
			if c.unknown == "" && f.Console.Unknown != "" || !strings.Contains(f.Console.Unknown, c.unknown) {
				t.Errorf("unknown: %q, want %q", f.Console.Unknown, c.unknown)
			}
			if unknown := f.Console.Unknown != ""; unknown != found(f, Warn, "Which NIC carries this session is not known") {
				t.Error("the warning does not fit:", show(f))
			}
		})
	}
}

// A session is shown at the link that has the address and at each NIC below it.
func TestSessionsAtTheirNICs(t *testing.T) {
	x := overSSH()
	x.connect("192.168.1.100:22", "192.168.1.60:1", 400)
	x.connect("192.168.1.100:22", "192.168.1.60:2", 400)
	x.connect("192.168.1.100:22", "192.168.1.61:2", 1) // not sshd's
	x.connect("192.168.1.100:8022", "192.168.1.62:2", 400)
	n, _ := survey(t, x).NIC("eth0")
	want := "ssh from 192.168.1.50 (this session)|ssh from 192.168.1.60, 2 times"
	if got := strings.Join(n.SessionOf, "|"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// In a rehearsal the terminal is outside of the replica: the cut cannot end this
// session, and the logins in the replica are others'.
func TestRehearsalHasNoSessionOfItsOwn(t *testing.T) {
	for name, host := range map[string]func() *fake{"SSH": overSSH, "tmux": inTmux} {
		x := host()
		f, err := Take(t.Context(), x.host(), Options{Root: true, Rehearsal: true})
		if err != nil {
			t.Fatal(err)
		}
		if f.Console.Unknown != "" || len(own(f)) != 0 || len(f.Sessions) == 0 {
			t.Errorf("%s: unknown %q, sessions %+v", name, f.Console.Unknown, f.Sessions)
		}
	}
}
