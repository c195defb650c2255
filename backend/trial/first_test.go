package trial_test

import (
	"testing"

	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/trial"
)

func TestFirst(t *testing.T) {
	for _, c := range plantest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			m := c.Machine()
			if err := m.Reachable(c.Reach); err != nil {
				t.Error("before", err)
			}
			p := c.Plan(t, m)
			before := m.Snapshot()
			tr := &trial.Trial{Host: m.Host(), Dir: trial.StateDir}
			a := m.Points()
			_, err := tr.Apply(t.Context(), p, 600e9)
			if err != nil {
				t.Fatal(err)
			}
			t.Log("points", m.Points()-a)
			if err := m.Reachable(c.Reach); err != nil {
				t.Error("during", err)
			}
			r, err := tr.Checks(t.Context())
			for _, x := range r {
				if x.State != "ok" {
					t.Error(x, err)
				}
			}
			if err := tr.Rollback(t.Context(), "test"); err != nil {
				t.Error(err)
			}
			if m.Snapshot() != before {
				t.Error(plantest.Diff(before, m.Snapshot()))
			}
			if _, err = tr.Apply(t.Context(), p, 600e9); err != nil {
				t.Fatal(err)
			}
			if err := tr.Confirm(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err = tr.Undo(t.Context(), "", 600e9); err != nil {
				t.Fatal(err)
			}
			if err := tr.Rollback(t.Context(), "test"); err != nil {
				t.Error(err)
			}
			if _, err = tr.Undo(t.Context(), "", 600e9); err != nil {
				t.Fatal(err)
			}
			if err := tr.Confirm(t.Context()); err != nil {
				t.Error(err)
			}
			if m.Snapshot() != before {
				t.Error(plantest.Diff(before, m.Snapshot()))
			}
		})
	}
}
