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

func TestSysvinit(t *testing.T) {
	etc := t.TempDir()
	for _, dir := range []string{"init.d", "rc2.d"} {
		must(t, os.Mkdir(filepath.Join(etc, dir), 0o755))
	}
	script := "#!/bin/sh\ncase $1 in status) test -e " + etc + "/running;; start) touch " + etc + "/running;; esac\n"
	must(t, os.WriteFile(filepath.Join(etc, "init.d/openvswitch-switch"), []byte(script), 0o755))
	must(t, os.WriteFile(filepath.Join(etc, "init.d/broken"), []byte("#!/bin/sh\necho no database; exit 1\n"), 0o755))
	must(t, os.Symlink("../init.d/openvswitch-switch", filepath.Join(etc, "rc2.d/S01openvswitch-switch")))
	s := sysvinit{etc}
	unit := func(name string) string {
		u, err := s.Unit(t.Context(), name)
		must(t, err)
		return u.Load + " " + u.Active + " " + u.Enabled
	}
	if got := unit("openvswitch-switch.service"); got != "loaded inactive enabled" {
		t.Errorf("before: %s", got)
	}
	must(t, s.Start(t.Context(), "openvswitch-switch"))
	if got := unit("openvswitch-switch"); got != "loaded active enabled" {
		t.Errorf("after: %s", got)
	}
	if got := unit("broken"); got != "loaded inactive disabled" {
		t.Errorf("broken: %s", got)
	}
	for _, name := range []string{"no-such-service", "../../bin/true", "*"} {
		if got := unit(name); got != "  " {
			t.Errorf("%s: %s", name, got)
		}
		if s.Start(t.Context(), name) == nil {
			t.Errorf("%s was started", name)
		}
	}
	if err := s.Start(t.Context(), "broken"); err == nil || !strings.HasSuffix(err.Error(), "exit status 1: no database") {
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
