package trial_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/op"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/sim"
)

// slow is a clock by which something happens while others wait.
type slow struct {
	backend.Clock
	happens func()
}

func (c slow) After(d time.Duration) <-chan time.Time {
	ch := c.Clock.After(d)
	c.happens()
	return ch
}

// The bridgehead is killed while libvirt is busy, and libvirt does what it was asked only when the rollback has taken back
// all that there was: it is taken back, too, and nobody says before that all is as it was.
func TestLibvirtAnswersADeadBridgehead(t *testing.T) {
	for _, name := range []string{"apply", "rollback"} {
		t.Run(name, func(t *testing.T) {
			c, s := plantest.One("static"), stageNamed(name)
			p := c.Plan(t, c.Machine())
			sc := open(t, c, s, p)
			var define *op.DefineNetwork
			for _, i := range p.Items {
				if o, ok := i.Op.(*op.DefineNetwork); ok {
					define = o
				}
			}
			killed := false
			sc.m.Fault(func(at sim.Point) error {
				if !killed && at.When == sim.Before && strings.Contains(at.What, "net-") {
					killed = true
					return sim.ErrKilled
				}
				return nil
			})
			told := s.act(t.Context(), on(sc.m), p)
			sc.m.ClearFaults()
			w := on(sc.m)
			virt, end, late := sc.m.Host().Virt, w.Host.Clock.Boottime()+20*time.Second, false
			w.Host.Clock = slow{w.Host.Clock, func() {
				if !late && sc.m.Host().Clock.Boottime() >= end {
					late = true
					must(t, virt.DefineNetwork(context.Background(), define.XML))
				}
			}}
			for pause := time.Second; pause != 0; {
				var err error
				pause, err = w.Look(t.Context())
				must(t, err)
				<-w.Host.Clock.After(pause)
			}
			if !killed || !late {
				t.Fatalf("killed %t, late %t", killed, late)
			}
			if why := sc.settled(told); why != "" {
				t.Error(why)
			}
		})
	}
}
