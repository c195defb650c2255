package link

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"bridgehead/backend"
)

// AddVLAN makes the VLAN link v in one request, so that it drops no frame because it is not up yet. It needs the kernel's module 8021q.
func (l *Links) AddVLAN(ctx context.Context, v backend.Link) error {
	return failed(l.addVLAN(ctx, v), "cannot make the VLAN link %s on %s", v.Name, v.Parent)
}

func (l *Links) addVLAN(ctx context.Context, v backend.Link) error {
	parent, err := l.find(ctx, v.Parent)
	if err != nil {
		return err
	}
	mac, err := net.ParseMAC(v.MAC)
	if err != nil {
		return err
	}
	have, err := l.find(ctx, v.Name)
	if err == nil {
		if old, ok := have.(*netlink.Vlan); !ok || old.ParentIndex != parent.Attrs().Index || old.VlanId != v.VLAN ||
			old.HardwareAddr.String() != v.MAC || old.MTU != v.MTU || old.RawFlags&unix.IFF_UP != 0 != v.Up || vlanOptions(old) != "" {
			return errors.New("there is another link of that name")
		}
		return nil
	}
	if !errors.Is(err, backend.ErrNoLink) {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex, attrs.MTU = v.Name, parent.Attrs().Index, v.MTU
	if v.MAC != parent.Attrs().HardwareAddr.String() { // else it is the parent's by itself
		attrs.HardwareAddr = mac
	}
	if v.Up {
		attrs.Flags = net.FlagUp
	}
	return l.kernel.LinkAdd(&netlink.Vlan{LinkAttrs: attrs, VlanId: v.VLAN, VlanProtocol: netlink.VLAN_PROTOCOL_8021Q})
}

// DelVLAN removes a VLAN link; hardware and whatever else there is it refuses.
func (l *Links) DelVLAN(ctx context.Context, name string) error {
	link, err := l.find(ctx, name)
	if errors.Is(err, backend.ErrNoLink) && name != "" {
		return nil
	}
	if err == nil && link.Type() != "vlan" {
		err = errors.New("it is no VLAN link")
	}
	if err == nil {
		err = l.kernel.LinkDel(link)
	}
	return failed(err, "cannot remove the link %s", name)
}

// vlanOptions is what AddVLAN would not make so (ip-link(8), VLAN Type Support).
func vlanOptions(v *netlink.Vlan) string {
	var all []string
	if v.VlanProtocol != netlink.VLAN_PROTOCOL_8021Q {
		all = append(all, "protocol "+v.VlanProtocol.String())
	}
	for _, flag := range []struct {
		word  string
		is    *bool
		usual bool
	}{
		{"reorder_hdr", v.ReorderHdr, true}, {"gvrp", v.Gvrp, false}, {"mvrp", v.Mvrp, false},
		{"loose_binding", v.LooseBinding, false}, {"bridge_binding", v.BridgeBinding, false},
	} {
		if flag.is != nil && *flag.is != flag.usual {
			all = append(all, flag.word+" "+map[bool]string{true: "on", false: "off"}[*flag.is])
		}
	}
	for _, priorities := range []struct {
		word string
		to   map[uint32]uint32
	}{{"ingress-qos-map", v.IngressQosMap}, {"egress-qos-map", v.EgressQosMap}} {
		for _, from := range slices.Sorted(maps.Keys(priorities.to)) {
			all = append(all, fmt.Sprintf("%s %d:%d", priorities.word, from, priorities.to[from]))
		}
	}
	return strings.Join(all, " ")
}
