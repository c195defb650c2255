package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Main()
	if os.Getenv("LAB_TEST_HOLD") != "" {
		hold()
	}
	os.Exit(m.Run())
}

var hostAddr = netip.MustParseAddr(HostAddr)

// up makes a lab for the time of the test.
func up(t *testing.T, spec Spec) *Lab {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	start := time.Now()
	l, err := Up(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("up in %d ms", time.Since(start).Milliseconds())
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// sh runs a shell script by in, which is Host, Switch or Client of a lab.
func sh(t *testing.T, in func(...string) *exec.Cmd, script string) string {
	t.Helper()
	out, err := in("sh", "-ec", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return strings.TrimSpace(string(out))
}

// eventually waits until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !ok(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
	}
}

func TestUpIsTheTutorialsHost(t *testing.T) {
	l := up(t, Spec{Hostname: "kvm1"})
	want := map[string]string{
		"hostname":                                      "kvm1",
		"getent hosts kvm1":                             "127.0.1.1       kvm1",
		"ip -br -4 addr show eth0 | tr -s ' '":          "eth0@if3 UP 10.77.0.10/24",
		"ip route":                                      "default via 10.77.0.1 dev eth0 onlink \n10.77.0.0/24 dev eth0 proto kernel scope link src 10.77.0.10",
		"ls /sys/class/net":                             "eth0\neth1\neth2\neth3\nlo",
		"cat /sys/class/net/eth3/address":               "52:54:00:77:00:13",
		"cat /run/network/ifstate":                      "lo=lo\neth0=eth0",
		"ovs-vsctl list-br":                             "",
		"ls -A /var/lib/bridgehead 2>/dev/null || true": "",
		"cat /proc/sys/net/ipv4/conf/eth0/rp_filter /proc/sys/net/ipv4/conf/all/rp_filter": "0\n0",
		"ip -6 addr": "",
	}
	for script, text := range want {
		if got := sh(t, l.Host, script); got != text {
			t.Errorf("%s prints\n%s\nnot\n%s", script, got, text)
		}
	}
	sh(t, l.Client, "ping -qc1 -W1 "+HostAddr)
	sh(t, l.Host, "ping -qc1 -W1 "+GatewayAddr)
	sh(t, l.Host, "ping -qc1 -W1 "+FarAddr)
}

func TestWhatTheHostChangesIsItsOwn(t *testing.T) {
	l := up(t, Spec{})
	const file = "lab-test-file"
	sh(t, l.Host, `
		for d in /etc /usr /var /run; do echo x > $d/`+file+`; done
		echo nameserver 192.0.2.1 > /etc/resolv.conf
		hostname other
		! sysctl -qw kernel.panic=99
		! date -s 2001-01-01`)
	for _, d := range []string{"/etc", "/usr", "/var", "/run"} {
		if _, err := os.Lstat(filepath.Join(d, file)); err == nil {
			t.Errorf("the machine has %s/%s", d, file)
		}
	}
	if b, _ := os.ReadFile("/etc/resolv.conf"); strings.Contains(string(b), "192.0.2.1") {
		t.Error("the machine's resolv.conf changed")
	}
	if name, _ := os.Hostname(); name == "other" {
		t.Error("the machine's name changed")
	}
}

func TestFilesBindsAndSysctls(t *testing.T) {
	tool := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(tool, []byte("#!/bin/sh\necho hello from $0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, systemd := range []bool{false, true} {
		l := up(t, Spec{
			Systemd: systemd,
			Files:   map[string]string{"/etc/network/interfaces.d/more": "auto eth1\niface eth1 inet manual\n    up ip link set $IFACE up\n"},
			Bind:    map[string]string{"/usr/local/sbin/tool": tool},
			Sysctls: map[string]string{"ipv4/conf/all/rp_filter": "1", "ipv4/conf/default/rp_filter": "1"},
		})
		got := sh(t, l.Host, "tool; cat /proc/sys/net/ipv4/conf/eth0/rp_filter; sort /run/network/ifstate; ! { echo x >> /usr/local/sbin/tool; } 2>/dev/null")
		if want := "hello from /usr/local/sbin/tool\n1\neth0=eth0\neth1=eth1\nlo=lo"; got != want {
			t.Errorf("with systemd %v the host has\n%s\nnot\n%s", systemd, got, want)
		}
		if err := l.WriteFile("/run/network/ifstate", []byte("lo=lo\n")); err != nil {
			t.Fatal(err)
		}
		if b, err := l.ReadFile("/var/run/network/ifstate"); err != nil || string(b) != "lo=lo\n" { // a link to /run
			t.Errorf("read %q, %v", b, err)
		}
	}
}

func TestStartIsTheProcessItself(t *testing.T) {
	l := up(t, Spec{})
	out, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", "trap 'hostname; exit 7' HUP; echo ready; while :; do :; done")
	cmd.Stdout = out
	if err := l.Start(cmd); err != nil {
		t.Fatal(err)
	}
	written := func(s string) func() bool {
		return func() bool { b, _ := os.ReadFile(out.Name()); return string(b) == s }
	}
	eventually(t, "ready", written("ready\n"))
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("the signal did not reach it: %v", err)
	}
	eventually(t, "the host's name printed", written("ready\nhost\n"))
}

func TestKillingACommandEndsWhatRunsInTheHost(t *testing.T) {
	l := up(t, Spec{})
	cmd := l.Host("sleep", "4242")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	running := func() bool { return strings.Contains(sh(t, l.Host, "ps -o args= ax"), "sleep 4242") }
	eventually(t, "the command runs", running)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	eventually(t, "the command is gone", func() bool { return !running() })
}

func TestOpenVSwitchTakesTheFramesOfItsPorts(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		l := up(t, Spec{NoSteal: keeps})
		answers := func() bool { return l.Client("ping", "-qc1", "-W0.2", HostAddr).Run() == nil }
		before := snapshot(t, l)
		sh(t, l.Host, "ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev -- add-port br0 eth0")
		if keeps {
			sh(t, l.Client, "ping -qc3 -i0.05 -W1 "+HostAddr)
			continue
		}
		eventually(t, "eth0 is deaf", func() bool { return !answers() })
		if got := sh(t, l.Host, "ip -o link show eth0"); !strings.Contains(got, "master ovs-system") {
			t.Errorf("ip link shows %s", got)
		}
		sh(t, l.Host, "ovs-vsctl del-br br0")
		eventually(t, "eth0 hears again", answers)
		if diff := before.Diff(snapshot(t, l)); diff != "" {
			t.Error(diff)
		}
	}
}

