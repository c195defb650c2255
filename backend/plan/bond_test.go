package plan_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/op"
	"bridgehead/backend/plan"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/sim"
)

func bondOf(change func(*sim.Spec), nics ...string) (plan.Plan, error) {
	s := sim.DemoSpec()
	if change != nil {
		change(&s)
	}
	a := plantest.Answers(plantest.Bonded(answers.Bond{Name: "bond0", Mode: "balance-tcp", LACP: "active"}))
	a.Uplink.NICs = nics
	return plantest.Build(sim.New(s).Host(), a)
}

// The member with the address is found whichever comes first; the others are only brought up.
func TestBondMembers(t *testing.T) {
	p, err := bondOf(nil, "eth2", "enp2s0f0")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, o := range p.Ops(plan.Trial) {
		kinds = append(kinds, o.Kind())
		switch o := o.(type) {
		case *op.AddBond:
			if o.Primary != "eth0" || len(o.Members) != 2 || o.Members[0].NIC != "eth2" || o.Members[0].WasUp || !o.Members[1].WasUp || o.Rate != "fast" {
				t.Errorf("the bond is %+v", o)
			}
		case *op.MoveAddress:
			if o.NIC != "eth0" {
				t.Errorf("the address of %s is moved", o.NIC)
			}
		}
	}
	if !slices.Contains(kinds, "add-bond") || slices.Contains(kinds, "attach-nic") {
		t.Errorf("operations %v", kinds)
	}
	if got := p.Scope.NICs; !slices.Equal(got, []string{"eth2", "eth0"}) {
		t.Errorf("a rollback is compared on %v", got)
	}
	if w := p.Window(10 * time.Second); w != answers.HumanWindow {
		t.Errorf("the trial waits %s, and LACP may take 100 s", w)
	}
}

// A kernel that has no module bonding is refused for a bond of its own, and for no other.
func TestNoBondingModule(t *testing.T) {
	s := sim.DemoSpec()
	s.Bonding = false
	_, err := plantest.Build(sim.New(s).Host(), plantest.Answers(plantest.KernelBonded(answers.Bond{Name: "bond0", Mode: "active-backup"})))
	var refused *plan.Refusal
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "this kernel cannot bond: it has no module bonding") {
		t.Errorf("got %v", err)
	}
	if _, err := plantest.Build(sim.New(s).Host(), plantest.Answers(plantest.Bonded(answers.Bond{Name: "bond0", Mode: "active-backup"}))); err != nil {
		t.Errorf("a bond of Open vSwitch: %v", err)
	}
}

// What is set for a member by its altname is set for the NIC; another primary is used once the address has moved.
func TestBondMemberSettings(t *testing.T) {
	own := answers.Bond{Name: "bond0", Mode: "balance-tcp", LACP: "active", Fallback: true, Primary: "enp2s0f0",
		Members: []answers.BondMember{{NIC: "enp2s0f0", PortID: 7, PortPriority: 1}, {NIC: "eth1", PortID: 9}}}
	a := plantest.Answers(plantest.Bonded(own))
	a.Uplink.NICs = []string{"eth1", "enp2s0f0"}
	for _, primary := range []string{"enp2s0f0", "eth1", ""} {
		own.Primary = primary
		a.Bond = &own
		p, err := plantest.Build(sim.New(sim.DemoSpec()).Host(), a)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(p.Items, func(i plan.Item) bool { return i.Op.Kind() == "add-bond" })
		add := p.Items[i].Op.(*op.AddBond)
		if m := add.Members; m[1].NIC != "eth0" || m[1].PortID != 7 || m[1].PortPriority != 1 || m[0].PortID != 9 || m[0].PortPriority != 0 {
			t.Errorf("the members are %+v", m)
		}
		if add.Primary != "eth0" {
			t.Errorf("while the address moves %s is used, which the switch does not know", add.Primary)
		}
		i = slices.IndexFunc(p.Items, func(i plan.Item) bool { return i.Op.Kind() == "set-bond-primary" })
		if (i >= 0) != (primary == "eth1") || i >= 0 && p.Items[i-1].Op.Kind() != "move-address" {
			t.Errorf("primary %q is set by operation %d", primary, i)
		}
	}
	if own.Members[0].NIC != "enp2s0f0" {
		t.Error("the answers were changed")
	}
}

func TestBondRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*sim.Spec)
		nics   []string
		want   string
	}{
		{"an address on another member", func(s *sim.Spec) {
			s.NICs[1].Addrs = []backend.Addr{{Prefix: netip.MustParsePrefix("192.0.2.1/24"), Scope: "global"}}
		}, []string{"eth0", "eth1"}, "only one member of a bond can have the host's addresses: eth0 has the address 192.168.1.100/24, eth1 has the address 192.0.2.1/24"},
		{"a stanza with an address", func(s *sim.Spec) {
			f := s.Files["/etc/network/interfaces"]
			f.Data = append(f.Data, "\niface eth1 inet static\n\taddress 192.0.2.1/24\n"...)
			s.Files["/etc/network/interfaces"] = f
		}, []string{"eth0", "eth1"}, "cannot make eth1 an uplink"},
		{"different speeds", func(s *sim.Spec) { s.NICs[1].SpeedMbps = 100 }, []string{"eth0", "eth1"}, "uplink.nics: LACP bonds only links of one speed: eth0 1000 Mb/s; eth1 100 Mb/s"},
		{"no such NIC", nil, []string{"eth0", "eth9"}, "uplink.nics[1]: this host has no NIC eth9"},
		{"one NIC by two names", nil, []string{"eth0", "enp2s0f0"}, "eth0 is named twice"},
		{"a port already", func(s *sim.Spec) { s.OVS.Setup = [][]string{{"add-br", "other"}, {"add-port", "other", "eth1"}} },
			[]string{"eth0", "eth1"}, "eth1 cannot be the uplink: is a port of Open vSwitch bridge other already"},
		{"Wi-Fi", func(s *sim.Spec) { s.NICs[1].Wireless = true }, []string{"eth0", "eth1"}, "eth1 cannot be the uplink: is Wi-Fi"},
		{"the bond's name", func(s *sim.Spec) { s.OVS.Setup = [][]string{{"add-br", "bond0"}} }, []string{"eth0", "eth1"}, "bond.name: Open vSwitch already has a bridge bond0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := bondOf(c.change, c.nics...); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
