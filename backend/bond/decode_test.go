package bond

import (
	"embed"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

//go:embed testdata
var texts embed.FS

func text(t testing.TB, name string) string {
	data, err := texts.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// older is a text of Open vSwitch 3.1 in the words before 2.15.
func older(s string) string {
	return strings.NewReplacer("member:", "slave:", "member eth", "slave eth", "active member", "active slave").Replace(s)
}

func TestReadOVS(t *testing.T) {
	const system = "b6:9c:47:10:33:4b"
	want := State{Name: "bond0", Kind: OVS, Mode: BalanceTCP, LACP: Active, Rate: Slow, System: "7e:a6:7b:1c:32:4a", Negotiated: true,
		Members: []Member{
			{Name: "eth2", Status: "current", Attached: true, Enabled: true, Partner: Partner{system, 3, 3, true}, Sent: 4, Received: 6, Counted: true},
			{Name: "eth3", Status: "current", Attached: true, Enabled: true, Active: true, Partner: Partner{system, 3, 4, true}, Sent: 4, Received: 1, Counted: true, Flaps: 2},
		}}
	lacp, show, stats := text(t, "negotiated.lacp"), text(t, "negotiated.bond"), text(t, "negotiated.stats")
	for name, words := range map[string]func(string) string{"new words": strings.Clone, "old words": older,
		"other bonds around": func(s string) string {
			return "---- bond ----\n  status: passive\n\nmember: eth9: current attached\n" + s + "---- bond01 ----\nmember eth9: enabled\n"
		}} {
		got := State{Name: "bond0"}
		if err := got.ReadOVS(words(lacp), words(show), words(stats)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got\n%+v, want\n%+v", name, got, want)
		}
	}
	got := State{Name: "bond0"}
	if err := got.ReadOVS("no such lacp object", "", ""); err == nil || !strings.Contains(err.Error(), "no such lacp object") {
		t.Errorf("a text without bonds: %v", err)
	}
}

func TestReadKernel(t *testing.T) {
	want := State{Name: "bond0", Kind: Kernel, Mode: LACP8023ad, LACP: Active, Rate: Fast, System: "52:54:00:12:34:56", Negotiated: true,
		Members: []Member{
			{Name: "eth0", MAC: "52:54:00:12:34:56", Carrier: true, Status: "current", Attached: true, Enabled: true, Partner: Partner{"02:00:00:00:00:01", 7, 3, true}},
			{Name: "eth1", MAC: "52:54:00:12:34:57", Carrier: true, Status: "defaulted", Flaps: 2, Partner: Partner{nobody, 1, 1, false}},
		}}
	got := State{Name: "bond0"}
	if err := got.ReadKernel(text(t, "kernel")); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
	backup := "Ethernet Channel Bonding Driver: v6.1\n\nBonding Mode: fault-tolerance (active-backup)\nCurrently Active Slave: eth1\nMII Status: up\n\n" +
		"Slave Interface: eth0\nMII Status: up\n\nSlave Interface: eth1\nMII Status: up\n"
	got = State{Name: "bond0"}
	if err := got.ReadKernel(backup); err != nil {
		t.Fatal(err)
	}
	if m := got.Members; got.Mode != ActiveBackup || got.LACP != Off || len(m) != 2 || !m[0].Enabled || m[0].Active || !m[1].Enabled || !m[1].Active {
		t.Errorf("active-backup: %+v", got)
	}
	if err := got.ReadKernel("nonsense"); err == nil {
		t.Error("nonsense was read")
	}
}

// A member's own state says what its partner's word is worth: one that has just come up is "expired", and knows nobody.
func TestKernelActorState(t *testing.T) {
	const member = "Ethernet Channel Bonding Driver: v6.1\n\nBonding Mode: IEEE 802.3ad Dynamic link aggregation\nActive Aggregator Info:\n\tAggregator ID: 1\n\n" +
		"Slave Interface: eth0\nMII Status: up\nAggregator ID: 1\ndetails actor lacp pdu:\n    port state: %d\n" +
		"details partner lacp pdu:\n    system mac address: %s\n    oper key: 7\n    port number: 3\n    port state: 61\n"
	for _, c := range []struct {
		actor          int
		partner, want  string
		works, deserts bool
	}{
		{61, "02:00:00:00:00:01", "current", true, false},
		{63, "02:00:00:00:00:01", "current", true, false}, // at the fast rate
		{183, "02:00:00:00:00:01", "expired", false, true},
		{199, nobody, "defaulted", false, false},
		{71, nobody, "defaulted", false, false},
	} {
		s := State{Name: "bond0"}
		if err := s.ReadKernel(fmt.Sprintf(member, c.actor, c.partner)); err != nil {
			t.Fatal(err)
		}
		m := &s.Members[0]
		m.Up = true
		if m.Status != c.want || len(s.Working()) > 0 != c.works || deserted(*m) != c.deserts {
			t.Errorf("%d, %s: %+v", c.actor, c.partner, m)
		}
		if m.Counted, m.Received = true, 4; c.want == "defaulted" && !deserted(*m) {
			t.Errorf("%d: it heard somebody, and nobody has stopped", c.actor)
		}
	}
}

// Whatever a daemon prints: no panic, and no member that the text does not name.
func FuzzRead(f *testing.F) {
	lacp, show, stats := text(f, "negotiated.lacp"), text(f, "negotiated.bond"), text(f, "negotiated.stats")
	f.Add(lacp, show, stats, text(f, "kernel"))
	f.Add(older(lacp), older(show), older(stats), "")
	f.Fuzz(func(t *testing.T, lacp, show, stats, kernel string) {
		s := State{Name: "bond0"}
		_ = s.ReadOVS(lacp, show, stats)
		k := State{Name: "bond0"}
		_ = k.ReadKernel(kernel)
		for _, m := range append(s.Members, k.Members...) {
			if !strings.Contains(lacp+show+stats+kernel, m.Name) {
				t.Errorf("member %q comes from nowhere", m.Name)
			}
		}
		Diagnose(s, Reach{1, 0}, Patience)
		Diagnose(k, Reach{2, 1}, 0)
	})
}
