//go:build vm

package vm

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bridgehead/backend/bond"
	"bridgehead/backend/check"
)

// bonding is one way to bond the guest's two NICs.
type bonding struct {
	kind, mode string
	more       string // of the answers
	speaks     bool   // LACP
	working    string // script: how many members carry traffic, or could at once
	partner    string // script: how many members have the switch as their partner
}

// kernelUp counts a bond's members that have a link.
const kernelUp = `grep -A1 '^Slave Interface' /proc/net/bonding/BOND | grep -c 'MII Status: up' || true`

var bondings = []bonding{
	{kind: "kernel-bond", mode: bond.LACP8023ad, speaks: true, working: kernelUp,
		partner: "grep -c 'system mac address: " + Partner + "' /proc/net/bonding/BOND || true"},
	{kind: "kernel-bond", mode: bond.ActiveBackup, working: kernelUp},
	{kind: "ovs-bond", mode: bond.BalanceTCP, more: ", lacp: active, fallback: true", speaks: true,
		working: "ovs-appctl bond/show BOND | grep -cE '^(member|slave) .*: enabled' || true",
		partner: "ovs-appctl lacp/show BOND | grep -A20 'current attached' | grep -c 'partner sys_id: " + Partner + "' || true"},
}

func (b bonding) String() string { return b.kind + " " + b.mode }

func (b bonding) answers() string {
	return fmt.Sprintf(`version: 1
uplink: {nics: [ens3, ens4], kind: %s}
bond: {name: examplebond0, mode: %s%s}
bridge: {name: examplebr0, port: examplebr0p1}
address: {method: keep}
apply: {when: now, confirm_within: 10m}
`, b.kind, b.mode, b.more)
}

// script is one of b's about the bond called name.
func (b bonding) script(text, name string) string { return strings.ReplaceAll(text, "BOND", name) }

// twoNICs is a guest that has booted, and whose switch speaks LACP on both its cables, or on none.
func twoNICs(t *testing.T, lacp bool) *guest {
	g := resume(t)
	if lacp {
		g.peer.Speak(Partner, Partner)
	}
	must(t, g.PlugNIC())
	g.sh("for i in $(seq 100); do [ -e /sys/class/net/ens4 ] && break; sleep 0.1; done; udevadm settle; ip link set ens4 up")
	return g
}

// reboot has the guest shut down in order, and boot with both NICs. It returns how long after power-on it answered.
func (g *guest) reboot() time.Duration {
	g.t.Helper()
	must(g.t, g.Console.Send("reboot\n"))
	select {
	case <-g.Ended():
	case <-time.After(BootTime):
		g.t.Fatal("the guest does not shut down")
	}
	g.PowerCut()
	return g.bootWithTwo()
}

func (g *guest) bootWithTwo() time.Duration {
	g.t.Helper()
	var err error
	g.Machine, err = Start(g.t.Context(), Spec{Image: common.img, Dir: g.dir, Disk: g.dir + "/disk.qcow2", SecondNIC: true})
	must(g.t, err)
	took := g.answers(BootTime)
	must(g.t, g.ShellUp())
	return took
}

// counts waits until a script prints n.
func (g *guest) counts(n int, script string) {
	g.t.Helper()
	var got string
	for end := time.Now().Add(BootTime); time.Now().Before(end); <-time.After(50 * time.Millisecond) {
		if got = g.sh(script); got == fmt.Sprint(n) {
			return
		}
	}
	g.t.Fatalf("%s prints %s, not %d:\n%s", script, got, n, g.sh("cat /proc/net/bonding/*; ovs-appctl bond/show; ovs-appctl lacp/show; ip -br link"))
}

// joined waits until both members of the bond called name work, with the switch as their partner where it speaks.
func (g *guest) joined(b bonding, name string) {
	g.t.Helper()
	g.counts(nics, b.script(b.working, name))
	if b.speaks {
		g.counts(nics, b.script(b.partner, name))
	}
}

// pulled pulls the cables of a bond in turn, and measures the silence.
func (g *guest) pulled(b bonding, name string) {
	g.t.Helper()
	for nic := range nics {
		silent := g.silence(func() {
			must(g.t, g.Cable(nic, false))
			g.counts(nics-1, b.script(b.working, name))
			g.sh("sleep 1")
		})
		g.answers(time.Minute)
		figures.add("silence when a cable is pulled, "+b.String(), silent)
		must(g.t, g.Cable(nic, true))
		g.joined(b, name)
	}
}

