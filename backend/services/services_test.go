package services

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		name  string
		dirs  []string
		comm  string
		init  string // target of /sbin/init
		found string
	}{
		{"systemd", []string{"run/systemd/system", "etc/rc2.d"}, "systemd\n", "/lib/systemd/systemd", Systemd},
		{"sysvinit", []string{"etc/rc2.d"}, "init\n", "", SysVinit},
		{"systemd installed, sysvinit booted", []string{"etc/rc2.d", "run/systemd"}, "init\n", "", SysVinit},
		{"systemd as a process of another name", []string{"etc/rc2.d"}, "init\n", "../lib/systemd/systemd", ""},
		{"a container", []string{"etc/rc2.d"}, "bash\n", "", ""},
	} {
		root := t.TempDir()
		for _, dir := range append(c.dirs, "proc/1", "sbin") {
			must(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
		}
		must(t, os.WriteFile(filepath.Join(root, "proc/1/comm"), []byte(c.comm), 0o644))
		if c.init != "" {
			must(t, os.Symlink(c.init, filepath.Join(root, "sbin/init")))
		}
		if got := detect(root); got != c.found {
			t.Errorf("%s: %q, want %q", c.name, got, c.found)
		}
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"openvswitch-switch":   "openvswitch-switch.service",
		"networking.service":   "networking.service",
		"libvirtd.socket":      "libvirtd.socket",
		"ifup@eth0.10":         "ifup@eth0.10.service",
		"network-pre.target":   "network-pre.target",
		"org.example.daemon":   "org.example.daemon.service",
		"sys-class-net.device": "sys-class-net.device",
	} {
		if got := full(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// A systemd that takes the connection and says nothing.
func TestDeadline(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", socket)
	must(t, err)
	defer l.Close()
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+socket)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := (systemd{}).Unit(ctx, "networking"); !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "cannot read unit networking.service: systemd does not answer") {
		t.Errorf("%v", err)
	}
}

func TestNoInitSystem(t *testing.T) {
	u, err := none{}.Unit(t.Context(), "networking")
	if err != nil || u.Load != "" {
		t.Errorf("%+v, %v", u, err)
	}
	if err := (none{}).Start(t.Context(), "networking"); err == nil || !strings.HasSuffix(err.Error(), "start it by hand") {
		t.Errorf("%v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
