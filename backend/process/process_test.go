package process

import (
	"bufio"
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"bridgehead/backend"
	"bridgehead/backend/hosttest"
)

// child starts a shell that has said "ready".
func child(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	return cmd
}

// gone is a pid that nothing has.
func gone(t *testing.T) int {
	cmd := exec.Command("true")
	must(t, cmd.Run())
	return cmd.Process.Pid
}

func TestHost(t *testing.T) {
	hosttest.Processes(t, New(), child(t, "echo ready; exec sleep 60").Process.Pid, gone(t))
}

func TestStopInsists(t *testing.T) {
	pid := child(t, `trap "" TERM; echo ready; while :; do sleep 60; done`).Process.Pid
	start := time.Now()
	must(t, table{50 * time.Millisecond}.Stop(t.Context(), pid))
	if d := time.Since(start); d < 50*time.Millisecond {
		t.Errorf("killed after %v, without time to end by itself", d)
	}
	if _, err := StartTime(pid); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it goes on: %v", err)
	}
}

func TestStopLetsCleanUp(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	pid := child(t, `trap "echo clean >`+mark+`; exit" TERM; echo ready; while :; do sleep 0.01; done`).Process.Pid
	must(t, New().Stop(t.Context(), pid))
	if data, err := os.ReadFile(mark); err != nil || string(data) != "clean\n" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestKillDoesNotAsk(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	pid := child(t, `trap "echo clean >`+mark+`; exit" TERM; echo ready; while :; do sleep 0.01; done`).Process.Pid
	must(t, New().Kill(t.Context(), pid))
	if _, err := os.Stat(mark); err == nil {
		t.Error("it could act on it")
	}
}

func TestStopRefusesItselfAndInit(t *testing.T) {
	for _, pid := range []int{-1, 0, 1, os.Getpid()} {
		if err := New().Stop(t.Context(), pid); err == nil {
			t.Errorf("stopped %d", pid)
		}
	}
}

func TestStopKeepsItsDeadline(t *testing.T) {
	pid := child(t, `trap "" TERM; echo ready; while :; do sleep 60; done`).Process.Pid
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := (table{time.Hour}).Stop(ctx, pid); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestListShowsArgsParentAndTerminal(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", `echo ready; read x`, "a b", "")
	cmd.Env = []string{"SSH_CONNECTION=192.0.2.1 4711 192.0.2.2 22", "EMPTY="}
	master, err := pty.Start(cmd)
	must(t, err)
	defer func() { master.Close(); cmd.Wait() }()
	if line, err := bufio.NewReader(master).ReadString('\n'); strings.TrimSpace(line) != "ready" {
		t.Fatalf("%q, %v", line, err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	must(t, err)
	all, err := New().List(t.Context())
	must(t, err)
	i := slices.IndexFunc(all, func(p backend.Process) bool { return p.PID == cmd.Process.Pid })
	if i < 0 {
		t.Fatal("not listed")
	}
	got := all[i]
	if got.PPID != os.Getpid() || got.Name != "sh" || got.UID != os.Getuid() || got.TTY != terminal(uint32(136<<8|n)) ||
		!slices.Equal(got.Args, []string{"/bin/sh", "-c", "echo ready; read x", "a b", ""}) {
		t.Errorf("%+v (pts/%d)", got, n)
	}
	env, err := New().Environ(t.Context(), got.PID)
	must(t, err)
	if !slices.Equal(env, cmd.Env) {
		t.Errorf("environment %q", env)
	}
}

func TestTerminal(t *testing.T) {
	for nr, want := range map[uint32]string{
		0:                      "",
		4<<8 | 1:               "tty1",
		4<<8 | 63:              "tty63",
		4<<8 | 64:              "ttyS0",
		4<<8 | 65:              "ttyS1",
		136 << 8:               "pts/0",
		136<<8 | 255:           "pts/255",
		0x100000 | 136<<8 | 44: "pts/300",
		5<<8 | 1:               "console", // from sysfs, as hvc0 and ttyAMA0 are
		99<<8 | 7:              "99:7",
	} {
		if got := terminal(nr); got != want {
			t.Errorf("%#x: %q, want %q", nr, got, want)
		}
	}
}

func TestParseStat(t *testing.T) {
	const tail = " S 1 42 42 1025 42 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 1000 1"
	for line, comm := range map[string]string{
		"42 (sshd)" + tail:         "sshd",
		"42 (a) b (c))" + tail:     "a) b (c)",
		"42 (tmux: server)" + tail: "tmux: server",
	} {
		if got, err := parseStat(line); err != nil || got != (stat{comm, "S", 1, 1025, 123456}) {
			t.Errorf("%s: %+v, %v", line, got, err)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("42 (sshd) S 1 42 42 1025 42 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 1000 1")
	f.Add(")(")
	f.Fuzz(func(t *testing.T, line string) {
		if st, err := parseStat(line); err == nil && !strings.Contains(line, "("+st.comm+")") {
			t.Errorf("%q: made up %q", line, st.comm)
		}
	})
}

func TestParseAddrPort(t *testing.T) {
	for s, want := range map[string]string{
		"0100007F:1F90":                         "127.0.0.1:8080",
		"0000000000000000FFFF00000100A8C0:0016": "192.168.0.1:22", // IPv4 in IPv6 clothes
		"B80D0120000000000000000001000000:0016": "[2001:db8::1]:22",
	} {
		if got, err := parseAddrPort(s); err != nil || got.String() != want {
			t.Errorf("%s: %v, %v, want %s", s, got, err, want)
		}
	}
}

func FuzzParseAddrPort(f *testing.F) {
	f.Add("0100007F:1F90")
	f.Add("B80D0120000000000000000001000000:0016")
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := parseAddrPort(s); err == nil && (!got.IsValid() || got.Addr().Is4In6()) {
			t.Errorf("%q: %v", s, got)
		}
	})
}

// In a network namespace of its own, connections of each kind.
func TestSockets(t *testing.T) {
	runtime.LockOSThread() // never unlocked: the thread, and the namespace, end with the test
	must(t, unix.Unshare(unix.CLONE_NEWNET))
	lo, err := netlink.LinkByName("lo")
	must(t, err)
	must(t, netlink.LinkSetUp(lo))
	for _, a := range []string{"192.0.2.1/32", "2001:db8::1/128"} {
		addr, err := netlink.ParseAddr(a)
		must(t, err)
		addr.Flags = unix.IFA_F_NODAD
		must(t, netlink.AddrAdd(lo, addr))
	}
	for _, c := range []struct {
		name, listen, dial string
		pids               []int
	}{
		{"IPv4", "192.0.2.1", "192.0.2.1", []int{os.Getpid()}},
		{"IPv6", "2001:db8::1", "2001:db8::1", []int{os.Getpid()}},
		{"IPv4 at an IPv6 listener", "::", "192.0.2.1", []int{os.Getpid()}},
		{"loopback", "127.0.0.1", "127.0.0.1", nil},
	} {
		local, remote := connect(t, c.listen, c.dial)
		all, err := New().Sockets(t.Context())
		must(t, err)
		for _, want := range []backend.Socket{{Local: local, Remote: remote}, {Local: remote, Remote: local}} {
			i := slices.IndexFunc(all, func(s backend.Socket) bool { return s.Local == want.Local && s.Remote == want.Remote })
			if i < 0 {
				t.Errorf("%s: %+v is not among %+v", c.name, want, all)
			} else if !slices.Equal(all[i].PIDs, c.pids) {
				t.Errorf("%s: held by %v, want %v", c.name, all[i].PIDs, c.pids)
			}
		}
		if len(all) != 2 {
			t.Errorf("%s: %d sockets, want the two ends: %+v", c.name, len(all), all)
		}
		closeAll(t)
	}
}

// Raw sockets: the net package would dial on threads outside the namespace.
var open []int

func connect(t *testing.T, listen, dial string) (local, remote netip.AddrPort) {
	t.Helper()
	server, err := unix.Socket(family(listen), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	open = append(open, server)
	must(t, unix.Bind(server, sockaddr(listen, 0)))
	must(t, unix.Listen(server, 1))
	at, err := unix.Getsockname(server)
	must(t, err)
	client, err := unix.Socket(family(dial), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	open = append(open, client)
	must(t, unix.Connect(client, sockaddr(dial, addrPort(at).Port())))
	accepted, _, err := unix.Accept(server)
	must(t, err)
	open = append(open, accepted)
	a, err := unix.Getsockname(client)
	must(t, err)
	b, err := unix.Getpeername(client)
	must(t, err)
	return addrPort(a), addrPort(b)
}

// closeAll resets the connections, so that nothing of them is seen by the next.
func closeAll(t *testing.T) {
	for _, fd := range open {
		must(t, unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
		must(t, unix.Close(fd))
	}
	open = nil
}

func family(addr string) int {
	if netip.MustParseAddr(addr).Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func sockaddr(addr string, port uint16) unix.Sockaddr {
	a := netip.MustParseAddr(addr)
	if a.Is4() {
		return &unix.SockaddrInet4{Port: int(port), Addr: a.As4()}
	}
	return &unix.SockaddrInet6{Port: int(port), Addr: a.As16()}
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

func TestStartSaysWhatWasPrinted(t *testing.T) {
	err := New().Start(t.Context(), "/bin/sh", "-c", "echo no such interface >&2; exit 3")
	if err == nil || !strings.HasSuffix(err.Error(), "exit status 3: no such interface") {
		t.Errorf("%v", err)
	}
	if err := New().Start(t.Context(), "no-such-command"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// With a disk that takes no file, a rollback still starts a DHCP client.
func TestStartNeedsNoDisk(t *testing.T) {
	t.Setenv("TMPDIR", "/nonexistent")
	must(t, New().Start(t.Context(), "/bin/sh", "-c", "echo fine"))
}

// A daemon keeps the output that it was started with open, as dhclient does.
func TestStartLeavesDaemonsBehind(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	must(t, New().Start(ctx, "/bin/sh", "-c", "sleep 60 & echo $! >"+pidFile))
	data, err := os.ReadFile(pidFile)
	must(t, err)
	all, err := New().List(t.Context())
	must(t, err)
	i := slices.IndexFunc(all, func(p backend.Process) bool { return strings.TrimSpace(string(data)) == strconv.Itoa(p.PID) })
	if i < 0 {
		t.Fatal("the daemon has not stayed")
	}
	defer New().Kill(t.Context(), all[i].PID)
	if all[i].TTY != "" {
		t.Errorf("the daemon hangs on terminal %s", all[i].TTY)
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := New().Start(ctx, "sleep", "60"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("came back after %v", d)
	}
}

func TestClock(t *testing.T) {
	c := Clock()
	a := c.Boottime()
	<-c.After(time.Millisecond)
	if b := c.Boottime(); b-a < time.Millisecond || a <= 0 {
		t.Errorf("%v, then %v", a, b)
	}
	if id := c.BootID(); len(id) != 36 || id != c.BootID() {
		t.Errorf("boot id %q", id)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
