package op

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/ovs"
)

// AddKernelBond makes a bond of the kernel one port of a bridge, with all its members but the one that
// has the host's addresses: a bond takes only NICs that are down. That one joins by JoinBond, when its addresses
// have moved to the bridge's port and there is another way for them.
type AddKernelBond struct {
	Bridge  string             `json:"bridge"`
	Bond    string             `json:"bond"`
	Primary string             `json:"primary"` // the NIC that joins later
	Members []Member           `json:"members"` // all of them
	Options backend.KernelBond `json:"options"`

	// Now is what was set on its rows when its undo began, and comes back if that is not kept.
	Now []backend.Row `json:"now,omitempty"`
}

func (o *AddKernelBond) Kind() string { return "add-kernel-bond" }

// Lasts: the port is in the database. The bond itself is gone with a restart, or made by ifup.
func (o *AddKernelBond) Lasts() Lasts { return OnDisk }

// first are the members that join at once.
func (o *AddKernelBond) first() []Member {
	return slices.DeleteFunc(slices.Clone(o.Members), func(m Member) bool { return m.NIC == o.Primary })
}

// port is the bond as a port like any NIC.
func (o *AddKernelBond) port() *AttachNIC {
	return &AttachNIC{Bridge: o.Bridge, NIC: o.Bond, Now: o.Now}
}

func (o *AddKernelBond) Describe() Note {
	var names []string
	port := o.port()
	n := Note{Commands: []string{bondCommand(o.Bond, o.Options)}, Undo: []string{ovs.CommandLine(port.undoArgs()...)},
		Changes: madeIn("port "+o.Bond+" of bridge "+o.Bridge, port.record())}
	for _, m := range o.first() {
		names = append(names, m.NIC)
		n.Commands = append(n.Commands, joinCommands(m.NIC, o.Bond)...)
		n.Undo = append(n.Undo, leaveCommands(m)...)
	}
	n.Commands = append(n.Commands, "ip link set "+quote(o.Bond)+" up", ovs.CommandLine(port.doArgs()...))
	n.Undo = append(n.Undo, "ip link delete "+quote(o.Bond)+" type bond")
	n.Text = fmt.Sprintf("Make bond %s of the kernel (%s) with %s, and attach it to bridge %s", o.Bond, o.Options.Mode, strings.Join(names, ", "), o.Bridge)
	return n
}

func joinCommands(nic, bond string) []string {
	set := "ip link set " + quote(nic)
	return []string{set + " down", set + " master " + quote(bond), set + " up"}
}

func leaveCommands(m Member) []string {
	out := []string{"ip link set " + quote(m.NIC) + " nomaster"}
	if m.WasUp {
		out = append(out, "ip link set "+quote(m.NIC)+" up")
	}
	return out
}

// bondCommand is what makes a bond by hand.
func bondCommand(name string, b backend.KernelBond) string {
	c := fmt.Sprintf("ip link add %s address %s mtu %d type bond mode %s miimon 100", quote(name), b.MAC, b.MTU, b.Mode)
	if b.Rate != "" {
		c += " lacp_rate " + b.Rate
	}
	return c
}

func (o *AddKernelBond) Check(ctx context.Context, h backend.Host) error {
	for _, m := range o.Members {
		if err := (&AttachNIC{Bridge: o.Bridge, NIC: m.NIC, MAC: m.MAC, MTU: m.MTU, WasUp: m.WasUp}).Check(ctx, h); err != nil {
			return err
		}
	}
	if _, taken, err := maybeLink(ctx, h, o.Bond); err != nil {
		return err
	} else if taken {
		return fmt.Errorf("cannot make bond %s: the host already has a network link of that name; choose another name", o.Bond)
	}
	return nil
}

// Do makes the bond and its port. Before Open vSwitch and the network run, the port is all there is to do:
// ifup makes the bond from its stanza.
func (o *AddKernelBond) Do(ctx context.Context, h backend.Host) error {
	sw, err := database(ctx, h)
	if err == nil && sw.Running {
		err = o.make(ctx, h)
	}
	if err == nil {
		err = change(ctx, h, sw, o.port().doArgs())
	}
	if err != nil {
		return fmt.Errorf("cannot make bond %s on %s: %w", o.Bond, o.Bridge, err)
	}
	return nil
}

func (o *AddKernelBond) make(ctx context.Context, h backend.Host) error {
	if err := h.Links.AddBond(ctx, o.Bond, o.Options); err != nil {
		return err
	}
	if err := h.Links.SetUp(ctx, o.Bond, true); err != nil {
		return err
	}
	for _, m := range o.first() {
		if err := join(ctx, h, m.NIC, o.Bond); err != nil {
			return err
		}
	}
	return awaitCarrier(ctx, h, o.Bond)
}

// carrierTime is how long a NIC that was down may take to have a link: 1000BASE-T negotiates for up to 4 s.
const carrierTime = 8 * time.Second

