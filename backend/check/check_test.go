package check_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"bridgehead/backend/bond"
	"bridgehead/backend/check"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/sim"
	"bridgehead/backend/trial"
)

var tctx = context.Background()

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// failed names what the checks of a trial that waits say is wrong on m.
func failed(t *testing.T, m *sim.Machine) []string {
	t.Helper()
	results, err := (&trial.Trial{Host: m.Host(), Dir: trial.StateDir}).Checks(tctx)
	must(t, err)
	var out []string
	for _, r := range results {
		if r.State == check.Failed {
			if r.Why == "" || r.Do == "" || r.Text == "" {
				t.Errorf("%+v lacks a word", r)
			}
			out = append(out, r.Spec.Kind)
		}
	}
	if check.Passed(results) != (len(out) == 0) {
		t.Error("Passed says something else")
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// Each thing that can be wrong after the change is found by its check, and by no other.
func TestWhatIsWrongIsFound(t *testing.T) {
	for name, x := range map[string]struct {
		want  string
		spoil func(*sim.Machine)
	}{
		"nothing":       {"", func(*sim.Machine) {}},
		"cable pulled":  {"gateway-arp gateway-ping", func(m *sim.Machine) { m.Plug("eth0", false) }},
		"vswitchd dead": {"port", func(m *sim.Machine) { m.Stop(sim.Vswitchd) }},
		"ovsdb hung":    {"port", func(m *sim.Machine) { m.Hang(sim.OVSDB) }},
		"libvirtd dead": {"network", func(m *sim.Machine) { m.Stop(sim.Libvirtd) }},
		"network gone":  {"network", func(m *sim.Machine) { _ = m.Host().Virt.StopNetwork(tctx, "examplebr0") }},
		"DHCP client":   {"no-dhcp", func(m *sim.Machine) { m.Spawn(1, "dhclient", "eth0") }},
		"NIC taken out": {"gateway-arp gateway-ping port", func(m *sim.Machine) { _ = m.Host().Switch.Transact(tctx, "del-port", "examplebr0", "eth0") }},
	} {
		c := plantest.One("static")
		m := c.Machine()
		_, err := (&trial.Trial{Host: m.Host(), Dir: trial.StateDir}).Apply(tctx, c.Plan(t, m), 600e9)
		must(t, err)
		x.spoil(m)
		if got := strings.Join(failed(t, m), " "); got != x.want {
			t.Errorf("%s: %q fails, want %q", name, got, x.want)
		}
	}
}

// The port of a VM's NIC is looked at once the VM has started on the bridge, and whatever is wrong with it is told.
func TestVMPort(t *testing.T) {
	const started = "example2"
	vsctl := func(m *sim.Machine, args ...string) { _ = m.Host().Switch.Transact(tctx, args...) }
	for name, x := range map[string]struct {
		want  string
		spoil func(*sim.Machine)
	}{
		"it does not run":        {"", func(*sim.Machine) {}},
		"it runs":                {"", func(m *sim.Machine) { m.StartDomain(started) }},
		"another runs elsewhere": {"", func(m *sim.Machine) { m.StopDomain("example1"); m.StartDomain("example1") }},
		"its port is taken out":  {"is not on examplebr0", func(m *sim.Machine) { m.StartDomain(started); vsctl(m, "del-port", "examplebr0", "vnet1") }},
		"another tag":            {"VLAN tag 11 instead of 10", func(m *sim.Machine) { m.StartDomain(started); vsctl(m, "set", "Port", "vnet1", "tag=11") }},
		"an access port no more": {"its port vnet1 has the VLANs 10, 20 instead of none", func(m *sim.Machine) { m.StartDomain(started); vsctl(m, "set", "Port", "vnet1", "trunks=10,20") }},
		"libvirtd dead":          {"libvirt does not answer", func(m *sim.Machine) { m.StartDomain(started); m.Stop(sim.Libvirtd) }},
		"started and stopped":    {"", func(m *sim.Machine) { m.StartDomain(started); m.StopDomain(started) }},
	} {
		t.Run(name, func(t *testing.T) {
			c := plantest.One("vms")
			m := c.Machine()
			tr := &trial.Trial{Host: m.Host(), Dir: trial.StateDir}
			_, err := tr.Apply(tctx, c.Plan(t, m), 600e9)
			must(t, err)
			x.spoil(m)
			results, err := tr.Checks(tctx)
			must(t, err)
			why := ""
			for _, r := range results {
				if r.Spec.Kind == check.VMPort && r.State == check.Failed {
					why = r.Why
				}
			}
			if (why == "") != (x.want == "") || !strings.Contains(why, x.want) {
				t.Errorf("%q, want %q", why, x.want)
			}
		})
	}
}

// What did not answer before is not counted afterwards; what nobody could ask before is.
func TestBaseline(t *testing.T) {
	m := plantest.One("static").Machine()
	h := m.Host()
	specs := []check.Spec{
		{Kind: check.GatewayARP, Link: "eth3", Before: "eth0", Addr: ip("192.168.1.1")},
		{Kind: check.GatewayPing, Link: "eth1", Before: "eth0", Addr: ip("192.168.1.77")},
		{Kind: check.Target, Addr: ip("192.168.1.77")},
		{Kind: check.Command, Command: "true"},
		{Kind: check.Command, Command: "false"},
		{Kind: "of a later version"},
	}
	must := check.Baseline(tctx, h, specs)
	if want := []bool{true, false, true, true, true, true}; !slices.Equal(must, want) {
		t.Errorf("must %v, want %v", must, want)
	}
	var got []check.State
	for _, r := range check.Run(tctx, h, specs, must) {
		got = append(got, r.State)
	}
	if want := []check.State{check.Failed, check.Silent, check.Failed, check.OK, check.Failed, check.Failed}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestAnotherMachineWithTheAddress(t *testing.T) {
	spec := plantest.Tutorial()
	spec.Peers = append(spec.Peers, sim.Peer{Name: "twin", MAC: "02:00:00:00:00:99", Wire: "lan", Addrs: []netip.Prefix{netip.MustParsePrefix("192.168.1.100/24")}})
	h := sim.New(spec).Host()
	r := check.Run(tctx, h, []check.Spec{{Kind: check.Duplicate, Link: "eth0", Addr: ip("192.168.1.100")}, {Kind: check.Duplicate, Link: "eth0", Addr: ip("192.168.1.99")}}, nil)
	if r[0].State != check.Failed || !strings.Contains(r[0].Why, "02:00:00:00:00:99") || r[1].State != check.OK {
		t.Errorf("%+v", r)
	}
}

// Two NICs of the host cabled together hear the host itself. A bond of the kernel does not take that for a partner, nor
// is it one that has stopped, though LACPDUs came in.
func TestKernelBondCabledTogether(t *testing.T) {
	c := plantest.One("kernel-lacp")
	m := c.Machine()
	tr := &trial.Trial{Host: m.Host(), Dir: trial.StateDir}
	_, err := tr.Apply(tctx, c.Plan(t, m), time.Hour)
	must(t, err)
	m.CableTogether([2]string{"eth0", "eth1"})
	results, err := tr.Checks(tctx)
	must(t, err)
	i := slices.IndexFunc(results, func(r check.Result) bool { return r.Spec.Kind == check.Bond })
	r := results[i]
	if r.State != check.Failed || len(r.Findings) == 0 || r.Findings[0].Cause != bond.CabledSelf {
		t.Errorf("the bond is %s: %s %+v", r.State, r.Why, r.Findings)
	}
}
