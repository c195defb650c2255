package ovs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"bridgehead/backend"
	"bridgehead/backend/hosttest"
)

func TestMain(m *testing.M) { hosttest.Main(m) }

func TestSwitch(t *testing.T) {
	hosttest.StartOpenvSwitch(t)
	hosttest.NIC(t, "eth0")
	hosttest.NIC(t, "eth1")
	hosttest.Switch(t, New(Options{}), hosttest.SwitchEnv{Datapath: "netdev", NICs: []string{"eth0", "eth1"}})
}

// within calls State and fails when it takes longer.
func within(t *testing.T, limit time.Duration, s *Switch) backend.SwitchState {
	t.Helper()
	began := time.Now()
	st, err := s.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > limit {
		t.Errorf("State took %v", took)
	}
	return st
}

// A NIC that the userspace datapath had when ovs-vswitchd died is given back as it was, not promiscuous.
func TestReleaseOfADeadSwitch(t *testing.T) {
	o := hosttest.StartOpenvSwitch(t)
	hosttest.NIC(t, "eth0")
	s := New(Options{Timeout: time.Second})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	promiscuous := func() bool {
		l, err := netlink.LinkByName("eth0")
		must(err)
		return l.Attrs().RawFlags&unix.IFF_PROMISC != 0
	}
	must(s.Transact(t.Context(), "add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev", "--", "add-port", "br0", "eth0"))
	hosttest.Eventually(t, "it has eth0", promiscuous)
	o.Vswitchd.Kill()
	must(s.Record(t.Context(), "del-port", "br0", "eth0"))
	must(s.Release(t.Context(), "eth0"))
	if promiscuous() {
		t.Error("eth0 is still promiscuous")
	}

	o.StartVswitchd(t)
	must(s.Transact(t.Context(), "add-port", "br0", "eth0"))
	hosttest.Eventually(t, "it has eth0 again", promiscuous)
	o.Vswitchd.Kill()
	o.StartVswitchd(t) // it believes that eth0 has been so before
	must(s.Transact(t.Context(), "del-port", "br0", "eth0"))
	must(s.Release(t.Context(), "eth0"))
	if promiscuous() {
		t.Error("eth0 is promiscuous although ovs-vswitchd was started again")
	}
}

func TestStateWhereSomethingIsDead(t *testing.T) {
	o := hosttest.StartOpenvSwitch(t)
	s := New(Options{Timeout: time.Second})
	if err := s.Transact(t.Context(), "add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev"); err != nil {
		t.Fatal(err)
	}
	dead := func(limit time.Duration, words string, bridges int) {
		t.Helper()
		st := within(t, limit, s)
		if !st.Installed || st.Running || !strings.Contains(st.Reason, words) || len(st.Bridges) != bridges {
			t.Errorf("state %+v; want not running because %q, %d bridges", st, words, bridges)
		}
	}

	o.Vswitchd.Signal(t, syscall.SIGSTOP)
	dead(3*time.Second, "ovs-vswitchd hangs", 1)
	o.Vswitchd.Signal(t, syscall.SIGCONT)
	hosttest.Eventually(t, "it runs again", func() bool { return within(t, 3*time.Second, s).Running })

	o.Vswitchd.Kill()
	dead(time.Second, "ovs-vswitchd is not running; start it", 1)

	o.Server.Signal(t, syscall.SIGSTOP)
	dead(3*time.Second, "ovsdb-server hangs", 0)
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Transact(short, "add-br", "br1"); !errors.As(err, new(*backend.TimeoutError)) {
		t.Errorf("Transact at the end of its context: %v, want a TimeoutError", err)
	}
	o.Server.Signal(t, syscall.SIGCONT)

	o.Server.Kill()
	dead(time.Second, "ovsdb-server is not running; start it", 0)
	if err := s.Transact(t.Context(), "add-br", "br2"); err == nil || !strings.Contains(err.Error(), "ovs-vsctl: unix:") || strings.Contains(err.Error(), "\n") {
		t.Errorf("Transact without a database: %v", err)
	}
	if err := os.Remove("/run/openvswitch/db.sock"); err != nil {
		t.Fatal(err)
	}
	dead(time.Second, "ovsdb-server is not running; start it", 0)
}

// A look at a database that nothing has initialised leaves it as it is.
func TestStateOfANewDatabase(t *testing.T) {
	hosttest.StartDatabase(t)
	const db = "/var/lib/openvswitch/conf.db"
	before, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	st := within(t, time.Second, New(Options{}))
	if !st.Installed || st.Running || !strings.Contains(st.Reason, "ovs-vswitchd is not running") || st.Bridges != nil {
		t.Errorf("%+v", st)
	}
	after, err := os.ReadFile(db)
	if err != nil || string(after) != string(before) {
		t.Errorf("State has changed the database: %d bytes, before %d (%v)", len(after), len(before), err)
	}
}

