package trial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bridgehead/backend/answers"
	"bridgehead/backend/check"
	"bridgehead/backend/plan"
)

// Confirm makes the current trial last: it writes the files and ends the guard.
// Of confirmation and expiry exactly one wins, by the lock and the journal. When a
// file cannot be written everything is taken back.
func (t *Trial) Confirm(ctx context.Context) error {
	release, err := t.lock(ctx, lockTime)
	if err != nil {
		return fmt.Errorf("cannot confirm: %w", err)
	}
	defer release()
	r, found, err := load(t.Host, t.current())
	if err != nil {
		return err
	}
	if !found || r.phase() != Waiting {
		return errors.New("nothing waits for confirmation; see bridgehead status")
	}
	r.onRecord = t.report
	if left, ok := r.remaining(); !ok || left <= 0 {
		return errors.New("too late to confirm: the time is up, and the change is being taken back")
	}
	if err := r.write(evConfirming, nil); err != nil {
		return t.rollback(ctx, r, err.Error())
	}
	// A power cut from here on must find in OVSDB what the files rely on.
	if errs := r.durable(ctx); len(errs) > 0 {
		return t.rollback(ctx, r, errors.Join(errs...).Error())
	}
	for i, item := range r.plan.Items {
		if item.Phase != plan.Persist || r.done(i) {
			continue
		}
		if err := r.do(ctx, i); err != nil {
			return t.rollback(ctx, r, err.Error())
		}
	}
	if err := r.write(evConfirmed, nil); err != nil {
		return t.rollback(ctx, r, err.Error())
	}
	t.finish(ctx, r)
	return nil
}

// Checks runs the plan's checks once.
func (t *Trial) Checks(ctx context.Context) ([]check.Result, error) {
	r, found, err := load(t.Host, t.current())
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, errors.New("there is no change to check")
	}
	return check.Run(ctx, t.Host, r.since(), r.meta.Must), nil
}

// Extend gives the operator d more, up to an hour from now, and returns what remains.
func (t *Trial) Extend(ctx context.Context, d time.Duration) (time.Duration, error) {
	if d <= 0 {
		return 0, fmt.Errorf("cannot extend by %s: give a time such as 5m", d)
	}
	release, err := t.lock(ctx, lockTime)
	if err != nil {
		return 0, fmt.Errorf("cannot extend: %w", err)
	}
	defer release()
	r, found, err := load(t.Host, t.current())
	if err != nil {
		return 0, err
	}
	if !found || r.phase() != Waiting {
		return 0, errors.New("nothing waits for confirmation; see bridgehead status")
	}
	left, ok := r.remaining()
	if !ok || left <= 0 {
		return 0, errors.New("too late to extend: the time is up, and the change is being taken back")
	}
	if left+d > answers.MaxWindow {
		return left, fmt.Errorf("cannot extend by %s: %s remain, and nothing may stay unconfirmed for longer than %s",
			answers.Duration(d), left.Round(time.Second), answers.Duration(answers.MaxWindow))
	}
	r.onRecord = t.report
	err = r.write(evExtended, func(rec *record) { rec.Deadline = t.Host.Clock.Boottime() + left + d })
	return left + d, err
}

// remaining is the time until the trial is taken back. It is not known in another boot.
func (r *run) remaining() (time.Duration, bool) {
	rec, ok := r.last(evWaiting, evExtended)
	if !ok || rec.Boot != r.host.Clock.BootID() {
		return 0, false
	}
	return rec.Deadline - r.host.Clock.Boottime(), true
}
