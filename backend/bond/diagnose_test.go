package bond

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const partner = "aa:aa:aa:aa:aa:aa"

// good is a bond of eth0 and eth1 that has negotiated, changed by with.
func good(with ...func(*State)) State {
	s := State{Name: "bond0", Kind: OVS, Mode: BalanceTCP, LACP: Active, System: "52:54:00:00:00:01", Negotiated: true}
	for i, name := range []string{"eth0", "eth1"} {
		s.Members = append(s.Members, Member{Name: name, MAC: "52:54:00:00:00:0" + string(rune('1'+i)), Up: true, Carrier: true,
			Status: "current", Attached: true, Enabled: true, Partner: Partner{partner, 7, i + 1, true}, Sent: 5, Received: 5, Counted: true})
	}
	for _, w := range with {
		w(&s)
	}
	return s
}

// each changes some members, by index; none given is all.
func each(change func(*Member), which ...int) func(*State) {
	return func(s *State) {
		for i := range s.Members {
			if len(which) == 0 || slices.Contains(which, i) {
				change(&s.Members[i])
			}
		}
	}
}

func lost(m *Member) {
	m.Status, m.Attached, m.Enabled, m.Partner = "defaulted", false, false, Partner{System: nobody}
}

func unheard(m *Member) { lost(m); m.Received = 0 }

func unplugged(m *Member) { lost(m); m.Carrier = false }

func lacp(mode string) func(*State) { return func(s *State) { s.LACP = mode } }

func kernel(s *State) { s.Kind, s.Mode = Kernel, LACP8023ad }

func fallback(s *State) { s.Fallback = true; s.Members[0].Enabled = true }

