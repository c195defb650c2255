package golden_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/bond"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/sim"
	"bridgehead/tui"
)

// daemon is an Open vSwitch that says of its bond what the screen is to be about.
type daemon struct {
	backend.Switch
	members []told
	bond    answers.Bond
	broken  string   // the member that cannot be opened
	deaf    []string // machines that do not answer
}

// State has the interface that is broken fail.
func (d *daemon) State(ctx context.Context) (backend.SwitchState, error) {
	s, err := d.Switch.State(ctx)
	for _, b := range s.Bridges {
		for _, p := range b.Ports {
			for i := range p.Interfaces {
				if x := &p.Interfaces[i]; x.Name == d.broken {
					x.OfPort, x.Error = -1, "could not open network device "+x.Name+" (No such device)"
				}
			}
		}
	}
	return s, err
}

// hearing is a prober to which some machines do not answer.
type hearing struct {
	backend.Prober
	d *daemon
}

func (p hearing) ARP(ctx context.Context, dev string, a netip.Addr) (string, error) {
	if slices.Contains(p.d.deaf, a.String()) {
		return "", fmt.Errorf("%s does not answer", a)
	}
	return p.Prober.ARP(ctx, dev, a)
}

func (p hearing) Ping(ctx context.Context, dev string, a netip.Addr) (time.Duration, error) {
	if slices.Contains(p.d.deaf, a.String()) {
		return 0, fmt.Errorf("%s does not answer", a)
	}
	return p.Prober.Ping(ctx, dev, a)
}

// told is a member as ovs-vswitchd tells of it.
type told struct {
	status, partner   string // "current attached", "aa:aa:aa:aa:aa:aa key 7"
	enabled           bool
	sent, heard, flap int
}

const system = "00:1b:21:3a:4f:10" // of the demo's bridge

func (d *daemon) Appctl(ctx context.Context, args ...string) (string, error) {
	out := "---- examplebond0 ----\n"
	show := map[string]func(name string, m told) string{
		"lacp/show": func(name string, m told) string {
			who, key, _ := strings.Cut(m.partner, " key ")
			return fmt.Sprintf("member: %s: %s\n  partner sys_id: %s\n  partner port_id: 3\n  partner key: %s\n", name, m.status, who, key)
		},
		"bond/show": func(name string, m told) string {
			return fmt.Sprintf("member %s: %s\n", name, map[bool]string{true: "enabled", false: "disabled"}[m.enabled])
		},
		"lacp/show-stats": func(name string, m told) string {
			return fmt.Sprintf("member: %s:\n  TX PDUs: %d\n  RX PDUs: %d\n  Carrier Status Changed: %d\n", name, m.sent, m.heard, m.flap)
		},
	}[args[0]]
	if show == nil || len(d.members) == 0 {
		return d.Switch.Appctl(ctx, args...)
	}
	switch args[0] {
	case "lacp/show":
		out += fmt.Sprintf("  status: %s\n  sys_id: %s\n", d.bond.LACP, system)
	case "bond/show":
		out += fmt.Sprintf("lacp_fallback_ab: %t\n", d.bond.Fallback)
	}
	for i, m := range d.members {
		out += show(fmt.Sprintf("eth%d", i), m)
	}
	return out, nil
}

// bonded are answers for a bond of eth0 and eth1.
func bonded(b answers.Bond) *answers.Answers {
	b.Name = "examplebond0"
	return tutorial(func(a *answers.Answers) {
		a.Uplink, a.Bond = answers.Uplink{Kind: answers.KindOVSBond, NICs: []string{"eth0", "eth1"}}, &b
	})
}

// kernelBonded are answers for one of the kernel.
func kernelBonded(b answers.Bond) *answers.Answers {
	a := bonded(b)
	a.Uplink.Kind = answers.KindKernelBond
	return a
}

