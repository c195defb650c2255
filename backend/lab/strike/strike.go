// Package strike lets the real program meet a fault at one of the changes that it makes to a host: an error, its own end, a
// full disk, a daemon that dies or hangs. The program is the test binary; what strikes it is left in a file on the host.
package strike

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"bridgehead/backend"
	"bridgehead/backend/op"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/trial"
)

// Where the program on the host finds what will go wrong in it, and leaves what it has seen.
const (
	Path        = "/run/strike.json"
	ChangesPath = "/run/changes.jsonl" // the changes that it made, a line each
	StruckPath  = "/run/struck"        // is there once it has happened
)

// At is one change that a command makes to the host.
type At struct {
	Command string // of the program: apply, confirm, rollback, undo, watch
	Undoing bool   // the operation, or else it is being done
	Op      int    // index into the plan's operations, -1 for none
	Call    int    // of the operation's changes, from 1
}

// Strike is what goes wrong at a change, right before it or right after it.
type Strike struct {
	At    At
	After bool
	Fault string // one of Faults; "" only notes the changes of the command
}

// Change is one change with the kind of its operation; of the inverse of one, of that one, too.
type Change struct {
	At       At
	Kind, Of string
}

// Asked returns what Path says, and whether it concerns this command of the program.
func Asked(command string) (s Strike, ok bool) {
	data, err := os.ReadFile(Path)
	return s, err == nil && json.Unmarshal(data, &s) == nil && command == s.At.Command
}

// On is h, on which s happens.
func (s Strike) On(h backend.Host) backend.Host {
	seen := map[At]int{}
	run := trial.Trial{Host: h, Dir: trial.StateDir}
	return plantest.Around(h, func(effect func() error) error {
		now := s.now(&run)
		seen[now.At]++
		now.At.Call = seen[now.At]
		return s.change(now, effect)
	})
}

// now is the operation that is being done or undone.
func (s Strike) now(run *trial.Trial) Change {
	now := Change{At: At{Command: s.At.Command, Op: -1}}
	status, err := run.Status(context.Background(), "")
	if err != nil {
		return now
	}
	for i, o := range status.Ops {
		if o.State == "doing" || o.State == "undoing" {
			now.At.Op, now.At.Undoing = i, o.State == "undoing"
			x := status.Plan.Items[i].Op
			now.Kind, now.Of = x.Kind(), x.Kind()
			if back, ok := x.(*op.Inverse); ok {
				now.Of = back.Of.Kind()
			}
		}
	}
	return now
}

// change makes one change, with what goes wrong at it.
func (s Strike) change(now Change, effect func() error) error {
	if s.Fault == "" {
		line, _ := json.Marshal(now) // plain data
		note(ChangesPath, string(line)+"\n")
	}
	if s.Fault == "" || now.At != s.At {
		return effect()
	}
	if s.After {
		return errors.Join(effect(), s.hit())
	}
	if err := s.hit(); err != nil {
		return err
	}
	return effect()
}

func note(path, text string) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		panic(err)
	}
}
