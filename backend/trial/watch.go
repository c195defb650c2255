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
//
// It goes on past errors, which are reported as events: nobody else would, where no systemd runs. What fails again and
// again, such as the removal of the guard on a read-only disk, is tried ever more rarely.
func (t *Trial) Watch(ctx context.Context) error {
	said, failed := "", 0
	for {
		pause, err := t.Look(ctx)
		if err == nil && pause == 0 {
			return nil
		}
		if err == nil {
			failed = 0
		} else {
			pause = min(time.Second<<min(failed, 4), maxPause)
			failed++
			if t.Progress != nil && err.Error() != said {
				said = err.Error()
				t.Progress(Event{Name: "watch-failed", Op: -1, Text: said})
			}
		}
		select {
		case <-t.Host.Clock.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// maxPause is how long the watch waits at most after an error: a change whose time is up waits no longer than that.
const maxPause = 15 * time.Second

// Look does what the watch does each time it looks: nothing, or a rollback that is due. It
// returns when to look again; 0 means that there is nothing left to watch over.
func (t *Trial) Look(ctx context.Context) (again time.Duration, err error) {
	r, found, err := load(t.Host, t.current())
	if err != nil {
		return 0, err
	}
	if !found || r.phase().cleared() {
		return t.tidy(ctx)
	}
	again = r.patience()
	due := t.expire
	switch {
	case r.overdue() != "":
	case r.phase() == Staged && r.cutOff(ctx):
		due = t.unstage
	default:
		return again, nil
	}
	var incomplete *IncompleteError
	switch err := due(ctx, r.meta.ID); {
	case errors.Is(err, backend.ErrLocked):
		return again, t.free(ctx, r)
	case errors.As(err, &incomplete):
		if incomplete.unwritten != nil {
			return 0, err // it would be tried again without a pause, and for ever
		}
		return again, nil // what stood in the way may come back
	case err != nil:
		return 0, err
	}
	if r.phase() == Booting {
		return again, nil // the network is not up yet
	}
	return soon, nil // somebody else may have been quicker: look what has become of it
}

// StandIn does what the watch does, for somebody who follows the run and finds in its status that none runs: it was ended
// without systemd to start it again, or the operator has stopped it.
func (t *Trial) StandIn(ctx context.Context, s Status) error {
	if s.Phase.Over() || s.Guard != "" {
		return nil
	}
	_, err := t.Look(ctx)
	return err
}

// tidy puts away what a process left that died when all was over, and the guard itself. Under the
// lock, since the next run may have begun.
func (t *Trial) tidy(ctx context.Context) (again time.Duration, err error) {
	release, err := t.lock(ctx, 0)
	if errors.Is(err, backend.ErrLocked) {
		return time.Second, nil
	}
	if err != nil {
		return 0, err
	}
	defer release()
	r, found, err := load(t.Host, t.current())
	switch {
	case err != nil:
		return 0, err
	case !found:
		_, err = t.disarm(ctx)
		return 0, err
	case r.phase().cleared():
		_, err = t.end(ctx, r)
		return 0, err
	}
	return soon, nil
}

// soon is the pause where something is about to happen.
const soon = 10 * time.Millisecond

// patience is how long nothing can happen that the watch has to act upon.
func (r *run) patience() time.Duration {
	if left, ok := r.remaining(); ok && r.phase() == Waiting {
		return min(max(left, soon), time.Second)
	}
	if r.phase() == Incomplete { // again and again, ever more rarely
		return min(time.Second<<min(r.attempts(), 6), time.Minute)
	}
	return time.Second
}

// attempts counts how often this boot has tried to take the run back.
func (r *run) attempts() int {
	n := 0
	for _, rec := range r.records {
		if rec.Event == evIncomplete && rec.Boot == r.host.Clock.BootID() {
			n++
		}
	}
	return n
}

// overdue says why the run should be taken back, if nobody works on it: an applying,
// confirming or rolling-back process holds the lock as long as it lives.
func (r *run) overdue() string {
	switch r.phase() {
	case Applying:
		return "bridgehead ended before everything was applied"
	case Confirming:
		return "bridgehead ended before everything was written"
	case RollingBack, Incomplete:
		return "the rollback was interrupted"
	case Staged:
		if r.fromEarlierBoot() {
			return "the boot unit did not begin the change that was staged for this boot"
		}
	case Booting:
		return "the host is coming up with the change"
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
	if r.phase() == Booting && !r.fromEarlierBoot() {
		_, err := t.settle(ctx, r)
		return taken(err)
	}
	return taken(t.rollback(ctx, r, reason))
}

// taken is the error of a rollback to somebody for whom a complete one is a success.
func taken(err error) error {
	var done *RolledBackError
	if errors.As(err, &done) {
		return nil
	}
	return err
}
