package survey

import (
	"context"
	"errors"
	"net/netip"
	"path"
	"slices"
	"strings"
	"testing"

	"bridgehead/backend"
)

// fake is a host that only answers. Its interfaces are nil for all that would
// change something: a survey that tried would panic.
type fake struct {
	links   []backend.Link
	routes  []backend.Route
	rules   []backend.Rule
	sysctls map[string]string
	files   map[string]string
	denied  map[string]bool // files that may not be read
	room    error
	sw      backend.SwitchState
	virt    backend.VirtState
	pkgs    map[string]string
	manager string
	units   map[string]backend.Unit
	procs   []backend.Process
	env     map[int][]string
	sockets []backend.Socket
	self    int
	armed   bool

	fails map[string]error // by the name of the call
	hangs map[string]bool  // calls that do not even heed their context
	wake  chan struct{}    // ends what hangs
}

func (x *fake) call(name string) error {
	if x.hangs[name] {
		<-x.wake
	}
	return x.fails[name]
}

type (
	fakeLinks struct {
		backend.Links
		*fake
	}
	fakeFiles struct {
		backend.Files
		*fake
	}
	fakeSwitch struct {
		backend.Switch
		*fake
	}
	fakeVirt struct {
		backend.Virt
		*fake
	}
	fakePackages struct {
		backend.Packages
		*fake
	}
	fakeServices struct {
		backend.Services
		*fake
	}
	fakeProcesses struct {
		backend.Processes
		*fake
	}
	fakeGuard struct {
		backend.Guard
		*fake
	}
)

func (x *fake) host() backend.Host {
	return backend.Host{Links: fakeLinks{fake: x}, Files: fakeFiles{fake: x}, Switch: fakeSwitch{fake: x}, Virt: fakeVirt{fake: x},
		Packages: fakePackages{fake: x}, Services: fakeServices{fake: x}, Processes: fakeProcesses{fake: x}, Guard: fakeGuard{fake: x}}
}

func (x fakeLinks) List(context.Context) ([]backend.Link, error) { return x.links, x.call("links") }
func (x fakeLinks) Routes(context.Context) ([]backend.Route, error) {
	return x.routes, x.call("routes")
}
func (x fakeLinks) Rules(context.Context) ([]backend.Rule, error) { return x.rules, x.call("rules") }
func (x fakeLinks) Sysctl(_ context.Context, key string) (string, error) {
	v, ok := x.sysctls[key]
	if !ok {
		return "", errors.New("no such key")
	}
	return v, nil
}

func (x fakeFiles) Read(name string) (backend.File, error) {
	if err := x.call("files"); err != nil {
		return backend.File{}, err
	}
	if x.denied[name] {
		return backend.File{}, errors.New("permission denied")
	}
	text, ok := x.files[name]
	return backend.File{Exists: ok, Data: []byte(text), Mode: 0o644}, nil
}

