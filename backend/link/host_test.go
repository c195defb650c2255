package link

import (
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"bridgehead/backend/hosttest"
)

// ip runs ip(8) and returns what it prints.
func ip(t testing.TB, line string) string {
	t.Helper()
	out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v: %s", line, err, out)
	}
	return strings.TrimSpace(string(out))
}

// lan makes NICs on this host and a machine of its own on the same wire, named
// peer: a namespace in which a bridge, lan, joins the cables. Addresses are for
// the peer; all of them are good at once.
func lan(t testing.TB, nics []string, peerAddrs ...string) {
	t.Helper()
	ip(t, "netns add peer")
	t.Cleanup(func() { ip(t, "netns del peer") })
	ip(t, "-n peer link set lo up")
	ip(t, "-n peer link add lan address 02:00:00:00:00:fe type bridge")
	for _, nic := range nics {
		hosttest.NIC(t, nic)
		ip(t, "link set "+nic+"-far netns peer")
		ip(t, "-n peer link set "+nic+"-far master lan up")
		ip(t, "link set "+nic+" up")
	}
	ip(t, "-n peer link set lan up")
	for _, a := range peerAddrs {
		nodad := ""
		if strings.Contains(a, ":") {
			nodad = " nodad"
		}
		ip(t, "-n peer addr add "+a+" dev lan"+nodad)
	}
	hosttest.Eventually(t, "the cables have a carrier", func() bool {
		return !strings.Contains(ip(t, "link"), "NO-CARRIER")
	})
}

// inPeer calls f on the peer: what it opens there stays there. The thread that
// went there ends with it.
func inPeer[T any](t testing.TB, f func() (T, error)) T {
	t.Helper()
	type result struct {
		value T
		err   error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlocked
		var r result
		ns, err := netns.GetFromName("peer")
		if err == nil {
			err = netns.Set(ns)
			ns.Close()
		}
		if r.err = err; err == nil {
			r.value, r.err = f()
		}
		done <- r
	}()
	r := <-done
	if r.err != nil {
		t.Fatalf("on the peer: %v", r.err)
	}
	return r.value
}

// peerLAN is the peer's end of the wire.
func peerLAN() (*net.Interface, error) {
	link, err := netlink.LinkByName("lan")
	if err != nil {
		return nil, err
	}
	a := link.Attrs()
	return &net.Interface{Index: a.Index, Name: a.Name, MTU: a.MTU, HardwareAddr: a.HardwareAddr}, nil
}

// lines checks that what ip prints holds exactly these lines, spaces aside.
func lines(t testing.TB, command string, want ...string) {
	t.Helper()
	var got []string
	for line := range strings.Lines(ip(t, command)) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("ip %s:\ngot  %s\nwant %s", command, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}
