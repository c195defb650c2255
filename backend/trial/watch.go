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
		pause, err := t.Look(ctx)
		if err != nil || pause == 0 {
			return err // an unreadable journal ends it too: nothing is guessed
		}
		select {
		case <-t.Host.Clock.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Look does what the watch does each time it looks: nothing, or a rollback that is due. It
// returns when to look again; 0 means that there is nothing left to watch over.
func (t *Trial) Look(ctx context.Context) (again time.Duration, err error) {
	r, found, err := load(t.Host, t.current())
	if err != nil || !found || r.phase().Over() {
		return 0, err
	}
	if r.overdue() != "" {
		err := t.expire(ctx, r.meta.ID)
		if err != nil && !errors.Is(err, backend.ErrLocked) {
			return 0, err
		}
		if err == nil {
			return 10 * time.Millisecond, nil // somebody else may have been quicker: look what has become of it
		}
	}
	if left, ok := r.remaining(); ok && r.phase() == Waiting {
		return min(max(left, 10*time.Millisecond), time.Second), nil
	}
	return time.Second, nil
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
