package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend/answers"
	"bridgehead/backend/bond"
	"bridgehead/backend/check"
	"bridgehead/backend/op"
)

// evRemedy says that the bond is changed, as Text says.
const evRemedy = "remedy"

// Remedy changes the bond of a change that waits as a finding about it advises. The rollback does
// not need to know: it takes the whole bond away. From then on at least answers.HumanWindow remains:
// what was changed may negotiate anew, for up to bond.Patience.
func (t *Trial) Remedy(ctx context.Context, f bond.Finding) error {
	release, err := t.lock(ctx, lockTime)
	if err != nil {
		return fmt.Errorf("cannot change the bond: %w", err)
	}
	defer release()
	r, found, err := load(t.Host, t.current())
	if err != nil {
		return err
	}
	if !found || r.phase() != Waiting {
		return errors.New("nothing waits for confirmation; see bridgehead status")
	}
	left, ok := r.remaining()
	if !ok || left <= 0 {
		return errors.New("too late to change the bond: the time is up, and the change is being taken back")
	}
	r.onRecord = t.report
	for _, item := range r.plan.Items {
		if add, ok := item.Op.(*op.AddBond); ok {
			text := strings.TrimSpace(string(f.Remedy) + " " + strings.Join(f.Members, " "))
			if err := r.write(evRemedy, func(rec *record) { rec.Text = text }); err != nil {
				return err
			}
			if left < answers.HumanWindow {
				deadline := t.Host.Clock.Boottime() + answers.HumanWindow
				if err := r.write(evExtended, func(rec *record) { rec.Deadline = deadline }); err != nil {
					return err
				}
			}
			ctx, cancel := context.WithTimeout(ctx, opTime)
			defer cancel()
			return add.Remedy(ctx, t.Host, f.Remedy, f.Members)
		}
	}
	return errors.New("this change makes no bond")
}

// since are the plan's checks, which know when the bond was made, or last changed.
func (r *run) since() []check.Spec {
	specs := slices.Clone(r.plan.Checks)
	rec, ok := r.last(evWaiting, evRemedy)
	for i := range specs {
		if ok && rec.Boot == r.host.Clock.BootID() {
			specs[i].Since = rec.At
		}
	}
	return specs
}
