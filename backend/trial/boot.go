package trial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bridgehead/backend/op"
	"bridgehead/backend/plan"
)

// bootTime is how long a host may take from the boot unit to a configured network
// when it comes up with a change for the first time.
const bootTime = 5 * time.Minute

// Stage writes p down for the next boot: the files now, the rest by the boot unit,
// which also starts the clock. Until then `bridgehead rollback` takes it back.
// Errors are as for Apply.
func (t *Trial) Stage(ctx context.Context, p plan.Plan, window time.Duration) (string, error) {
	if !t.Host.Guard.Covers().Restart {
		return "", &UnchangedError{errors.New("cannot leave the change to the next restart: nothing on this host would begin it, or take it back; choose apply.when: now")}
	}
	release, err := t.lock(ctx, 0)
	if err != nil {
		return "", &UnchangedError{fmt.Errorf("cannot begin: %w", err)}
	}
	defer release()
	r, err := t.begin(ctx, p, p.Window(window), meta{})
	if err != nil {
		return "", &UnchangedError{err}
	}
	if err := t.arm(ctx, r); err != nil {
		return r.meta.ID, err
	}
	for i, item := range p.Items {
		if item.Phase != plan.Persist || item.Op.Lasts() != op.OnDisk {
			continue
		}
		if err := r.do(ctx, i); err != nil {
			return r.meta.ID, t.rollback(ctx, r, err.Error())
		}
	}
	if err := r.write(evStaged, nil); err != nil {
		return r.meta.ID, t.rollback(ctx, r, err.Error())
	}
	return r.meta.ID, nil
}

// Boot is what the boot unit runs, with the database of Open vSwitch up and before
// ovs-vswitchd and the network start. A change that nobody had confirmed when the host
// went down is undone on disk, so that the host comes up as it was; one that was
// staged for this boot is begun. The watch, later in the boot, does the rest.
func (t *Trial) Boot(ctx context.Context) error {
	release, err := t.lock(ctx, lockTime)
	if err != nil {
		return err
	}
	defer release()
	r, found, err := load(t.Host, t.current())
	if err != nil || !found {
		return err
	}
	r.onRecord = t.report
	switch phase := r.phase(); {
	case phase.cleared():
		_, err = t.end(ctx, r)
		return err
	case !r.fromEarlierBoot():
		return nil
	case phase == Staged:
		return r.bootForward(ctx)
	default:
		return r.bootBack(ctx, "the host was restarted before the change was confirmed")
	}
}

func (r *run) fromEarlierBoot() bool {
	return len(r.records) > 0 && r.records[len(r.records)-1].Boot != r.host.Clock.BootID()
}

// bootBack undoes what a restart leaves, newest first. What libvirt keeps waits for the watch.
func (r *run) bootBack(ctx context.Context, reason string) error {
	if rec, ok := r.last(evRollback); ok && (r.phase() == RollingBack || r.phase() == Incomplete) {
		reason = rec.Text
	}
	_ = r.write(evRollback, func(rec *record) { rec.Text = reason })
	var errs []error
	for _, i := range newestFirst(r.begun()) {
		switch o := r.plan.Items[i].Op; o.Lasts() {
		case op.UntilRestart:
			_ = r.write(evUndone, func(rec *record) { rec.Op, rec.Text = i, "by the restart" })
		case op.OnDisk:
			if err := r.undo(ctx, i); err != nil {
				errs = append(errs, err)
			}
		}
	}
	// A second power cut must not bring back what was just taken out.
	return errors.Join(append(errs, r.host.Switch.Sync(ctx))...)
}

// bootForward begins a staged trial: the database now, addresses by ifupdown a moment later.
func (r *run) bootForward(ctx context.Context) error {
	deadline := r.host.Clock.Boottime() + bootTime
	if err := r.write(evBooting, func(rec *record) { rec.Deadline = deadline }); err != nil {
		return r.bootBack(ctx, err.Error())
	}
	for i, item := range r.plan.Items {
		if item.Op.Lasts() == op.InLibvirt || r.done(i) {
			continue
		}
		if err := r.bootDo(ctx, i); err != nil {
			return r.bootBack(ctx, err.Error())
		}
	}
	return nil
}

// bootDo does what is on disk. The rest ifupdown does from its files in a moment; it is
// written down as done, so that it is taken back.
func (r *run) bootDo(ctx context.Context, i int) error {
	if err := r.write(evDoing, func(rec *record) { rec.Op = i }); err != nil {
		return err
	}
	o := r.plan.Items[i].Op
	if _, dhcp := o.(*op.StartDHCP); o.Lasts() == op.OnDisk && !dhcp {
		if err := o.Do(ctx, r.host); err != nil {
			return err
		}
	}
	return r.write(evDone, func(rec *record) { rec.Op = i })
}

// settle finishes the boot of a staged trial once the network is up: it verifies
// what the boot brought, does what had to wait for libvirt, and starts the clock.
// It returns false as long as the network is not up yet. The lock is held.
func (t *Trial) settle(ctx context.Context, r *run) (bool, error) {
	rec, _ := r.last(evBooting)
	for _, item := range r.plan.Items {
		if item.Phase != plan.Trial || item.Op.Lasts() == op.InLibvirt {
			continue
		}
		if err := item.Op.Verify(ctx, t.Host); err != nil {
			if t.Host.Clock.Boottime() < rec.Deadline {
				return false, nil
			}
			return true, t.rollback(ctx, r, "the host did not come up with the change: "+err.Error())
		}
	}
	for i, item := range r.plan.Items {
		if item.Phase == plan.Trial && item.Op.Lasts() == op.InLibvirt {
			if err := r.do(ctx, i); err != nil {
				return true, t.rollback(ctx, r, err.Error())
			}
		}
	}
	deadline := t.Host.Clock.Boottime() + r.meta.Window
	if err := r.write(evWaiting, func(rec *record) { rec.Deadline = deadline }); err != nil {
		return true, t.rollback(ctx, r, err.Error())
	}
	t.announce("The change of the network is active. It is taken back in %s unless it is confirmed: bridgehead confirm", r.meta.Window)
	return true, nil
}
