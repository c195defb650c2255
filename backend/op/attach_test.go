package op_test

import (
	"context"
	"errors"
	"testing"
	"time"

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
	for host, kind := range map[string]string{"static": new(op.AttachNIC).Kind(), "lacp": new(op.AddBond).Kind()} {
		c := plantest.One(host)
		m := c.Machine()
		h := m.Host()
		s := &failsOnce{Switch: h.Switch}
		for _, o := range c.Plan(t, m).Ops(plan.Trial) {
			must(t, o.Do(t.Context(), h))
			if o.Kind() == kind {
				h.Switch = s
				must(t, o.Undo(t.Context(), h))
				break
			}
		}
		if !s.failed || s.released {
			t.Errorf("%s: failed %t, taken by force %t", kind, s.failed, s.released)
		}
	}
}

// promiscuous are links on which a NIC is so.
type promiscuous struct {
	backend.Links
	nic string
}

func (x promiscuous) List(ctx context.Context) ([]backend.Link, error) {
	links, err := x.Links.List(ctx)
	for i := range links {
		links[i].Promisc = links[i].Name == x.nic
	}
	return links, err
}

// A NIC that an ovs-vswitchd that died has left promiscuous is released by the next one's undo, also as a member of a bond;
// one that was promiscuous before stays so.
func TestUndoEndsPromiscuousMode(t *testing.T) {
	for host, nic := range map[string]string{"static": "eth0", "lacp": "eth1"} {
		for _, was := range []bool{false, true} {
			c := plantest.One(host)
			m := c.Machine()
			h := m.Host()
			s := &failsOnce{Switch: h.Switch, failed: true}
			if was {
				h.Links = promiscuous{h.Links, nic}
			}
			p, err := plantest.Build(h, c.Answers)
			must(t, err)
			for _, o := range p.Ops(plan.Trial) {
				must(t, o.Do(t.Context(), h))
				if k := o.Kind(); k == new(op.AttachNIC).Kind() || k == new(op.AddBond).Kind() {
					h.Switch, h.Links = s, promiscuous{m.Host().Links, nic}
					must(t, o.Undo(t.Context(), h))
					break
				}
			}
			if s.released == was {
				t.Errorf("%s of %s: it was promiscuous %t, and is released %t", nic, host, was, s.released)
			}
		}
	}
}

// withoutDatabase is a switch whose ovsdb-server is dead.
type withoutDatabase struct {
	backend.Switch
	released bool
}

func (s *withoutDatabase) State(context.Context) (backend.SwitchState, error) {
	return backend.SwitchState{Reason: "connection refused"}, nil
}

func (s *withoutDatabase) Release(context.Context, string) error {
	s.released = true
	return nil
}

// hanging is a switch whose database takes what it is told, and whose ovs-vswitchd does not answer.
type hanging struct {
	withoutDatabase
}

func (s *hanging) State(ctx context.Context) (backend.SwitchState, error) { return s.Switch.State(ctx) }

func (s *hanging) Transact(ctx context.Context, args ...string) error {
	if err := s.Switch.Transact(ctx, args...); err != nil {
		return err
	}
	return &backend.TimeoutError{What: "ovs-vsctl", After: time.Second}
}

// A rollback frees the NIC whatever is dead, for the host's connection depends on it. An undo leaves it where it works: it
// fails instead, and is rolled back to that.
func TestUndoTakesNothingByForce(t *testing.T) {
	for host, kind := range map[string]string{"static": new(op.AttachNIC).Kind(), "lacp": new(op.AddBond).Kind()} {
		c := plantest.One(host)
		m := c.Machine()
		h := m.Host()
		found := false
		for _, o := range c.Plan(t, m).Ops(plan.Trial) {
			must(t, o.Do(t.Context(), h))
			if o.Kind() != kind {
				continue
			}
			found = true
			late := &hanging{withoutDatabase{Switch: h.Switch}}
			s := &withoutDatabase{Switch: h.Switch}
			h.Switch = s
			if err := (&op.Inverse{Of: o}).Do(t.Context(), h); err == nil || s.released {
				t.Errorf("undo of %s: %v, taken by force %t", kind, err, s.released)
			}
			h.Switch = late
			if err := (&op.Inverse{Of: o}).Do(t.Context(), h); err == nil || late.released {
				t.Errorf("undo of %s while ovs-vswitchd hangs: %v, taken by force %t", kind, err, late.released)
			}
			h.Switch = s
			if _ = o.Undo(t.Context(), h); !s.released {
				t.Errorf("rollback of %s leaves the NIC where it is", kind)
			}
			break
		}
		if !found {
			t.Errorf("there is no %s", kind)
		}
	}
}
