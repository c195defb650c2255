package op

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/bond"
	"bridgehead/backend/ovs"
)

// AddBond makes several NICs one port of a bridge. It is an AttachNIC of all of them: from that
// moment the bridge takes every frame that they receive, and with LACP drops them until the switch agrees.
type AddBond struct {
	Bridge   string   `json:"bridge"`
	Bond     string   `json:"bond"`
	Members  []Member `json:"members"`
	Primary  string   `json:"primary"` // the NIC that the switch knows already: it stays in use where one is
	Mode     string   `json:"mode"`    // of Open vSwitch: active-backup, balance-slb, balance-tcp
	LACP     string   `json:"lacp"`    // active, passive, off
	Fallback bool     `json:"fallback,omitempty"`
	// Rate of LACP. It is fast until the change is confirmed: a partner that stops is then missed
	// within 3 s instead of 90.
	Rate string `json:"rate,omitempty"`
	// Left are members that a remedy has left out; they are taken out of the bond once it is made.
	Left []string `json:"left,omitempty"`

	// Now is what was set on its rows when its undo began, and comes back if that is not kept.
	Now []backend.Row `json:"now,omitempty"`
}

// Member is one NIC of a bond, as it was when the plan was built.
type Member struct {
	NIC   string `json:"nic"`
	MAC   string `json:"mac"`
	MTU   int    `json:"mtu"`
	WasUp bool   `json:"was_up"`
	// WasPromisc is as of an AttachNIC.
	WasPromisc bool `json:"was_promisc,omitempty"`

	// Of LACP, for a bond of Open vSwitch; 0: its own.
	PortID       int `json:"port_id,omitempty"`
	PortPriority int `json:"port_priority,omitempty"`
}

// settings are what is set for a member, as ovs-vsctl writes it.
func (m Member) settings() []string {
	var out []string
	if m.PortID != 0 {
		out = append(out, fmt.Sprint("other_config:lacp-port-id=", m.PortID))
	}
	if m.PortPriority != 0 {
		out = append(out, fmt.Sprint("other_config:lacp-port-priority=", m.PortPriority))
	}
	return out
}

func (o *AddBond) Kind() string { return "add-bond" }

func (o *AddBond) Lasts() Lasts { return OnDisk }

func (o *AddBond) nics() []string {
	out := make([]string, len(o.Members))
	for i, m := range o.Members {
		out[i] = m.NIC
	}
	return out
}

// rows are what it makes.
func (o *AddBond) rows() []backend.Row {
	if o.Now != nil {
		return o.Now
	}
	rows := []backend.Row{{Table: "Port", Name: o.Bond, Set: o.settings()}}
	for _, m := range o.Members {
		if !slices.Contains(o.Left, m.NIC) {
			rows = append(rows, backend.Row{Table: "Interface", Name: m.NIC, Set: m.settings()})
		}
	}
	return rows
}

// doArgs set the options apart: add-bond ignores them where the bond is there already.
func (o *AddBond) doArgs() []string {
	a := append([]string{"--may-exist", "add-bond", o.Bridge, o.Bond}, o.nics()...)
	return append(a, setArgs(o.rows())...)
}

// settings are what is set for the bond, as ovs-vsctl writes it.
func (o *AddBond) settings() []string {
	a := []string{"bond_mode=" + o.Mode, "lacp=" + o.LACP, "other_config:bond-primary=" + o.Primary}
	if o.Rate != "" {
		a = append(a, "other_config:lacp-time="+o.Rate)
	}
	if o.Fallback {
		a = append(a, "other_config:lacp-fallback-ab=true")
	}
	return a
}

func (o *AddBond) undoArgs() []string { return []string{"--if-exists", "del-port", o.Bridge, o.Bond} }

func (o *AddBond) Describe() Note {
	n := Note{Cut: true, Commands: []string{ovs.CommandLine(o.doArgs()...)}, Undo: []string{ovs.CommandLine(o.undoArgs()...)},
		Changes: madeIn("port "+o.Bond+" of bridge "+o.Bridge, o.record())}
	how := o.Mode
	if o.LACP != bond.Off {
		how += ", LACP " + o.LACP
		n.Risk = "until the switch negotiates LACP, nothing passes"
		if o.Fallback {
			how += ", else active-backup"
			n.Risk = "until the switch negotiates LACP, nothing passes; without an answer one NIC is used after about 3 s"
		}
	}
	n.Text = fmt.Sprintf("Bond %s as %s (%s) on bridge %s", strings.Join(o.nics(), ", "), o.Bond, how, o.Bridge)
	for i, m := range slices.Backward(o.Members) {
		n.Commands = append([]string{"ip link set " + quote(m.NIC) + " up"}, n.Commands...)
		if !o.Members[i].WasUp {
			n.Undo = append(n.Undo, "ip link set "+quote(m.NIC)+" down")
		}
	}
	return n
}

// attach is m as a port of its own, whose conditions a member shares.
func (o *AddBond) attach(m Member) *AttachNIC {
	return &AttachNIC{Bridge: o.Bridge, NIC: m.NIC, MAC: m.MAC, MTU: m.MTU, WasUp: m.WasUp}
}

