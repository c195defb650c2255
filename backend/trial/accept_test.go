package trial_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"bridgehead/backend/answers"
	"bridgehead/backend/plan"
	"bridgehead/backend/sim"
	"bridgehead/backend/survey"
	"bridgehead/backend/trial"
)

// Whoever has put an incomplete rollback in order by hand can say so: the guard goes, nothing else is touched.
func TestAcceptWhatIsLeft(t *testing.T) {
	ctx := context.Background()
	m := sim.Demo()
	m.Hurry(true)
	h := m.Host()
	f, err := survey.Take(ctx, h, survey.Options{Root: true})
	if err != nil {
		t.Fatal(err)
	}
	a := answers.Default()
	a.Uplink.NICs = []string{"eth0"}
	p, err := plan.Build(f, a)
	if err != nil {
		t.Fatal(err)
	}
	tr := &trial.Trial{Host: h, Dir: trial.StateDir}
	if err := tr.Accept(ctx); err == nil {
		t.Fatal("accepted, with nothing to accept")
	}
	if _, err := tr.Apply(ctx, p, 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := tr.Accept(ctx); err == nil {
		t.Fatal("accepted a change that waits for confirmation")
	}
	m.Plug("eth0", false) // the gateway cannot answer
	var incomplete *trial.IncompleteError
	if err := tr.Rollback(ctx, "a test"); !errors.As(err, &incomplete) {
		t.Fatalf("rolled back without a cable: %v", err)
	}
	before := m.Snapshot()
	if err := tr.Accept(ctx); err != nil {
		t.Fatal(err)
	}
	if m.Snapshot() != before {
		t.Error("accepting changed the host")
	}
	if s, err := tr.Status(ctx, ""); err != nil || s.Phase != trial.None || m.Armed(trial.StateDir) {
		t.Errorf("still %s, armed %t, %v", s.Phase, m.Armed(trial.StateDir), err)
	}
}
