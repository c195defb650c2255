package trial_test

import (
	"context"
	"testing"
	"time"

	"bridgehead/backend/answers"
	"bridgehead/backend/plan"
	"bridgehead/backend/sim"
	"bridgehead/backend/survey"
	"bridgehead/backend/trial"
)

func TestSmoke(t *testing.T) {
	ctx := context.Background()
	m := sim.Demo()
	m.Hurry(true)
	h := m.Host()
	f, err := survey.Take(ctx, h, survey.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a := answers.Default()
	a.Uplink.NICs = []string{"eth0"}
	a.Libvirt = &answers.Libvirt{Network: "examplebr0", Default: answers.DefaultKeep}
	p, err := plan.Build(f, a)
	if err != nil {
		t.Fatal(err)
	}
	before := m.Snapshot()
	tr := &trial.Trial{Host: h, Dir: trial.StateDir, Progress: func(e trial.Event) { t.Log(e) }}
	if _, err := tr.Apply(ctx, p, 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	r, err := tr.Checks(ctx)
	t.Log(r, err)
	if err := tr.Rollback(ctx, "test"); err != nil {
		t.Fatal(err)
	}
	if m.Snapshot() != before {
		t.Log(before, m.Snapshot())
	}
	time.Sleep(0)
	if _, err := tr.Apply(ctx, p, 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := tr.Confirm(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Undo(ctx, "", time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := tr.Confirm(ctx); err != nil {
		t.Fatal(err)
	}
	if m.Snapshot() != before {
		t.Log(before, m.Snapshot())
	}
}
