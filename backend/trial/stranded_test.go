package trial_test

import (
	"strings"
	"testing"
	"time"

	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/sim"
	"bridgehead/backend/trial"
)

// A VM that was started on the bridge meanwhile keeps no host on a change: the rollback is complete, by hand or by silence, and says that the VM
// has no connection and what to do. Who moved nothing is told nothing.
func TestVMStartedOnTheBridgeMeanwhile(t *testing.T) {
	const note = "VM example2 was started on examplebr0 and has no connection now; shut it down and start it again: virsh shutdown example2; virsh start example2"
	start := func(m *sim.Machine) { m.StartDomain("example2") }
	for name, x := range map[string]struct {
		meanwhile func(*sim.Machine)
		end       func(*testing.T, *sim.Machine)
		notes     string
	}{
		"rolled back": {start, func(t *testing.T, m *sim.Machine) { must(t, on(m).Rollback(tctx, "the operator asked for it")) }, note},
		"silence": {start, func(t *testing.T, m *sim.Machine) {
			if why := guard(m); why != "" {
				t.Error(why)
			}
		}, note},
		"stopped again": {func(m *sim.Machine) { start(m); m.StopDomain("example2") }, func(t *testing.T, m *sim.Machine) {
			must(t, on(m).Rollback(tctx, "the operator asked for it"))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := plantest.One("vms")
			m := c.Machine()
			id, err := on(m).Apply(tctx, c.Plan(t, m), time.Minute)
			must(t, err)
			x.meanwhile(m)
			x.end(t, m)
			s, err := on(m).Status(tctx, id)
			must(t, err)
			if s.Phase != trial.RolledBack || strings.Join(s.Notes, "\n") != x.notes {
				t.Errorf("%s, %v, left %v", s.Phase, s.Notes, s.Left)
			}
			if report := on(m).Report(s); x.notes != "" && !strings.Contains(report, x.notes) {
				t.Errorf("the report is silent about it:\n%s", report)
			}
			if text := (&trial.RolledBackError{Reason: "x", Notes: s.Notes}).Error(); !strings.Contains(text, x.notes) {
				t.Error(text)
			}
		})
	}
}
