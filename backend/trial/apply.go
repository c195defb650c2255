package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/check"
	"bridgehead/backend/op"
	"bridgehead/backend/plan"
)

// Trial is the trials of one host: the state directory and the host it belongs to.
type Trial struct {
	Host backend.Host
	Dir  string // StateDir, unless a test says otherwise
	// Progress, where set, gets every event as it is journalled.
	Progress func(Event)
	// Announce, where set, tells everybody on the host what became of a change.
	Announce func(text string)

	announced string // last
}

// Event is something that happened to a run.
type Event struct {
	Name string // as in the journal: doing, done, failed, undoing, undone, waiting …
	Op   int    // index into the plan's operations, -1 for none
	Text string
}

// Errors that say how a run ended.
type (
	// UnchangedError says that nothing was changed.
	UnchangedError struct{ Err error }
	// RolledBackError says that everything is as it was before, verified.
	RolledBackError struct {
		Reason string
		Notes  []string // what there is to do all the same
	}
	// IncompleteError says what could not be restored.
	IncompleteError struct {
		Reason string
		Left   []string

		unwritten error // why the journal does not have it
	}
)

func (e *UnchangedError) Error() string { return e.Err.Error() + "; nothing was changed" }
func (e *UnchangedError) Unwrap() error { return e.Err }

func (e *RolledBackError) Error() string {
	text := e.Reason + "; everything has been taken back, and the host is as it was before"
	for _, n := range e.Notes {
		text += "\n  - " + n
	}
	return text
}

func (e *IncompleteError) Unwrap() error { return e.unwritten }

func (e *IncompleteError) Error() string {
	text := e.Reason + "; taken back, but not completely. What is left:"
	for _, l := range e.Left {
		text += "\n  - " + l
	}
	return text + "\nCorrect that, then run: bridgehead rollback"
}

// Limits of single operations and of the whole apply.
const (
	opTime   = 30 * time.Second
	dhcpTime = 90 * time.Second // a client waits up to a minute for an answer
	lockTime = 5 * time.Second
)

func (t *Trial) current() string { return filepath.Join(t.Dir, "current") }
func (t *Trial) history(id string) string {
	return filepath.Join(t.Dir, "history", id)
}