// channelled has eth0 and eth1 in a port-channel, and sw1 tells so.
func channelled(s *sim.Spec) {
	for i := range s.NICs[:2] {
		s.NICs[i].PortChannel, s.NICs[i].Individual = "po1", true
		s.NICs[i].Says = backend.Neighbour{Switch: "sw1", Port: fmt.Sprintf("ge-0/0/%d", 7+i)}
	}
}

func TestBondQuestions(t *testing.T) {
	second := func(t *testing.T, op *operator) {
		op.Go(t, "uplink")
		op.Press("down")
		op.Go(t, "members")
	}
	heard := func(t *testing.T, op *operator) { second(t, op); op.Wait(time.Minute) }
	twoSwitches := func(s *sim.Spec) { channelled(s); s.NICs[1].Says.Switch, s.NICs[1].PortChannel = "sw2", "po2" }
	playAll(t, []play{
		{"uplink-one-nic", setup{Spec: func(s *sim.Spec) { s.NICs = s.NICs[:1] }}, to("uplink")},
		{"members", setup{}, second},
		{"members-none", setup{}, func(t *testing.T, op *operator) { second(t, op); op.Press("ctrl+n") }},
		{"members-heard", setup{Spec: channelled}, func(t *testing.T, op *operator) { second(t, op); op.Press("space") }},
		{"members-locked", setup{}, func(t *testing.T, op *operator) { second(t, op); op.Press("up", "space") }},
		{"members-silence", setup{}, heard},
		{"members-two-switches", setup{Spec: twoSwitches}, second},
		{"members-two-switches-silence", setup{Spec: twoSwitches}, heard},
		{"60x16-members", setup{Width: 60, Height: 16, Spec: twoSwitches}, heard},
		{"bond", setup{}, func(t *testing.T, op *operator) { second(t, op); op.Press("space"); op.Go(t, "bond") }},
		{"bond-lacp-heard", setup{Spec: channelled}, func(t *testing.T, op *operator) { second(t, op); op.Press("space"); op.Go(t, "bond") }},
		{"bond-refused", setup{Answers: bonded(answers.Bond{Mode: "balance-tcp", LACP: "active"})}, func(t *testing.T, op *operator) {
			op.Go(t, "bond")
			op.Press("tab", "tab", "up", "ctrl+n")
		}},
		{"members-wifi", setup{Spec: func(s *sim.Spec) { s.NICs[1].Wireless = true }}, func(t *testing.T, op *operator) { second(t, op); op.Press("up", "space") }},
		{"members-taken", setup{Spec: func(s *sim.Spec) { s.OVS.Setup = [][]string{{"add-br", "other"}, {"add-port", "other", "eth1"}} }},
			func(t *testing.T, op *operator) { second(t, op); op.Press("up", "space") }},
		{"bond-speeds", setup{Spec: func(s *sim.Spec) { channelled(s); s.NICs[1].SpeedMbps = 100 }}, func(t *testing.T, op *operator) {
			second(t, op)
			op.Press("space")
			op.Go(t, "bond")
			op.Press("tab", "down", "down", "tab", "down", "ctrl+n")
		}},
		{"uplink-no-bonding", setup{Spec: func(s *sim.Spec) { s.Bonding = false }}, to("uplink", "down", "down")},
		{"bond-kernel", setup{Spec: channelled}, func(t *testing.T, op *operator) {
			op.Go(t, "uplink")
			op.Press("down", "down")
			op.Go(t, "members")
			op.Press("space")
			op.Go(t, "bond")
		}},
		{"nic-bond", setup{Spec: bondHost}, to("nic")},
		{"uplink-bond", setup{Spec: bondHost}, to("uplink")},
		{"review-bond", setup{Spec: bondHost}, to("review")},
		{"bond-primary", setup{}, func(t *testing.T, op *operator) {
			second(t, op)
			op.Press("space")
			op.Go(t, "bond")
			op.Press("tab", "tab", "tab", "down")
			op.Go(t, "review")
			op.Press("3", "pgdown")
		}},
		{"bond-members", setup{Answers: bonded(answers.Bond{Mode: "balance-tcp", LACP: "active", Members: []answers.BondMember{{NIC: "eth0", PortID: 7, PortPriority: 100}, {NIC: "eth1", PortID: 9}}})}, to("review", "3", "pgdown")},
		{"bond-members-more", setup{Answers: bonded(answers.Bond{Mode: "balance-tcp", LACP: "active", Members: []answers.BondMember{{NIC: "eth0", PortID: 7}, {NIC: "eth1", PortID: 9}}})}, func(t *testing.T, op *operator) {
			op.Go(t, "members")
			op.Press("down", "space")
			op.Go(t, "bond")
			op.Press("ctrl+n")
		}},
		// What was heard is recommended, and what the answers file says stays.
		{"bond-given", setup{Spec: channelled, Answers: bonded(answers.Bond{Mode: "active-backup", LACP: "active"})}, to("bond")},
		{"bond-kernel-review", setup{Answers: kernelBonded(answers.Bond{Mode: "802.3ad"})}, to("review", "3")},
		{"bond-kernel-picture", setup{Answers: kernelBonded(answers.Bond{Mode: "802.3ad"})}, to("review", "2")},
		{"bond-review", setup{Answers: bonded(answers.Bond{Mode: "balance-tcp", LACP: "active", Fallback: true})}, to("review", "3")},
		{"bond-picture", setup{Answers: bonded(answers.Bond{Mode: "balance-tcp", LACP: "active", Fallback: true})}, to("review", "2")},
		{"bond-picture-narrow-ascii", setup{Width: 60, Height: 16, ASCII: true, Answers: bonded(answers.Bond{Mode: "balance-tcp", LACP: "active", Fallback: true})}, to("review", "2")},
	})
}

