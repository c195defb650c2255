package trial

import (
	"context"
	"errors"
	"fmt"
)

// Accept ends a run whose rollback was not complete: the operator has put the rest in
// order, or likes it as it is. Nothing on the host is changed but that the guard goes.
func (t *Trial) Accept(ctx context.Context) error {
	release, err := t.lock(ctx, lockTime)
	if err != nil {
		return fmt.Errorf("cannot accept: %w", err)
	}
	defer release()
	r, found, err := load(t.Host, t.current())
	if err != nil {
		return err
	}
	if !found || r.phase() != Incomplete {
		return errors.New("there is no incomplete rollback to accept; see bridgehead status")
	}
	r.onRecord = t.report
	rec, _ := r.last(evRollback)
	if err := r.write(evRolledBack, func(x *record) {
		x.Text, x.Left = rec.Text+"; the operator accepted what was left", r.leftOver()
	}); err != nil {
		return err
	}
	t.finish(ctx, r)
	return nil
}

// leftOver is what the last attempt to roll back could not restore.
func (r *run) leftOver() []string {
	rec, _ := r.last(evIncomplete)
	return rec.Left
}
