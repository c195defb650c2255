// Package trial runs a plan: applies it under a guard, waits for confirmation,
// and either makes it last or takes it back and proves that it did.
//
// Everything that is known about a run is in the state directory: the plan, the
// state before, and a journal that is written ahead of every operation. Any
// process can go on from there; none needs the one that began.
package trial

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/plan"
)

// StateDir is where a run lives.
const StateDir = backend.StateDir

// Events of the journal.
const (
	evBegin      = "begin"
	evArmed      = "armed"
	evDoing      = "doing"
	evDone       = "done"
	evFailed     = "failed"
	evStaged     = "staged"  // written down; the trial begins with the next boot
	evBooting    = "booting" // the boot unit has begun the trial
	evWaiting    = "waiting" // for confirmation, until Deadline
	evExtended   = "extended"
	evConfirming = "confirming"
	evConfirmed  = "confirmed"
	evRollback   = "rollback"
	evUndoing    = "undoing"
	evUndone     = "undone"
	evUndoFailed = "undo-failed"
	evRolledBack = "rolled-back"
	evIncomplete = "incomplete"
)

var events = []string{evBegin, evArmed, evDoing, evDone, evFailed, evStaged, evBooting, evWaiting, evExtended,
	evRemedy, evConfirming, evConfirmed, evRollback, evUndoing, evUndone, evUndoFailed, evRolledBack, evIncomplete, GuardLeft}

// record is one line of the journal. It is written and synced before what it announces.
type record struct {
	Version  int           `json:"v"`
	Time     time.Time     `json:"time"`
	Boot     string        `json:"boot"`
	At       time.Duration `json:"at"` // since boot
	PID      int           `json:"pid"`
	Event    string        `json:"event"`
	Op       int           `json:"op"`                 // index into the plan's operations
	Text     string        `json:"text,omitempty"`     // reason, error
	Deadline time.Duration `json:"deadline,omitempty"` // since boot
	Left     []string      `json:"left,omitempty"`     // what could not be restored
	Notes    []string      `json:"notes,omitempty"`    // what there is to do after a rollback all the same
}

// run is one run on disk.
type run struct {
	host     backend.Host
	dir      string // StateDir/current, or StateDir/history/ID
	meta     meta
	plan     plan.Plan
	records  []record
	torn     bool // the journal's last line was cut off
	damaged  bool // a line of it cannot be read
	onRecord func(record)
}

var errVersion = errors.New("was written by another version of bridgehead")

// meta is what is known when a run begins.
type meta struct {
	ID     string        `json:"id"`     // UTC time it began, 20260102T150405Z
	Number int           `json:"number"` // of the runs of this host; the clock may have been set back
	Window time.Duration `json:"window"`
	Must   []bool        `json:"must"`             // which checks answered before
	Undoes string        `json:"undoes,omitempty"` // run that this one takes back
	// Accepted are the operations that an undo does although the host no longer fits them: the operator was shown how.
	Accepted []int     `json:"accepted,omitempty"`
	Plan     plan.Plan `json:"plan"`
}

func (r *run) path(name string) string { return filepath.Join(r.dir, name) }

// write appends to the journal. A rollback goes on when the journal cannot be
// written (a full disk must not keep a host cut off), so it is up to the caller what an error means.
func (r *run) write(event string, fill func(*record)) error {
	rec := record{Version: 1, Time: r.host.Clock.Now().UTC(), Boot: r.host.Clock.BootID(), At: r.host.Clock.Boottime(),
		PID: r.host.Processes.Self(), Event: event, Op: -1}
	if fill != nil {
		fill(&rec)
	}
	r.records = append(r.records, rec)
	line, err := json.Marshal(rec)
	if r.torn {
		line = append([]byte("\n"), line...)
	}
	if !slices.Contains(events, event) { // who reads it would take the journal for damaged
		err = fmt.Errorf("there is no event %q", event)
	}
	if err == nil {
		err = r.host.Files.Append(r.path("journal.jsonl"), append(line, '\n'))
	}
	r.torn = r.torn && err != nil
	if r.onRecord != nil {
		r.onRecord(rec)
	}
	if err != nil {
		return fmt.Errorf("cannot write the journal: %w", err)
	}
	return nil
}

