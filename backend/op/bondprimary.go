package op

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/bond"
	"bridgehead/backend/ovs"
)

// SetBondPrimary has another member in use than the one that the switch knew when the host's addresses moved, and
// tells the switch behind which of its ports they are now.
type SetBondPrimary struct {
	Bond    string         `json:"bond"`
	Primary string         `json:"primary"`
	Before  string         `json:"before"`
	Port    string         `json:"port"` // that has the addresses
	Addrs   []backend.Addr `json:"addrs"`
}

func (o *SetBondPrimary) Kind() string { return "set-bond-primary" }

// Lasts: the bond is taken away whole, but an undo of this one that is itself taken back finds the bond in the database.
func (o *SetBondPrimary) Lasts() Lasts { return OnDisk }

func (o *SetBondPrimary) args(primary string) []string {
	return []string{"--if-exists", "set", "Port", o.Bond, "other_config:bond-primary=" + primary}
}

func (o *SetBondPrimary) Describe() Note {
	record := func(primary string) string {
		return record{head: "Port " + o.Bond, set: []string{"other_config:bond-primary: " + primary}}.text()
	}
	tell := announceCommands(o.Port, o.Addrs)
	return Note{
		Text:     fmt.Sprintf("Use %s of %s, as long as its link works", o.Primary, o.Bond),
		Commands: append([]string{ovs.CommandLine(o.args(o.Primary)...)}, tell...),
		Undo:     append([]string{ovs.CommandLine(o.args(o.Before)...)}, tell...),
		Changes:  []FileChange{{Path: "Open vSwitch port " + o.Bond, Before: record(o.Before), After: record(o.Primary)}},
		Cut:      true,
	}
}

// Check has nothing to say: the bond itself is part of the same plan.
func (o *SetBondPrimary) Check(context.Context, backend.Host) error { return nil }

func (o *SetBondPrimary) Do(ctx context.Context, h backend.Host) error {
	return o.set(ctx, h, o.Primary)
}

func (o *SetBondPrimary) Verify(ctx context.Context, h backend.Host) error {
	return bondHas(ctx, h, "primary", o.Bond, "bond-primary", o.Primary)
}

// Undo leaves a bond that is gone alone.
func (o *SetBondPrimary) Undo(ctx context.Context, h backend.Host) error {
	return o.set(ctx, h, o.Before)
}

func (o *SetBondPrimary) set(ctx context.Context, h backend.Host, primary string) error {
	if err := setBond(ctx, h, "primary", o.Bond, o.args(primary)); err != nil {
		return err
	}
	o.inUse(ctx, h, primary)
	_ = announce(ctx, h, o.Port, o.Addrs) // Open vSwitch tells of MACs that it has seen, and a quiet port has sent nothing
	return nil
}

// changeTime is how long a bond may take to go over to another member. One without a link is never used.
const changeTime = time.Second

// inUse waits until the bond uses the primary, and until the flows that were made before lead there, too (ovs-appctl revalidator/wait).
// What is announced earlier goes out by the old member, and from then on the switch sends to where the bond drops it.
func (o *SetBondPrimary) inUse(ctx context.Context, h backend.Host, primary string) {
	for end := h.Clock.Boottime() + changeTime; h.Clock.Boottime() < end; <-h.Clock.After(10 * time.Millisecond) {
		s := bond.State{Name: o.Bond}
		text, err := h.Switch.Appctl(ctx, "bond/show", o.Bond)
		if err != nil || s.ReadOVS("", text, "") != nil {
			return // ovs-vswitchd does not answer: there is nobody who would send
		}
		if slices.ContainsFunc(s.Members, func(m bond.Member) bool { return m.Name == primary && m.Active }) {
			break
		}
	}
	_, _ = h.Switch.Appctl(ctx, "revalidator/wait")
}
