package trial_test

import (
	"context"
	"strings"
	"testing"

	"bridgehead/backend/plan"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/trial"
)

// since is what an operator has set in Open vSwitch after the change was kept.
const since = `set Bridge examplebr0 mcast_snooping_enable=true other_config:mac-aging-time=60 -- remove Bridge examplebr0 other_config hwaddr -- set Port examplebr0 external_ids:a=b -- ` +
	`set Interface examplebr0p1 ingress_policing_rate=1000 -- set Port UPLINK trunks=[0,10] vlan_mode=trunk -- set Interface eth0 lldp:enable=true`

// undoAccepted is the undo of somebody who has seen every difference.
func undoAccepted(ctx context.Context, tr *trial.Trial, _ plan.Plan) error {
	back, err := tr.Return(ctx, "")
	if err == nil {
		_, err = tr.Undo(ctx, "", window, back.Drift)
	}
	return err
}

// changed plays everything before the undo, or its rollback, of a switch that was changed since.
func changed(t *testing.T, c plantest.Case, s stage, p plan.Plan, reboot bool) scene {
	t.Helper()
	sc := open(t, c, stageNamed("undo"), p)
	uplink := "eth0"
	if p.Answers.Bond != nil {
		uplink = p.Answers.Bond.Name
	}
	must(t, sc.m.Host().Switch.Transact(tctx, strings.Fields(strings.ReplaceAll(since, "UPLINK", uplink))...))
	must(t, sc.m.Host().Switch.Sync(tctx))
	if reboot {
		sc.m.Reboot()
	}
	sc.s, sc.start = s, sc.m.Snapshot()
	if s.name != "undo" && !reboot {
		must(t, undoAccepted(tctx, on(sc.m), p))
	}
	return sc
}

// Whatever goes wrong while an undo takes away what somebody has set in Open vSwitch since, or while that undo is taken
// back: the host is as it was when the undo began.
func TestMatrixOfAChangedSwitch(t *testing.T) {
	undo, rollback := stageNamed("undo"), stageNamed("roll the undo back")
	undo.act = undoAccepted
	for _, host := range []string{"static", "lacp", "active-backup"} {
		for _, s := range []stage{undo, rollback} {
			t.Run(host+"/"+s.name, func(t *testing.T) {
				t.Parallel()
				c := plantest.One(host)
				p := c.Plan(t, c.Machine())
				dry := changed(t, c, s, p, false)
				first := dry.m.Points()
				_ = s.act(t.Context(), on(dry.m), p) // a rollback says so by an error
				booted := changed(t, c, s, p, true).start
				tried := 0
				for _, f := range faults {
					for n := first; n < dry.m.Points(); n++ {
						if (n-first)%every(c, f) != 0 {
							continue
						}
						sc := changed(t, c, s, p, false)
						if f.name == "power cut" {
							sc.start = booted
						}
						if _, where, why := sc.strike(t, f, n); why != "" {
							t.Errorf("%s at %s: %s", f.name, where, why)
						}
						tried++
					}
				}
				t.Logf("%d faults", tried)
			})
		}
	}
}
