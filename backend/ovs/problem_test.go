package ovs

import (
	"testing"

	"bridgehead/backend"
)

func TestPortProblem(t *testing.T) {
	member := func(name string, ofport int, fault string) backend.Interface {
		return backend.Interface{Name: name, OfPort: ofport, Error: fault}
	}
	good := member("eth0", 1, "")
	for _, c := range []struct {
		name       string
		running    bool
		interfaces []backend.Interface
		want       string
	}{
		{"works", true, []backend.Interface{good, member("eth1", 2, "")}, ""},
		{"works although the daemon has died", false, []backend.Interface{good}, ""},
		{"error", true, []backend.Interface{good, member("eth9", -1, "could not open network device eth9 (No such device)")},
			"interface eth9 of port bond0 of bridge br0: could not open network device eth9 (No such device)"},
		{"error although there is an ofport", true, []backend.Interface{member("bond0", 3, "MTU too large")}, "port bond0 of bridge br0: MTU too large"},
		{"no ofport", true, []backend.Interface{member("bond0", -1, "")}, "port bond0 of bridge br0 could not be opened; see /var/log/openvswitch/ovs-vswitchd.log"},
		{"not taken up", true, []backend.Interface{member("bond0", 0, "")}, "port bond0 of bridge br0 is not in use; see /var/log/openvswitch/ovs-vswitchd.log"},
		{"not taken up by a dead daemon", false, []backend.Interface{member("bond0", 0, "")}, "port bond0 of bridge br0 is not in use yet: vswitchd is dead"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := backend.SwitchState{Running: c.running, KernelModule: true, Bridges: []backend.Bridge{
				{Name: "br0", Ports: []backend.Port{{Name: "bond0", Interfaces: c.interfaces}}},
			}}
			if !c.running {
				st.Reason = "vswitchd is dead"
			}
			if got, bad := PortProblem(st, "bond0"); got != c.want || bad != (c.want != "") {
				t.Errorf("%q, %v; want %q", got, bad, c.want)
			}
		})
	}
}
