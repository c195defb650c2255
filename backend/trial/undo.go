package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bridgehead/backend/check"
	"bridgehead/backend/op"
	"bridgehead/backend/plan"
)

// Return is the way back of a confirmed run.
type Return struct {
	ID    string    // of that run
	Plan  plan.Plan // what takes it back
	Drift []Drift   // how the host is no longer as that run left it
}

// Drift is one thing that somebody changed on the host since a run was confirmed, and that
// taking the run back takes away.
type Drift struct {
	Text   string
	Change *op.FileChange // of a file: from how the run left it to how it is now
	item   int            // of the plan, which the host no longer fits
}

// ChangedError says that the host is no longer as the run left it, and nobody has accepted that.
type ChangedError struct {
	ID    string
	Drift []Drift
}

func (e *ChangedError) Error() string {
	text := "cannot take the change of " + e.ID + " back: the host has been changed since"
	for _, d := range e.Drift {
		text += "\n  - " + d.Text
	}
	return text
}

// Undo takes the confirmed run id back, "" for the newest: as a trial of its own, with the same
// guard and the same confirmation. Where the host is no longer as that run left it, it refuses with a
// *ChangedError unless accepted, which is what the operator was shown, has every difference.
func (t *Trial) Undo(ctx context.Context, id string, window time.Duration, accepted []Drift) (string, error) {
	back, err := t.Return(ctx, id)
	if err != nil {
		return "", &UnchangedError{err}
	}
	var items []int
	for _, d := range back.Drift {
		if !slices.ContainsFunc(accepted, d.same) {
			return "", &UnchangedError{&ChangedError{back.ID, back.Drift}}
		}
		items = append(items, d.item)
	}
	return t.apply(ctx, back.Plan, window, meta{Undoes: back.ID, Accepted: items})
}

func (d Drift) same(other Drift) bool {
	if d.Change != nil && other.Change != nil && *d.Change != *other.Change {
		return false
	}
	return d.Text == other.Text && d.item == other.item
}

// Return looks for the way back of the confirmed run id, "" for the newest. It fails where there is
// none, or where something stands in the way, such as a VM that would lose its connection.
func (t *Trial) Return(ctx context.Context, id string) (Return, error) {
	all, err := t.History(ctx)
	if err != nil {
		return Return{}, err
	}
	i := slices.IndexFunc(all, func(s Status) bool {
		return s.Phase == Confirmed && s.Undoes == "" && (id == "" || s.ID == id)
	})
	if i < 0 {
		return Return{}, errors.New("there is no confirmed change to take back; see bridgehead history")
	}
	was := all[i]
	for _, s := range all {
		if s.Undoes == was.ID && s.Phase == Confirmed {
			return Return{}, fmt.Errorf("the change of %s has been taken back already, by the one of %s", was.ID, s.ID)
		}
	}
	back := Return{ID: was.ID, Plan: was.Plan}
	if err := t.inverse(ctx, &back, was.Plan); err != nil {
		return back, fmt.Errorf("cannot take the change of %s back: %w", was.ID, err)
	}
	return back, nil
}

// inverse is p backwards: what made it last is undone at confirmation, what changed
// the running host is undone in the trial.
func (t *Trial) inverse(ctx context.Context, back *Return, p plan.Plan) error {
	back.Plan.Items, back.Plan.Checks, back.Plan.Risk.Safe = nil, nil, ""
	for _, phase := range []plan.Phase{plan.Trial, plan.Persist} {
		ops := p.Ops(phase)
		slices.Reverse(ops)
		for _, o := range ops {
			if err := t.reverse(ctx, back, phase, o); err != nil {
				return err
			}
		}
	}
	for _, s := range p.Checks { // the same must answer, the other way round
		if s.Before == "" {
			continue
		}
		s.Link, s.Before = s.Before, s.Link
		back.Plan.Checks = append(back.Plan.Checks, s)
	}
	for _, i := range p.Items {
		if m, ok := i.Op.(*op.MoveAddress); ok {
			for _, a := range m.From.Addrs {
				back.Plan.Checks = append(back.Plan.Checks, check.Spec{Kind: check.Address, Link: m.NIC, Addr: a.Prefix.Addr()})
			}
		}
	}
	return nil
}

// reverse adds what takes o back, and in what the host no longer is as o left it.
func (t *Trial) reverse(ctx context.Context, back *Return, phase plan.Phase, o op.Op) error {
	item := len(back.Plan.Items)
	way, err := op.Reverse(ctx, t.Host, o)
	var changed *op.ChangedError
	switch {
	case errors.As(err, &changed):
		back.Drift = append(back.Drift, Drift{Text: changed.What, Change: changed.Change, item: item})
	case err != nil:
		return err
	default:
		ctx, cancel := context.WithTimeout(ctx, limit(way))
		defer cancel()
		if err := way.Check(ctx, t.Host); err != nil {
			if ctx.Err() != nil {
				return err // it is not known what the host is like
			}
			back.Drift = append(back.Drift, Drift{Text: strings.TrimSpace(err.Error()), item: item})
		}
	}
	back.Plan.Items = append(back.Plan.Items, plan.Item{Phase: phase, Op: way})
	return nil
}
