package trial

import (
	"context"
	"time"

	"bridgehead/backend/op"
)

// lateTime is how long libvirt may take to carry out what it was asked to: as long as a bridgehead that lives waits for it.
const lateTime = opTime

// outlast waits until libvirt no longer carries out what a bridgehead that has died asked of it, and takes that back once
// more: nobody gets the answer, and the host would be compared before it comes. What of the host's own network is to be taken
// back does not wait for it.
func (r *run) outlast(ctx context.Context) error {
	i, end, ok := r.unanswered()
	left := end - r.host.Clock.Boottime()
	if !ok || left <= 0 {
		return nil
	}
	<-r.host.Clock.After(left)
	return r.undo(ctx, i)
}

// unanswered is the operation in libvirt that another bridgehead was at in this boot and did not get done, and the time
// since boot until which it may yet come.
func (r *run) unanswered() (i int, end time.Duration, ok bool) {
	at := map[int]record{} // by who was at it
	for _, rec := range r.records {
		switch {
		case rec.Op < 0 || rec.Op >= len(r.plan.Items) || r.plan.Items[rec.Op].Op.Lasts() != op.InLibvirt,
			rec.Boot != r.host.Clock.BootID() || rec.PID == r.host.Processes.Self():
		case rec.Event == evDoing, rec.Event == evUndoing:
			at[rec.PID] = rec
		case rec.Event == evDone, rec.Event == evUndone:
			delete(at, rec.PID)
		}
	}
	for _, rec := range at {
		if !ok || rec.At+lateTime > end {
			i, end, ok = rec.Op, rec.At+lateTime, true
		}
	}
	return i, end, ok
}
