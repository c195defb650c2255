package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/ovs"
)

// onBridge says whether a VM runs with its NIC on the bridge, and why that has no working port there. A NIC that is still
// connected elsewhere waits for the VM's next start, and one of a VM that is off for its first.
func onBridge(ctx context.Context, h backend.Host, s Spec) (bool, error) {
	st, err := h.Virt.State(ctx)
	if err != nil {
		return false, err
	}
	if !st.Available {
		return false, fmt.Errorf("libvirt does not answer: %s", st.Reason)
	}
	for _, d := range st.Domains {
		if d.Name != s.Name || !d.Running {
			continue
		}
		for _, n := range d.NICs {
			if strings.EqualFold(n.MAC, s.MAC) && leadsTo(st, n, s.Link) {
				return true, tap(ctx, h, s, n.Target)
			}
		}
	}
	return false, nil
}

// leadsTo says whether a NIC is connected to the bridge, itself or by a network.
func leadsTo(st backend.VirtState, n backend.DomainNIC, bridge string) bool {
	if n.Type != "network" {
		return n.Source == bridge
	}
	for _, x := range st.Networks {
		if x.Name == n.Source {
			return x.Bridge == bridge
		}
	}
	return false
}

// vlans are those of a trunk in words.
func vlans(ids []int) string {
	if len(ids) == 0 {
		return "none"
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ", "), "[]")
}

func tap(ctx context.Context, h backend.Host, s Spec, name string) error {
	sw, err := h.Switch.State(ctx)
	if err != nil {
		return err
	}
	for _, b := range sw.Bridges {
		for _, p := range b.Ports {
			if b.Name != s.Link || p.Name != name {
				continue
			}
			if p.Tag != s.Tag {
				return fmt.Errorf("its port %s has VLAN tag %d instead of %d", name, p.Tag, s.Tag)
			}
			if !slices.Equal(p.Trunks, s.Trunks) {
				return fmt.Errorf("its port %s has the VLANs %s instead of %s", name, vlans(p.Trunks), vlans(s.Trunks))
			}
			if problem, bad := ovs.PortProblem(sw, name); bad {
				return fmt.Errorf("%s", problem)
			}
			return nil
		}
	}
	return fmt.Errorf("its port %s is not on %s", name, s.Link)
}
