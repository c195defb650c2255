package op_test

import (
	"context"
	"errors"
	"testing"

	"bridgehead/backend"
	"bridgehead/backend/op"
	"bridgehead/backend/plan"
	"bridgehead/backend/plan/plantest"
)

// failsOnce is a switch that lives and fails one transaction.
type failsOnce struct {
	backend.Switch
	failed, released bool
}

func (s *failsOnce) Transact(ctx context.Context, args ...string) error {
	if !s.failed {
		s.failed = true
		return errors.New("ovs-vsctl failed")
	}
	return s.Switch.Transact(ctx, args...)
}

func (s *failsOnce) Release(ctx context.Context, nic string) error {
	s.released = true
	return s.Switch.Release(ctx, nic)
}

// A command that fails once, while both daemons live, is no reason to take the NIC away from ovs-vswitchd by force: that
// would end it, and the undo of a confirmed change could not be rolled back any more.
func TestDetachTriesAgainBeforeItForces(t *testing.T) {
	c := plantest.One("static")
	m := c.Machine()
	h := m.Host()
	for _, o := range c.Plan(t, m).Ops(plan.Trial) {
		must(t, o.Do(t.Context(), h))
		if o.Kind() != new(op.AttachNIC).Kind() {
			continue
		}
		s := &failsOnce{Switch: h.Switch}
		h.Switch = s
		must(t, o.Undo(t.Context(), h))
		if !s.failed || s.released {
			t.Errorf("failed %t, taken by force %t", s.failed, s.released)
		}
		return
	}
	t.Error("there is no NIC to attach")
}
