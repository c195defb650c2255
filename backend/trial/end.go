package trial

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// GuardLeft is the event that says, in words for the operator, that a run has ended but something of its guard could not
// be removed.
const GuardLeft = "guard-left"

// finish ends a run whose outcome the journal has, durably: from that line on no guard takes anything back, whatever
// is left of it. What could not be removed the operator is told, and the watch or the next change removes it.
func (t *Trial) finish(ctx context.Context, r *run) {
	left, err := t.end(ctx, r)
	if err == nil {
		return
	}
	_ = r.write(GuardLeft, func(rec *record) { rec.Text = remains(r.phase(), err, strings.Join(left, ", ")) })
}

// end puts a finished run away and sends the guard home. It returns what is left of that.
func (t *Trial) end(ctx context.Context, r *run) (left []string, err error) {
	err = t.putAway(r)
	left, stays := t.disarm(ctx)
	return left, errors.Join(err, stays)
}

// disarm sends the guard home, and looks whether it has gone.
func (t *Trial) disarm(ctx context.Context) (left []string, err error) {
	err = t.Host.Guard.Disarm(ctx, t.Dir)
	left = t.Host.Guard.Left(ctx, t.Dir)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("cannot remove the rollback guard: %s is still there", strings.Join(left, ", "))
	}
	return left, err
}

// putAway moves a finished run into the history, or forgets one that changed nothing.
func (t *Trial) putAway(r *run) error {
	if r.phase() == None {
		return t.Host.Files.RemoveAll(t.current())
	}
	t.writeReport(r)
	if err := t.Host.Files.Rename(t.current(), t.history(r.meta.ID)); err != nil {
		return fmt.Errorf("cannot put the run away: %w", err)
	}
	r.dir = t.history(r.meta.ID)
	return nil
}

// remains says that something of a run that has ended is still there, that it does nothing, and who removes it.
func remains(end Phase, err error, left string) string {
	kept := "The change has been taken back."
	if end == Confirmed {
		kept = "The change is kept."
	}
	why := strings.ReplaceAll(err.Error(), "\n", "; ")
	if left == "" {
		return kept + " Not all of its record could be put away: " + why +
			". Nothing more is taken back, and the next change puts it away; nothing has to be done."
	}
	return kept + " Its rollback guard could not be removed: " + why + ". Still there: " + left +
		". It takes nothing back any more. The guard, if it still runs, or else the next change removes it; nothing has to be done."
}

// stillThere keeps what a status says of the guard's remains as long as there are any.
func (t *Trial) stillThere(ctx context.Context, s Status) Status {
	if s.Remains != "" && len(t.Host.Guard.Left(ctx, t.Dir)) == 0 {
		s.Remains = ""
	}
	return s
}