// members waits until the bond's check is in this state, for this reason, and returns the bond. No state is any.
func (g *guest) members(state check.State, cause bond.Cause) check.Result {
	g.t.Helper()
	var r check.Result
	for end := time.Now().Add(BootTime); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		var all []check.Result
		out, err := g.Sh("bridgehead check --json || true")
		must(g.t, err)
		must(g.t, json.Unmarshal([]byte(out), &all))
		i := slices.IndexFunc(all, func(r check.Result) bool { return r.Spec.Kind == check.Bond })
		if i < 0 {
			g.t.Fatalf("no check of a bond: %s", out)
		}
		r = all[i]
		if (state == "" || r.State == state) && (cause == "" && len(r.Findings) == 0 || cause != "" && len(r.Findings) > 0 && r.Findings[0].Cause == cause) {
			return r
		}
	}
	g.t.Errorf("the bond is %s (%s), not %s (%s): %+v\n%s", r.State, r.Why, state, cause, r.Bond, g.sh("cat /proc/net/bonding/*; ip -br link; ovs-vsctl show; dmesg | tail"))
	return r
}

// bonded fails the test unless the guest runs with the bond.
func (g *guest) bonded(b bonding) {
	g.t.Helper()
	g.same("ports", g.sh("ovs-vsctl list-ports examplebr0"), "examplebond0\nexamplebr0p1")
	g.same("errors", g.sh("ovs-vsctl --bare --columns=error list Interface"), "")
	g.same("addresses", g.sh("ip -4 -br address | grep -v ^lo | tr -s ' '"), "examplebr0p1 UNKNOWN 192.0.2.10/24 ")
	master := "examplebond0"
	if b.kind == "ovs-bond" {
		master = "ovs-system"
	}
	g.same("masters", g.sh("ip -o link | grep -o 'ens[34]: .*master [a-z0-9-]*' | sed 's/:.* master / /'"), "ens3 "+master+"\nens4 "+master)
	g.same("routes", g.sh("ip route show default"), "default via 192.0.2.1 dev examplebr0p1 onlink ")
}

// free fails the test unless the guest is as it was, and its second NIC, too.
func (g *guest) free(up string) {
	g.t.Helper()
	g.untouched()
	g.same("the second NIC", g.sh("ip -br link show ens4 | tr -s ' ' | cut -d' ' -f1-3"), "ens4 "+up+" "+SecondMAC)
	g.same("a bond", g.sh("ip -o link show type bond"), "")
}

// A bond against a switch that speaks LACP where the bond does: made, kept, there after a restart, working on one
// cable, and taken back by an undo.
func TestBondKept(t *testing.T) {
	for _, b := range bondings {
		t.Run(strings.ReplaceAll(b.String(), " ", "-"), func(t *testing.T) {
			g := twoNICs(t, b.speaks)
			must(t, g.Put(answersPath, b.answers()))
			began := time.Now()
			silent := g.silence(func() { g.apply(""); g.joined(b, "examplebond0") })
			figures.add("apply to both members attached, "+b.String(), time.Since(began))
			figures.add("longest silence from one NIC to the bond, "+b.String(), silent)
			g.members(check.OK, "")
			g.bonded(b)
			g.confirm()
			figures.add("power-on to an answered ping, "+b.String(), g.reboot())
			g.settled()
			g.bonded(b)
			g.joined(b, "examplebond0")
			g.rateIsTheAnswered(b)
			g.pulled(b, "examplebond0")
			figures.add("longest silence in an undo, "+b.String(), g.silence(func() { g.sh("bridgehead undo --auto-confirm") }))
			g.answers(time.Minute)
			g.free("UP")
			g.unguarded()
		})
	}
}

// rateIsTheAnswered fails the test where LACP still runs at the fast rate of the trial.
func (g *guest) rateIsTheAnswered(b bonding) {
	g.t.Helper()
	switch {
	case !b.speaks:
	case b.kind == "ovs-bond":
		g.same("the rate", g.sh("ovs-vsctl get Port examplebond0 other_config:lacp-time"), "slow")
	default:
		g.same("the rate", g.sh("grep 'LACP rate' /proc/net/bonding/examplebond0"), "LACP rate: slow")
	}
}

// Not kept, it goes: by a rollback, with nothing lost on the way, and by a power cut.
func TestBondTakenBack(t *testing.T) {
	for _, b := range bondings {
		if !b.speaks {
			continue
		}
		t.Run(strings.ReplaceAll(b.String(), " ", "-"), func(t *testing.T) {
			g := twoNICs(t, true)
			must(t, g.Put(answersPath, b.answers()))
			g.apply("")
			g.joined(b, "examplebond0")
			figures.add("longest silence in a rollback, "+b.String(), g.silence(func() { g.sh("bridgehead rollback") }))
			g.free("UP")
			g.unguarded()

			g.apply("")
			g.bonded(b)
			g.sh("sync /var/lib/openvswitch/conf.db /var/lib/openvswitch")
			g.PowerCut()
			figures.add("power-on to an answered ping after a cut, "+b.String(), g.bootWithTwo())
			g.settled()
			g.free("DOWN")
			g.unguarded()
		})
	}
}