// What the tutorial says, literally, cuts the host off for good: ifdown leaves the NIC down.
func TestTheTutorialByHandNeverComesBack(t *testing.T) {
	l := up(t, Spec{})
	p, err := l.Probe(Probe{Target: hostAddr})
	if err != nil {
		t.Fatal(err)
	}
	sh(t, l.Host, `
		ovs-vsctl add-br examplebr0 -- set bridge examplebr0 datapath_type=netdev
		ovs-vsctl add-port examplebr0 examplebr0p1 -- set interface examplebr0p1 type=internal
		cat > /etc/network/interfaces.new <<-E
			auto eth0
			iface eth0 inet manual
			    up ip link set \$IFACE up
			    down ip link set \$IFACE down
			auto examplebr0p1
			iface examplebr0p1 inet static
			    address 10.77.0.10/24
			    gateway 10.77.0.1
			E
		ovs-vsctl add-port examplebr0 eth0
		ifdown eth0
		mv /etc/network/interfaces.new /etc/network/interfaces
		ifup examplebr0p1`)
	cut := time.Now()
	eventually(t, "three seconds without an answer", func() bool {
		return time.Since(cut) > 3*time.Second && time.Since(p.Answered()) > 3*time.Second
	})
	if r := p.Stop(); !r.Down || r.Longest < 3*time.Second {
		t.Errorf("the client saw: %v", r)
	}
	if got := sh(t, l.Host, "cat /sys/class/net/eth0/operstate; ip -br -4 addr show examplebr0p1 | tr -s ' '"); got != "down\nexamplebr0p1 UNKNOWN 10.77.0.10/24" {
		t.Errorf("the host has %q", got)
	}
}

