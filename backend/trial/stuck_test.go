package trial_test

import (
	"testing"
	"time"

	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/sim"
	"bridgehead/backend/trial"
)

// A bridgehead that is stopped, or hangs, at any of its changes keeps the lock: the guard ends it and takes the run back.
func TestStuckBridgeheadIsEnded(t *testing.T) {
	for _, name := range []string{"apply", "confirm", "rollback", "confirm the undo"} {
		c, s := plantest.One("static"), stageNamed(name)
		p := c.Plan(t, c.Machine())
		dry := open(t, c, s, p)
		must(t, s.act(t.Context(), on(dry.m), p))
		cases := 0
		for n := 0; ; n += 3 {
			sc := open(t, c, s, p)
			sc.confirm = dry.m.Snapshot()
			from, met := sc.m.Points(), false
			wait := func() { // half an hour, in which the guard looks
				for range 15 {
					sc.m.Advance(2 * time.Minute)
					if _, err := on(sc.m).Look(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			pending := func() bool {
				now, _ := on(sc.m).Status(t.Context(), "")
				return now.Phase != trial.None && !now.Phase.Over()
			}
			sc.m.Fault(func(at sim.Point) error {
				if at.N != from+n {
					return nil
				}
				met = true
				sc.m.ClearFaults()
				if !pending() { // nothing is changed yet, or all is over
					return nil
				}
				cases++
				if wait(); pending() {
					t.Fatalf("%s, stuck at %d: nobody took it back", name, n)
				}
				return nil
			})
			err := s.act(t.Context(), on(sc.m), sc.p)
			if !met {
				break
			}
			sc.m.ClearFaults()
			wait()
			if why := sc.settled(err); why != "" {
				t.Fatalf("%s, stuck at %d: %s", name, n, why)
			}
		}
		if cases < 3 {
			t.Errorf("%s: only %d cases", name, cases)
		}
	}
}
