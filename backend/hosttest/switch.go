package hosttest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bridgehead/backend"
)

// SwitchEnv is what the host of a Switch has to offer to these tests. The switch
// has no bridge when they begin, and none when they end.
type SwitchEnv struct {
	Datapath string   // datapath_type of the bridges: netdev where the kernel has no openvswitch module
	NICs     []string // two NICs that are in no bridge
}

// switchTest drives one switch by its interface alone.
type switchTest struct {
	*testing.T
	s   backend.Switch
	env SwitchEnv
}

// Switch holds what every backend.Switch promises, the real one and the simulated.
func Switch(t *testing.T, s backend.Switch, env SwitchEnv) {
	for _, c := range []struct {
		name string
		test func(switchTest)
	}{
		{"bridge and internal port in one transaction", switchBridge},
		{"done twice is done", switchIdempotent},
		{"a transaction is whole or not at all", switchAtomic},
		{"a NIC that is not there is found in the state", switchUnknownNIC},
		{"names are taken once", switchNames},
		{"what makes no sense is refused", switchRefusals},
		{"NIC as a port", switchNIC},
		{"remove and clear", switchClear},
		{"del-port and del-br", switchDelete},
		{"bond", switchBond},
		{"all that is set can be read and set again", switchRows},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := switchTest{t, s, env}
			if b := st.state().Bridges; len(b) != 0 {
				t.Fatalf("the test before left %v", b)
			}
			t.Cleanup(func() { st.ok("--if-exists", "del-br", "tbr0", "--", "--if-exists", "del-br", "tbr1") })
			c.test(st)
		})
	}
}

func switchBridge(t switchTest) {
	const mac, bridgeMAC = "52:54:00:0a:0b:0c", "52:54:00:0a:0b:0d"
	before := t.state()
	if !before.Installed || !before.Running || before.Reason != "" || before.Version == "" {
		t.Fatalf("the switch does not run: %+v", before)
	}
	t.ok("--may-exist", "add-br", "tbr0",
		"--", "set", "Bridge", "tbr0", "datapath_type="+t.env.Datapath, "fail_mode=standalone", "external_ids:created-by=bridgehead", `other_config:hwaddr="`+bridgeMAC+`"`,
		"--", "--may-exist", "add-port", "tbr0", "tbr0p1", "tag=10",
		"--", "set", "Interface", "tbr0p1", "type=internal", `mac="`+mac+`"`, "mtu_request=1400", `external_ids:note="a b,c=d"`,
		"--", "set", "Port", "tbr0p1", "other_config:transient=false")

	b := t.bridge("tbr0")
	t.equal("datapath_type", b.Datapath, t.env.Datapath)
	t.equal("fail_mode", b.FailMode, "standalone")
	t.equal("external_ids", b.ExternalIDs, map[string]string{"created-by": "bridgehead"})
	t.equal("other_config", b.OtherConfig, map[string]string{"hwaddr": bridgeMAC})
	t.equal("ports", portNames(b), []string{"tbr0", "tbr0p1"})

	own := t.port("tbr0").Interfaces[0]
	t.equal("type of the bridge's own port", own.Type, "internal")
	t.equal("ofport of the bridge's own port", own.OfPort, 65534)
	t.equal("MAC of the bridge", own.MACInUse, bridgeMAC)

	p := t.port("tbr0p1")
	t.equal("tag", p.Tag, 10)
	t.equal("port other_config", p.OtherConfig, map[string]string{"transient": "false"})
	i := p.Interfaces[0]
	t.equal("type", i.Type, "internal")
	t.equal("external_ids", i.ExternalIDs, map[string]string{"note": "a b,c=d"})
	t.equal("mac", i.MAC, mac)
	t.equal("mtu_request", i.MTURequest, 1400)
	if i.OfPort <= 0 || i.Error != "" {
		t.Errorf("tbr0p1 is not in use: ofport %d, error %q", i.OfPort, i.Error)
	}
	t.equal("mac_in_use", i.MACInUse, mac)
	t.eventually("mtu 1400", func() bool { return t.port("tbr0p1").Interfaces[0].MTU == 1400 })

	if err := t.s.Sync(t.Context()); err != nil {
		t.Errorf("Sync: %v", err)
	}
	t.ok("del-br", "tbr0")
	t.equal("the state after del-br", configuration(t.state()), configuration(before))
}

