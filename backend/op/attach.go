package op

import (
	"context"
	"errors"
	"fmt"

	"bridgehead/backend"
	"bridgehead/backend/ovs"
)

// AttachNIC makes a NIC a port of a bridge. From that moment the bridge takes
// every frame that the NIC receives: here an SSH session breaks if nothing was prepared.
type AttachNIC struct {
	Bridge string `json:"bridge"`
	NIC    string `json:"nic"`
	MAC    string `json:"mac"` // of the NIC when the plan was built
	MTU    int    `json:"mtu"`
	WasUp  bool   `json:"was_up"`
	// WasPromisc is so of a NIC that was promiscuous before. One that was not may be left so by the userspace datapath,
	// whose ovs-vswitchd was started again meanwhile.
	WasPromisc bool `json:"was_promisc,omitempty"`

	// Now is what was set on its rows when its undo began, and comes back if that is not kept.
	Now []backend.Row `json:"now,omitempty"`
}

func (o *AttachNIC) Kind() string { return "attach-nic" }

func (o *AttachNIC) Lasts() Lasts { return OnDisk }

// rows are what it makes.
func (o *AttachNIC) rows() []backend.Row {
	if o.Now != nil {
		return o.Now
	}
	return []backend.Row{{Table: "Port", Name: o.NIC}, {Table: "Interface", Name: o.NIC}}
}

func (o *AttachNIC) doArgs() []string {
	return append([]string{"--may-exist", "add-port", o.Bridge, o.NIC}, setArgs(o.rows())...)
}

func (o *AttachNIC) undoArgs() []string { return []string{"--if-exists", "del-port", o.Bridge, o.NIC} }

func (o *AttachNIC) Describe() Note {
	return Note{
		Text:     fmt.Sprintf("Attach %s to bridge %s", o.NIC, o.Bridge),
		Commands: []string{"ip link set " + quote(o.NIC) + " up", ovs.CommandLine(o.doArgs()...)},
		Undo:     []string{ovs.CommandLine(o.undoArgs()...)},
		Changes:  madeIn("port "+o.NIC+" of bridge "+o.Bridge, o.record()),
		Cut:      true,
	}
}

func (o *AttachNIC) Check(ctx context.Context, h backend.Host) error {
	l, err := link(ctx, h, o.NIC)
	if err != nil {
		return err
	}
	if l.MAC != o.MAC {
		return fmt.Errorf("%s now has MAC %s instead of %s; start again so that the plan is made for this card", o.NIC, l.MAC, o.MAC)
	}
	if l.MTU != o.MTU {
		return fmt.Errorf("%s now has MTU %d instead of %d; start again", o.NIC, l.MTU, o.MTU)
	}
	if l.Up != o.WasUp {
		return fmt.Errorf("%s has been set up or down since the plan was made; start again", o.NIC)
	}
	if l.Master != "" {
		return fmt.Errorf("%s now belongs to %s; take it out of there first", o.NIC, l.Master)
	}
	sw, err := runningSwitch(ctx, h)
	if err != nil {
		return err
	}
	if br, taken := portOf(sw, o.NIC); taken {
		return fmt.Errorf("%s already is a port of bridge %s", o.NIC, br)
	}
	return nil
}

func (o *AttachNIC) Do(ctx context.Context, h backend.Host) error {
	sw, err := database(ctx, h)
	if err != nil {
		return fmt.Errorf("cannot add port %s to %s: %w", o.NIC, o.Bridge, err)
	}
	if sw.Running { // Open vSwitch does not raise physical ports; before it runs, ifup will
		if err := h.Links.SetUp(ctx, o.NIC, true); err != nil {
			return err
		}
	}
	if err := change(ctx, h, sw, o.doArgs()); err != nil {
		return fmt.Errorf("cannot add port %s to %s: %w", o.NIC, o.Bridge, err)
	}
	return nil
}

func (o *AttachNIC) Verify(ctx context.Context, h backend.Host) error {
	sw, err := runningSwitch(ctx, h)
	if err != nil {
		return err
	}
	if problem, bad := ovs.PortProblem(sw, o.NIC); bad {
		return fmt.Errorf("port %s does not work: %s", o.NIC, problem)
	}
	if br, _ := portOf(sw, o.NIC); br != o.Bridge {
		return fmt.Errorf("%s is not a port of bridge %s", o.NIC, o.Bridge)
	}
	return nil
}

// Undo gives the NIC back to the host's own stack, whichever daemon is dead.
func (o *AttachNIC) Undo(ctx context.Context, h backend.Host) error {
	var errs []error
	if err := o.detach(ctx, h); err != nil {
		errs = append(errs, fmt.Errorf("cannot take port %s off bridge %s: %w", o.NIC, o.Bridge, err))
	}
	if nic, ok, err := maybeLink(ctx, h, o.NIC); err != nil {
		errs = append(errs, err)
	} else if ok && nic.Up != o.WasUp {
		errs = append(errs, h.Links.SetUp(ctx, o.NIC, o.WasUp))
	}
	return errors.Join(errs...)
}

func (o *AttachNIC) detach(ctx context.Context, h backend.Host) error {
	sw, err := database(ctx, h)
	if err == nil {
		if b, ok := findBridge(sw, o.Bridge); ok && ours(b) {
			if _, ok := findPort(b, o.NIC); ok {
				err = takeOff(ctx, h, sw, o.undoArgs())
			}
		}
	}
	if err == nil && sw.Running {
		return calm(ctx, h, o.NIC, o.WasPromisc)
	}
	return errors.Join(err, h.Switch.Release(ctx, o.NIC))
}

// calm releases a NIC that is no port any more, if it is promiscuous and was not.
func calm(ctx context.Context, h backend.Host, nic string, was bool) error {
	l, _, err := maybeLink(ctx, h, nic)
	if err != nil || !l.Promisc || was {
		return err
	}
	return h.Switch.Release(ctx, nic)
}
