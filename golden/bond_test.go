package golden_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/bond"
	"bridgehead/backend/sim"
	"bridgehead/tui"
)

// daemon is an Open vSwitch that says of its bond what the screen is to be about.
type daemon struct {
	backend.Switch
	members []told
	bond    answers.Bond
}

// told is a member as ovs-vswitchd tells of it.
type told struct {
	status, partner   string // "current attached", "aa:aa:aa:aa:aa:aa key 7"
	enabled           bool
	sent, heard, flap int
}

const system = "00:1b:21:3a:4f:10" // of the demo's bridge

func (d daemon) Appctl(ctx context.Context, args ...string) (string, error) {
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
	playAll(t, []play{
		{"uplink-one-nic", setup{Spec: func(s *sim.Spec) { s.NICs = s.NICs[:1] }}, to("uplink")},
		{"members", setup{}, second},
		{"members-none", setup{}, func(t *testing.T, op *operator) { second(t, op); op.Press("ctrl+n") }},
		{"members-heard", setup{Spec: channelled}, func(t *testing.T, op *operator) { second(t, op); op.Press("down", "space") }},
		{"members-two-switches", setup{Spec: func(s *sim.Spec) { channelled(s); s.NICs[1].Says.Switch, s.NICs[1].PortChannel = "sw2", "po2" }}, second},
		{"bond", setup{}, func(t *testing.T, op *operator) { second(t, op); op.Press("down", "space"); op.Go(t, "bond") }},
		{"bond-lacp-heard", setup{Spec: channelled}, func(t *testing.T, op *operator) { second(t, op); op.Press("down", "space"); op.Go(t, "bond") }},
		{"bond-refused", setup{Answers: bonded(answers.Bond{Mode: "balance-tcp", LACP: "active"})}, func(t *testing.T, op *operator) {
			op.Go(t, "bond")
			op.Press("tab", "tab", "up", "ctrl+n")
		}},
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
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &daemon{bond: c.bond}
			on := setup{Badge: tui.Real, Spec: channelled, Answers: bonded(c.bond), Host: func(h backend.Host) backend.Host {
				d.Switch = h.Switch
				h.Switch = d
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
