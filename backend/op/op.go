// Package op holds the operations: each is one change to a host that can be
// shown, checked, done, verified and undone. A plan is a list of them, and
// preview, scripts, journal and rollback all derive from that list.
//
// Adding an operation is one file and one line in all.go.
package op

import (
	"context"
	"encoding/json"
	"fmt"

	"bridgehead/backend"
)

// Op is one operation. It is a small struct of plain data, captured when the plan
// is built, so that a new process can undo what another one did.
type Op interface {
	// Kind is the operation's name in the journal and in plans.
	Kind() string
	// Describe says what it does, for people and for scripts.
	Describe() Note
	// Lasts says what of it a restart of the host leaves.
	Lasts() Lasts
	// Check says why the host is no longer as it was when the operation was
	// planned. It holds before the first operation of the plan and until its own Do.
	Check(context.Context, backend.Host) error
	// Do changes the host. Doing it twice is doing it once.
	Do(context.Context, backend.Host) error
	// Verify says why the host is not as it should be after Do.
	Verify(context.Context, backend.Host) error
	// Undo makes the host as it was before Do, also after half a Do, and also when repeated.
	Undo(context.Context, backend.Host) error
}

// Lasts is how long the effect of an operation lasts when the host is restarted.
type Lasts string

// A restart undoes what lasts UntilRestart. What is OnDisk can be undone before the
// network starts, with the database of Open vSwitch running and nothing else.
// What libvirt keeps can be undone once libvirt runs.
const (
	UntilRestart Lasts = "until restart"
	OnDisk       Lasts = "on disk"
	InLibvirt    Lasts = "in libvirt"
)

// Note describes an operation.
type Note struct {
	Text     string       `json:"text"`              // a sentence without its full stop
	Commands []string     `json:"commands"`          // what one would type to the same effect
	Undo     []string     `json:"undo"`              // and to take it back
	Changes  []FileChange `json:"changes,omitempty"` // files and definitions, before and after
	Cut      bool         `json:"cut,omitempty"`     // from here to the end of the next operation the NIC's traffic may stall
	Risk     string       `json:"risk,omitempty"`    // what the operator should know about it
}

// FileChange is one file, or what Open vSwitch or libvirt keeps of one thing, before and after.
type FileChange struct {
	Path   string `json:"path"` // "/etc/network/interfaces", "Open vSwitch bridge examplebr0", "libvirt network examplebr0"
	Before string `json:"before"`
	After  string `json:"after"`

	Created bool `json:"created,omitempty"` // there was none before
	Removed bool `json:"removed,omitempty"` // there will be none after
}

// encoded is an operation in JSON.
type encoded struct {
	Kind string          `json:"kind"`
	Op   json.RawMessage `json:"op"`
}

// Encode writes o so that Decode can read it in another process.
func Encode(o Op) (json.RawMessage, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("cannot write operation %s: %w", o.Kind(), err)
	}
	return json.Marshal(encoded{o.Kind(), body})
}

// Decode reads what Encode wrote.
func Decode(data json.RawMessage) (Op, error) {
	var e encoded
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("cannot read an operation: %w", err)
	}
	for _, fresh := range all {
		o := fresh()
		if o.Kind() != e.Kind {
			continue
		}
		if err := json.Unmarshal(e.Op, o); err != nil {
			return nil, fmt.Errorf("cannot read operation %s: %w", e.Kind, err)
		}
		return o, nil
	}
	return nil, fmt.Errorf("operation %q is unknown to this version of bridgehead", e.Kind)
}
