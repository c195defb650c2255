package main

// What the switch can be told about its ports p0 and p1, to which eth0 and eth1 are cabled. A
// port-channel that passes a host without LACP, too, lets the host be reached before.
const (
	speaksLACP = "del-port p0 -- add-bond sw0 po1 p0 p1 lacp=active bond_mode=balance-tcp other_config:lacp-fallback-ab=true other_config:bond-primary=p0"
	noChannel  = "--if-exists del-port po1 -- --if-exists del-port p1 -- --if-exists del-br sw1 -- --may-exist add-port sw0 p0 -- clear port p0 lacp"
)

// bonded are answers for a bond of eth0 and eth1.
func bonded(options string) []string {
	return []string{"uplink: {nics: [eth0, eth1], kind: ovs-bond}", "bond: {name: examplebond0, " + options + "}"}
}

// tell has the switch's Open vSwitch changed.
func (h host) tell(line string) {
	h.t.Helper()
	h.inSwitch("ovs-vsctl " + line)
}

func (h host) inSwitch(script string) {
	h.t.Helper()
	if out, err := h.Switch("sh", "-ec", script).CombinedOutput(); err != nil {
		h.t.Fatalf("on the switch: %s: %v: %s", script, err, out)
	}
}