func TestSessionOutlivesAShortOutageAndShowsADeadHost(t *testing.T) {
	l := up(t, Spec{})
	s, err := l.Session(t.Context(), hostAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := fmt.Sprintf("%s:22 %s", HostAddr, s.Local())
	if got := sh(t, l.Host, "ss -Htnp state established"); !strings.Contains(strings.Join(strings.Fields(got), " "), want) || !strings.Contains(got, `"sshd"`) {
		t.Errorf("ss shows %s, not %s of sshd", got, want)
	}
	sh(t, l.Switch, "ip link set p0 down; ip link set p0 up")
	if err := s.Alive(5 * time.Second); err != nil {
		t.Error(err)
	}
	sh(t, l.Switch, "ip link set p0 down")
	if err := s.Alive(300 * time.Millisecond); err == nil {
		t.Error("the session is alive over a cut cable")
	}
}

func TestProberMeasuresAnOutage(t *testing.T) {
	l := up(t, Spec{IPv6: true})
	for _, probe := range []Probe{
		{Target: hostAddr}, {Target: netip.MustParseAddr(HostAddr6)}, {Target: hostAddr, Source: netip.MustParseAddr(FarAddr)},
	} {
		p, err := l.Probe(probe)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "first answer", func() bool { return !p.Answered().IsZero() })
		cut := time.Now()
		sh(t, l.Switch, "ip link set p0 down")
		eventually(t, "300 ms without an answer", func() bool { return time.Since(p.Answered()) > 300*time.Millisecond })
		sh(t, l.Switch, "ip link set p0 up")
		back := time.Now()
		eventually(t, "an answer", func() bool { return p.Answered().After(back) })
		r, all := p.Stop(), time.Since(cut)
		t.Logf("%v: %v", probe, r)
		if r.Down || r.Longest < 290*time.Millisecond || r.Longest > all || r.Total < r.Longest || r.MaxGap < 290*time.Millisecond || r.Lost < 100 {
			t.Errorf("%v: cut for at least 300 ms and at most %v, but %v", probe, all, r)
		}
	}
}