func (o *AddBond) Check(ctx context.Context, h backend.Host) error {
	for _, m := range o.Members {
		if err := o.attach(m).Check(ctx, h); err != nil {
			return err
		}
	}
	sw, err := runningSwitch(ctx, h)
	if err != nil {
		return err
	}
	if br, taken := portOf(sw, o.Bond); taken {
		return fmt.Errorf("cannot make bond %s: it is already a port of bridge %s; choose another name", o.Bond, br)
	}
	return nil
}

func (o *AddBond) Do(ctx context.Context, h backend.Host) error {
	sw, err := database(ctx, h)
	if err != nil {
		return fmt.Errorf("cannot make bond %s on %s: %w", o.Bond, o.Bridge, err)
	}
	if sw.Running { // a member that is down sends no LACP; before Open vSwitch runs, ifup will
		for _, m := range o.Members {
			if err := h.Links.SetUp(ctx, m.NIC, true); err != nil {
				return err
			}
		}
	}
	if err := o.make(ctx, h, sw); err != nil {
		return fmt.Errorf("cannot make bond %s on %s: %w", o.Bond, o.Bridge, err)
	}
	return nil
}

func (o *AddBond) make(ctx context.Context, h backend.Host, sw backend.SwitchState) error {
	b, _ := findBridge(sw, o.Bridge)
	port, there := findPort(b, o.Bond)
	args, left := o.doArgs(), o.Left
	if there {
		left = slices.DeleteFunc(slices.Clone(left), func(nic string) bool {
			return !slices.ContainsFunc(port.Interfaces, func(i backend.Interface) bool { return i.Name == nic })
		})
		if len(left) < len(o.Left) { // add-bond refuses a bond with other members
			args = setArgs(o.rows())[1:]
		}
	}
	if err := change(ctx, h, sw, args); err != nil || len(left) == 0 {
		return err
	}
	drop, err := o.remedyArgs(bond.DropMembers, left)
	if err != nil {
		return err
	}
	return change(ctx, h, sw, drop)
}

// Verify says whether the members are in the bridge. Whether the switch agrees shows later.
func (o *AddBond) Verify(ctx context.Context, h backend.Host) error {
	sw, err := runningSwitch(ctx, h)
	if err != nil {
		return err
	}
	if problem, bad := ovs.PortProblem(sw, o.Bond); bad {
		return fmt.Errorf("bond %s does not work: %s", o.Bond, problem)
	}
	if br, _ := portOf(sw, o.Bond); br != o.Bridge {
		return fmt.Errorf("%s is not a port of bridge %s", o.Bond, o.Bridge)
	}
	return nil
}

// Undo gives all NICs back to the host's own stack, whichever daemon is dead.
func (o *AddBond) Undo(ctx context.Context, h backend.Host) error {
	var errs []error
	if err := o.dissolve(ctx, h); err != nil {
		errs = append(errs, fmt.Errorf("cannot take bond %s off bridge %s: %w", o.Bond, o.Bridge, err))
	}
	for _, m := range o.Members {
		nic, ok, err := maybeLink(ctx, h, m.NIC)
		errs = append(errs, err)
		if ok && nic.Up && !m.WasUp { // one that is down now was not set down by this: a restart may have been in between
			errs = append(errs, h.Links.SetUp(ctx, m.NIC, false))
		}
	}
	return errors.Join(errs...)
}

func (o *AddBond) dissolve(ctx context.Context, h backend.Host) error {
	sw, err := database(ctx, h)
	if err == nil {
		if b, ok := findBridge(sw, o.Bridge); ok && ours(b) {
			if _, ok := findPort(b, o.Bond); ok {
				err = takeOff(ctx, h, sw, o.undoArgs())
			}
		}
	}
	errs := []error{err}
	for _, m := range o.Members {
		if err == nil && sw.Running {
			errs = append(errs, calm(ctx, h, m.NIC, m.WasPromisc))
		} else {
			errs = append(errs, h.Switch.Release(ctx, m.NIC))
		}
	}
	return errors.Join(errs...)
}

// Remedy changes the running bond as a finding advises. Undo does not need to know: it takes the
// whole bond away.
func (o *AddBond) Remedy(ctx context.Context, h backend.Host, r bond.Remedy, members []string) error {
	args, err := o.remedyArgs(r, members)
	if err == nil {
		err = h.Switch.Transact(ctx, args...)
	}
	if err != nil {
		return fmt.Errorf("cannot change bond %s: %w", o.Bond, err)
	}
	return nil
}

func (o *AddBond) remedyArgs(r bond.Remedy, members []string) ([]string, error) {
	set := []string{"set", "Port", o.Bond}
	switch r {
	case bond.FallbackOn:
		return append(set, "other_config:lacp-fallback-ab=true"), nil
	case bond.UseActiveBackup:
		return append(set, "bond_mode=active-backup", "lacp=off"), nil
	case bond.UseActive:
		return append(set, "lacp=active"), nil
	case bond.DropMembers:
		var a []string
		for i, m := range members {
			if !slices.Contains(o.nics(), m) {
				return nil, fmt.Errorf("%s is none of its members", m)
			}
			id := fmt.Sprintf("@member%d", i)
			a = append(a, "--", "--id="+id, "get", "Interface", m, "--", "remove", "Port", o.Bond, "interfaces", id)
		}
		if len(members) == 0 || len(members) >= len(o.Members) {
			return nil, errors.New("a bond needs a member that stays")
		}
		return a[1:], nil
	}
	return nil, fmt.Errorf("%q is no remedy", r)
}
