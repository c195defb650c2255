package op

import (
	"context"
	"fmt"

	"bridgehead/backend"
)

// RemoveVLAN removes the VLAN link whose addresses have moved to the internal port. The kernel gives a tagged frame
// to the NIC's link of that VLAN before it asks Open vSwitch, and drops it where that link is down
// (__netif_receive_skb_core, vlan_do_receive): only without the link do its frames reach the bridge.
type RemoveVLAN struct {
	VLAN    backend.Link   `json:"vlan"` // as it was, without addresses
	Port    string         `json:"port"` // that has its addresses by now
	Addrs   []backend.Addr `json:"addrs"`
	Sysctls []Sysctl       `json:"sysctls,omitempty"` // of the link, which a new one would not have
}

func (o *RemoveVLAN) Kind() string { return "remove-vlan" }

// Lasts is until the link's stanza makes it again.
func (o *RemoveVLAN) Lasts() Lasts { return UntilRestart }

func (o *RemoveVLAN) Describe() Note {
	v := o.VLAN
	n := Note{
		Text:     fmt.Sprintf("Remove %s, so that frames of VLAN %d reach %s", v.Name, v.VLAN, o.Port),
		Commands: append([]string{"ip link del " + quote(v.Name)}, announceCommands(o.Port, o.Addrs)...),
		Undo: []string{fmt.Sprintf("ip link add link %s name %s address %s mtu %d type vlan id %d",
			quote(v.Parent), quote(v.Name), v.MAC, v.MTU, v.VLAN)},
		Cut: true,
	}
	if v.Up {
		n.Undo = append(n.Undo, "ip link set "+quote(v.Name)+" up")
	}
	for _, s := range o.Sysctls {
		n.Undo = append(n.Undo, sysctlCommand(s.Key, s.During))
	}
	return n
}

func (o *RemoveVLAN) Check(ctx context.Context, h backend.Host) error {
	now, err := link(ctx, h, o.VLAN.Name)
	if err != nil {
		return err
	}
	now.Addrs = nil
	if vlanText(now) != vlanText(o.VLAN) {
		return fmt.Errorf("%s is %s instead of %s since the plan was made; start again", o.VLAN.Name, vlanText(now), vlanText(o.VLAN))
	}
	return nil
}

// vlanText is what of a VLAN link has to come back.
func vlanText(v backend.Link) string {
	state := "down"
	if v.Up {
		state = "up"
	}
	return fmt.Sprintf("VLAN %d of %s with MAC %s, MTU %d, %s %s", v.VLAN, v.Parent, v.MAC, v.MTU, state, v.VLANOptions)
}

func (o *RemoveVLAN) Do(ctx context.Context, h backend.Host) error {
	if err := h.Links.DelVLAN(ctx, o.VLAN.Name); err != nil {
		return err
	}
	return announce(ctx, h, o.Port, o.Addrs)
}

func (o *RemoveVLAN) Verify(ctx context.Context, h backend.Host) error {
	_, there, err := maybeLink(ctx, h, o.VLAN.Name)
	if err == nil && there {
		err = fmt.Errorf("%s is there again: something else than its stanza makes it", o.VLAN.Name)
	}
	return err
}

// Undo makes the link anew. Its addresses come back right after it; until then the host answers through it for
// those of the port.
func (o *RemoveVLAN) Undo(ctx context.Context, h backend.Host) error {
	if o.VLAN.Up { // which it cannot be on a NIC that is down
		if err := h.Links.SetUp(ctx, o.VLAN.Parent, true); err != nil {
			return err
		}
	}
	if err := h.Links.AddVLAN(ctx, o.VLAN); err != nil {
		return err
	}
	return setSysctls(ctx, h, o.Sysctls, during)
}
