package link

import (
	"strings"
	"testing"
)

func TestAcquaint(t *testing.T) {
	lan(t, []string{"eth0", "eth1"}, "192.0.2.1/24")
	l := open(t)
	ip(t, "neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev eth0 nud reachable")
	ip(t, "neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev eth0 nud stale")
	ip(t, "neigh add 192.0.2.3 lladdr 02:00:00:00:00:03 dev eth0 nud permanent")
	ip(t, "neigh add 192.0.2.4 dev eth0 nud failed")
	ip(t, "neigh add 2001:db8::1 lladdr 02:00:00:00:00:05 dev eth0 nud stale")
	ip(t, "neigh add 192.0.2.3 lladdr 02:00:00:00:00:99 dev eth1 nud permanent")
	ip(t, "neigh add 192.0.2.2 dev eth1 nud failed")
	for range 2 {
		ok(t, l.Acquaint(t.Context(), "eth0", "eth1"))
		got := ip(t, "neigh show dev eth1")
		for _, want := range []string{
			"192.0.2.1 lladdr 02:00:00:00:00:01 STALE", "192.0.2.2 lladdr 02:00:00:00:00:02 STALE",
			"2001:db8::1 lladdr 02:00:00:00:00:05 STALE", "192.0.2.3 lladdr 02:00:00:00:00:99 PERMANENT", // its own
		} {
			if !strings.Contains(got, want) {
				t.Errorf("eth1 does not know %q:\n%s", want, got)
			}
		}
		if strings.Contains(got, "192.0.2.4") {
			t.Errorf("what eth0 does not know came along:\n%s", got)
		}
	}
	for _, bad := range [][2]string{{"eth0", "none"}, {"none", "eth0"}} {
		if err := l.Acquaint(t.Context(), bad[0], bad[1]); err == nil || !strings.Contains(err.Error(), "cannot tell "+bad[1]+" the neighbours of "+bad[0]) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}