// lock takes the one lock that apply, confirm, rollback and expiry exclude each
// other by. It waits a little: another process may be about to finish.
func (t *Trial) lock(ctx context.Context, wait time.Duration) (func(), error) {
	end := t.Host.Clock.Boottime() + wait
	for {
		release, err := t.Host.Files.Lock(filepath.Join(t.Dir, "lock"))
		if !errors.Is(err, backend.ErrLocked) || t.Host.Clock.Boottime() >= end {
			return release, err
		}
		select {
		case <-t.Host.Clock.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Apply checks that the host still is as p was made for, arms the guard, and does
// the trial operations. It returns when the trial waits for confirmation, which
// it does for window. When an operation fails, or ctx ends, everything is taken back first.
//
// Its errors are *UnchangedError, *RolledBackError and *IncompleteError.
func (t *Trial) Apply(ctx context.Context, p plan.Plan, window time.Duration) (id string, err error) {
	return t.apply(ctx, p, window, meta{})
}

func (t *Trial) apply(ctx context.Context, p plan.Plan, window time.Duration, m meta) (string, error) {
	release, err := t.lock(ctx, 0)
	if err != nil {
		return "", &UnchangedError{fmt.Errorf("cannot begin: %w", err)}
	}
	defer release()
	window = p.Window(window)
	r, err := t.begin(ctx, p, window, m)
	if err != nil {
		return "", &UnchangedError{err}
	}
	if err := t.arm(ctx, r); err != nil {
		return r.meta.ID, err
	}
	for i, item := range p.Items {
		if item.Phase != plan.Trial {
			continue
		}
		if err := r.do(ctx, i); err != nil {
			return r.meta.ID, t.rollback(ctx, r, err.Error())
		}
	}
	deadline := t.Host.Clock.Boottime() + window
	if err := r.write(evWaiting, func(rec *record) { rec.Deadline = deadline }); err != nil {
		return r.meta.ID, t.rollback(ctx, r, err.Error())
	}
	return r.meta.ID, nil
}

// begin checks everything that can be checked, and writes down the plan and the state before. Of m it
// takes what an undo has to say.
func (t *Trial) begin(ctx context.Context, p plan.Plan, window time.Duration, m meta) (*run, error) {
	if old, found, err := load(t.Host, t.current()); err != nil {
		return nil, err
	} else if found && !old.phase().cleared() {
		return nil, &UnfinishedError{ID: old.meta.ID, Phase: old.phase()}
	} else if found { // ended, or never begun, but its process died before it was put away
		if err := t.putAway(old); err != nil {
			return nil, err
		}
	}
	if err := t.preflight(ctx, p, m.Accepted); err != nil {
		return nil, err
	}
	id, err := t.newID()
	if err != nil {
		return nil, err
	}
	number := 1
	if done, err := t.finished(); err != nil {
		return nil, err
	} else if len(done) > 0 {
		number = done[0].meta.Number + 1
	}
	r := &run{host: t.Host, dir: t.current(), plan: p, onRecord: t.report}
	r.meta = meta{ID: id, Number: number, Window: window, Undoes: m.Undoes, Accepted: m.Accepted, Plan: p,
		Must: check.Baseline(ctx, t.Host, p.Checks)}
	before, err := Take(ctx, t.Host, p.Scope)
	if err != nil {
		return nil, fmt.Errorf("cannot record the state before: %w", err)
	}
	if err := t.Host.Files.RemoveAll(t.current()); err != nil {
		return nil, err
	}
	if err := r.save("before/state.json", before); err != nil {
		return nil, err
	}
	for path, f := range before.Files { // readable by hand, should all else fail
		if f.Exists {
			if err := t.Host.Files.Write(r.path("before/files"+path), f); err != nil {
				return nil, err
			}
		}
	}
	if err := r.save("plan.json", r.meta); err != nil {
		return nil, err
	}
	return r, r.write(evBegin, nil)
}

func (r *run) save(name string, v any) error {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return r.host.Files.Write(r.path(name), backend.File{Exists: true, Data: append(data, '\n'), Mode: 0o600})
}

// newID names a run by the time it began, and a second one within that second by a number too.
func (t *Trial) newID() (string, error) {
	stamp := t.Host.Clock.Now().UTC().Format("20060102T150405Z")
	for id, n := stamp, 2; ; id, n = fmt.Sprintf("%s-%d", stamp, n), n+1 {
		if f, err := t.Host.Files.Read(filepath.Join(t.history(id), "plan.json")); err != nil || !f.Exists {
			return id, err
		}
	}
}

// preflight refuses a plan that has become stale and a host that has no room.
func (t *Trial) preflight(ctx context.Context, p plan.Plan, accepted []int) error {
	for i, item := range p.Items {
		if slices.Contains(accepted, i) {
			continue
		}
		if err := item.Op.Check(ctx, t.Host); err != nil {
			return err
		}
	}
	if err := t.newDHCP(ctx, p); err != nil {
		return err
	}
	return t.Host.Files.Room(filepath.Join(t.Dir, "current"), 4<<20)
}

// newDHCP refuses a DHCP client on a NIC for which the plan has none to stop.
func (t *Trial) newDHCP(ctx context.Context, p plan.Plan) error {
	if slices.ContainsFunc(p.Items, func(i plan.Item) bool { _, stops := i.Op.(*op.StopDHCP); return stops }) {
		return nil
	}
	specs := slices.DeleteFunc(slices.Clone(p.Checks), func(s check.Spec) bool { return s.Kind != check.NoDHCP })
	for _, r := range check.Run(ctx, t.Host, specs, nil) {
		if r.State == check.Failed {
			return fmt.Errorf("a DHCP client has been started on %s since the plan was made: %s; start again", r.Spec.Link, r.Why)
		}
	}
	return nil
}

// arm starts the guard. Until then nothing was changed.
func (t *Trial) arm(ctx context.Context, r *run) error {
	err := t.Host.Guard.Arm(ctx, t.Dir)
	if err == nil {
		err = r.write(evArmed, nil)
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("cannot arm the rollback guard: %w", err)
	errs := errors.Join(err, t.Host.Guard.Disarm(ctx, t.Dir), t.Host.Files.RemoveAll(t.current()))
	return &UnchangedError{errs}
}

// do runs one operation, written ahead.
func (r *run) do(ctx context.Context, i int) error {
	o := r.plan.Items[i].Op
	ctx, cancel := context.WithTimeout(ctx, limit(o))
	defer cancel()
	if !slices.Contains(r.meta.Accepted, i) {
		if err := o.Check(ctx, r.host); err != nil {
			return r.fail(i, err)
		}
	}
	if err := r.write(evDoing, func(rec *record) { rec.Op = i }); err != nil {
		return r.fail(i, err)
	}
	if err := o.Do(ctx, r.host); err != nil {
		return r.fail(i, err)
	}
	if err := o.Verify(ctx, r.host); err != nil {
		return r.fail(i, err)
	}
	return r.write(evDone, func(rec *record) { rec.Op = i })
}

func (r *run) fail(i int, err error) error {
	// The error that matters is err; the record of it is a courtesy.
	_ = r.write(evFailed, func(rec *record) { rec.Op, rec.Text = i, err.Error() })
	return err
}

func limit(o op.Op) time.Duration {
	if back, ok := o.(*op.Inverse); ok {
		o = back.Of
	}
	switch o.(type) {
	case *op.StartDHCP, *op.StopDHCP:
		return dhcpTime
	}
	return opTime
}

func (t *Trial) report(rec record) {
	if t.Progress != nil {
		t.Progress(Event{rec.Event, rec.Op, rec.Text})
	}
}

// UnfinishedError says that an earlier run has to be ended first.
type UnfinishedError struct {
	ID    string
	Phase Phase
}

func (e *UnfinishedError) Error() string {
	switch e.Phase {
	case Waiting:
		return "an earlier change waits for confirmation; run bridgehead confirm, or bridgehead rollback"
	case Incomplete:
		return "an earlier change was taken back, but not completely; see bridgehead status, then run bridgehead rollback"
	}
	return "an earlier change is under way; see bridgehead status"
}

// cleared says that a run has ended and left nothing to do.
func (p Phase) cleared() bool { return p == None || p == Confirmed || p == RolledBack }
