package lab

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Main()
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

// sh runs a shell script by cmd, which is Host, Switch or Client of a lab.
func sh(t *testing.T, in func(...string) *exec.Cmd, script string) string {
	t.Helper()
	out, err := in("sh", "-ec", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestUpTakesTheTutorialsHostUp(t *testing.T) {
	l := up(t, Spec{})
	t.Log(sh(t, l.Host, "ip -br a; ip r; hostname; ps ax; ovs-vsctl show; mount | tail -20"))
	sh(t, l.Client, "ping -c1 -W1 "+HostAddr)
	sh(t, l.Host, "ping -c1 -W1 "+FarAddr)
}

func TestOpenVSwitchTakesTheFramesOfItsPorts(t *testing.T) {
	l := up(t, Spec{})
	p, err := l.Probe(Probe{Target: netip.MustParseAddr(HostAddr)})
	if err != nil {
		t.Fatal(err)
	}
	sh(t, l.Host, "ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev -- add-port br0 eth0")
	t.Log(sh(t, l.Host, "ip link"))
	if out, err := l.Client("ping", "-c2", "-i0.2", "-W0.5", HostAddr).CombinedOutput(); err == nil {
		t.Errorf("eth0 still hears:\n%s", out)
	}
	sh(t, l.Host, "ovs-vsctl del-br br0")
	sh(t, l.Client, "ping -c1 -W1 "+HostAddr)
	t.Log(p.Stop())
}

func TestSession(t *testing.T) {
	l := up(t, Spec{})
	s, err := l.Session(t.Context(), netip.MustParseAddr(HostAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(sh(t, l.Host, "ss -tnp; ps ax"))
	if err := s.Alive(time.Second); err != nil {
		t.Error(err)
	}
	s.Close()
}
