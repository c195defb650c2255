package steps

import (
	"context"
	"errors"
	"time"

	"bridgehead/backend/trial"
)

// run is what is known of the change that this wizard looks at: its own, or one it met.
type run struct {
	id       string
	status   trial.Status // Phase "" as long as nothing was tried
	deadline time.Time    // of confirmation; zero where none runs
	err      error        // how it ended, where it did not end well
	met      bool         // it was there before this wizard
	left     []string     // what the last rollback could not restore; the guard may be at it again
}

// look is what was read about the run at one moment.
type look struct {
	status trial.Status
	at     time.Time
	err    error
}

// lookAt reads the run with this id, or the current one.
func lookAt(t *trial.Trial, id string) look {
	s, err := t.Status(context.Background(), id)
	return look{s, time.Now(), err}
}

// follow takes up what was just read, and how the run ended, if it did.
func (r *run) follow(l look) {
	if l.err != nil {
		return
	}
	r.id, r.status, r.deadline = l.status.ID, l.status, time.Time{}
	switch s := l.status; s.Phase {
	case trial.Waiting:
		r.deadline = l.at.Add(s.Remaining)
	case trial.Confirmed:
		r.err = nil
	case trial.RolledBack:
		r.err, r.left = &trial.RolledBackError{Reason: s.Reason, Notes: s.Notes}, nil
	case trial.Incomplete:
		r.left = s.Left
		r.err = &trial.IncompleteError{Reason: s.Reason, Left: s.Left}
	}
}

// end takes up the error with which an attempt ended. It counts more than what could be read of the run.
func (r *run) end(err error) {
	var (
		unchanged  *trial.UnchangedError
		rolledBack *trial.RolledBackError
		incomplete *trial.IncompleteError
	)
	switch {
	case err == nil:
		return
	case errors.As(err, &unchanged):
		*r = run{}
	case errors.As(err, &rolledBack):
		r.status.Phase, r.status.Reason, r.status.Notes = trial.RolledBack, rolledBack.Reason, rolledBack.Notes
	case errors.As(err, &incomplete):
		r.status.Phase, r.status.Reason, r.left = trial.Incomplete, incomplete.Reason, incomplete.Left
	}
	r.err = err
}

// unfinished says that a rollback could not restore everything, and that nobody has since.
func (r *run) unfinished() bool { return len(r.left) > 0 }

// failed says that there is nothing to confirm.
func (r *run) failed() bool {
	return r.err != nil || r.unfinished()
}