func TestDiagnose(t *testing.T) {
	all, late := Reach{1, 1}, Patience
	for _, c := range []struct {
		name    string
		s       State
		reach   Reach
		running time.Duration
		want    Finding // What and Do are parts
	}{
		{"all is well", good(), all, late, Finding{}},
		{"nothing was asked yet", good(), Reach{}, 0, Finding{}},
		{"wrong name", good(each(func(m *Member) { m.Error, m.Enabled = "could not open network device (No such device)", false }, 1)), all, late,
			Finding{PortError, Broken, "cannot open eth1: could not open network device", "the NIC's name", "", []string{"eth1"}}},
		{"never set up", good(each(func(m *Member) { unplugged(m); m.Up = false })), Reach{1, 0}, late,
			Finding{AdminDown, Broken, "eth0, eth1 are down", "ip link set", "", []string{"eth0", "eth1"}}},
		{"one never set up", good(each(func(m *Member) { unplugged(m); m.Up = false }, 1)), all, late,
			Finding{AdminDown, Degraded, "eth1 is down", "set it up", "", []string{"eth1"}}},
		{"no link", good(each(unplugged), each(func(m *Member) { m.Cabled = "sw1 port 7" }, 0)), Reach{1, 0}, late,
			Finding{NoCarrier, Broken, "eth0 (MAC 52:54:00:00:00:01), cabled to sw1 port 7; eth1 (MAC 52:54:00:00:00:02)", "plug", "", []string{"eth0", "eth1"}}},
		{"still configured", good(each(func(m *Member) { m.Configured = "it has the address 192.0.2.1/24" }, 1)), all, late,
			Finding{Configured, Broken, "eth1 is still configured: it has the address 192.0.2.1/24", "take that away", "", []string{"eth1"}}},
		{"no LACP, early", good(each(unheard)), Reach{1, 0}, 0,
			Finding{NoLACP, Wait, "the switch has no LACP there, or a static channel", "have LACP enabled", FallbackOn, []string{"eth0", "eth1"}}},
		{"no LACP", good(each(unheard)), Reach{1, 0}, late,
			Finding{NoLACP, Broken, "sent on eth0, eth1 and none come back", "have LACP enabled", FallbackOn, []string{"eth0", "eth1"}}},
		{"no LACP, of the kernel", good(each(unheard), kernel), Reach{1, 0}, late,
			Finding{NoLACP, Broken, "sent on eth0, eth1 and none come back", "or roll back and choose active-backup", "", []string{"eth0", "eth1"}}},
		{"no LACP on the one that has a link", good(each(unheard, 0), each(unplugged, 1)), Reach{1, 0}, late,
			Finding{NoLACP, Broken, "sent on eth0 and none come back", "have LACP enabled", FallbackOn, []string{"eth0"}}},
		{"no LACP, with fallback", good(each(unheard), fallback), all, late,
			Finding{NoLACP, Degraded, "fallen back to active-backup", "have LACP enabled", UseActiveBackup, []string{"eth0", "eth1"}}},
		{"both passive", good(each(unheard), lacp(Passive)), Reach{1, 0}, late,
			Finding{BothPassive, Broken, "Nobody begins: this host is passive", "lacp=active", UseActive, []string{"eth0", "eth1"}}},
		{"stopped on all", good(each(lost)), Reach{1, 0}, late,
			Finding{Stopped, Broken, "spoke LACP on eth0, eth1 and has stopped", "what was changed", FallbackOn, []string{"eth0", "eth1"}}},
		{"stopped, still attached on paper", good(each(func(m *Member) { m.Status = "expired" })), Reach{1, 0}, late,
			Finding{Stopped, Broken, "has stopped", "what was changed", FallbackOn, []string{"eth0", "eth1"}}},
		{"stopped, of the kernel", good(each(lost), kernel), Reach{1, 0}, late,
			Finding{Stopped, Broken, "spoke LACP on eth0, eth1 and has stopped", "or roll back and choose active-backup", "", []string{"eth0", "eth1"}}},
		{"stopped, and the kernel uses one NIC", good(each(lost), kernel), all, late,
			Finding{Stopped, Degraded, "spoke LACP on eth0, eth1 and has stopped", "or roll back and choose active-backup", "", []string{"eth0", "eth1"}}},
		{"stopped on one", good(each(lost, 1)), all, late,
			Finding{Stopped, Degraded, "spoke LACP on eth1 and has stopped", "what was changed", DropMembers, []string{"eth1"}}},
		{"two switches", good(each(func(m *Member) { m.Partner.System, m.Attached, m.Enabled = "bb:bb:bb:bb:bb:bb", false, false }, 1)), all, late,
			Finding{TwoPartners, Degraded, "two switches: eth0 to system aa:aa:aa:aa:aa:aa key 7 port 1; eth1 to system bb:bb:bb:bb:bb:bb key 7 port 2", "move the cable of eth1", DropMembers, []string{"eth1"}}},
		{"the odd one is not the first", good(each(func(m *Member) { m.Partner.System, m.Attached, m.Enabled = "bb:bb:bb:bb:bb:bb", false, false }, 0)), all, late,
			Finding{TwoPartners, Degraded, "two switches", "move the cable of eth0", DropMembers, []string{"eth0"}}},
		{"two port-channels", good(each(func(m *Member) { m.Partner.Key, m.Attached, m.Enabled = 8, false, false }, 1)), all, late,
			Finding{TwoPartners, Degraded, "two port-channels of one switch", "move the cable of eth1", DropMembers, []string{"eth1"}}},
		{"one switch port without LACP", good(each(unheard, 1)), all, late,
			Finding{LeftOut, Degraded, "nobody is heard on eth1 (MAC 52:54:00:00:00:02)", "into the port-channel of eth0", DropMembers, []string{"eth1"}}},
		{"one unplugged", good(each(unplugged, 1)), all, late,
			Finding{OneUnplugged, Degraded, "eth1 (MAC 52:54:00:00:00:02) has no link; the bond works without", "plug the cable in", DropMembers, []string{"eth1"}}},
		{"one without a link, at once", good(each(unplugged, 1)), all, 0,
			Finding{OneUnplugged, Wait, "eth1 (MAC 52:54:00:00:00:02) has no link", "plug the cable in", DropMembers, []string{"eth1"}}},
		{"cabled together", good(each(func(m *Member) { m.Partner.System, m.Attached, m.Enabled = "52:54:00:00:00:01", false, false })), Reach{1, 0}, late,
			Finding{CabledSelf, Broken, "eth0, eth1 hear this host itself", "to the switch", "", []string{"eth0", "eth1"}}},
		{"balance-tcp without LACP", good(lacp(Off)), Reach{1, 0}, late,
			Finding{TCPWithout, Broken, "drops everything", "turn LACP on", UseActiveBackup, []string{"eth0", "eth1"}}},
		{"flapping", good(each(func(m *Member) { m.Flaps = flaps }, 1)), all, late,
			Finding{Flapping, Degraded, "The link of eth1 (MAC 52:54:00:00:00:02) comes and goes", "cable", DropMembers, []string{"eth1"}}},
		{"some peers", good(lacp(Off), func(s *State) { s.Mode = ActiveBackup }), Reach{3, 2}, late,
			Finding{SomePeers, Degraded, "Some machines answer and others do not", "both sides agree", "", []string{"eth0", "eth1"}}},
		{"silence, early", good(), Reach{2, 0}, 0,
			Finding{Silent, Wait, "LACP is negotiated, and still nobody answers", "spanning tree", "", []string{"eth0", "eth1"}}},
		{"silence", good(), Reach{2, 0}, late,
			Finding{Silent, Broken, "LACP is negotiated, and still nobody answers", "VLAN", "", []string{"eth0", "eth1"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got Finding
			if found := Diagnose(c.s, c.reach, c.running); len(found) > 0 {
				got = found[0]
			}
			if got.Cause != c.want.Cause || got.Level != c.want.Level || got.Remedy != c.want.Remedy || !slices.Equal(got.Members, c.want.Members) ||
				!strings.Contains(got.What, c.want.What) || !strings.Contains(got.Do, c.want.Do) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			if (got.Key() == "") != (got.Remedy == "") {
				t.Errorf("remedy %q has the key %q", got.Remedy, got.Key())
			}
		})
	}
}

// The kernel's bonds are not changed while they run.
func TestKernelRemedies(t *testing.T) {
	for _, change := range []func(*Member){lost, unheard, unplugged} {
		for _, which := range []int{0, 1} {
			s := good(each(change, which), kernel)
			for _, f := range Diagnose(s, Reach{1, 1}, Patience) {
				if f.Remedy != "" {
					t.Errorf("%s has the remedy %s", f.Cause, f.Remedy)
				}
			}
		}
	}
}

// "negotiated" and an old partner are not believed.
func TestWorking(t *testing.T) {
	for name, c := range map[string]struct {
		s    State
		want []string
	}{
		"good":                   {good(), []string{"eth0", "eth1"}},
		"attached, not enabled":  {good(each(func(m *Member) { m.Enabled = false }, 0)), []string{"eth1"}},
		"expired":                {good(each(func(m *Member) { m.Status = "expired" }, 0)), []string{"eth1"}},
		"a dead link":            {good(each(func(m *Member) { m.Carrier = false })), nil},
		"fallen back":            {good(each(unheard), fallback), []string{"eth0"}},
		"fallback not needed":    {good(func(s *State) { s.Fallback = true }), []string{"eth0", "eth1"}},
		"active-backup, no LACP": {good(each(unheard), lacp(Off), each(func(m *Member) { m.Enabled = true })), []string{"eth0", "eth1"}},
	} {
		if got := names(c.s.Working()); !slices.Equal(got, c.want) && len(got)+len(c.want) > 0 {
			t.Errorf("%s: %v work, want %v", name, got, c.want)
		}
	}
	if s := good(each(unheard), fallback); s.Settled() {
		t.Error("fallen back is not settled: LACP may still come")
	}
	if !good().Settled() {
		t.Error("a good bond is not settled")
	}
}
