package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bridgehead/backend/check"
	"bridgehead/backend/op"
)

// Rollback takes the current run back now, whatever state it is in, and proves it.
// It is idempotent; a rollback that was interrupted goes on. Its errors are
// *RolledBackError never, *IncompleteError, or what kept it from beginning.
func (t *Trial) Rollback(ctx context.Context, reason string) error {
	release, err := t.lock(ctx, lockTime)
	if err != nil {
		return fmt.Errorf("cannot roll back: %w", err)
	}
	defer release()
	r, found, err := load(t.Host, t.current())
	switch {
	case err != nil:
		return err
	case !found || r.phase().cleared():
		return errors.New("there is nothing to roll back")
	}
	r.onRecord = t.report
	return taken(t.rollback(ctx, r, reason))
}

// rollback undoes everything that was begun, newest first, and compares the host with the
// state before. The lock is held. It ignores the end of ctx: nothing stops a
// rollback but its own completion.
func (t *Trial) rollback(ctx context.Context, r *run, reason string) error {
	ctx = context.WithoutCancel(ctx)
	if rec, ok := r.last(evRollback); ok && (r.phase() == RollingBack || r.phase() == Incomplete) {
		reason = rec.Text // an interrupted one keeps its reason
	}
	_ = r.write(evRollback, func(rec *record) { rec.Text = reason })
	failed := r.undoAll(ctx)
	if err := r.outlast(ctx); err != nil {
		failed = append(failed, err)
	}
	left := t.left(ctx, r, failed)
	if len(left) > 0 {
		// The guard stays: what stood in the way may come back, and the next boot tries again.
		unwritten := r.write(evIncomplete, func(rec *record) { rec.Left = left })
		if r.attempts() == 1 {
			t.announce("The change of the network was taken back (%s), but not completely: see bridgehead status.", reason)
		}
		return &IncompleteError{reason, left, unwritten}
	}
	notes := stranded(ctx, r)
	if err := r.write(evRolledBack, func(rec *record) { rec.Text, rec.Notes = reason, notes }); err != nil {
		t.announce("The change of the network was taken back (%s), but that cannot be written down, and is tried again: %v.", reason, err)
		return &IncompleteError{reason, []string{err.Error()}, err}
	}
	t.finish(ctx, r)
	t.announce("The change of the network was taken back (%s). The host is as it was before.", reason)
	for _, n := range notes {
		t.announce("%s", n)
	}
	return &RolledBackError{reason, notes}
}

// announce says nothing twice in a row: where the journal cannot be written, each attempt of the guard is the first.
func (t *Trial) announce(format string, args ...any) {
	text := fmt.Sprintf("bridgehead: "+format, args...)
	if t.Announce != nil && text != t.announced {
		t.Announce(text)
	}
	t.announced = text
}

// undoAll undoes what was begun and not undone, newest first, and goes on past what fails. It
// tries once more where something was undone after a failure: that may have stood in the way.
// It returns what went wrong.
func (r *run) undoAll(ctx context.Context) []error {
	for round := 1; ; round++ {
		var failed []error
		again := false
		for _, i := range newestFirst(r.begun()) {
			err := r.undo(ctx, i)
			again = again || err == nil && len(failed) > 0 && round == 1
			if err != nil {
				failed = append(failed, err)
			}
		}
		if !again {
			return slices.Concat(failed, r.revive(ctx), r.durable(ctx))
		}
	}
}

// revive starts the libvirt networks that ran before and do not now, whatever was begun: a libvirtd that was started
// anew meanwhile takes a network for inactive whose bridge was away (networkUpdateState in its bridge_driver.c), and a
// restart of the host starts only those with autostart.
func (r *run) revive(ctx context.Context) []error {
	if len(r.plan.Scope.Networks) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, opTime)
	defer cancel()
	before, err := r.before()
	if err != nil {
		return nil // which is told by the comparison
	}
	now, err := r.host.Virt.State(ctx)
	if err != nil {
		return []error{err}
	}
	var errs []error
	for _, n := range now.Networks {
		if before.Networks[n.Name].Active && !n.Active {
			errs = append(errs, r.host.Virt.StartNetwork(ctx, n.Name))
		}
	}
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// durable makes the database of Open vSwitch and libvirt's definitions survive a power cut as they are now: the files
// that are written next rely on them, and once the run is over, nobody would take out again what came back.
func (r *run) durable(ctx context.Context) []error {
	ctx, cancel := context.WithTimeout(ctx, opTime)
	defer cancel()
	var errs []error
	if len(r.plan.Scope.Bridges) > 0 {
		if err := r.host.Switch.Sync(ctx); err != nil {
			errs = append(errs, fmt.Errorf("cannot make Open vSwitch's configuration durable: %w", err))
		}
	}
	if len(r.plan.Scope.Networks)+len(r.plan.Scope.Domains) > 0 {
		if err := r.host.Virt.Sync(ctx); err != nil {
			errs = append(errs, fmt.Errorf("cannot make libvirt's configuration durable: %w", err))
		}
	}
	return errs
}

