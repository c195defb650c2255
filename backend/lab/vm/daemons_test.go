//go:build vm

package vm

import (
	"testing"
	"time"

	"bridgehead/backend/trial"
)

// Open vSwitch's daemons hang or die, and the kernel's datapath still holds the NIC: it is
// given back all the same, and nothing is left in the database once the daemons are back.
func TestRollbackPastDaemons(t *testing.T) {
	const start = "systemctl unmask --runtime --quiet ovs-vswitchd; systemctl start openvswitch-switch"
	for _, c := range []struct{ name, harm, heal string }{
		{"ovs-vswitchd hangs", "kill -STOP $(pidof ovs-vswitchd)", "kill -CONT $(pidof ovs-vswitchd)"},
		{"ovs-vswitchd is dead", "systemctl mask --runtime --quiet ovs-vswitchd; killall -9 ovs-vswitchd", start},
		{"ovs-vswitchd is killed", "killall -9 ovs-vswitchd", start}, // systemd may start it again, and stop ovsdb-server for that
		{"ovsdb-server hangs", "kill -STOP $(pidof ovsdb-server)", "kill -CONT $(pidof ovsdb-server); " + start},
		{"ovsdb-server is killed", "killall -9 ovsdb-server", start},
		{"both are killed", "killall -9 ovsdb-server ovs-vswitchd", start},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := resume(t)
			g.apply("")
			g.converted()
			g.sh(c.harm)
			began := time.Now()
			silent := g.silence(func() {
				out, err := g.Sh("bridgehead rollback")
				t.Logf("after %s: %v\n%s", time.Since(began).Round(time.Millisecond), err, out)
			})
			figures.add("longest silence in a rollback, "+c.name, silent)
			for range 20 { // not by the grace of a moment
				if !g.peer.Ping(Address, time.Second) {
					t.Fatalf("the guest does not answer:\n%s", g.sh("ip -br link; ip -br address; ovs-dpctl show"))
				}
			}
			g.same("the NIC's master", g.sh("ip -o link show ens3 | grep -o ovs-system || true"), "")
			g.sh(c.heal)
			g.await(trial.None)
			g.settled()
			g.untouched()
			g.unguarded()
			_, err := g.peer.Await(Address, time.Now(), 5*time.Second)
			must(t, err)
		})
	}
}
