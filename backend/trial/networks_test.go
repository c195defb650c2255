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

// libvirtd dies in the middle of an apply and is started anew once the bridge has gone again: it takes the network on that
// bridge for inactive, which ran before and was not touched yet. It runs again.
func TestNetworkRunsAgainAfterLibvirtd(t *testing.T) {
	c, s := plantest.One("port-groups"), stageNamed("apply")
	sc := open(t, c, s, c.Plan(t, c.Machine()))
	sc.m.Fault(func(p sim.Point) error {
		if strings.Contains(p.What, "ip route del") {
			sc.m.Stop(sim.Libvirtd)
		}
		return nil
	})
	err := s.act(t.Context(), on(sc.m), sc.p)
	var incomplete *trial.IncompleteError
	if !errors.As(err, &incomplete) {
		t.Fatalf("without libvirtd: %v", err)
	}
	heal(sc.m)
	asBefore(t, sc.m, sc.start)
}

// The power goes before the plan's network is reached, which runs and is not started with the host: it ran, and runs again.
func TestNetworkRunsAgainAfterAPowerCut(t *testing.T) {
	c := plantest.One("default-removed")
	m := c.Machine()
	h := m.Host()
	must(t, h.Virt.AutostartNetwork(t.Context(), "default", false))
	must(t, h.Virt.Sync(t.Context()))
	m.OnBoot(func() { _ = on(m).Boot(t.Context()) })
	m.Fault(func(p sim.Point) error {
		if strings.Contains(p.What, "add-br") && p.When == sim.After {
			m.PowerCut(time.Minute)
		}
		return nil
	})
	_, err := on(m).Apply(t.Context(), c.Plan(t, m), window)
	if err == nil {
		t.Fatal("it was applied in spite of the power cut")
	}
	heal(m)
	if why := guard(m); why != "" {
		t.Fatal(why)
	}
	st, err := m.Host().Virt.State(t.Context())
	must(t, err)
	if len(st.Networks) != 1 || !st.Networks[0].Active || st.Networks[0].Autostart {
		t.Errorf("the networks are %+v", st.Networks)
	}
}