// load reads the run in dir. found is false where there is none.
func load(h backend.Host, dir string) (r *run, found bool, err error) {
	r = &run{host: h, dir: dir}
	f, err := h.Files.Read(r.path("plan.json"))
	if err != nil || !f.Exists {
		return nil, false, err
	}
	if err := json.Unmarshal(f.Data, &r.meta); err != nil {
		return nil, true, fmt.Errorf("cannot read %s: %w", r.path("plan.json"), err)
	}
	if r.meta.Plan.Version != plan.Version {
		return nil, true, fmt.Errorf("%s %w; finish it with that one", r.path("plan.json"), errVersion)
	}
	r.plan = r.meta.Plan
	if err := r.reload(); err != nil {
		return nil, true, err
	}
	return r, true, nil
}

// reload reads the journal again. A line that ends in the middle, from a power
// cut during its write, was never acted on and says nothing. What else cannot be read may
// have said that any operation was begun.
func (r *run) reload() error {
	f, err := r.host.Files.Read(r.path("journal.jsonl"))
	if err != nil {
		return err
	}
	r.records, r.damaged = nil, false
	r.torn = len(f.Data) > 0 && f.Data[len(f.Data)-1] != '\n'
	for _, line := range bytes.Split(f.Data, []byte("\n")) {
		var rec record
		err := json.Unmarshal(line, &rec)
		var syntax *json.SyntaxError
		switch {
		case len(line) == 0, errors.As(err, &syntax) && syntax.Error() == "unexpected end of JSON input":
		case err != nil, rec.Version != 1, !slices.Contains(events, rec.Event), rec.Op >= len(r.plan.Items):
			r.damaged = true
		default:
			r.records = append(r.records, rec)
		}
	}
	return nil
}

// Phase of a run.
type Phase string

// Phases of a run.
const (
	None        Phase = "none"
	Applying    Phase = "applying"
	Staged      Phase = "staged"  // for the next boot
	Booting     Phase = "booting" // the host comes up with the change
	Waiting     Phase = "waiting" // for confirmation
	Confirming  Phase = "confirming"
	Confirmed   Phase = "confirmed"
	RollingBack Phase = "rolling-back"
	RolledBack  Phase = "rolled-back"
	Incomplete  Phase = "incomplete" // rolled back, but not everything could be restored
)

// Over says that nothing more will happen by itself.
func (p Phase) Over() bool {
	return slices.Contains([]Phase{None, Confirmed, RolledBack, Incomplete}, p)
}

// phase folds the journal. Before the guard was armed nothing was changed, and there is no run.
func (r *run) phase() Phase {
	phase := None
	if r.damaged {
		phase = Applying
	}
	for _, rec := range r.records {
		switch rec.Event {
		case evArmed:
			phase = Applying
		case evStaged:
			phase = Staged
		case evBooting:
			phase = Booting
		case evWaiting:
			phase = Waiting
		case evConfirming:
			phase = Confirming
		case evConfirmed:
			phase = Confirmed
		case evRollback:
			phase = RollingBack
		case evRolledBack:
			phase = RolledBack
		case evIncomplete:
			phase = Incomplete
		}
	}
	return phase
}

// last returns the newest record of one of events.
func (r *run) last(events ...string) (record, bool) {
	for i := len(r.records) - 1; i >= 0; i-- {
		if slices.Contains(events, r.records[i].Event) {
			return r.records[i], true
		}
	}
	return record{}, false
}

// begun lists the operations that were begun and not undone, oldest first. What an
// earlier boot undid is not undone for certain: the power cut may have come
// before the database of Open vSwitch was on disk. Nor is what was undone past a newer
// one that failed: undoing that one may touch it again. Nor is anything of an attempt that was not complete: what
// a dead ovs-vswitchd let pass as undone may be what the rest needs once it is back.
func (r *run) begun() []int {
	var out, ever []int
	for i := range r.plan.Items {
		if r.damaged {
			out = append(out, i)
		}
	}
	ever = slices.Clone(out)
	for _, rec := range r.records {
		switch rec.Event {
		case evDoing:
			if !slices.Contains(out, rec.Op) {
				out = append(out, rec.Op)
			}
			if !slices.Contains(ever, rec.Op) {
				ever = append(ever, rec.Op)
			}
		case evIncomplete:
			out = slices.Clone(ever)
		case evUndone:
			if rec.Boot != r.host.Clock.BootID() || len(out) > 0 && slices.Max(out) != rec.Op {
				continue
			}
			out = slices.DeleteFunc(out, func(i int) bool { return i == rec.Op })
		}
	}
	return out
}

// done says that operation i has been done and not been undone.
func (r *run) done(i int) bool {
	state := ""
	for _, rec := range r.records {
		if rec.Op == i {
			state = rec.Event
		}
	}
	return state == evDone
}

// restarted says that the host has been restarted since the run began.
func (r *run) restarted() bool {
	return len(r.records) > 0 && r.records[0].Boot != r.host.Clock.BootID()
}