func switchIdempotent(t switchTest) {
	t.addBridge("tbr0")
	add := []string{"--may-exist", "add-port", "tbr0", "tp0", "tag=7", "--", "set", "Interface", "tp0", "type=internal"}
	t.ok(add...)
	once := t.state()
	t.ok(add...)
	t.ok("--may-exist", "add-br", "tbr0")
	t.equal("state", configuration(t.state()), configuration(once))
	t.equal("ofport", t.port("tp0").Interfaces[0].OfPort, once.Bridges[0].Ports[1].Interfaces[0].OfPort)

	t.ok("--if-exists", "del-port", "tbr0", "tp0")
	t.ok("--if-exists", "del-port", "tbr0", "tp0")
	t.ok("--if-exists", "set", "Interface", "tp0", "type=internal")
	t.ok("--if-exists", "del-br", "tbr0")
	t.ok("--if-exists", "del-br", "tbr0")
}

func switchAtomic(t switchTest) {
	t.addBridge("tbr0")
	before := t.state()
	t.refused("add-br", "tbr1", "--", "set", "Bridge", "tbr1", "datapath_type="+t.env.Datapath, "--", "add-port", "no-such-bridge", "tp0")
	t.refused("set", "Bridge", "tbr0", "external_ids:a=b", "--", "set", "Interface", "no-such-port", "type=internal")
	t.refused("set", "Bridge", "tbr0", "external_ids:a=b", "--", "no-such-command")
	t.refused("del-br", "tbr0", "--", "del-br", "tbr1")
	t.equal("state", configuration(t.state()), configuration(before))
}

func switchUnknownNIC(t switchTest) {
	t.addBridge("tbr0")
	t.ok("add-port", "tbr0", "nosuch0")
	i := t.port("nosuch0").Interfaces[0]
	if i.OfPort != -1 || i.Error == "" {
		t.Errorf("a port that cannot be opened has ofport %d, error %q; want -1 and a reason", i.OfPort, i.Error)
	}
	if own := t.port("tbr0").Interfaces[0]; own.OfPort != 65534 || own.Error != "" {
		t.Errorf("the bridge itself suffers: %+v", own)
	}
}

func switchNames(t switchTest) {
	t.addBridge("tbr0")
	t.addBridge("tbr1")
	t.ok("add-port", "tbr0", "tp0", "--", "set", "Interface", "tp0", "type=internal")
	before := t.state()
	t.refused("add-br", "tbr0")
	t.refused("add-br", "tp0")
	t.refused("--may-exist", "add-br", "tp0")
	t.refused("add-port", "tbr0", "tp0")
	t.refused("add-port", "tbr1", "tp0")
	t.refused("--may-exist", "add-port", "tbr1", "tp0")
	t.refused("add-port", "tbr1", "tbr0")
	t.equal("state", configuration(t.state()), configuration(before))
	t.equal("order of bridges", []string{before.Bridges[0].Name, before.Bridges[1].Name}, []string{"tbr0", "tbr1"})
}

