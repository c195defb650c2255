// Package plan turns facts and answers into the one list of operations from
// which everything derives: preview, scripts, journal, apply, checks, rollback.
package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"bridgehead/backend/answers"
	"bridgehead/backend/check"
	"bridgehead/backend/op"
)

// Version of the plan's JSON.
const Version = 1

// Phase says when an operation is done.
type Phase string

// Trial operations change run-time state and are done at apply; Persist operations
// make the change last, and are done when it is confirmed.
const (
	Trial   Phase = "trial"
	Persist Phase = "persist"
)

// Item is one operation with its phase.
type Item struct {
	Phase Phase
	Op    op.Op
}

// Plan is what will be done, and how it will be known that it worked.
type Plan struct {
	Version int             `json:"version"`
	Host    string          `json:"host"`
	Answers answers.Answers `json:"answers"`
	Items   []Item          `json:"operations"` // all of phase Trial first
	Checks  []check.Spec    `json:"checks"`
	Scope   Scope           `json:"scope"`
	Risk    Risk            `json:"risk"`
	Picture Picture         `json:"picture"`
	Notes   []string        `json:"notes,omitempty"` // what the operator should know about the edits
}

// Scope is what a rollback is compared on with the state before.
type Scope struct {
	NICs     []string `json:"nics"`
	Links    []string `json:"links"` // that the plan creates
	Bridges  []string `json:"bridges"`
	Files    []string `json:"files"`
	Networks []string `json:"networks"`          // of libvirt
	Domains  []string `json:"domains,omitempty"` // VMs whose definition changes
}

// Risk is what the cut touches.
type Risk struct {
	OwnSession bool     `json:"own_session"`        // this session goes through an uplink
	Unknown    string   `json:"unknown,omitempty"`  // why it cannot be known
	Sessions   []string `json:"sessions,omitempty"` // logins through an uplink
	Uses       []string `json:"uses,omitempty"`     // iSCSI, NFS, … through an uplink
	VMs        []string `json:"vms,omitempty"`      // running VMs whose network the plan touches
	Rules      []string `json:"rules,omitempty"`    // firewall rules that name an uplink and stop matching
	NewAddress bool     `json:"new_address"`        // the host will not keep its addresses
	Safe       string   `json:"safe,omitempty"`     // why nothing is at risk, where that is so
}

// LoseSSH says that logins may be lost: unattended runs have to accept it by name.
func (r Risk) LoseSSH() bool { return r.OwnSession || r.Unknown != "" || len(r.Sessions) > 0 }

// Window is how long the trial waits for confirmation where d was asked for: LACP may take its
// time (bond.Patience), and nobody is to lose the host to that.
func (p Plan) Window(d time.Duration) time.Duration {
	if p.Answers.Bonding().Speaks() {
		return max(d, answers.HumanWindow)
	}
	return d
}

// MakesBridge says that the plan makes the bridge: taken back, it is gone.
func (p Plan) MakesBridge() bool {
	return slices.ContainsFunc(p.Items, func(i Item) bool { _, makes := i.Op.(*op.AddBridge); return makes })
}

// Ops returns the operations of one phase.
func (p Plan) Ops(phase Phase) []op.Op {
	var out []op.Op
	for _, i := range p.Items {
		if i.Phase == phase {
			out = append(out, i.Op)
		}
	}
	return out
}

type jsonItem struct {
	Phase Phase           `json:"phase"`
	Note  *op.Note        `json:"note,omitempty"` // for readers; not read back
	Op    json.RawMessage `json:"operation"`
}

// MarshalJSON implements json.Marshaler.
func (i Item) MarshalJSON() ([]byte, error) {
	body, err := op.Encode(i.Op)
	if err != nil {
		return nil, err
	}
	note := i.Op.Describe()
	return json.Marshal(jsonItem{i.Phase, &note, body})
}

// UnmarshalJSON implements json.Unmarshaler.
func (i *Item) UnmarshalJSON(data []byte) error {
	var j jsonItem
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	o, err := op.Decode(j.Op)
	i.Phase, i.Op = j.Phase, o
	return err
}

// Decode reads a plan that another process wrote.
func Decode(data []byte) (Plan, error) {
	var p Plan
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("cannot read the plan: %w", err)
	}
	if p.Version != Version {
		return p, fmt.Errorf("the plan has version %d; this bridgehead reads version %d", p.Version, Version)
	}
	return p, nil
}
