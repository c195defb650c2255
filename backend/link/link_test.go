package link

import (
	"os/exec"
	"testing"

	"bridgehead/backend/hosttest"
)

func TestMain(m *testing.M) { hosttest.Main(m) }

func open(t testing.TB) *Links {
	t.Helper()
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func TestLinks(t *testing.T) {
	for _, name := range []string{"eth0", "eth1"} {
		hosttest.NIC(t, name)
		ip(t, "link set "+name+"-far up")
		ip(t, "link set "+name+" up")
	}
	hosttest.Links(t, open(t), hosttest.LinksEnv{NICs: []string{"eth0", "eth1"}, Bonding: bonding()})
}

// bonding says whether the kernel that these tests run on has the module.
func bonding() bool {
	return exec.Command("modprobe", "--quiet", "--dry-run", "bonding").Run() == nil || exists("/sys/module/bonding")
}