func switchRefusals(t switchTest) {
	t.addBridge("tbr0")
	before := t.state()
	t.refused("del-br", "nosuch")
	t.refused("del-port", "tbr0", "nosuch")
	t.refused("set", "Port", "tbr0", "tag=5000")
	t.refused("set", "Port", "tbr0", "tag=ten")
	t.refused("set", "Port", "tbr0", "no_such_column=1")
	t.refused("set", "NoSuchTable", "tbr0", "tag=1")
	t.refused("set", "Port", "tbr0", "bond_mode=round-robin")
	t.refused("set", "Port", "tbr0", "lacp=yes")
	t.refused("set", "Port", "tbr0", "vlan_mode=none")
	t.refused("set", "Bridge", "tbr0", "fail_mode=open")
	t.refused("set", "Interface", "tbr0", "mac=52:54:00:01:02:03") // colons need quotes
	t.refused("add-bond", "tbr0", "tbond0", t.env.NICs[0])         // one NIC is no bond
	t.equal("state", configuration(t.state()), configuration(before))

	if _, err := t.s.Appctl(t.Context(), "no-such-command"); err == nil {
		t.Error("ovs-appctl no-such-command is no error")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := t.s.Transact(gone, "add-br", "tbr1"); err == nil {
		t.Error("Transact with a cancelled context is no error")
	}
	if _, err := t.s.State(gone); err == nil {
		t.Error("State with a cancelled context is no error")
	}
	t.equal("state", configuration(t.state()), configuration(before))
}

func switchNIC(t switchTest) {
	t.addBridge("tbr0")
	nic := t.env.NICs[0]
	t.ok("add-port", "tbr0", nic, "trunks=20,10", "vlan_mode=trunk", "--", "set", "Interface", nic, "other_config:x=y")
	p := t.port(nic)
	t.equal("trunks", p.Trunks, []int{10, 20})
	t.equal("vlan_mode", p.VLANMode, "trunk")
	i := p.Interfaces[0]
	t.equal("type", i.Type, "")
	t.equal("other_config", i.OtherConfig, map[string]string{"x": "y"})
	if i.OfPort <= 0 || i.Error != "" || i.MACInUse == "" || i.MTU == 0 {
		t.Errorf("the NIC is not in use: %+v", i)
	}
}

func switchClear(t switchTest) {
	t.addBridge("tbr0")
	t.ok("set", "Bridge", "tbr0", "other_config:a=1", "other_config:b=2", "external_ids:c=3", "stp_enable=true")
	t.ok("set", "Port", "tbr0", "tag=5")
	t.equal("stp", t.bridge("tbr0").STP, true)
	t.ok("remove", "Bridge", "tbr0", "other_config", "a", "--", "clear", "Bridge", "tbr0", "external_ids", "--", "clear", "Port", "tbr0", "tag")
	t.ok("remove", "Bridge", "tbr0", "other_config", "a") // what is not there is no error
	t.ok("set", "Bridge", "tbr0", "stp_enable=false")
	b := t.bridge("tbr0")
	t.equal("other_config", b.OtherConfig, map[string]string{"b": "2"})
	t.equal("external_ids", b.ExternalIDs, map[string]string(nil))
	t.equal("tag", t.port("tbr0").Tag, 0)
	t.equal("stp", b.STP, false)
}

func switchDelete(t switchTest) {
	t.addBridge("tbr0")
	t.addBridge("tbr1")
	nic := t.env.NICs[0]
	t.ok("add-port", "tbr0", nic, "--", "add-port", "tbr0", "tp0", "--", "set", "Interface", "tp0", "type=internal")
	t.refused("del-port", "tbr1", "tp0")
	t.refused("--if-exists", "del-port", "tbr1", "tp0") // exists, elsewhere
	t.ok("del-port", "tp0")
	t.equal("ports", portNames(t.bridge("tbr0")), slices.Sorted(slices.Values([]string{nic, "tbr0"})))
	t.ok("del-br", "tbr0")
	if b := t.state().Bridges; len(b) != 1 || b[0].Name != "tbr1" {
		t.Fatalf("after del-br tbr0 there is %v", b)
	}
	t.ok("add-port", "tbr1", nic) // free again
	t.equal("ports", portNames(t.bridge("tbr1")), slices.Sorted(slices.Values([]string{nic, "tbr1"})))
}

func switchBond(t switchTest) {
	t.addBridge("tbr0")
	a, b := t.env.NICs[0], t.env.NICs[1]
	t.ok("add-bond", "tbr0", "tbond0", a, b, "bond_mode=balance-tcp", "lacp=active", "other_config:lacp-fallback-ab=true")
	p := t.port("tbond0")
	t.equal("bond_mode", p.BondMode, "balance-tcp")
	t.equal("lacp", p.LACP, "active")
	t.equal("other_config", p.OtherConfig, map[string]string{"lacp-fallback-ab": "true"})
	t.equal("members", []string{p.Interfaces[0].Name, p.Interfaces[1].Name}, slices.Sorted(slices.Values([]string{a, b})))
	for _, i := range p.Interfaces {
		if i.OfPort <= 0 || i.Error != "" {
			t.Errorf("member %s is not in use: %+v", i.Name, i)
		}
	}
	t.refused("add-bond", "tbr0", "tbond0", a, b)
	t.refused("add-port", "tbr0", a)
	t.refused("--may-exist", "add-bond", "tbr0", "tbond0", a, "nosuch0")
	// Options of a bond that exists already are ignored without a word (field notes).
	t.ok("--may-exist", "add-bond", "tbr0", "tbond0", a, b, "lacp=passive")
	t.equal("lacp", t.port("tbond0").LACP, "active")
	t.ok("set", "Port", "tbond0", "lacp=passive")
	t.equal("lacp", t.port("tbond0").LACP, "passive")
	t.ok("del-port", "tbr0", "tbond0")
	t.equal("ports", portNames(t.bridge("tbr0")), []string{"tbr0"})
}

func switchRows(t switchTest) {
	nic := t.env.NICs[0]
	line := []string{"add-br", "tbr0", "--", "add-port", "tbr0", nic}
	want := []backend.Row{
		{Table: "Bridge", Name: "tbr0", Set: []string{"datapath_type=" + t.env.Datapath, "external_ids:\"a b\"=\"c d,e=f\\\"\"", "external_ids:empty=\"\"", "fail_mode=secure",
			"flood_vlans=0", "mcast_snooping_enable=true", "other_config:hwaddr=\"52:54:00:0a:0b:0d\"", "other_config:mac-aging-time=60", "protocols=[OpenFlow10,OpenFlow13]", "stp_enable=true"}},
		{Table: "Interface", Name: nic, Set: []string{"bfd:enable=false", "external_ids:x=true", "ingress_policing_rate=1000", "lldp:enable=true", "mtu_request=1400", "ofport_request=7", "options:n_rxq=1", "other_config:y=-1"}},
		{Table: "Interface", Name: "tbr0", Set: []string{"type=internal"}},
		{Table: "Port", Name: nic, Set: []string{"bond_mode=active-backup", "bond_updelay=5", "cvlans=[0,7]", "lacp=off", "protected=true", "trunks=[10,20]", "vlan_mode=dot1q-tunnel"}},
		{Table: "Port", Name: "tbr0", Set: []string{"tag=0"}},
	}
	for _, r := range want {
		line = append(append(line, "--", "set", r.Table, r.Name), r.Set...)
	}
	t.ok(line...)
	t.equal("rows", t.rows(), want)
	t.ok("del-br", "tbr0")
	t.equal("rows of no bridge", t.rows(), []backend.Row(nil))
	t.ok(line...)
	t.equal("rows, made again", t.rows(), want)

	t.ok("set", "Bridge", "tbr0", "fail_mode=standalone", "stp_enable=false", "--", "set", "Port", nic, "bond_updelay=0", "--", "remove", "Bridge", "tbr0", "external_ids", `"a b"`)
	for n, set := range map[int][]string{0: {want[0].Set[0], want[0].Set[2], "fail_mode=standalone"}, 3: {want[3].Set[0], want[3].Set[2]}} {
		t.equal("rows of other values", t.rows()[n].Set[:len(set)], set)
	}
	flows, err := t.s.Appctl(t.Context(), "bridge/dump-flows", "tbr0")
	if own := strings.Count("\n"+flows, "\nduration="); err != nil || own != 1 || !strings.Contains(flows, " priority=0,actions=NORMAL") {
		t.Errorf("the flows of a new bridge are %s, %v", flows, err)
	}
	t.ok("set", "Bridge", "tbr0", "fail_mode=secure")
	if flows, err = t.s.Appctl(t.Context(), "bridge/dump-flows", "tbr0"); err != nil || strings.Contains(flows, "NORMAL") {
		t.Errorf("the flows of a bridge that fails securely are %s, %v", flows, err)
	}
	if _, err := t.s.Appctl(t.Context(), "bridge/dump-flows", "nosuch"); err == nil {
		t.Error("a bridge that is not there has flows")
	}
	t.ok("set-controller", "tbr0", "tcp:127.0.0.1:6653")
	if set := t.rows()[0].Set; !strings.HasPrefix(set[0], "controller=") {
		t.Errorf("a bridge with a controller has %q", set)
	}
	t.ok("clear", "Bridge", "tbr0", "controller")
	if set := t.rows()[0].Set; strings.HasPrefix(set[0], "controller=") {
		t.Errorf("a bridge without a controller has %q", set)
	}
}

// rows is what is set, by table and name.
func (t switchTest) rows() []backend.Row {
	t.Helper()
	rows, err := t.s.Rows(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(rows, func(a, b backend.Row) int { return strings.Compare(a.Table+" "+a.Name, b.Table+" "+b.Name) })
	return rows
}

// ok runs a transaction that must succeed, refused one that must not.
func (t switchTest) ok(args ...string) {
	t.Helper()
	if err := t.s.Transact(context.WithoutCancel(t.Context()), args...); err != nil {
		t.Fatalf("ovs-vsctl %q: %v", args, err)
	}
}

func (t switchTest) refused(args ...string) {
	t.Helper()
	if err := t.s.Transact(t.Context(), args...); err == nil {
		t.Errorf("ovs-vsctl %q is accepted", args)
	}
}

func (t switchTest) addBridge(name string) {
	t.Helper()
	t.ok("add-br", name, "--", "set", "Bridge", name, "datapath_type="+t.env.Datapath)
}

func (t switchTest) state() backend.SwitchState {
	t.Helper()
	st, err := t.s.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func (t switchTest) bridge(name string) backend.Bridge {
	t.Helper()
	for _, b := range t.state().Bridges {
		if b.Name == name {
			return b
		}
	}
	t.Fatalf("there is no bridge %s", name)
	panic("unreachable")
}

func (t switchTest) port(name string) backend.Port {
	t.Helper()
	for _, b := range t.state().Bridges {
		for _, p := range b.Ports {
			if p.Name == name {
				return p
			}
		}
	}
	t.Fatalf("there is no port %s", name)
	panic("unreachable")
}

func (t switchTest) equal(what string, got, want any) {
	t.Helper()
	g, w := fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want)
	if g != w {
		t.Errorf("%s is %s, want %s", what, g, w)
	}
}

func (t switchTest) eventually(what string, holds func() bool) {
	t.Helper()
	Eventually(t, what, holds)
}

func portNames(b backend.Bridge) []string {
	var out []string
	for _, p := range b.Ports {
		out = append(out, p.Name)
	}
	return out
}

// configuration is what the operator has configured, one line each for bridge, port
// and interface: what ovs-vswitchd reports may follow a little later.
func configuration(st backend.SwitchState) string {
	var out strings.Builder
	line := func(v any) { // as JSON, in which the keys of maps are sorted
		b, _ := json.Marshal(v)
		fmt.Fprintf(&out, "%s\n", b)
	}
	for _, b := range st.Bridges {
		ports := b.Ports
		b.Ports = nil
		line(b)
		for _, p := range ports {
			interfaces := p.Interfaces
			p.Interfaces = nil
			line(p)
			for _, i := range interfaces {
				i.OfPort, i.Error, i.MACInUse, i.MTU, i.AdminState, i.LinkState = 0, "", "", 0, "", ""
				line(i)
			}
		}
	}
	return out.String()
}
