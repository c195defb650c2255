package trial_test

import (
	"testing"
	"time"

	"bridgehead/backend/op"
	"bridgehead/backend/plan"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/trial"
)

// A staged change waits for the restart of the host, and something restarts the network alone, out of the new files: the host
// gets its addresses and its files back.
func TestNetworkRestartedBeforeTheHost(t *testing.T) {
	for _, name := range []string{"static", "rich", "lacp", "vlan", "kernel-bond"} {
		t.Run(name, func(t *testing.T) {
			c := plantest.One(name)
			m := c.Machine()
			before := m.Snapshot()
			p := c.Plan(t, m)
			_, err := on(m).Stage(t.Context(), p, window)
			must(t, err)
			var move *op.MoveAddress
			for _, o := range p.Ops(plan.Trial) {
				if x, ok := o.(*op.MoveAddress); ok {
					move = x
				}
			}
			h := m.Host()
			loses := func() {
				for _, r := range move.From.Routes {
					must(t, h.Links.DelRoute(t.Context(), r))
				}
				for i := range move.From.Addrs {
					must(t, h.Links.DelAddr(t.Context(), move.NIC, move.From.Addrs[len(move.From.Addrs)-1-i]))
				}
			}
			phase := func() trial.Phase {
				_, err := on(m).Look(t.Context())
				must(t, err)
				s, err := on(m).Status(t.Context(), "")
				must(t, err)
				return s.Phase
			}
			if got := phase(); got != trial.Staged {
				t.Fatalf("with its addresses it is %s", got)
			}
			loses()
			for end := h.Clock.Boottime() + time.Minute; phase() != trial.None; <-h.Clock.After(time.Second) {
				if h.Clock.Boottime() > end {
					t.Fatalf("nobody gives the host its addresses back: %s", phase())
				}
			}
			if err := m.Reachable(c.Reach); err != nil {
				t.Error(err)
			}
			asBefore(t, m, before)
		})
	}
}
