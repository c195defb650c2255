//go:build vm

package vm

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"bridgehead/backend/bond"
	"bridgehead/backend/check"
	"bridgehead/backend/trial"
)

const kernelBond = `version: 1
uplink: {nics: [ens3, ens4], kind: kernel-bond}
bond: {name: examplebond0, mode: MODE}
bridge: {name: examplebr0, port: examplebr0p1}
address: {method: keep}
apply: {when: now, confirm_within: 10m}
`

// withTwo is a guest that has booted, with two NICs, and answers for a bond of them.
func withTwo(t *testing.T, mode string) *guest {
	g := resume(t)
	must(t, g.PlugNIC())
	g.sh("for i in $(seq 100); do [ -e /sys/class/net/ens4 ] && break; sleep 0.1; done; udevadm settle; ip link set ens4 up")
	must(t, g.Put(answersPath, strings.Replace(kernelBond, "MODE", mode, 1)))
	return g
}

// reboot has the guest shut down in order, and boot with both NICs.
func (g *guest) reboot() {
	g.t.Helper()
	must(g.t, g.Console.Send("reboot\n"))
	select {
	case <-g.Ended():
	case <-time.After(BootTime):
		g.t.Fatal("the guest does not shut down")
	}
	g.PowerCut()
	g.bootWithTwo()
}

func (g *guest) bootWithTwo() {
	g.t.Helper()
	var err error
	g.Machine, err = Start(g.t.Context(), Spec{Image: common.img, Dir: g.dir, Disk: g.dir + "/disk.qcow2", SecondNIC: true})
	must(g.t, err)
	g.answers(BootTime)
	must(g.t, g.ShellUp())
}

// members waits until the bond's check is in this state, for this reason, and returns the bond.
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
		if r.State == state && (cause == "" && len(r.Findings) == 0 || cause != "" && len(r.Findings) > 0 && r.Findings[0].Cause == cause) {
			return r
		}
	}
	g.t.Fatalf("the bond is %s (%s), not %s (%s): %+v\n%s", r.State, r.Why, state, cause, r.Bond, g.sh("cat /proc/net/bonding/examplebond0; ip -br link; ovs-vsctl show"))
	return r
}

// bonded fails the test unless the guest runs with the bond.
func (g *guest) bonded() {
	g.t.Helper()
	g.same("ports", g.sh("ovs-vsctl list-ports examplebr0"), "examplebond0\nexamplebr0p1")
	g.same("errors", g.sh("ovs-vsctl --bare --columns=error list Interface"), "")
	g.same("addresses", g.sh("ip -4 -br address | grep -v ^lo | tr -s ' '"), "examplebr0p1 UNKNOWN 192.0.2.10/24 ")
	g.same("masters", g.sh("ip -o link | grep -o 'ens[34]: .*master [a-z0-9]*' | sed 's/:.* master / /'"), "ens3 examplebond0\nens4 examplebond0")
	g.same("routes", g.sh("ip route show default"), "default via 192.0.2.1 dev examplebr0p1 onlink ")
}

// free fails the test unless the guest is as it was, and its second NIC, too.
func (g *guest) free(up string) {
	g.t.Helper()
	g.untouched()
	g.same("the second NIC", g.sh("ip -br link show ens4 | tr -s ' ' | cut -d' ' -f1-3"), "ens4 "+up+" "+SecondMAC)
	g.same("a bond", g.sh("ip -o link show type bond"), "")
}

// A bond of the kernel against a switch that speaks LACP: made, kept, there after a restart, working on one
// cable, and taken back by an undo.
func TestKernelBondKept(t *testing.T) {
	for _, mode := range []string{bond.LACP8023ad, bond.ActiveBackup} {
		t.Run(mode, func(t *testing.T) {
			g := withTwo(t, mode)
			g.peer.Speak(mode == bond.LACP8023ad)
			began := time.Now()
			silent := g.silence(func() { g.apply(""); g.members(check.OK, "") })
			figures.add("apply to both members in use, kernel bond "+mode, time.Since(began))
			figures.add("longest silence, one NIC to kernel bond "+mode, silent)
			g.bonded()
			g.confirm()
			g.reboot()
			g.settled()
			g.bonded()
			if mode == bond.LACP8023ad {
				got := g.sh("grep -c 'system mac address: " + Partner + "' /proc/net/bonding/examplebond0; grep 'LACP rate' /proc/net/bonding/examplebond0")
				g.same("members with the partner, and the rate", got, "2\nLACP rate: slow")
			}
			for nic := range nics {
				must(t, g.Cable(nic, false))
				g.answers(time.Minute)
				must(t, g.Cable(nic, true))
				g.sh("for i in $(seq 300); do [ $(grep -c '^MII Status: up' /proc/net/bonding/examplebond0) = 3 ] && exit 0; sleep 0.1; done; cat /proc/net/bonding/examplebond0; exit 1")
			}
			g.sh("bridgehead undo --auto-confirm")
			g.answers(time.Minute)
			g.free("UP")
			g.unguarded()
		})
	}
}

// Not kept, it goes: by a rollback, with nothing lost on the way, and by a power cut.
func TestKernelBondTakenBack(t *testing.T) {
	g := withTwo(t, bond.LACP8023ad)
	g.peer.Speak(true)
	g.apply("")
	g.members(check.OK, "")
	figures.add("longest silence in a rollback, kernel bond", g.silence(func() { g.sh("bridgehead rollback") }))
	g.free("UP")
	g.unguarded()

	g.apply("")
	g.bonded()
	g.sh("sync /var/lib/openvswitch/conf.db /var/lib/openvswitch")
	g.PowerCut()
	g.bootWithTwo()
	g.settled()
	g.free("DOWN")
	g.unguarded()
}

// What the switch does not do is said, and the host is reached all the same.
func TestKernelBondDiagnosis(t *testing.T) {
	g := withTwo(t, bond.LACP8023ad)
	g.apply("")
	t.Log(g.members(check.Waiting, bond.NoLACP).Why)
	g.peer.Speak(true)
	g.members(check.OK, "")
	must(t, g.Cable(1, false))
	t.Log(g.members(check.Degraded, bond.OneUnplugged).Why)
	must(t, g.Cable(1, true))
	g.members(check.OK, "")
	g.peer.Speak(false)
	t.Log(g.members(check.Degraded, bond.NoLACP).Why)
	g.answers(time.Minute)
	g.sh("bridgehead rollback")
	g.await(trial.None)
	g.free("UP")
}
