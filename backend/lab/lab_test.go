package lab

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var hostAddr = netip.MustParseAddr(HostAddr)

func TestMain(m *testing.M) {
	Main()
	if os.Getenv("LAB_TEST_HOLD") != "" {
		hold()
	}
	os.Exit(m.Run())
}

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
	for end := time.Now().Add(30 * time.Second); !ok(); <-time.After(5 * time.Millisecond) {
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
	sh(t, l.Client, "ping -qc1 -W3 "+HostAddr)
	sh(t, l.Host, "ping -qc1 -W3 "+GatewayAddr)
	sh(t, l.Host, "ping -qc1 -W3 "+FarAddr)
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

func TestLabsSideBySide(t *testing.T) {
	a, b := up(t, Spec{Hostname: "a"}), up(t, Spec{Hostname: "b"})
	sh(t, a.Host, "ip link set eth0 down")
	sh(t, b.Client, "ping -qc1 -W3 "+HostAddr)
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

func BenchmarkUp(b *testing.B) {
	for _, c := range []struct {
		name string
		spec Spec
	}{
		{"plain", Spec{}}, {"libvirt", Spec{Libvirt: true}}, {"dhcp", Spec{DHCP: true, Interfaces: "auto eth0\niface eth0 inet dhcp\n"}}, {"systemd", Spec{Systemd: true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				l, err := Up(b.Context(), c.spec)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := l.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
