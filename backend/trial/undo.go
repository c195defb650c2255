package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bridgehead/backend/check"
	"bridgehead/backend/op"
	"bridgehead/backend/plan"
)

// Undo takes the confirmed run id back, "" for the newest: as a trial of its own,
// with the same guard and the same confirmation. It refuses where the host is no
// longer as that run left it, and names the difference.
func (t *Trial) Undo(ctx context.Context, id string, window time.Duration) (string, error) {
	p, id, err := t.UndoPlan(ctx, id)
	if err != nil {
		return "", &UnchangedError{err}
	}
	return t.apply(ctx, p, window, id)
}

// UndoPlan is the plan that takes the confirmed run id back, "" for the newest.
func (t *Trial) UndoPlan(ctx context.Context, id string) (plan.Plan, string, error) {
	all, err := t.History(ctx)
	if err != nil {
		return plan.Plan{}, "", err
	}
	i := slices.IndexFunc(all, func(s Status) bool {
		return s.Phase == Confirmed && s.Undoes == "" && (id == "" || s.ID == id)
	})
	if i < 0 {
		return plan.Plan{}, "", errors.New("there is no confirmed change to take back; see bridgehead history")
	}
	was := all[i]
	for _, s := range all {
		if s.Undoes == was.ID && s.Phase == Confirmed {
			return plan.Plan{}, "", fmt.Errorf("the change of %s has been taken back already, by the one of %s", was.ID, s.ID)
		}
	}
	p, err := t.inverse(ctx, was.Plan)
	if err != nil {
		return p, "", fmt.Errorf("cannot take the change of %s back: %w", was.ID, err)
	}
	return p, was.ID, nil
}

// inverse is p backwards: what made it last is undone at confirmation, what changed
// the running host is undone in the trial.
func (t *Trial) inverse(ctx context.Context, p plan.Plan) (plan.Plan, error) {
	back := p
	back.Items, back.Checks, back.Risk.Safe = nil, nil, ""
	back.Picture = plan.Picture{Before: p.Picture.After, After: p.Picture.Before}
	for _, phase := range []plan.Phase{plan.Trial, plan.Persist} {
		ops := p.Ops(phase)
		slices.Reverse(ops)
		for _, o := range ops {
			o, err := op.Reverse(ctx, t.Host, o)
			if err != nil {
				return back, err
			}
			back.Items = append(back.Items, plan.Item{Phase: phase, Op: o})
		}
	}
	for _, s := range p.Checks { // the same must answer, the other way round
		if s.Before == "" {
			continue
		}
		s.Link, s.Before = s.Before, s.Link
		back.Checks = append(back.Checks, s)
	}
	for _, i := range p.Items {
		if m, ok := i.Op.(*op.MoveAddress); ok {
			for _, a := range m.From.Addrs {
				back.Checks = append(back.Checks, check.Spec{Kind: check.Address, Link: m.NIC, Addr: a.Prefix.Addr()})
			}
		}
	}
	return back, nil
}
