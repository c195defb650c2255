package op

import (
	"context"
	"errors"
	"fmt"

	"bridgehead/backend"
	"bridgehead/backend/ovs"
)

// mark is set on every bridge that Bridgehead makes, so that it never removes another's.
const mark = "external_ids:created-by=bridgehead"

// AddBridge creates an OVS bridge and its internal port in one transaction.
type AddBridge struct {
	Bridge   string `json:"bridge"`
	Port     string `json:"port"`
	Uplink   string `json:"uplink"`             // NIC that will be attached
	Datapath string `json:"datapath,omitempty"` // "" is the kernel's
	MAC      string `json:"mac"`                // of the NIC: bridge and port keep it, so that DHCP reservations, port security and LACP see no new machine
	MTU      int    `json:"mtu,omitempty"`      // of the port; 0: Open vSwitch's own choice
	Tag      int    `json:"tag,omitempty"`      // VLAN of the port

	// Now is what was set on its rows when its undo began, and comes back if that is not kept.
	Now []backend.Row `json:"now,omitempty"`
}

func (o *AddBridge) Kind() string { return "add-bridge" }

func (o *AddBridge) Lasts() Lasts { return OnDisk }

// rows are what it makes.
func (o *AddBridge) rows() []backend.Row {
	if o.Now != nil {
		return o.Now
	}
	bridge, port, iface := []string{hwaddr(o.MAC), mark}, []string(nil), []string{"type=internal", fmt.Sprintf("mac=%q", o.MAC)}
	if o.Datapath != "" && o.Datapath != "system" {
		bridge = append([]string{"datapath_type=" + o.Datapath}, bridge...)
	}
	if o.Tag != 0 {
		port = append(port, fmt.Sprintf("tag=%d", o.Tag))
	}
	if o.MTU != 0 {
		iface = append(iface, fmt.Sprintf("mtu_request=%d", o.MTU))
	}
	return []backend.Row{{Table: "Bridge", Name: o.Bridge, Set: bridge}, {Table: "Port", Name: o.Bridge},
		{Table: "Interface", Name: o.Bridge, Set: []string{"type=internal"}}, {Table: "Port", Name: o.Port, Set: port}, {Table: "Interface", Name: o.Port, Set: iface}}
}

func (o *AddBridge) doArgs() []string {
	if o.Now != nil {
		return append([]string{"--may-exist", "add-br", o.Bridge, "--", "--may-exist", "add-port", o.Bridge, o.Port}, setArgs(o.Now)...)
	}
	a := []string{"--may-exist", "add-br", o.Bridge, "--", "set", "Bridge", o.Bridge, mark, hwaddr(o.MAC)}
	if o.Datapath != "" && o.Datapath != "system" {
		a = append(a, "datapath_type="+o.Datapath)
	}
	a = append(a, "--", "--may-exist", "add-port", o.Bridge, o.Port)
	if o.Tag != 0 {
		a = append(a, fmt.Sprintf("tag=%d", o.Tag))
	}
	a = append(a, "--", "set", "Interface", o.Port, "type=internal", fmt.Sprintf("mac=%q", o.MAC))
	if o.MTU != 0 {
		a = append(a, fmt.Sprintf("mtu_request=%d", o.MTU))
	}
	return a
}

func hwaddr(mac string) string { return fmt.Sprintf("other_config:hwaddr=%q", mac) }

func (o *AddBridge) undoArgs() []string { return []string{"--if-exists", "del-br", o.Bridge} }

func (o *AddBridge) Describe() Note {
	return Note{
		Text:     fmt.Sprintf("Create bridge %s with internal port %s, MAC %s", o.Bridge, o.Port, o.MAC),
		Commands: []string{ovs.CommandLine(o.doArgs()...)},
		Undo:     []string{ovs.CommandLine(o.undoArgs()...)},
		Changes:  madeIn("bridge "+o.Bridge, o.record()),
	}
}

func (o *AddBridge) Check(ctx context.Context, h backend.Host) error {
	sw, err := runningSwitch(ctx, h)
	if err != nil {
		return err
	}
	links, err := h.Links.List(ctx)
	if err != nil {
		return err
	}
	for _, name := range []string{o.Bridge, o.Port} {
		for _, b := range sw.Bridges {
			if b.Name == name {
				return fmt.Errorf("cannot create bridge %s: Open vSwitch already has a bridge %s; choose another name", o.Bridge, name)
			}
			if _, ok := findPort(b, name); ok {
				return fmt.Errorf("cannot create bridge %s: %s is already a port of bridge %s; choose another name", o.Bridge, name, b.Name)
			}
		}
		if l, ok := findLink(links, name); ok {
			return fmt.Errorf("cannot create bridge %s: the host already has a network link %s; choose another name", o.Bridge, l.Name)
		}
	}
	return nil
}

func (o *AddBridge) Do(ctx context.Context, h backend.Host) error {
	sw, err := database(ctx, h)
	if err == nil {
		err = change(ctx, h, sw, o.doArgs())
	}
	if err != nil {
		return fmt.Errorf("cannot create bridge %s: %w", o.Bridge, err)
	}
	return nil
}

func (o *AddBridge) Verify(ctx context.Context, h backend.Host) error {
	sw, err := runningSwitch(ctx, h)
	if err != nil {
		return err
	}
	if problem, bad := ovs.PortProblem(sw, o.Port); bad {
		return fmt.Errorf("bridge %s does not work: %s", o.Bridge, problem)
	}
	l, err := link(ctx, h, o.Port)
	if err != nil {
		return err
	}
	if l.MAC != o.MAC {
		return fmt.Errorf("port %s has MAC %s instead of %s", o.Port, l.MAC, o.MAC)
	}
	return nil
}

// Undo also cleans a database whose ovs-vswitchd is dead, so that it does not take
// the NIC again when it is back.
func (o *AddBridge) Undo(ctx context.Context, h backend.Host) error {
	sw, err := database(ctx, h)
	if err != nil {
		return fmt.Errorf("cannot remove bridge %s: %w", o.Bridge, err)
	}
	b, ok := findBridge(sw, o.Bridge)
	if ok && !ours(b) {
		return fmt.Errorf("bridge %s is left alone: it was not created by bridgehead", o.Bridge)
	}
	if ok {
		if err := change(ctx, h, sw, o.undoArgs()); err != nil {
			return fmt.Errorf("cannot remove bridge %s: %w", o.Bridge, err)
		}
	}
	return o.releaseLinks(ctx, h, sw)
}

// releaseLinks removes the bridge's own links. ovs-vswitchd does that unless it died meanwhile: one that is started
// again without a bridge in the database does not look into the kernel's datapath, nor for the taps of its own.
func (o *AddBridge) releaseLinks(ctx context.Context, h backend.Host, sw backend.SwitchState) error {
	var errs []error
	for _, name := range []string{o.Port, o.Bridge} {
		if owner, taken := portOf(sw, name); taken && owner != o.Bridge {
			continue
		}
		l, ok, err := maybeLink(ctx, h, name)
		internal := l.Kind == "openvswitch" || l.Kind == "tun" && o.Datapath == "netdev"
		if err == nil && ok && l.Name == name && internal {
			err = h.Switch.Release(ctx, name)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