func (x fakeFiles) Glob(pattern string) ([]string, error) {
	var names []string
	for name := range x.files {
		for ; name != "/"; name = path.Dir(name) {
			if ok, err := path.Match(pattern, name); err != nil {
				return nil, err
			} else if ok && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

func (x fakeFiles) Room(string, int) error { return x.room }

func (x fakeSwitch) State(context.Context) (backend.SwitchState, error) {
	return x.sw, x.call("switch")
}
func (x fakeVirt) State(context.Context) (backend.VirtState, error) { return x.virt, x.call("virt") }
func (x fakeVirt) Unfit(_ context.Context, domains []backend.Domain) (map[string]string, error) {
	return map[string]string{"old": "its emulator is gone"}, x.call("unfit")
}
func (x fakePackages) Installed(_ context.Context, names ...string) (map[string]string, error) {
	have := map[string]string{}
	for _, n := range names {
		if v := x.pkgs[n]; v != "" {
			have[n] = v
		}
	}
	return have, x.call("packages")
}
func (x fakeServices) Manager() string { return x.manager }
func (x fakeServices) Unit(_ context.Context, name string) (backend.Unit, error) {
	return x.units[name], x.call("services")
}
func (x fakeProcesses) Self() int { return x.self }
func (x fakeProcesses) List(context.Context) ([]backend.Process, error) {
	return x.procs, x.call("processes")
}
func (x fakeProcesses) Environ(_ context.Context, pid int) ([]string, error) { return x.env[pid], nil }
func (x fakeProcesses) Sockets(context.Context) ([]backend.Socket, error) {
	return x.sockets, x.call("sockets")
}
func (x fakeGuard) Covers() backend.Cover {
	return backend.Cover{Killed: x.manager == "systemd", Restart: x.manager == "systemd"}
}
func (x fakeGuard) Armed(context.Context, string) (bool, error) { return x.armed, x.call("guard") }

const loStanza = "auto lo\niface lo inet loopback\n\n"

const eth0Stanza = `auto eth0
iface eth0 inet static
	address 192.168.1.100/24
	gateway 192.168.1.1
`

// console is the tutorial's host as seen from its serial console: four NICs,
// ifupdown, Open vSwitch running, guests on the network default.
func console() *fake {
	x := &fake{
		files: map[string]string{
			"/etc/os-release":            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n",
			"/proc/sys/kernel/hostname":  "kvm1\n",
			"/proc/sys/kernel/osrelease": "6.1.0-18-amd64\n",
			"/lib/modules/6.1.0-18-amd64/kernel/drivers/net/bonding/bonding.ko": "",
			"/proc/cmdline":                 "root=/dev/sda1 console=ttyS0\n",
			"/etc/network/interfaces":       loStanza + eth0Stanza,
			"/usr/lib/systemd/network/80-x": "",
		},
		manager: "systemd",
		sw:      backend.SwitchState{Installed: true, Running: true, Version: "3.1.0", KernelModule: true},
		virt: backend.VirtState{Available: true, Version: "9.0.0",
			Networks: []backend.Network{{Name: "default", Bridge: "virbr0", Active: true}},
			Domains:  []backend.Domain{{Name: "example2", NICs: []backend.DomainNIC{{Type: "network", Source: "default"}}}}},
		pkgs: map[string]string{"openvswitch-switch": "3.1.0", "libvirt-daemon-system": "9.0.0", "qemu-system-x86": "7.2", "virtinst": "4.1", "ifupdown": "0.8.41"},
		units: map[string]backend.Unit{
			"openvswitch-switch.service": {Load: "loaded", Active: "active", Enabled: "enabled", Before: []string{"network.target"}, After: []string{"ovs-vswitchd.service"}},
			"ovs-vswitchd.service":       {Load: "loaded", Active: "active", Enabled: "static", Before: []string{"network.target", "networking.service"}},
			"networking.service":         {Load: "loaded", Active: "active", Enabled: "enabled", After: []string{"network-pre.target"}},
		},
		procs: []backend.Process{
			{PID: 1, Name: "systemd"},
			{PID: 400, PPID: 1, Name: "sshd", Args: []string{"sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"}},
			{PID: 500, PPID: 1, Name: "login", TTY: "ttyS0"},
			{PID: 501, PPID: 500, Name: "bash", TTY: "ttyS0"},
			{PID: 502, PPID: 501, Name: "bridgehead", TTY: "ttyS0"},
		},
		env:  map[int][]string{},
		self: 502,
		wake: make(chan struct{}),
	}
	for i, name := range []string{"eth0", "eth1", "eth2", "eth3"} {
		x.links = append(x.links, backend.Link{Index: i + 2, Name: name, MAC: "00:16:3e:00:00:0" + string(rune('0'+i)), Driver: "igb",
			SpeedMbps: 1000, Duplex: "full", MTU: 1500, Up: true, Carrier: true})
	}
	x.links = append([]backend.Link{{Index: 1, Name: "lo", Loopback: true, Virtual: true, Up: true, Carrier: true, MTU: 65536, Addrs: addrs("127.0.0.1/8")}}, x.links...)
	x.links[1].Addrs = addrs("192.168.1.100/24")
	x.routes = []backend.Route{
		route("192.168.1.0/24", "", "eth0"),
		route("0.0.0.0/0", "192.168.1.1", "eth0"),
	}
	return x
}

// overSSH is the same host with this session coming from 192.168.1.50.
func overSSH() *fake {
	x := console()
	x.procs = append(x.procs,
		backend.Process{PID: 600, PPID: 400, Name: "sshd", Args: []string{"sshd: admin [priv]"}},
		backend.Process{PID: 601, PPID: 600, Name: "sshd", Args: []string{"sshd: admin@pts/0"}, UID: 1000},
		backend.Process{PID: 602, PPID: 601, Name: "bash", TTY: "pts/0", UID: 1000},
		backend.Process{PID: 603, PPID: 602, Name: "sudo", TTY: "pts/0"},
		backend.Process{PID: 604, PPID: 603, Name: "bridgehead", TTY: "pts/0"},
	)
	x.env[602] = []string{"HOME=/home/admin", "SSH_CONNECTION=192.168.1.50 51234 192.168.1.100 22"}
	x.env[604] = []string{"HOME=/root"} // sudo strips it
	x.self = 604
	x.connect("192.168.1.100:22", "192.168.1.50:51234", 600, 601)
	return x
}

func (x *fake) connect(local, remote string, pids ...int) {
	x.sockets = append(x.sockets, backend.Socket{Local: netip.MustParseAddrPort(local), Remote: netip.MustParseAddrPort(remote), PIDs: pids})
}

func (x *fake) link(name string) *backend.Link {
	for i := range x.links {
		if x.links[i].Name == name {
			return &x.links[i]
		}
	}
	panic("no link " + name)
}

func addrs(prefixes ...string) (list []backend.Addr) {
	for _, p := range prefixes {
		list = append(list, backend.Addr{Prefix: netip.MustParsePrefix(p), Scope: "global"})
	}
	return list
}

func route(dst, gateway, dev string) backend.Route {
	r := backend.Route{Dst: netip.MustParsePrefix(dst), Dev: dev, Table: 254, Type: "unicast", Protocol: "boot", Scope: "global"}
	if gateway != "" {
		r.Gateway = netip.MustParseAddr(gateway)
	}
	return r
}

// survey takes the survey as root.
func survey(t testing.TB, x *fake) Facts {
	t.Helper()
	f, err := Take(t.Context(), x.host(), Options{Root: true})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// found says whether a finding of that level has all the words.
func found(f Facts, level string, words ...string) bool {
	return slices.ContainsFunc(f.Findings, func(x Finding) bool {
		text := x.What + " " + x.Why + " " + x.Do
		return x.Level == level && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
	})
}

func show(f Facts) string {
	var b strings.Builder
	for _, x := range f.Findings {
		b.WriteString("\n\t" + x.Level + ": " + x.What + " | " + x.Why + " | " + x.Do)
	}
	return b.String()
}