// Every sentence of the diagnosis, as the operator sees it.
func TestBondDiagnosis(t *testing.T) {
	good := told{"current attached", "aa:aa:aa:aa:aa:aa key 7", true, 9, 9, 0}
	mute := told{"defaulted detached", "00:00:00:00:00:00 key 0", false, 9, 0, 0}
	lost := told{"defaulted detached", "00:00:00:00:00:00 key 0", false, 9, 4, 0}
	other := told{"current detached", "bb:bb:bb:bb:bb:bb key 3", false, 9, 9, 0}
	self := told{"current detached", system + " key 1", false, 9, 9, 0}
	flapping, single := good, mute
	flapping.flap, single.enabled = 6, true
	lacp := answers.Bond{Mode: "balance-tcp", LACP: "active"}
	with := func(change func(*answers.Bond)) answers.Bond { b := lacp; change(&b); return b }
	d, ctx := &daemon{}, context.Background()
	for _, c := range []struct {
		name    string
		cause   bond.Cause
		bond    answers.Bond
		members []told
		after   time.Duration
		on      func(*sim.Machine)
	}{
		{"confirm-bond", "", lacp, []told{good, good}, 0, nil},
		{"confirm-bond-no-lacp-early", bond.NoLACP, lacp, []told{mute, mute}, 0, nil},
		{"confirm-bond-no-lacp", bond.NoLACP, lacp, []told{mute, mute}, bond.Patience, nil},
		{"confirm-bond-fallback", bond.NoLACP, with(func(b *answers.Bond) { b.Fallback = true }), []told{single, mute}, bond.Patience, nil},
		{"confirm-bond-passive", bond.BothPassive, with(func(b *answers.Bond) { b.LACP = "passive" }), []told{mute, mute}, bond.Patience, nil},
		{"confirm-bond-stopped", bond.Stopped, lacp, []told{lost, lost}, 0, nil},
		{"confirm-bond-two-switches", bond.TwoPartners, lacp, []told{good, other}, 0, nil},
		{"confirm-bond-left-out", bond.LeftOut, lacp, []told{good, mute}, bond.Patience, nil},
		{"confirm-bond-unplugged", bond.OneUnplugged, lacp, []told{good, mute}, time.Minute, func(m *sim.Machine) { m.Plug("eth1", false) }},
		{"confirm-bond-no-link", bond.NoCarrier, lacp, []told{mute, mute}, time.Minute, func(m *sim.Machine) { m.Plug("eth0", false); m.Plug("eth1", false) }},
		{"confirm-bond-cabled-together", bond.CabledSelf, lacp, []told{self, self}, 0, nil},
		{"confirm-bond-flapping", bond.Flapping, lacp, []told{good, flapping}, 0, nil},
		{"confirm-bond-port-error", bond.PortError, lacp, []told{good, mute}, 0, func(m *sim.Machine) { d.broken = "eth1" }},
		{"confirm-bond-down", bond.AdminDown, lacp, []told{good, mute}, 0, func(m *sim.Machine) { must(t, m.Host().Links.SetUp(ctx, "eth1", false)) }},
		{"confirm-bond-configured", bond.Configured, lacp, []told{good, good}, 0, func(m *sim.Machine) {
			must(t, m.Host().Links.SetAddr(ctx, "eth1", backend.Addr{Prefix: netip.MustParsePrefix("192.168.1.77/24"), Scope: "global"}))
		}},
		{"confirm-bond-tcp-without", bond.TCPWithout, lacp, nil, 0, func(m *sim.Machine) {
			must(t, m.Host().Switch.Transact(ctx, "set", "Port", "examplebond0", "lacp=off"))
		}},
		{"confirm-bond-some-peers", bond.SomePeers, answers.Bond{Mode: "active-backup"}, nil, 0, func(m *sim.Machine) { d.deaf = []string{"192.168.1.50"} }},
		{"confirm-bond-silent", bond.Silent, lacp, []told{good, good}, bond.Patience, func(m *sim.Machine) { d.deaf = []string{"192.168.1.1", "192.168.1.50"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			*d = daemon{bond: c.bond}
			a := bonded(c.bond)
			a.Verify.Targets = []string{"192.168.1.50"}
			on := setup{Badge: tui.Real, Spec: channelled, Answers: a, Host: func(h backend.Host) backend.Host {
				d.Switch = h.Switch
				h.Switch, h.Prober = d, hearing{h.Prober, d}
				return h
			}}
			playAll(t, []play{{c.name, on, func(t *testing.T, op *operator) {
				trialOf()(t, op)
				if c.on != nil {
					c.on(op.Machine)
				}
				d.members = c.members
				op.Wait(c.after + 2*time.Second)
			}}})
		})
	}
}

// bondHost has its address on a bond of the kernel already.
func bondHost(s *sim.Spec) { *s = plantest.WithBond() }

// The same of a bond that was there before.
func TestBondTakenOver(t *testing.T) {
	playAll(t, []play{{"confirm-bond-taken-over", setup{Badge: tui.Real, Spec: bondHost}, trialOf()}})
}

// The same of a bond of the kernel.
func TestKernelBondDiagnosis(t *testing.T) {
	plain := func(s *sim.Spec) {}
	for _, c := range []struct {
		name, mode string
		on         func(*sim.Spec)
		then       func(*operator)
	}{
		{"confirm-kernel-bond", "802.3ad", channelled, func(op *operator) {}},
		{"confirm-kernel-bond-backup", "active-backup", plain, func(op *operator) {}},
		{"confirm-kernel-bond-no-lacp", "802.3ad", plain, func(op *operator) { op.Wait(bond.Patience) }},
		{"confirm-kernel-bond-two-switches", "802.3ad", func(s *sim.Spec) { channelled(s); s.NICs[1].PortChannel = "po2" }, func(op *operator) {}},
		{"confirm-kernel-bond-unplugged", "active-backup", plain, func(op *operator) { op.Machine.Plug("eth1", false); op.Wait(time.Minute) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			playAll(t, []play{{c.name, setup{Badge: tui.Real, Spec: c.on, Answers: kernelBonded(answers.Bond{Mode: c.mode})}, func(t *testing.T, op *operator) {
				trialOf()(t, op)
				c.then(op)
				op.Wait(2 * time.Second)
			}}})
		})
	}
}