func TestDHCPLeaseByRealIfup(t *testing.T) {
	l := up(t, Spec{DHCP: true, Interfaces: "auto lo eth0 eth1\niface lo inet loopback\niface eth0 inet dhcp\niface eth1 inet dhcp\n"})
	if err := l.Ifup(); err != nil {
		t.Error(err)
	}
	got := sh(t, l.Host, "ip -o -4 addr show dev eth0; ip route show default; cat /etc/resolv.conf; ip -o -4 addr show dev eth1; ls /var/lib/dhcp")
	for _, want := range []string{"10.77.0.10/24", "dynamic", "default via 10.77.0.1 dev eth0", "nameserver 10.77.0.1", "inet 10.77.0.2", "dhclient.eth0.leases"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	s := snapshot(t, l)
	if strings.Count(s.DHCP, "dhclient") < 2 || !strings.Contains(s.DHCP, "eth0") {
		t.Errorf("running DHCP clients: %s", s.DHCP)
	}
	if diff := s.Diff(snapshot(t, l)); diff != "" {
		t.Error(diff)
	}
}

func TestIPv6StaticAndByRouterAdvertisement(t *testing.T) {
	l := up(t, Spec{IPv6: true, RA: true, Files: map[string]string{"/etc/network/interfaces.d/eth1": "auto eth1\niface eth1 inet6 auto\n"}})
	sh(t, l.Client, "ping -qc1 -W1 "+HostAddr6)
	sh(t, l.Host, "ping -qc1 -W1 "+FarAddr6)
	if got := sh(t, l.Host, "ip -6 route show default dev eth0"); !strings.Contains(got, "via "+GatewayAddr6) {
		t.Errorf("default route: %s", got)
	}
	eventually(t, "eth1 has an address of the advertised prefix", func() bool {
		return strings.Contains(sh(t, l.Host, "ip -6 addr show dev eth1"), "fd00:77::5054:ff:fe77:11/64 scope global dynamic")
	})
}

func TestLibvirtDefinesAndStartsANetwork(t *testing.T) {
	for _, systemd := range []bool{false, true} {
		l := up(t, Spec{Libvirt: true, Systemd: systemd})
		sh(t, l.Host, `
			export LIBVIRT_DEFAULT_URI=qemu:///system
			ovs-vsctl add-br examplebr0 -- set bridge examplebr0 datapath_type=netdev
			cat > /run/n.xml <<-E
				<network><name>examplebr0</name><forward mode='bridge'/><bridge name='examplebr0'/><virtualport type='openvswitch'/></network>
				E
			virsh net-define /run/n.xml
			virsh net-start examplebr0
			virsh net-autostart examplebr0`)
		if got := sh(t, l.Host, "virsh -q -c qemu:///system net-list --all | tr -s ' '"); !strings.Contains(got, "examplebr0 active yes yes") {
			t.Errorf("networks with systemd %v:\n%s", systemd, got)
		}
		if got := sh(t, l.Host, "virsh -q -c qemu:///system list --all"); got != "" {
			t.Errorf("the host has guests of the machine:\n%s", got)
		}
	}
}

func TestOVSUpstreamTalksLACP(t *testing.T) {
	l := up(t, Spec{Switch: SwitchOVS})
	sh(t, l.Switch, "ovs-vsctl add-bond sw0 po1 p2 p3 lacp=active bond_mode=balance-tcp other_config:lacp-time=fast")
	sh(t, l.Host, `ip link set eth2 up; ip link set eth3 up
		ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev -- add-bond br0 bond0 eth2 eth3 lacp=active bond_mode=balance-tcp other_config:lacp-time=fast`)
	eventually(t, "LACP is negotiated", func() bool {
		return strings.Contains(sh(t, l.Host, "ovs-appctl lacp/show bond0"), "negotiated") &&
			strings.Count(sh(t, l.Host, "ovs-appctl bond/show bond0"), ": enabled") == 2
	})
}

func TestLabsSideBySide(t *testing.T) {
	a, b := up(t, Spec{Hostname: "a"}), up(t, Spec{Hostname: "b"})
	sh(t, a.Host, "ip link set eth0 down")
	sh(t, b.Client, "ping -qc1 -W1 "+HostAddr)
	if a.Client("ping", "-qc1", "-W0.3", HostAddr).Run() == nil {
		t.Error("the lab whose NIC is down answers")
	}
}

func TestMissingPackagesAreNamed(t *testing.T) {
	err := &MissingError{Programs: []string{"dnsmasq", "ovs-vsctl"}, Packages: []string{"dnsmasq-base", "openvswitch-switch"}}
	want := "cannot build the lab: dnsmasq, ovs-vsctl not found; install with: apt-get install --no-install-recommends dnsmasq-base openvswitch-switch"
	if err.Error() != want {
		t.Errorf("%v", err)
	}
	if programExists("no-such-program") || !programExists("ovs-vswitchd") {
		t.Error("programs are not found where they are")
	}
}

func TestAFailedUpLeavesNothingAndSaysWhy(t *testing.T) {
	_, err := Up(t.Context(), Spec{Bind: map[string]string{"/usr/local/bin/x": "/no/such/file"}})
	if err == nil || !strings.Contains(err.Error(), "/no/such/file") {
		t.Errorf("error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Up(ctx, Spec{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
}

// pidNamespaces are the PID namespaces of a lab, by which its processes are found.
func (l *Lab) pidNamespaces() []string {
	var ns []string
	for _, dir := range []string{fmt.Sprintf("/proc/%d", l.rack.Process.Pid), l.host.proc, l.sw.proc, l.client.proc} {
		name, err := os.Readlink(dir + "/ns/pid")
		if err != nil {
			panic(err)
		}
		ns = append(ns, name)
	}
	return ns
}

// processesIn counts the machine's processes that are in one of the PID namespaces.
func processesIn(namespaces []string) int {
	n := 0
	links, _ := filepath.Glob("/proc/[0-9]*/ns/pid")
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil && slices.Contains(namespaces, name) {
			n++
		}
	}
	return n
}

// traces is what a lab must leave as it was: mounts, links and open files of this process, cgroups.
func traces(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	links, err := filepath.Glob("/sys/class/net/*")
	if err != nil {
		t.Fatal(err)
	}
	root, err := cgroupRoot()
	if err != nil {
		t.Fatal(err)
	}
	cgroups, _ := filepath.Glob(filepath.Join(root, fmt.Sprintf("%s%d-*", cgroupPrefix, os.Getpid())))
	files, _ := filepath.Glob("/proc/self/fd/*")
	return fmt.Sprintf("%s\n%s\n%s\n%d open files", mounts, links, cgroups, len(files))
}

func TestCloseLeavesNothing(t *testing.T) {
	up(t, Spec{NoOVS: true}).Close() // what the runtime opens once and keeps is open now
	for _, spec := range []Spec{{Libvirt: true, DHCP: true}, {Systemd: true}} {
		before := traces(t)
		l := up(t, spec)
		s, err := l.Session(t.Context(), hostAddr)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		ns := l.pidNamespaces()
		if n := processesIn(ns); n < 5 {
			t.Fatalf("only %d processes found", n)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if n := processesIn(ns); n != 0 {
			t.Errorf("%d processes left", n)
		}
		eventually(t, "no traces left", func() bool { return traces(t) == before })
	}
}

// hold is a process that makes a lab, says where it is, and waits to be killed.
func hold() {
	l, err := Up(context.Background(), Spec{Systemd: os.Getenv("LAB_TEST_HOLD") == "systemd"})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(strings.Join(l.pidNamespaces(), " "), l.cgroup)
	select {}
}

func TestKillingTheParentEndsTheLab(t *testing.T) {
	for _, kind := range []string{"plain", "systemd"} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "LAB_TEST_HOLD="+kind)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		words := strings.Fields(line)
		if processesIn(words) < 5 {
			t.Fatalf("no lab: %s", line)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		eventually(t, "every process of the lab is gone", func() bool { return processesIn(words) == 0 })
		if kind == "systemd" {
			eventually(t, "its cgroup is gone", func() bool { _, err := os.Stat(words[len(words)-1]); return os.IsNotExist(err) })
		}
	}
}
