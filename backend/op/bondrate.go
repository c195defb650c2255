package op

import (
	"context"
	"fmt"

	"bridgehead/backend"
	"bridgehead/backend/bond"
	"bridgehead/backend/ovs"
)

// SetBondRate sets the rate at which a bond asks its partner to speak, once the change is confirmed.
type SetBondRate struct {
	Bond string `json:"bond"`
	Rate string `json:"rate"` // slow or fast
}

func (o *SetBondRate) Kind() string { return "set-bond-rate" }

// Lasts: it goes with its bond, which is taken away whole.
func (o *SetBondRate) Lasts() Lasts { return UntilRestart }

func (o *SetBondRate) args(rate string) []string {
	return []string{"--if-exists", "set", "Port", o.Bond, "other_config:lacp-time=" + rate}
}

func (o *SetBondRate) Describe() Note {
	return Note{
		Text:     fmt.Sprintf("Set the LACP rate of %s to %s", o.Bond, o.Rate),
		Commands: []string{ovs.CommandLine(o.args(o.Rate)...)},
		Undo:     []string{ovs.CommandLine(o.args(bond.Fast)...)},
		Changes:  []FileChange{{Path: "Open vSwitch port " + o.Bond, Before: o.record(bond.Fast).text(), After: o.record(o.Rate).text()}},
	}
}

// Check has nothing to say: the bond itself is part of the same plan.
func (o *SetBondRate) Check(context.Context, backend.Host) error { return nil }

// Do also makes it durable: when it is done, the rest of the change is.
func (o *SetBondRate) Do(ctx context.Context, h backend.Host) error {
	if err := o.set(ctx, h, o.Rate); err != nil {
		return err
	}
	if err := h.Switch.Sync(ctx); err != nil {
		return fmt.Errorf("cannot make the LACP rate of %s durable: %w", o.Bond, err)
	}
	return nil
}

func (o *SetBondRate) Verify(ctx context.Context, h backend.Host) error {
	return bondHas(ctx, h, "LACP rate", o.Bond, "lacp-time", o.Rate)
}

// Undo leaves a bond that is gone alone.
func (o *SetBondRate) Undo(ctx context.Context, h backend.Host) error {
	return o.set(ctx, h, bond.Fast)
}

func (o *SetBondRate) set(ctx context.Context, h backend.Host, rate string) error {
	return setBond(ctx, h, "LACP rate", o.Bond, o.args(rate))
}

// bondHas says whether a bond's other_config has the value. A bond that is gone is the business of AddBond.
func bondHas(ctx context.Context, h backend.Host, what, name, key, value string) error {
	sw, err := runningSwitch(ctx, h)
	if err != nil {
		return err
	}
	p, ok := anyPort(sw, name)
	if now := p.OtherConfig[key]; ok && now != value {
		return fmt.Errorf("the %s of %s is %q instead of %s", what, name, now, value)
	}
	return nil
}

// setBond changes a setting of a bond, in the database alone where ovs-vswitchd does not run.
func setBond(ctx context.Context, h backend.Host, what, name string, args []string) error {
	sw, err := database(ctx, h)
	if err == nil {
		err = change(ctx, h, sw, args)
	}
	if err != nil {
		return fmt.Errorf("cannot set the %s of %s: %w", what, name, err)
	}
	return nil
}
