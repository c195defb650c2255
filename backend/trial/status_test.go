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
