package trial

import (
	"context"
	"errors"
	"time"

	"bridgehead/backend"
)

// Watch is what the guard runs: it takes the current run back when its time is
// up, or when the process that worked on it has died. It returns when there is
// nothing left to watch over.
func (t *Trial) Watch(ctx context.Context) error {
	for {
		r, found, err := load(t.Host, t.current())
		if err != nil {
			return err // the journal is unreadable: nothing is guessed
		}
		if !found || r.phase().Over() {
			return nil
		}
		pause := time.Second
		switch reason := r.overdue(); {
		case reason != "":
			err := t.expire(ctx, r.meta.ID)
			if err == nil {
				continue // look again: somebody else may have been quicker
			}
			if !errors.Is(err, backend.ErrLocked) {
				return err
			}
		case r.phase() == Waiting:
			if left, ok := r.remaining(); ok && left < pause {
				pause = max(left, 10*time.Millisecond)
			}
		}
		select {
		case <-t.Host.Clock.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// overdue says why the run should be taken back, if nobody works on it: an applying,
// confirming or rolling-back process holds the lock as long as it lives.
func (r *run) overdue() string {
	switch r.phase() {
	case Applying:
		return "bridgehead ended before everything was applied"
	case Confirming:
		return "bridgehead ended before everything was written"
	case RollingBack:
		return "the rollback was interrupted"
	case Waiting:
		left, ok := r.remaining()
		if !ok {
			return "the host was restarted before the change was confirmed"
		}
		if left <= 0 {
			return "nobody confirmed in time"
		}
	}
	return ""
}

// expire takes the run id back, if it still is overdue once the lock is held.
func (t *Trial) expire(ctx context.Context, id string) error {
	release, err := t.lock(ctx, 0)
	if err != nil {
		return err
	}
	defer release()
	r, found, err := load(t.Host, t.current())
	if err != nil || !found || r.meta.ID != id {
		return err
	}
	reason := r.overdue()
	if reason == "" {
		return nil
	}
	r.onRecord = t.report
	err = t.rollback(ctx, r, reason)
	var done *RolledBackError
	if errors.As(err, &done) {
		return nil
	}
	return err
}