func newestFirst(ops []int) []int {
	slices.Sort(ops)
	slices.Reverse(ops)
	return ops
}

// undo takes one operation back, written ahead.
func (r *run) undo(ctx context.Context, i int) error {
	_ = r.write(evUndoing, func(rec *record) { rec.Op = i })
	err := r.tryUndo(ctx, r.plan.Items[i].Op)
	if err != nil {
		_ = r.write(evUndoFailed, func(rec *record) { rec.Op, rec.Text = i, err.Error() })
		return err
	}
	_ = r.write(evUndone, func(rec *record) { rec.Op = i })
	return nil
}

// tryUndo survives an operation that panics: the next attempt would end there, too, and never get to the others.
func (r *run) tryUndo(ctx context.Context, o op.Op) (err error) {
	ctx, cancel := context.WithTimeout(ctx, limit(o))
	defer cancel()
	defer func() {
		if why := recover(); why != nil {
			err = fmt.Errorf("cannot take back %s: an error in bridgehead: %v", o.Kind(), why)
		}
	}()
	return o.Undo(ctx, r.host)
}

// left says what is not as it was: operations that could not be undone,
// differences from the state before, and a gateway that answered and no longer does.
func (t *Trial) left(ctx context.Context, r *run, failed []error) []string {
	var out []string
	for _, err := range failed {
		out = append(out, err.Error())
	}
	before, err := r.before()
	if err != nil {
		return append(out, err.Error())
	}
	// The kernel may take a moment to bring its own routes and link-local addresses back.
	deadline := t.Host.Clock.Boottime() + settleTime
	for {
		wait := time.Duration(0)
		now, err := Take(ctx, t.Host, r.plan.Scope)
		var diff []string
		if err != nil {
			diff = []string{"cannot look at the host: " + err.Error()}
		} else {
			if r.restarted() {
				before, now = before.lasting(), now.lasting()
			}
			diff = Diff(before, now)
		}
		if len(diff) == 0 {
			diff = t.deaf(ctx, r)
			if before.slow() {
				wait = slowTime
			}
		}
		if len(diff) == 0 || t.Host.Clock.Boottime() >= deadline+wait {
			return append(out, diff...)
		}
		<-t.Host.Clock.After(settleTime / 50)
	}
}

// settleTime is how long a restored host may take to answer again: switches that
// learn. slowTime is what comes on top of that on a host that is slow.
const settleTime, slowTime = 5 * time.Second, time.Minute

// slow says that a port that comes back passes nothing at first: with spanning tree it listens and learns, for 30 s each at most
// (IEEE 802.1D), and a partner of LACP at its slow rate speaks every 30 s (IEEE 802.1AX).
func (s Snapshot) slow() bool {
	return slices.ContainsFunc(s.Settings, func(set string) bool {
		return strings.HasSuffix(set, "stp_enable=true") || strings.HasSuffix(set, " lacp=active") || strings.HasSuffix(set, " lacp=passive") // rstp_enable, too
	})
}

// deaf says which of the things that answered before do not answer now.
func (t *Trial) deaf(ctx context.Context, r *run) []string {
	var specs []check.Spec
	for i, s := range r.plan.Checks {
		if s.Before != "" && i < len(r.meta.Must) && r.meta.Must[i] {
			s.Link = s.Before
			specs = append(specs, s)
		}
	}
	var out []string
	for _, res := range check.Run(ctx, t.Host, specs, nil) {
		if res.State == check.Failed {
			out = append(out, fmt.Sprintf("no longer so: %s: %s", res.Text, res.Why))
		}
	}
	return out
}

func (r *run) before() (Snapshot, error) {
	var s Snapshot
	f, err := r.host.Files.Read(r.path("before/state.json"))
	if err == nil && !f.Exists {
		err = errors.New("it is missing")
	}
	if err == nil {
		err = json.Unmarshal(f.Data, &s)
	}
	if err != nil {
		return s, fmt.Errorf("cannot read the state before (%s): %w", r.path("before/state.json"), err)
	}
	return s, nil
}
