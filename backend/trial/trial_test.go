package trial_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/sim"
	"bridgehead/backend/trial"
)

const journal = trial.StateDir + "/current/journal.jsonl"

// waiting is the tutorial's host with a trial that waits for confirmation, and its snapshot before.
func waiting(t *testing.T) (m *sim.Machine, before string) {
	t.Helper()
	sc := open(t, plantest.One("static"), stageNamed("confirm"), plantest.One("static").Plan(t, plantest.One("static").Machine()))
	return sc.m, sc.start
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// asBefore fails unless the run is over, rolled back, and the host as it was.
func asBefore(t *testing.T, m *sim.Machine, before string) {
	t.Helper()
	if why := guard(m); why != "" {
		t.Fatal(why)
	}
	all, err := on(m).History(t.Context())
	must(t, err)
	if len(all) == 0 || all[0].Phase != trial.RolledBack {
		t.Errorf("history: %+v", all)
	}
	if d := plantest.Diff(before, m.Snapshot()); d != "" {
		t.Error(d)
	}
}

// The order of the operations promises that the outside never loses the host: the client reaches it after
// every single change of apply, confirm and rollback. Only while the NIC is a port and the route still
// leads through it do answers go out past the bridge, which is no loss.
func TestTheHostAnswersAtEveryStep(t *testing.T) {
	for _, c := range plantest.Cases() {
		for _, end := range []string{"confirm", "rollback"} {
			m := c.Machine()
			p := c.Plan(t, m)
			steps, lost := 0, []string{}
			m.Fault(func(at sim.Point) error {
				steps++
				if err := m.Reachable(c.Reach); err != nil {
					lost = append(lost, fmt.Sprintf("%s: %v", at, err))
				}
				return nil
			})
			_, err := on(m).Apply(t.Context(), p, window)
			must(t, err)
			must(t, stageNamed(end).act(t.Context(), on(m), p))
			t.Logf("%s, apply and %s: %d points, unreachable at %d", c.Name, end, steps, len(lost))
			// A port that gets its address by DHCP for the first time has none until then.
			if c.Name == "static-to-dhcp" {
				lost = slices.DeleteFunc(lost, func(at string) bool { return strings.Contains(at, "no such address") })
			}
			// A VLAN link that was made again has the default reverse path filter for a moment.
			if c.Name == "vlan" {
				lost = slices.DeleteFunc(lost, func(at string) bool {
					return strings.Contains(at, "after ip link add link eth0") || strings.Contains(at, "before sysctl net/ipv4/conf/eth0.10/rp_filter=2")
				})
			}
			if len(lost) > 0 {
				t.Errorf("%s", strings.Join(lost, "\n"))
			}
		}
	}
}

func TestSilenceExpires(t *testing.T) {
	for _, jump := range []time.Duration{0, time.Hour, -time.Hour} {
		m, before := waiting(t)
		m.JumpWallClock(jump)
		m.Hurry(false)
		for i := range int(window/time.Second) - 1 {
			m.Advance(time.Second)
			if _, err := on(m).Look(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s, _ := on(m).Status(t.Context(), ""); s.Phase != trial.Waiting {
				t.Fatalf("%s after %d s with the clock off by %s", s.Phase, i+1, jump)
			}
		}
		m.Advance(time.Second)
		m.Hurry(true)
		_, err := on(m).Look(t.Context())
		must(t, err)
		asBefore(t, m, before)
	}
}

// Of confirmation and expiry exactly one wins, wherever in the one the other begins.
func TestConfirmRacesExpiry(t *testing.T) {
	act := map[string]func(*sim.Machine) error{
		"confirm": func(m *sim.Machine) error { return on(m).Confirm(context.Background()) },
		"watch":   func(m *sim.Machine) error { _, err := on(m).Look(context.Background()); return err },
	}
	for _, left := range []time.Duration{0, time.Millisecond} { // of the window when the first begins
		for first, second := range map[string]string{"confirm": "watch", "watch": "confirm"} {
			cases := 0
			for n := 0; ; n++ {
				m, before := waiting(t)
				m.Hurry(false)
				m.Advance(window - left)
				m.Hurry(true)
				from, told, met := m.Points(), error(nil), false
				m.Fault(func(p sim.Point) error {
					if p.N == from+n {
						met = true
						m.Advance(2 * time.Millisecond)
						told = act[second](m)
					}
					return nil
				})
				err := act[first](m)
				if !met && n > 0 {
					break
				}
				if !met { // it has no points at all: then one after the other
					told = act[second](m)
				}
				if first == "watch" {
					err = told
				}
				cases++
				m.ClearFaults()
				if why := guard(m); why != "" {
					t.Fatal(why)
				}
				all, herr := on(m).History(t.Context())
				must(t, herr)
				if len(all) != 1 {
					t.Fatalf("%d runs", len(all))
				}
				confirmed := all[0].Phase == trial.Confirmed
				if confirmed != (err == nil) {
					t.Errorf("%s at %d of %s: confirm says %v, and the run is %s", second, n, first, err, all[0].Phase)
				}
				if same := m.Snapshot() == before; same == confirmed {
					t.Errorf("%s at %d of %s: %s, and the host is as before: %t", second, n, first, all[0].Phase, same)
				}
			}
			t.Logf("%s while %s runs, %s before the end: %d interleavings", second, first, left, cases)
		}
	}
}

// A journal that a power cut tore, or that a disk damaged, still leads back.
func TestTornJournal(t *testing.T) {
	t.Parallel()
	m, _ := waiting(t)
	whole := string(m.File(journal).Data)
	step := 61
	if full {
		step = 1
	}
	tried := 0
	for cut := strings.Index(whole, "\n") + 1; cut < len(whole); cut += step {
		m, before := waiting(t)
		m.Edit(journal, whole[:cut])
		tried++
		if s, err := on(m).Status(t.Context(), ""); err != nil || s.Phase == trial.Confirmed {
			t.Fatalf("cut at %d: %s, %v", cut, s.Phase, err)
		}
		// What the cut journal does not know was never begun: such a host is in the matrix.
		if known := whole[:strings.LastIndex(whole[:cut], "\n")+1]; strings.Count(known, `"doing"`) == strings.Count(whole, `"doing"`) {
			asBefore(t, m, before)
		}
	}
	lines := strings.SplitAfter(whole, "\n")
	for i := 1; i < len(lines)-1; i++ {
		for _, garbage := range []string{"\x00\x00\x00\n", "{}}\n", `{"v":1,"event":"doing","op":99}` + "\n", strings.ToUpper(lines[i])} {
			m, before := waiting(t)
			m.Edit(journal, strings.Join(lines[:i], "")+garbage+strings.Join(lines[i+1:], ""))
			tried++
			t.Run(fmt.Sprintf("%q at %d", strings.TrimSpace(garbage), i), func(t *testing.T) { asBefore(t, m, before) })
		}
	}
	t.Logf("%d journals", tried)
}

// A disk without room, or a read-only one, is found before anything is changed.
func TestNoRoomIsNoChange(t *testing.T) {
	for name, spoil := range map[string]func(*sim.Machine){
		"full":              func(m *sim.Machine) { m.FillDisk(true) },
		"read-only /etc":    func(m *sim.Machine) { m.MountReadOnly("/etc") },
		"read-only /var":    func(m *sim.Machine) { m.MountReadOnly("/var") },
		"read-only, all":    func(m *sim.Machine) { m.MountReadOnly("/") },
		"vswitchd dead":     func(m *sim.Machine) { m.Stop(sim.Vswitchd) },
		"vswitchd hung":     func(m *sim.Machine) { m.Hang(sim.Vswitchd) },
		"ovsdb-server dead": func(m *sim.Machine) { m.Stop(sim.OVSDB) },
		"libvirtd dead":     func(m *sim.Machine) { m.Stop(sim.Libvirtd) },
		"libvirtd hung":     func(m *sim.Machine) { m.Hang(sim.Libvirtd) },
	} {
		c := plantest.One("static")
		m := c.Machine()
		p := c.Plan(t, m)
		spoil(m)
		before := m.Snapshot()
		_, err := on(m).Apply(t.Context(), p, window)
		var unchanged *trial.UnchangedError
		if !errors.As(err, &unchanged) || m.Snapshot() != before || m.Armed(trial.StateDir) {
			t.Errorf("%s: %v, armed %t\n%s", name, err, m.Armed(trial.StateDir), plantest.Diff(before, m.Snapshot()))
		}
	}
}

// A plan for a host that has changed since is refused, whatever has changed.
func TestStalePlan(t *testing.T) {
	prefix, addr := netip.MustParsePrefix, netip.MustParseAddr
	changes := []struct {
		name, host, says string
		change           func(*sim.Machine, backend.Host) error
	}{
		{"address gone", "rich", "lost the address 10.9.0.5/24", func(_ *sim.Machine, h backend.Host) error {
			return h.Links.DelAddr(tctx, "eth0", backend.Addr{Prefix: prefix("10.9.0.5/24")})
		}},
		{"address added", "static", "got the address 192.168.1.7/24", func(_ *sim.Machine, h backend.Host) error {
			return h.Links.SetAddr(tctx, "eth0", backend.Addr{Prefix: prefix("192.168.1.7/24")})
		}},
		{"route gone", "rich", "lost the route 10.50.0.0/16", func(_ *sim.Machine, h backend.Host) error {
			return h.Links.DelRoute(tctx, backend.Route{Dst: prefix("10.50.0.0/16"), Gateway: addr("192.168.1.1"), Dev: "eth0", Src: addr("10.9.0.5")})
		}},
		{"route added", "static", "got the route 10.0.0.0/8", func(_ *sim.Machine, h backend.Host) error {
			return h.Links.SetRoute(tctx, backend.Route{Dst: prefix("10.0.0.0/8"), Gateway: addr("192.168.1.1"), Dev: "eth0"})
		}},
		{"default route changed", "static", "via 192.168.1.1", func(_ *sim.Machine, h backend.Host) error {
			return h.Links.SetRoute(tctx, backend.Route{Dst: prefix("0.0.0.0/0"), Gateway: addr("192.168.1.50"), Dev: "eth0"})
		}},
		{"rule added", "static", "got the rule iif eth0", func(_ *sim.Machine, h backend.Host) error {
			return h.Links.SetRule(tctx, backend.Rule{Priority: 5, IIF: "eth0", Table: 254})
		}},
		{"rule gone", "rich", "lost the rule iif eth0", func(_ *sim.Machine, h backend.Host) error {
			return h.Links.DelRule(tctx, backend.Rule{Priority: 110, IIF: "eth0", Table: 100})
		}},
		{"MTU", "static", "MTU 1400", func(_ *sim.Machine, h backend.Host) error { return h.Links.SetMTU(tctx, "eth0", 1400) }},
		{"down", "static", "set up or down", func(_ *sim.Machine, h backend.Host) error { return h.Links.SetUp(tctx, "eth0", false) }},
		{"reverse path filter", "rich", "rp_filter is 0", func(_ *sim.Machine, h backend.Host) error {
			return h.Links.SetSysctl(tctx, "ipv4/conf/eth0/rp_filter", "0")
		}},
		{"NIC taken", "static", "belongs to ovs-system", func(_ *sim.Machine, h backend.Host) error {
			return h.Switch.Transact(tctx, "add-br", "other", "--", "add-port", "other", "eth0")
		}},
		{"name taken by a bridge", "static", "already has a bridge examplebr0", func(_ *sim.Machine, h backend.Host) error {
			return h.Switch.Transact(tctx, "add-br", "examplebr0")
		}},
		{"name taken by a port", "static", "already a port of bridge other", func(_ *sim.Machine, h backend.Host) error {
			return h.Switch.Transact(tctx, "add-br", "other", "--", "add-port", "other", "examplebr0p1", "--", "set", "Interface", "examplebr0p1", "type=internal")
		}},
		{"file edited", "static", "/etc/network/interfaces has been changed", func(m *sim.Machine, _ backend.Host) error {
			m.Edit("/etc/network/interfaces", "auto lo\n")
			return nil
		}},
		{"file's mode", "static", "/etc/network/interfaces has been changed", func(_ *sim.Machine, h backend.Host) error {
			f, err := h.Files.Read("/etc/network/interfaces")
			f.Mode = 0o600
			return errors.Join(err, h.Files.Write("/etc/network/interfaces", f))
		}},
		{"network appeared", "static", "has got a network examplebr0", func(_ *sim.Machine, h backend.Host) error {
			return h.Virt.DefineNetwork(tctx, "<network><name>examplebr0</name><forward mode='nat'/><bridge name='virbr9'/></network>")
		}},
		{"network stopped", "default-removed", "default has been changed", func(_ *sim.Machine, h backend.Host) error {
			return h.Virt.StopNetwork(tctx, "default")
		}},
		{"network no longer autostarted", "default-removed", "default has been changed", func(_ *sim.Machine, h backend.Host) error {
			return h.Virt.AutostartNetwork(tctx, "default", false)
		}},
		{"network gone", "default-removed", "default has been changed", func(_ *sim.Machine, h backend.Host) error {
			return errors.Join(h.Virt.StopNetwork(tctx, "default"), h.Virt.UndefineNetwork(tctx, "default"))
		}},
		{"DHCP client ended", "dhcp-kept", "has ended since", func(_ *sim.Machine, h backend.Host) error { return h.Processes.Kill(tctx, 550) }},
		{"DHCP client begun", "static-to-dhcp", "DHCP client", func(m *sim.Machine, _ backend.Host) error {
			m.Spawn(1, "dhclient", "eth0")
			return nil
		}},
	}
	for _, x := range changes {
		c := plantest.One(x.host)
		m := c.Machine()
		p := c.Plan(t, m)
		must(t, x.change(m, m.Host()))
		before := m.Snapshot()
		_, err := on(m).Apply(t.Context(), p, window)
		var unchanged *trial.UnchangedError
		if !errors.As(err, &unchanged) || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %v", x.name, err)
		}
		if d := plantest.Diff(before, m.Snapshot()); d != "" {
			t.Errorf("%s:\n%s", x.name, d)
		}
	}
}

var tctx = context.Background()

func TestSecondWizard(t *testing.T) {
	c := plantest.One("static")
	m := c.Machine()
	p := c.Plan(t, m)
	apply := func() error { _, err := on(m).Apply(tctx, p, window); return err }
	refused := func(err error) bool {
		var unchanged *trial.UnchangedError
		return errors.As(err, &unchanged)
	}
	n := 0
	m.Fault(func(at sim.Point) error {
		if at.What != "rm -r /var/lib/bridgehead/current" { // the first has the lock
			n++
			if err := apply(); !refused(err) || !errors.Is(err, backend.ErrLocked) {
				t.Errorf("at %s: %v", at, err)
			}
		}
		return nil
	})
	must(t, apply())
	m.ClearFaults()
	if n == 0 {
		t.Error("nobody was refused")
	}
	var unfinished *trial.UnfinishedError
	if err := apply(); !refused(err) || !errors.As(err, &unfinished) || unfinished.Phase != trial.Waiting {
		t.Errorf("beside a trial that waits: %v", err)
	}
	must(t, on(m).Confirm(tctx))
	if err := on(m).Confirm(tctx); err == nil {
		t.Error("confirmed twice")
	}
	if err := on(m).Rollback(tctx, ""); err == nil {
		t.Error("rolled back what was confirmed")
	}
}

func TestExtend(t *testing.T) {
	m, before := waiting(t)
	m.Hurry(false)
	m.Advance(window / 2)
	m.Hurry(true)
	for _, d := range []time.Duration{0, -time.Second, answers.MaxWindow} {
		if left, err := on(m).Extend(tctx, d); err == nil {
			t.Errorf("extended by %s to %s", d, left)
		}
	}
	left, err := on(m).Extend(tctx, 30*time.Second)
	if want := window/2 + 30*time.Second; err != nil || left != want {
		t.Errorf("%s remain instead of %s, %v", left, want, err)
	}
	m.Hurry(false)
	m.Advance(left)
	m.Hurry(true)
	if _, err := on(m).Extend(tctx, time.Second); err == nil {
		t.Error("extended after the end")
	}
	if err := on(m).Confirm(tctx); err == nil {
		t.Error("confirmed after the end")
	}
	asBefore(t, m, before)
	if _, err := on(m).Extend(tctx, time.Second); err == nil {
		t.Error("extended nothing")
	}
}

// An undo is refused where it would take something from under others, and where the host is not as the run left it.
func TestUndoLooksFirst(t *testing.T) {
	for name, x := range map[string]struct {
		says   string
		change func(*sim.Machine, backend.Host) error
	}{
		"a VM on the bridge": {"vnet7", func(_ *sim.Machine, h backend.Host) error {
			return h.Switch.Transact(tctx, "add-port", "examplebr0", "vnet7", "--", "set", "Interface", "vnet7", "type=internal")
		}},
		"a controller": {"ovs-vsctl clear Bridge examplebr0 controller", func(_ *sim.Machine, h backend.Host) error {
			return h.Switch.Transact(tctx, "set-controller", "examplebr0", "tcp:192.0.2.1:6653")
		}},
		"file edited": {"/etc/network/interfaces has been changed", func(m *sim.Machine, _ backend.Host) error {
			m.Edit("/etc/network/interfaces", string(m.File("/etc/network/interfaces").Data)+"# a note\n")
			return nil
		}},
		"address gone": {"192.168.1.100/24", func(_ *sim.Machine, h backend.Host) error {
			return h.Links.DelAddr(tctx, "examplebr0p1", backend.Addr{Prefix: netip.MustParsePrefix("192.168.1.100/24")})
		}},
		"network gone": {"examplebr0", func(_ *sim.Machine, h backend.Host) error {
			return errors.Join(h.Virt.StopNetwork(tctx, "examplebr0"), h.Virt.UndefineNetwork(tctx, "examplebr0"))
		}},
	} {
		m, _ := waiting(t)
		must(t, on(m).Confirm(tctx))
		must(t, x.change(m, m.Host()))
		now := m.Snapshot()
		_, err := on(m).Undo(tctx, "", window, nil)
		var unchanged *trial.UnchangedError
		if !errors.As(err, &unchanged) || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %v", name, err)
		}
		if d := plantest.Diff(now, m.Snapshot()); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}

// Differences that the operator was shown and accepted do not keep an undo from leading to where the change began; an
// edited file comes back if the undo is not kept. One that was not shown stops it.
func TestUndoOfAChangedHost(t *testing.T) {
	edit := func(note string) func(*sim.Machine) {
		return func(m *sim.Machine) {
			m.Edit("/etc/network/interfaces", string(m.File("/etc/network/interfaces").Data)+note)
		}
	}
	old, more := backend.Addr{Prefix: netip.MustParsePrefix("192.168.1.100/24")}, backend.Addr{Prefix: netip.MustParsePrefix("192.168.1.177/24"), Scope: "global"}
	route := backend.Route{Dst: netip.MustParsePrefix("10.0.0.0/8"), Gateway: netip.MustParseAddr("192.168.1.50"), Dev: "examplebr0p1"}
	setBridge := func(m *sim.Machine) {
		must(t, m.Host().Switch.Transact(tctx, "set", "Bridge", "examplebr0", "fail_mode=standalone", "mcast_snooping_enable=true", "other_config:mac-aging-time=60"))
	}
	for name, x := range map[string]struct {
		change func(*sim.Machine)
		kept   bool // else it is rolled back
		says   string
	}{
		"an edited file, kept":        {edit("# a note\n"), true, "/etc/network/interfaces has been changed since"},
		"an edited file, rolled back": {edit("# a note\n"), false, "/etc/network/interfaces has been changed since"},
		"an address gone, kept": {func(m *sim.Machine) {
			must(t, m.Host().Links.DelAddr(tctx, "examplebr0p1", old))
		}, true, "lost the address 192.168.1.100/24"},
		"an address more, kept": {func(m *sim.Machine) {
			must(t, m.Host().Links.SetAddr(tctx, "examplebr0p1", more))
		}, true, "got the address 192.168.1.177/24"},
		"an address more, rolled back": {func(m *sim.Machine) {
			must(t, m.Host().Links.SetAddr(tctx, "examplebr0p1", more))
		}, false, "got the address 192.168.1.177/24"},
		"a setting of the port, rolled back": {func(m *sim.Machine) {
			must(t, m.Host().Links.SetSysctl(tctx, "ipv4/conf/examplebr0p1/arp_ignore", "1"))
		}, false, "net/ipv4/conf/examplebr0p1/arp_ignore set to 1"},
		"a setting of the move, rolled back": {func(m *sim.Machine) {
			must(t, m.Host().Links.SetSysctl(tctx, "ipv4/conf/examplebr0p1/rp_filter", "0"))
		}, false, "net/ipv4/conf/examplebr0p1/rp_filter set to 0"},
		"a setting, kept": {func(m *sim.Machine) {
			must(t, m.Host().Links.SetSysctl(tctx, "ipv4/conf/examplebr0p1/arp_ignore", "1"))
		}, true, "net/ipv4/conf/examplebr0p1/arp_ignore set to 1"},
		"a route more, rolled back": {func(m *sim.Machine) {
			must(t, m.Host().Links.SetRoute(tctx, route))
		}, false, "got the route 10.0.0.0/8"},
		"another default route, rolled back": {func(m *sim.Machine) {
			other := route
			other.Dst, other.Gateway = netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr("192.168.1.50")
			must(t, m.Host().Links.SetRoute(tctx, other))
		}, false, "lost the route default via 192.168.1.1"},
		"a rule more, rolled back": {func(m *sim.Machine) {
			must(t, m.Host().Links.SetRule(tctx, backend.Rule{Priority: 5, IIF: "examplebr0p1", Table: 254}))
		}, false, "got the rule iif examplebr0p1"},
		"another VLAN, rolled back": {func(m *sim.Machine) {
			must(t, m.Host().Switch.Transact(tctx, "set", "Port", "examplebr0p1", "tag=7"))
		}, false, "port examplebr0p1 has got tag=7 since"},
		"settings of the bridge, rolled back": {setBridge, false, "bridge examplebr0 has got fail_mode=standalone, mcast_snooping_enable=true, other_config:mac-aging-time=60 since"},
		"settings of the bridge, kept":        {setBridge, true, "bridge examplebr0 has got fail_mode=standalone"},
		"settings of the NIC's port, rolled back": {func(m *sim.Machine) {
			must(t, m.Host().Switch.Transact(tctx, "set", "Port", "eth0", "trunks=10,20", "vlan_mode=trunk", "--", "set", "Interface", "eth0", "ingress_policing_rate=1000", "external_ids:a=b"))
		}, false, "port eth0 has got trunks=[10,20], vlan_mode=trunk since; interface eth0 has got external_ids:a=b, ingress_policing_rate=1000 since"},
	} {
		t.Run(name, func(t *testing.T) {
			m, start := waiting(t)
			must(t, on(m).Confirm(tctx))
			x.change(m)
			now := m.Snapshot()
			back, err := on(m).Return(tctx, "")
			must(t, err)
			if len(back.Drift) == 0 || !strings.Contains(back.Drift[0].Text, x.says) {
				t.Fatalf("the difference shown is %+v", back.Drift)
			}
			if c := back.Drift[0].Change; c != nil && c.After != c.Before+"# a note\n" {
				t.Errorf("the diff shown is %+v", c)
			}
			_, err = on(m).Undo(tctx, "", window, back.Drift)
			must(t, err)
			if x.kept {
				must(t, on(m).Confirm(tctx))
				now = start
			} else {
				must(t, on(m).Rollback(tctx, "test"))
			}
			if why := guard(m); why != "" {
				t.Fatal(why)
			}
			if d := plantest.Diff(now, m.Snapshot()); d != "" {
				t.Error(d)
			}
		})
	}

	// A setting of the NIC that the move changes for a while, too.
	rich, s := plantest.One("rich"), stageNamed("undo")
	m := open(t, rich, s, rich.Plan(t, rich.Machine())).m
	must(t, m.Host().Links.SetSysctl(tctx, "ipv4/conf/eth0/rp_filter", "0"))
	now := m.Snapshot()
	back, err := on(m).Return(tctx, "")
	must(t, err)
	if len(back.Drift) == 0 || !strings.Contains(back.Drift[0].Text, "net/ipv4/conf/eth0/rp_filter set to 0") {
		t.Errorf("the difference shown is %+v", back.Drift)
	}
	_, err = on(m).Undo(tctx, "", window, back.Drift)
	must(t, err)
	must(t, on(m).Rollback(tctx, "test"))
	if d := plantest.Diff(now, m.Snapshot()); d != "" {
		t.Error(d)
	}

	m, _ = waiting(t)
	must(t, on(m).Confirm(tctx))
	edit("# shown\n")(m)
	back, err = on(m).Return(tctx, "")
	must(t, err)
	edit("# not shown\n")(m)
	now = m.Snapshot()
	var changed *trial.ChangedError
	if _, err := on(m).Undo(tctx, "", window, back.Drift); !errors.As(err, &changed) {
		t.Errorf("a difference that was not shown: %v", err)
	}
	if d := plantest.Diff(now, m.Snapshot()); d != "" {
		t.Error(d)
	}
}

// What a rollback cannot restore it names, and the watch restores it once that is possible.
func TestIncompleteIsNamedAndFinishedLater(t *testing.T) {
	m, before := waiting(t)
	m.Stop(sim.OVSDB)
	err := on(m).Rollback(tctx, "test")
	var incomplete *trial.IncompleteError
	if !errors.As(err, &incomplete) || !strings.Contains(err.Error(), "examplebr0") {
		t.Fatalf("%v", err)
	}
	host := netip.MustParseAddr("192.168.1.100")
	if err := m.Reachable(host); err != nil {
		t.Errorf("with the database dead the host is lost: %v", err)
	}
	if !m.Armed(trial.StateDir) {
		t.Error("nobody will try again")
	}
	m.Start(sim.OVSDB)
	asBefore(t, m, before)
}

// The DHCP client comes back last, when the host can be reached already: it may wait for a dead server.
func TestTheDHCPClientIsStartedLast(t *testing.T) {
	c := plantest.One("dhcp-kept")
	sc := open(t, c, stageNamed("rollback"), c.Plan(t, c.Machine()))
	asked := false
	sc.m.Fault(func(at sim.Point) error {
		if !strings.HasPrefix(at.What, "dhclient ") || !strings.HasSuffix(at.What, " eth0") || at.When != sim.Before || asked {
			return nil
		}
		asked = true
		if err := sc.m.Reachable(c.Reach); err != nil {
			t.Error(err)
		}
		return errors.New("No DHCPOFFERS received")
	})
	err := on(sc.m).Rollback(tctx, "test")
	var incomplete *trial.IncompleteError
	if !asked || !errors.As(err, &incomplete) || !strings.Contains(err.Error(), "cannot start the DHCP client on eth0 again") {
		t.Fatalf("asked %t: %v", asked, err)
	}
	if err := sc.m.Reachable(c.Reach); err != nil {
		t.Error(err)
	}
}

// While /etc is read-only, a DHCP client would take the host's address with it: the host keeps the address without one, is told
// so, and gets its client once /etc can be written.
func TestDHCPClientWaitsForAWritableEtc(t *testing.T) {
	c := plantest.One("dhcp-kept")
	for _, name := range []string{"rollback", "undo", "roll the undo back"} {
		s := stageNamed(name)
		sc := open(t, c, s, c.Plan(t, c.Machine()))
		sc.m.Fault(func(at sim.Point) error {
			if strings.HasPrefix(at.What, "dhclient ") {
				t.Errorf("%s: %s", name, at.What)
			}
			if strings.HasPrefix(at.What, "kill -9 (dhclient ") { // the one that is to make way for the other
				sc.m.MountReadOnly("/etc")
			}
			return nil
		})
		err := s.act(tctx, on(sc.m), sc.p)
		var incomplete *trial.IncompleteError
		if !errors.As(err, &incomplete) || !strings.Contains(err.Error(), "cannot write beside /etc/resolv.conf") {
			t.Fatalf("%s: %v", name, err)
		}
		if err := sc.m.Reachable(c.Reach); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		heal(sc.m)
		if why := guard(sc.m) + sc.settled(err); why != "" {
			t.Errorf("%s: %s", name, why)
		}
	}
}

// Another route of the host that a new default route replaces comes back with the rest.
func TestDisplacedRouteComesBack(t *testing.T) {
	c := plantest.One("static")
	c.Answers = plantest.Answers(plantest.Static("192.168.1.1", "192.168.1.100/24"))
	spec := c.Spec
	c.Spec = func() sim.Spec {
		s := spec()
		s.NICs[1].Wire = "other"
		s.NICs[1].Addrs = []backend.Addr{{Prefix: netip.MustParsePrefix("10.1.0.2/24"), Scope: "global"}}
		s.Routes = []backend.Route{{Dst: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("10.1.0.1"), Dev: "eth1"}}
		return s
	}
	m := c.Machine()
	before := m.Snapshot()
	p := c.Plan(t, m)
	if !strings.Contains(strings.Join(p.Notes, "\n"), "through eth1 is replaced") {
		t.Errorf("notes: %q", p.Notes)
	}
	_, err := on(m).Apply(tctx, p, window)
	must(t, err)
	must(t, on(m).Rollback(tctx, "test"))
	asBefore(t, m, before)
}
