package ovs

import (
	"fmt"

	"bridgehead/backend"
)

// PortProblem says in words what is wrong with a port: that it does not exist, or
// that ovs-vswitchd could not open one of its interfaces. ovs-vsctl before 3.6
// exits 0 in the latter case, and without a datapath (no kernel module, or a bridge
// whose name something else has) there is no error text either, only no ofport.
func PortProblem(st backend.SwitchState, port string) (string, bool) {
	for _, b := range st.Bridges {
		for _, p := range b.Ports {
			if p.Name == port {
				return interfaceProblem(st, b, p)
			}
		}
	}
	return fmt.Sprintf("Open vSwitch has no port %s", port), true
}

func interfaceProblem(st backend.SwitchState, b backend.Bridge, p backend.Port) (string, bool) {
	for _, i := range p.Interfaces {
		name := fmt.Sprintf("port %s of bridge %s", p.Name, b.Name)
		if i.Name != p.Name {
			name = fmt.Sprintf("interface %s of %s", i.Name, name)
		}
		switch {
		case i.Error != "":
			return fmt.Sprintf("%s: %s", name, i.Error), true
		case i.OfPort < 0:
			return fmt.Sprintf("%s could not be opened; see /var/log/openvswitch/ovs-vswitchd.log", name), true
		case i.OfPort > 0:
			continue
		case !st.Running:
			return fmt.Sprintf("%s is not in use yet: %s", name, st.Reason), true
		case !st.KernelModule && (b.Datapath == "" || b.Datapath == "system"):
			return fmt.Sprintf("%s is not in use: the kernel has no openvswitch module, which bridge %s needs", name, b.Name), true
		default:
			return fmt.Sprintf("%s is not in use; see /var/log/openvswitch/ovs-vswitchd.log", name), true
		}
	}
	return "", false
}
