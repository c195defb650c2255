//go:build vm

package vm

import (
	"slices"
	"strings"
	"testing"
	"time"

	"bridgehead/backend/trial"
)

// Open vSwitch's daemons hang or die, the kernel's datapath still holds the NIC, and nobody confirms: the NIC is given
// back all the same, what is not yet as it was is named, and nothing is left in the database once the daemons are back.
func TestRollbackPastDaemons(t *testing.T) {
	const start = "systemctl unmask --runtime --quiet ovs-vswitchd ovsdb-server; systemctl start openvswitch-switch"
	const thaw = "kill -CONT $(pidof ovsdb-server ovs-vswitchd); "
	for _, c := range []struct{ name, harm, heal string }{
		{"ovs-vswitchd hangs", "kill -STOP $(pidof ovs-vswitchd)", thaw},
		{"ovs-vswitchd is dead", "systemctl mask --runtime --quiet ovs-vswitchd; killall -9 ovs-vswitchd", start},
		{"ovs-vswitchd is killed", "killall -9 ovs-vswitchd", start}, // systemd may start it again, and stop ovsdb-server for that
		{"ovsdb-server hangs", "kill -STOP $(pidof ovsdb-server)", thaw + start},
		{"ovsdb-server is dead", "systemctl mask --runtime --quiet ovsdb-server; killall -9 ovsdb-server", start},
		{"ovsdb-server is killed", "killall -9 ovsdb-server", start},
		{"both hang", "kill -STOP $(pidof ovs-vswitchd ovsdb-server)", thaw + start},
		{"both are killed", "killall -9 ovsdb-server ovs-vswitchd", start},
		{"ovsdb-server hangs until the power is cut", "kill -STOP $(pidof ovsdb-server)", ""}, // the next boot tries again
	} {
		t.Run(c.name, func(t *testing.T) {
			g := resume(t)
			g.apply("--confirm-within 30s")
			due := time.Now().Add(g.status().Remaining)
			g.converted()
			g.sh(c.harm)
			var s trial.Status
			answers := g.answering(func() { s = g.takenBack() })
			figures.add("expiry to a steadily answered ping, "+c.name, steadily(answers, due))
			t.Logf("%s after the expiry: %s", time.Since(due).Round(time.Millisecond), g.sh("bridgehead status; cat /root/apply.log"))
			for range 20 { // not by the grace of a moment
				if !g.peer.Ping(Address, time.Second) {
					t.Fatalf("the guest does not answer:\n%s", g.sh("ip -br link; ip -br address; ovs-dpctl show"))
				}
			}
			g.same("the NIC's master", g.sh("ip -o link show ens3 | grep -o ovs-system || true"), "")
			if strings.HasPrefix(c.name, "ovsdb-server hangs") && (s.Phase != trial.Incomplete || !strings.Contains(strings.Join(s.Left, ";"), "Open vSwitch")) {
				t.Errorf("with a database that hangs the change is %s, %q", s.Phase, s.Left)
			}
			if s.Phase == trial.Incomplete {
				g.incomplete()
			}
			if c.heal == "" {
				g.PowerCut()
				g.boot()
				g.answers(BootTime)
				must(t, g.ShellUp())
			} else {
				g.sh(c.heal)
			}
			g.await(trial.None)
			g.settled()
			g.untouched()
			g.unguarded()
			_, err := g.peer.Await(Address, time.Now(), 5*time.Second)
			must(t, err)
		})
	}
}

// incomplete checks that what is left is told to whoever waited for the change, and to whoever tries to take it back now.
func (g *guest) incomplete() {
	g.t.Helper()
	g.same("the exit code of apply", g.sh("while kill -0 $(cat /root/apply.pid) 2>/dev/null; do sleep 0.1; done; cat /root/apply.code"), "5")
	if said := g.sh("bridgehead rollback 2>&1 || echo exit $?"); !strings.HasSuffix(said, "exit 5") || !strings.Contains(said, "What is left:\n  - ") {
		g.t.Errorf("another rollback says\n%s", said)
	}
}

// takenBack waits until a first attempt to take the change back is over, complete or not, and returns what was said then.
func (g *guest) takenBack() trial.Status {
	g.t.Helper()
	for end := time.Now().Add(BootTime); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		if s := g.status(); slices.Contains([]trial.Phase{trial.None, trial.Incomplete}, s.Phase) {
			return s
		}
	}
	g.t.Fatalf("the change is still not taken back:\n%s", g.sh("journalctl -b -u bridgehead-guard --no-pager -o short-monotonic | tail -30"))
	return trial.Status{}
}

// steadily is how long after due the guest began to answer without a pause: until then, it was silent for a quarter of a
// second or more.
func steadily(answers []time.Time, due time.Time) time.Duration {
	var from time.Duration
	for i := 1; i < len(answers); i++ {
		if after := answers[i].Sub(due); after > 0 && answers[i].Sub(answers[i-1]) >= 250*time.Millisecond {
			from = after
		}
	}
	return from
}
