package trial

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"bridgehead/backend/plan"
)

// Status is what is known about a run.
type Status struct {
	ID        string        `json:"id,omitempty"`
	Phase     Phase         `json:"phase"`
	Began     time.Time     `json:"began,omitzero"`
	Ended     time.Time     `json:"ended,omitzero"`         // of a run that is over
	Remaining time.Duration `json:"remaining_ns,omitempty"` // until it is taken back, while Waiting
	Reason    string        `json:"reason,omitempty"`       // why it was taken back
	Left      []string      `json:"left,omitempty"`         // what could not be restored
	Notes     []string      `json:"notes,omitempty"`        // what there is to do after it was taken back all the same
	Undoes    string        `json:"undoes,omitempty"`
	Guard     string        `json:"guard,omitempty"`   // who owns the watch: systemd, process; "" where none runs
	Remains   string        `json:"remains,omitempty"` // what is still there of the guard of a run that has ended, in words
	Ops       []OpStatus    `json:"operations,omitempty"`
	Plan      plan.Plan     `json:"-"`
}

// OpStatus is one operation of a run.
type OpStatus struct {
	Text  string        `json:"text"`
	Phase plan.Phase    `json:"phase"`
	State string        `json:"state"` // planned, doing, done, failed, undoing, undone, undo-failed
	Error string        `json:"error,omitempty"`
	Took  time.Duration `json:"took_ns,omitempty"`
}

// Status reads the current run, or with an id that run, wherever it is now.
func (t *Trial) Status(ctx context.Context, id string) (Status, error) {
	dirs := []string{t.current()}
	if id != "" {
		dirs = append(dirs, t.history(id), t.current()) // it may move while it is looked for
	}
	for _, dir := range dirs {
		r, found, err := load(t.Host, dir)
		if err != nil {
			return Status{}, err
		}
		if !found || id != "" && r.meta.ID != id {
			continue
		}
		s := r.status()
		if s.Phase == None { // not begun yet, or put away between the reads of its plan and its journal
			continue
		}
		if !s.Phase.Over() {
			if armed, err := t.Host.Guard.Armed(ctx, t.Dir); err == nil && armed {
				s.Guard = t.Host.Guard.Kind()
			}
		}
		return t.stillThere(ctx, s), nil
	}
	return Status{Phase: None}, nil
}

// Outcome is s, of a run that is over, once whoever ended it is through: only then is it known what of the guard could
// not be removed.
func (t *Trial) Outcome(ctx context.Context, s Status) (Status, error) {
	if s.Phase.cleared() {
		if release, err := t.lock(ctx, time.Minute); err == nil {
			release()
		}
	}
	return t.Status(ctx, s.ID)
}

func (r *run) status() Status {
	s := Status{ID: r.meta.ID, Phase: r.phase(), Undoes: r.meta.Undoes, Plan: r.plan}
	if rec, ok := r.last(evBegin); ok {
		s.Began = rec.Time
	}
	if n := len(r.records); n > 0 && s.Phase.Over() {
		s.Ended = r.records[n-1].Time
	}
	if rec, ok := r.last(evRollback); ok {
		s.Reason = rec.Text
	}
	if rec, ok := r.last(evIncomplete); ok && s.Phase == Incomplete {
		s.Left = rec.Left
	}
	if rec, ok := r.last(evRolledBack); ok {
		s.Notes = rec.Notes
	}
	if rec, ok := r.last(GuardLeft); ok {
		s.Remains = rec.Text
	}
	if left, ok := r.remaining(); ok && s.Phase == Waiting {
		s.Remaining = max(left, 0)
	}
	for _, item := range r.plan.Items {
		s.Ops = append(s.Ops, OpStatus{Text: item.Op.Describe().Text, Phase: item.Phase, State: "planned"})
	}
	since := map[int]time.Duration{}
	for _, rec := range r.records {
		if rec.Op < 0 || rec.Op >= len(s.Ops) {
			continue
		}
		o := &s.Ops[rec.Op]
		o.State, o.Error = rec.Event, rec.Text
		switch rec.Event {
		case evDoing, evUndoing:
			since[rec.Op] = rec.At
		default:
			o.Took = rec.At - since[rec.Op]
		}
	}
	return s
}

// History lists the finished runs, newest first, but for those of other versions of bridgehead.
func (t *Trial) History(ctx context.Context) ([]Status, error) {
	runs, err := t.finished()
	if err != nil {
		return nil, err
	}
	var out []Status
	for _, r := range runs {
		out = append(out, t.stillThere(ctx, r.status()))
	}
	return out, nil
}

// finished reads them.
func (t *Trial) finished() ([]*run, error) {
	paths, err := t.Host.Files.Glob(filepath.Join(t.Dir, "history", "*", "plan.json"))
	if err != nil {
		return nil, err
	}
	var runs []*run
	for _, p := range paths {
		r, found, err := load(t.Host, filepath.Dir(p))
		if errors.Is(err, errVersion) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if found {
			runs = append(runs, r)
		}
	}
	slices.SortFunc(runs, func(a, b *run) int { return b.meta.Number - a.meta.Number })
	return runs, nil
}