func TestStateWhereNothingIsInstalled(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	s := New(Options{})
	st := within(t, time.Second, s)
	if st.Installed || st.Running || !strings.Contains(st.Reason, "not installed") {
		t.Errorf("%+v", st)
	}
	if err := s.Transact(t.Context(), "add-br", "br0"); err == nil || !strings.Contains(err.Error(), "install the package openvswitch-switch") {
		t.Errorf("Transact: %v", err)
	}
}

func TestTransactTimesOutWithTheDatabaseChanged(t *testing.T) {
	o := hosttest.StartOpenvSwitch(t)
	o.Vswitchd.Kill()
	s := New(Options{Timeout: time.Second})
	err := s.Transact(t.Context(), "--may-exist", "add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev")
	var late *backend.TimeoutError
	if !errors.As(err, &late) {
		t.Fatalf("%v, want a TimeoutError", err)
	}
	if want := "ovs-vsctl --may-exist add-br br0: no answer within 1s"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	st := within(t, time.Second, s)
	if len(st.Bridges) != 1 || st.Bridges[0].Name != "br0" {
		t.Errorf("the database holds %+v, want br0", st.Bridges)
	}
	if problem, bad := PortProblem(st, "br0"); !bad || !strings.Contains(problem, "not in use yet: the switch daemon ovs-vswitchd is not running") {
		t.Errorf("PortProblem: %q, %v", problem, bad)
	}

	o.StartVswitchd(t)
	hosttest.Eventually(t, "br0 works", func() bool {
		_, bad := PortProblem(within(t, time.Second, s), "br0")
		return !bad
	})
}

