package trial_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/sim"
	"bridgehead/backend/trial"
)

// A power cut right after the end of a change loses nothing of it that libvirt or Open vSwitch keeps, either way.
func TestDurableAtItsEnd(t *testing.T) {
	for _, name := range []string{"confirm", "rollback", "confirm the undo", "roll the undo back"} {
		for _, host := range []string{"static", "default-removed", "vms"} {
			t.Run(host+"/"+name, func(t *testing.T) {
				c, s := plantest.One(host), stageNamed(name)
				sc := open(t, c, s, c.Plan(t, c.Machine()))
				must(t, s.act(t.Context(), on(sc.m), sc.p))
				calm := open(t, c, s, c.Plan(t, c.Machine()))
				must(t, s.act(t.Context(), on(calm.m), calm.p))
				sc.m.PowerCut(time.Minute)
				calm.m.Reboot()
				if d := plantest.Diff(calm.m.Snapshot(), sc.m.Snapshot()); d != "" {
					t.Errorf("after the power cut\n%s", d)
				}
			})
		}
	}
}

// ovs-vswitchd dies while the undo of a kernel bond is rolled back, once the bridge is there again: what could not be
// made without it is made when it is back.
func TestKernelBondComesBackAfterVswitchd(t *testing.T) {
	c, s := plantest.One("kernel-bond"), stageNamed("roll the undo back")
	sc := open(t, c, s, c.Plan(t, c.Machine()))
	sc.m.Fault(func(p sim.Point) error {
		if strings.Contains(p.What, "add-br") && p.When == sim.After {
			sc.m.Stop(sim.Vswitchd)
		}
		return nil
	})
	err := s.act(t.Context(), on(sc.m), sc.p)
	var incomplete *trial.IncompleteError
	if !errors.As(err, &incomplete) {
		t.Fatalf("without ovs-vswitchd: %v", err)
	}
	heal(sc.m)
	if why := guard(sc.m); why != "" {
		t.Fatal(why)
	}
	if why := sc.settled(err); why != "" {
		t.Error(why)
	}
}

// A host that is switched off while a rollback is not complete tries again as it boots, and then is as it was.
func TestIncompleteIsTriedAgainAtBoot(t *testing.T) {
	for name, harm := range map[string]func(*sim.Machine){
		"ovsdb-server dead": func(m *sim.Machine) { m.Stop(sim.OVSDB) },
		"ovsdb-server hung": func(m *sim.Machine) { m.Hang(sim.OVSDB) },
		"libvirtd dead":     func(m *sim.Machine) { m.Stop(sim.Libvirtd) },
		"libvirtd hung":     func(m *sim.Machine) { m.Hang(sim.Libvirtd) },
	} {
		for _, host := range []string{"static", "default-removed"} {
			if strings.HasPrefix(name, "libvirtd") && host == "static" {
				continue
			}
			t.Run(host+"/"+name, func(t *testing.T) {
				c, s := plantest.One(host), stageNamed("rollback")
				p := c.Plan(t, c.Machine())
				sc := open(t, c, s, p)
				sc.start = restarted(t, c, stageNamed("apply"), p)
				harm(sc.m)
				err := s.act(t.Context(), on(sc.m), p)
				var incomplete *trial.IncompleteError
				if !errors.As(err, &incomplete) || len(incomplete.Left) == 0 {
					t.Fatalf("with %s the rollback says %v", name, err)
				}
				sc.m.PowerCut(time.Minute)
				heal(sc.m)
				if why := guard(sc.m); why != "" {
					t.Fatal(why)
				}
				if why := sc.settled(err); why != "" {
					t.Error(why)
				}
			})
		}
	}
}
