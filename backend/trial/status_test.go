package trial_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/plan"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/sim"
	"bridgehead/backend/survey"
	"bridgehead/backend/trial"
)

// movingFiles puts the current run away as soon as its plan has been read.
type movingFiles struct {
	backend.Files
	id string
}

func (f *movingFiles) Read(path string) (backend.File, error) {
	file, err := f.Files.Read(path)
	current := filepath.Join(trial.StateDir, "current")
	if err == nil && f.id != "" && strings.HasPrefix(path, current) {
		id := f.id
		f.id = ""
		err = f.Files.Rename(current, filepath.Join(trial.StateDir, "history", id))
	}
	return file, err
}

// Whoever follows a run learns how it ended, also when it is put away while it is looked at.
func TestStatusOfARunThatIsPutAway(t *testing.T) {
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
	id, err := (&trial.Trial{Host: h, Dir: trial.StateDir}).Apply(ctx, p, 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	h.Files = &movingFiles{h.Files, id}
	s, err := (&trial.Trial{Host: h, Dir: trial.StateDir}).Status(ctx, id)
	if err != nil || s.ID != id || s.Phase != trial.Waiting {
		t.Errorf("the run is %q, %s, %v", s.ID, s.Phase, err)
	}
}

// What another version of the program wrote is left alone, with the error saying who can finish it.
func TestAnotherVersion(t *testing.T) {
	m, _ := waiting(t)
	const path = trial.StateDir + "/current/plan.json"
	text := strings.Replace(string(m.File(path).Data), `"version": 1,`, `"version": 99,`, 1)
	m.Edit(path, text)
	now := m.Snapshot()
	for name, act := range map[string]func() error{
		"confirm":  func() error { return on(m).Confirm(t.Context()) },
		"rollback": func() error { return on(m).Rollback(t.Context(), "test") },
		"boot":     func() error { return on(m).Boot(t.Context()) },
		"status":   func() error { _, err := on(m).Status(t.Context(), ""); return err },
	} {
		if err := act(); err == nil || !strings.Contains(err.Error(), "another version of bridgehead; finish it with that one") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d := plantest.Diff(now, m.Snapshot()); d != "" || !m.Armed(trial.StateDir) {
		t.Errorf("armed %t\n%s", m.Armed(trial.StateDir), d)
	}
}
