package trial

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// stuckTime is how long a process may hold the lock without a line in the journal, past the time at which the run is to be
// taken back: nothing that it does takes so long (dhcpTime, slowTime).
const stuckTime = 5 * time.Minute

// free ends a bridgehead that holds the lock and goes on with nothing: one that was stopped (SIGSTOP), or that waits for a
// terminal or a disk that hangs. Nobody could take the run back as long as it lives.
func (t *Trial) free(ctx context.Context, r *run) error {
	if !r.stuck() {
		return nil
	}
	pid, err := t.Host.Files.Holder(filepath.Join(t.Dir, "lock"))
	if err != nil || pid == 0 || pid == t.Host.Processes.Self() {
		return err
	}
	if t.Progress != nil {
		t.Progress(Event{Name: "freed", Op: -1, Text: fmt.Sprintf("process %d holds the lock and has not gone on for %s; it is ended", pid, stuckTime)})
	}
	return t.Host.Processes.Kill(ctx, pid)
}

// stuck says that nobody has gone on with the run, which is overdue, for too long.
func (r *run) stuck() bool {
	if len(r.records) == 0 {
		return false
	}
	last := r.records[len(r.records)-1]
	if last.Boot != r.host.Clock.BootID() {
		return false
	}
	since := last.At
	if rec, ok := r.last(evWaiting, evExtended); ok && r.phase() == Waiting { // until its time is up there is nothing to do
		since = max(since, rec.Deadline)
	}
	return r.host.Clock.Boottime() >= since+stuckTime
}
