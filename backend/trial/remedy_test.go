package trial_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"bridgehead/backend/answers"
	"bridgehead/backend/bond"
	"bridgehead/backend/check"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/trial"
)

// What a remedy has changed is kept, comes back when the undo is rolled back, and is taken back with the bond.
func TestRemedy(t *testing.T) {
	c := plantest.One("lacp")
	c.Spec = plantest.Tutorial // whose switch has no LACP
	for _, change := range []struct {
		finding bond.Finding
		want    string // in the database
	}{
		{bond.Finding{Remedy: bond.FallbackOn}, "lacp-fallback-ab=true"},
		{bond.Finding{Remedy: bond.UseActiveBackup}, "bond_mode: active-backup"},
		{bond.Finding{Remedy: bond.DropMembers, Members: []string{"eth1"}}, ""},
	} {
		t.Run(string(change.finding.Remedy), func(t *testing.T) {
			m, ctx := c.Machine(), context.Background()
			p := c.Plan(t, m)
			before := m.Snapshot()
			if err := on(m).Remedy(ctx, change.finding); err == nil || !strings.Contains(err.Error(), "nothing waits") {
				t.Errorf("a remedy for nothing: %v", err)
			}
			if _, err := on(m).Apply(ctx, p, window); err != nil {
				t.Fatal(err)
			}
			results, err := on(m).Checks(ctx)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(results, func(r check.Result) bool { return r.Spec.Kind == check.Bond })
			if r := results[i]; r.State != check.Waiting || len(r.Findings) == 0 || r.Findings[0].Cause != bond.NoLACP {
				t.Errorf("the check says %+v", r)
			}
			if err := on(m).Remedy(ctx, change.finding); err != nil {
				t.Fatal(err)
			}
			if err := on(m).Confirm(ctx); err != nil {
				t.Fatal(err)
			}
			kept := m.Snapshot()
			if !strings.Contains(kept, change.want) || strings.Contains(kept, "Interface eth1") != (change.finding.Remedy != bond.DropMembers) {
				t.Errorf("kept is\n%s", kept)
			}
			if _, err := on(m).Undo(ctx, "", window, nil); err != nil {
				t.Fatal(err)
			}
			if err := on(m).Rollback(ctx, "the test asks for it"); err != nil {
				t.Fatal(err)
			}
			if now := m.Snapshot(); now != kept {
				t.Errorf("the undo rolled back is not as it was kept:\n%s", now)
			}
			if _, err := on(m).Undo(ctx, "", window, nil); err != nil {
				t.Fatal(err)
			}
			if err := on(m).Confirm(ctx); err != nil {
				t.Fatal(err)
			}
			if now := m.Snapshot(); now != before {
				t.Errorf("the undo does not lead back:\n%s", now)
			}
		})
	}
}

// As long as LACP may still negotiate, the time does not run out, whatever window was asked for; and what a remedy
// changed has that time again.
func TestWindowOutlastsNegotiation(t *testing.T) {
	c := plantest.One("lacp")
	c.Spec = plantest.Tutorial // whose switch has no LACP
	m, ctx := c.Machine(), context.Background()
	_, err := on(m).Apply(ctx, c.Plan(t, m), answers.MinWindow)
	must(t, err)
	m.Hurry(false)
	waits := func(until time.Duration) {
		t.Helper()
		for at := time.Duration(0); at < until; at += time.Second {
			if _, err := on(m).Look(ctx); err != nil {
				t.Fatal(err)
			}
			if s, err := on(m).Status(ctx, ""); err != nil || s.Phase != trial.Waiting {
				t.Fatalf("after %s it is %s, %v, while LACP may still negotiate", at, s.Phase, err)
			}
			results, err := on(m).Checks(ctx)
			must(t, err)
			i := slices.IndexFunc(results, func(r check.Result) bool { return r.Spec.Kind == check.Bond })
			if got := results[i].State; (got == check.Waiting) != (at < bond.Patience) {
				t.Fatalf("after %s the bond is %s", at, got)
			}
			m.Advance(time.Second)
		}
	}
	waits(answers.HumanWindow - time.Second)
	must(t, on(m).Remedy(ctx, bond.Finding{Remedy: bond.FallbackOn}))
	waits(answers.HumanWindow - time.Second)
	m.Advance(2 * time.Second)
	m.Hurry(true)
	_, err = on(m).Look(ctx)
	must(t, err)
	if s, err := on(m).History(ctx); err != nil || s[0].Phase != trial.RolledBack {
		t.Errorf("nobody confirmed, and it is %+v, %v", s, err)
	}
}
