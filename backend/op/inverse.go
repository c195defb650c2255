package op

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"bridgehead/backend"
)

// Inverse takes an operation back, as an operation of its own: undoing a confirmed
// change is a trial like any other, under the same guard.
type Inverse struct{ Of Op }

func (o *Inverse) Kind() string { return "inverse" }

// Lasts is as long as that of the operation; but a client that was ended is started again by ifup.
func (o *Inverse) Lasts() Lasts {
	if _, dhcp := o.Of.(*StartDHCP); dhcp {
		return UntilRestart
	}
	return o.Of.Lasts()
}

func (o *Inverse) Describe() Note {
	n := o.Of.Describe()
	n.Text = "Take back: " + n.Text
	n.Commands, n.Undo = n.Undo, n.Commands
	n.Changes = slices.Clone(n.Changes)
	for i, c := range n.Changes {
		n.Changes[i].Before, n.Changes[i].After = c.After, c.Before
		n.Changes[i].Created, n.Changes[i].Removed = c.Removed, c.Created
	}
	return n
}

// Check says that the host still is as the operation left it.
func (o *Inverse) Check(ctx context.Context, h backend.Host) error { return o.Of.Verify(ctx, h) }

// Do takes no NIC by force: that would end an ovs-vswitchd that works, and an undo that fails is rolled back to it.
func (o *Inverse) Do(ctx context.Context, h backend.Host) error {
	h.Switch = &gentle{Switch: h.Switch}
	return o.Of.Undo(ctx, h)
}

// gentle is a switch that releases no NIC of which the database says, or may say, that it is a port, nor any while its last
// change has failed: an ovs-vswitchd that hangs still has the NIC, and goes on with it when the rollback has made it a port again.
type gentle struct {
	backend.Switch
	failed error
}

func (g *gentle) Transact(ctx context.Context, args ...string) error {
	g.failed = g.Switch.Transact(ctx, args...)
	return g.failed
}

func (g *gentle) Record(ctx context.Context, args ...string) error {
	g.failed = g.Switch.Record(ctx, args...)
	return g.failed
}

func (g *gentle) Release(ctx context.Context, nic string) error {
	if g.failed != nil {
		return fmt.Errorf("%s is not taken by force for an undo", nic)
	}
	sw, err := database(ctx, backend.Host{Switch: g.Switch})
	if err != nil {
		return fmt.Errorf("%s is not taken by force for an undo: %w", nic, err)
	}
	if bridge, is := portOf(sw, nic); is {
		return fmt.Errorf("%s is not taken from bridge %s by force for an undo", nic, bridge)
	}
	return g.Switch.Release(ctx, nic)
}

// Verify has nothing to add: the whole is compared with the state before at the end.
func (o *Inverse) Verify(context.Context, backend.Host) error { return nil }

func (o *Inverse) Undo(ctx context.Context, h backend.Host) error { return o.Of.Do(ctx, h) }

// MarshalJSON implements json.Marshaler.
func (o *Inverse) MarshalJSON() ([]byte, error) { return Encode(o.Of) }

// UnmarshalJSON implements json.Unmarshaler.
func (o *Inverse) UnmarshalJSON(data []byte) (err error) {
	o.Of, err = Decode(json.RawMessage(data))
	return err
}
