package hosttest

import (
	"net"
	"os"
	"testing"
)

// LibvirtSocket is where StartLibvirtd listens.
const LibvirtSocket = "/run/libvirt/libvirt-sock"

// StartLibvirtd starts the real libvirtd on a throw-away host, with settings that
// let QEMU run in namespaces. Its networks and domains are those of the last start.
func StartLibvirtd(t testing.TB) *Daemon {
	t.Helper()
	for path, content := range map[string]string{
		"/etc/libvirt/libvirtd.conf": "auth_unix_ro = \"none\"\nauth_unix_rw = \"none\"\n",
		"/etc/libvirt/qemu.conf": "stdio_handler = \"file\"\nsecurity_driver = \"none\"\nuser = \"root\"\ngroup = \"root\"\n" +
			"cgroup_controllers = []\nnamespaces = []\n",
	} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return StartDaemon(t, func() bool {
		c, err := net.Dial("unix", LibvirtSocket)
		if err != nil {
			return false
		}
		return c.Close() == nil
	}, "libvirtd")
}
