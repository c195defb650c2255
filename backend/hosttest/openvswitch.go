package hosttest

import (
	"net"
	"os"
	"os/exec"
	"testing"
)

// OpenvSwitch is a running Open vSwitch with an empty database.
type OpenvSwitch struct {
	Server   *Daemon // ovsdb-server
	Vswitchd *Daemon // ovs-vswitchd
}

// StartOpenvSwitch starts the real daemons, as Debian's units do, on a throw-away host.
func StartOpenvSwitch(t testing.TB) *OpenvSwitch {
	t.Helper()
	o := &OpenvSwitch{Server: StartDatabase(t)}
	run(t, "ovs-vsctl", "--timeout=5", "--no-wait", "init")
	o.StartVswitchd(t)
	return o
}

// StartDatabase starts ovsdb-server alone, on a new database that nothing has
// initialised yet.
func StartDatabase(t testing.TB) *Daemon {
	t.Helper()
	const db, sock = "/var/lib/openvswitch/conf.db", "/run/openvswitch/db.sock"
	if err := os.MkdirAll("/run/openvswitch", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, left := range []string{db, sock} {
		if err := os.Remove(left); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	run(t, "ovsdb-tool", "create", db, "/usr/share/openvswitch/vswitch.ovsschema")
	return StartDaemon(t, func() bool {
		c, err := net.Dial("unix", sock)
		if err != nil {
			return false
		}
		return c.Close() == nil
	}, "ovsdb-server", "/etc/openvswitch/conf.db", "--remote=punix:"+sock, "--pidfile", "--no-chdir") // through Debian's symbolic link
}

func run(t testing.TB, argv ...string) {
	t.Helper()
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", argv, err, out)
	}
}

// StartVswitchd starts ovs-vswitchd, for the first time or again.
func (o *OpenvSwitch) StartVswitchd(t testing.TB) {
	t.Helper()
	o.Vswitchd = StartDaemon(t, func() bool {
		return exec.Command("ovs-appctl", "--timeout=2", "-t", "ovs-vswitchd", "version").Run() == nil
	}, "ovs-vswitchd", "--pidfile", "--no-chdir")
}