func TestOddNames(t *testing.T) {
	hosttest.StartOpenvSwitch(t)
	s := New(Options{})
	if err := s.Transact(t.Context(), "add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a b", "a/b", `äö"1`, "longer-than-15-bytes", "[]"} {
		if err := s.Transact(t.Context(), "--", "add-port", "br0", name); err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		problem, bad := PortProblem(within(t, time.Second, s), name)
		if want := "port " + name + " of bridge br0: could not open network device " + name; !bad || !strings.HasPrefix(problem, want) {
			t.Errorf("port %q: %q, want %q", name, problem, want)
		}
	}
	for _, value := range []string{"", "a b", "true", "1", "[]", "{}", `"`, `\`, "<&>", "ä\n\t=,:;'", "52:54:00:01:02:03", "\u2028"} {
		if err := s.Transact(t.Context(), "set", "Bridge", "br0", "external_ids:k="+Quote(value)); err != nil {
			t.Errorf("%q: %v", value, err)
			continue
		}
		if got := within(t, time.Second, s).Bridges[0].ExternalIDs["k"]; got != value {
			t.Errorf("%q comes back as %q", value, got)
		}
		rows, err := s.Rows(t.Context())
		if err == nil {
			err = s.Transact(t.Context(), append([]string{"clear", "Bridge", "br0", "external_ids", "--", "set", "Bridge", "br0"}, rows[0].Set...)...)
		}
		if again, stateErr := s.Rows(t.Context()); err != nil || stateErr != nil || !slices.Equal(again[0].Set, rows[0].Set) {
			t.Errorf("%q is set again as %v instead of %v: %v, %v", value, again, rows, err, stateErr)
		}
	}
}

// In both cases ovs-vsctl exits 0; without the kernel's datapath there is no error
// text either.
func TestPortProblemOfABridge(t *testing.T) {
	hosttest.StartOpenvSwitch(t)
	s := New(Options{})
	err := s.Transact(t.Context(), "add-br", "brs", "--", "add-br", "lo", "--", "set", "Bridge", "lo", "datapath_type=netdev")
	if err != nil {
		t.Fatal(err)
	}
	st := within(t, time.Second, s)
	for port, want := range map[string]string{
		"brs": "port brs of bridge brs is not in use: the kernel has no openvswitch module, which bridge brs needs",
		"lo":  "port lo of bridge lo: could not open network device lo (Invalid argument)",
		"nix": "Open vSwitch has no port nix",
	} {
		if got, _ := PortProblem(st, port); got != want {
			t.Errorf("%s: %q, want %q", port, got, want)
		}
	}
}

func TestSyncFindsTheDatabaseThatIsServed(t *testing.T) {
	hosttest.StartOpenvSwitch(t)
	s := New(Options{Database: "/nowhere/conf.db"})
	open := s.openDatabases()
	if _, ok := open["/var/lib/openvswitch/conf.db"]; !ok || len(open) != 1 {
		t.Errorf("the running ovsdb-server has %v open", open)
	}
	if err := s.Sync(t.Context()); err != nil {
		t.Error(err)
	}
	idle := Options{RunDir: t.TempDir()} // no server: the default place, through its symbolic link
	if err := New(idle).Sync(t.Context()); err != nil {
		t.Error(err)
	}
	idle.Database = "/nowhere/conf.db"
	if err := New(idle).Sync(t.Context()); err == nil {
		t.Error("no database at all is no error")
	}
}

func TestKernelModule(t *testing.T) {
	for name, c := range map[string]struct {
		file, content string
		want          bool
	}{
		"none":       {"modules.dep", "kernel/net/x.ko:\n", false},
		"loaded":     {"sys/openvswitch/refcnt", "0", true},
		"loadable":   {"modules.dep", "kernel/net/a.ko:\nkernel/net/openvswitch/openvswitch.ko.xz: kernel/net/nsh/nsh.ko.xz\n", true},
		"plain":      {"modules.dep", "kernel/net/openvswitch/openvswitch.ko: kernel/net/nsh/nsh.ko\n", true},
		"built in":   {"modules.builtin", "kernel/net/openvswitch/openvswitch.ko\n", true},
		"needs it":   {"modules.dep", "kernel/net/openvswitch/vport-gre.ko: kernel/net/openvswitch/openvswitch.ko\n", false},
		"other name": {"modules.builtin", "kernel/net/notopenvswitch.ko\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, c.file)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(c.content), 0o644); err != nil {
				t.Fatal(err)
			}
			if got := New(Options{SysModules: filepath.Join(dir, "sys"), Modules: dir}).kernelModule(); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// What CommandLine prints must reach ovs-vsctl through a shell unchanged.
func TestCommandLineSurvivesAShell(t *testing.T) {
	if got, want := CommandLine("--may-exist", "add-br", "examplebr0", "--", "set", "Bridge", "examplebr0", `other_config:hwaddr="52:54:00:12:34:56"`, `["a b"]`, ""),
		`ovs-vsctl --may-exist add-br examplebr0 -- set Bridge examplebr0 'other_config:hwaddr="52:54:00:12:34:56"' '["a b"]' ''`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	args := []string{"it's", "a b", "$HOME", "`id`", "~", "*", "a\nb", `\`, "=x", "x=y", "ä", "#", "!", "{a,b}", ""}
	echo := filepath.Join(t.TempDir(), "ovs-vsctl")
	if err := os.WriteFile(echo, []byte("#!/bin/sh\nprintf '%s\\0' \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(echo))
	out, err := exec.Command("/bin/sh", "-c", CommandLine(args...)).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%q", strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")); got != fmt.Sprintf("%q", args) {
		t.Errorf("\n got %s\nwant %q", got, args)
	}
}

func BenchmarkState256Ports(b *testing.B) {
	hosttest.StartOpenvSwitch(b)
	s := New(Options{Timeout: 60 * time.Second})
	args := []string{"add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev"}
	for i := range 256 {
		port := fmt.Sprintf("p%d", i)
		args = append(args, "--", "add-port", "br0", port, "--", "set", "Interface", port, "type=internal", "external_ids:vm-id=4711")
	}
	if err := s.Transact(b.Context(), args...); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		st, err := s.State(b.Context())
		if err != nil || len(st.Bridges[0].Ports) != 257 {
			b.Fatal(err, len(st.Bridges[0].Ports))
		}
	}
}

// A bridge that flows are sampled of stays in the database when it is deleted, and no other of its name can be made.
func TestKeptRows(t *testing.T) {
	hosttest.StartOpenvSwitch(t)
	s := New(Options{})
	if err := s.Transact(t.Context(), "add-br", "tbr0", "--", "set", "Bridge", "tbr0", "datapath_type=netdev", "--", "--id=@b", "get", "Bridge", "tbr0",
		"--", "--id=@i", "create", "IPFIX", `targets="192.0.2.1:4739"`, "--", "create", "Flow_Sample_Collector_Set", "id=3", "bridge=@b", "ipfix=@i"); err != nil {
		t.Fatal(err)
	}
	kept := func() []string {
		t.Helper()
		rows, err := s.Rows(t.Context())
		if err != nil || len(rows) != 3 || rows[0].Name != "tbr0" {
			t.Fatalf("%v %v", rows, err)
		}
		return rows[0].Kept
	}
	was := kept()
	if len(was) != 1 || !strings.HasPrefix(was[0], "Flow_Sample_Collector_Set ") {
		t.Fatalf("kept by %q", was)
	}
	if err := s.Transact(t.Context(), append([]string{"destroy"}, strings.Fields(was[0])...)...); err != nil { // as an undo advises
		t.Fatal(err)
	}
	if now := kept(); len(now) != 0 {
		t.Errorf("still kept by %q", now)
	}
}