// awaitCarrier gives the NICs their time, for the addresses are to come to a link that works. One
// without a cable is no reason not to go on.
func awaitCarrier(ctx context.Context, h backend.Host, name string) error {
	for end := h.Clock.Boottime() + carrierTime; h.Clock.Boottime() < end; {
		l, err := link(ctx, h, name)
		if err != nil || l.Carrier {
			return err
		}
		select {
		case <-h.Clock.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// join puts a NIC into a bond, which takes it only while it is down.
func join(ctx context.Context, h backend.Host, nic, bond string) error {
	l, err := link(ctx, h, nic)
	if err != nil {
		return err
	}
	if l.Master != bond {
		if err := h.Links.SetUp(ctx, nic, false); err != nil {
			return err
		}
		if err := h.Links.SetMaster(ctx, nic, bond); err != nil {
			return err
		}
	}
	return h.Links.SetUp(ctx, nic, true)
}

// Verify says whether the members are in the bond and the bond in the bridge. Whether the switch agrees shows later.
func (o *AddKernelBond) Verify(ctx context.Context, h backend.Host) error {
	sw, err := runningSwitch(ctx, h)
	if err != nil {
		return err
	}
	links, err := h.Links.List(ctx)
	if err != nil {
		return err
	}
	if l, ok := findLink(links, o.Bond); !ok || l.Kind != "bond" {
		return fmt.Errorf("there is no bond %s", o.Bond)
	}
	for _, m := range o.first() {
		if l, ok := findLink(links, m.NIC); ok && l.Master != o.Bond {
			return fmt.Errorf("%s is not in bond %s", m.NIC, o.Bond)
		}
	}
	if problem, bad := ovs.PortProblem(sw, o.Bond); bad {
		return fmt.Errorf("bond %s does not work: %s", o.Bond, problem)
	}
	if br, _ := portOf(sw, o.Bond); br != o.Bridge {
		return fmt.Errorf("%s is not a port of bridge %s", o.Bond, o.Bridge)
	}
	return nil
}

// Undo gives all NICs back. The bond goes last: as long as it is there, there may be something to give back; and
// after a restart, when it is not, the NICs are as they come up.
func (o *AddKernelBond) Undo(ctx context.Context, h backend.Host) error {
	var errs []error
	if err := o.port().detach(ctx, h); err != nil {
		errs = append(errs, fmt.Errorf("cannot take bond %s off bridge %s: %w", o.Bond, o.Bridge, err))
	}
	if _, made, err := maybeLink(ctx, h, o.Bond); err != nil || !made {
		return errors.Join(append(errs, err)...)
	}
	given := true
	for _, m := range o.Members {
		err := leave(ctx, h, m, o.Bond)
		errs, given = append(errs, err), given && err == nil
	}
	if given {
		errs = append(errs, h.Links.DelBond(ctx, o.Bond))
	}
	return errors.Join(errs...)
}

// leave takes a NIC out of a bond, if it is in it, and sets it up or down as it was.
func leave(ctx context.Context, h backend.Host, m Member, bond string) error {
	nic, ok, err := maybeLink(ctx, h, m.NIC)
	if err != nil || !ok {
		return err
	}
	if nic.Master == bond {
		if err := h.Links.SetMaster(ctx, m.NIC, ""); err != nil {
			return err
		}
	} else if nic.Up == m.WasUp {
		return nil
	}
	return h.Links.SetUp(ctx, m.NIC, m.WasUp)
}

// JoinBond puts the NIC that had the host's addresses into the bond that has them now, by way of the bridge.
type JoinBond struct {
	Bond   string         `json:"bond"`
	Member Member         `json:"member"`
	Port   string         `json:"port"` // that has the addresses
	Addrs  []backend.Addr `json:"addrs"`
}

func (o *JoinBond) Kind() string { return "join-bond" }

func (o *JoinBond) Lasts() Lasts { return UntilRestart }

func (o *JoinBond) Describe() Note {
	return Note{
		Text:     fmt.Sprintf("Put %s into bond %s", o.Member.NIC, o.Bond),
		Commands: append(joinCommands(o.Member.NIC, o.Bond), announceCommands(o.Port, o.Addrs)...),
		Undo:     leaveCommands(o.Member),
		Cut:      true,
		Risk:     "a bond of the kernel takes only a NIC that is down: until its link is up again, the other members carry all",
	}
}

// Check has nothing to say of its own: AddKernelBond looks at every member.
func (o *JoinBond) Check(context.Context, backend.Host) error { return nil }

func (o *JoinBond) Do(ctx context.Context, h backend.Host) error {
	if err := join(ctx, h, o.Member.NIC, o.Bond); err != nil {
		return fmt.Errorf("cannot put %s into bond %s: %w", o.Member.NIC, o.Bond, err)
	}
	// The switch may have the address at another port by now. It learns in any case.
	_ = announce(ctx, h, o.Port, o.Addrs)
	return nil
}

func (o *JoinBond) Verify(ctx context.Context, h backend.Host) error {
	l, err := link(ctx, h, o.Member.NIC)
	if err == nil && l.Master != o.Bond {
		err = fmt.Errorf("%s is not in bond %s", o.Member.NIC, o.Bond)
	}
	return err
}

func (o *JoinBond) Undo(ctx context.Context, h backend.Host) error {
	err := leave(ctx, h, o.Member, o.Bond)
	if err == nil && o.Member.WasUp {
		err = awaitCarrier(ctx, h, o.Member.NIC)
	}
	if err != nil {
		return fmt.Errorf("cannot take %s out of bond %s: %w", o.Member.NIC, o.Bond, err)
	}
	return nil
}
