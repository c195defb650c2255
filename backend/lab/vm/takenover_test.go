//go:build vm

package vm

import (
	"strings"
	"testing"
	"time"

	"bridgehead/backend/bond"
	"bridgehead/backend/check"
)

// bondInterfaces are guests with their address on a bond of the kernel: as ifenslave(5) makes it, and by hand.
var bondInterfaces = map[string]string{
	bond.LACP8023ad: bondAddress + `	bond-slaves ens3 ens4
	bond-mode 802.3ad
	bond-miimon 100
	bond-lacp-rate slow
`,
	bond.ActiveBackup: bondAddress + `	pre-up ip link add $IFACE address ` + NICMAC + ` type bond mode active-backup miimon 100 || true
	pre-up ip link set ens3 down && ip link set ens3 master $IFACE
	pre-up ip link set ens4 down && ip link set ens4 master $IFACE
	post-down ip link delete $IFACE
`,
}

const bondAddress = `auto lo
iface lo inet loopback

# The host's address is on both cables
auto bond0
iface bond0 inet static
	address 192.0.2.10/24
	gateway 192.0.2.1
`

const overAnswers = `version: 1
uplink: {nics: [bond0], kind: nic}
bridge: {name: examplebr0, port: examplebr0p1}
address: {method: keep}
apply: {when: now, confirm_within: 10m}
`

// overState is all of the guest's network that has to come back, whether it has booted in between or not.
const overState = `ip -o link | sed 's/^[0-9]*: //' | sort; ip -o addr | sed 's/^[0-9]*: //' | sort; ip route; ip -6 route; ip rule
grep -E '^(Bonding Mode|Transmit Hash|MII|LACP rate|Slave Interface|Permanent)' /proc/net/bonding/bond0
ovs-vsctl show | tail -n +2; ifquery --state | sort; stat -c '%y %a %u:%g' /etc/network/interfaces; cat /etc/network/interfaces`

// onBond is a guest that has its address on bond0, of that mode, and has booted so.
func onBond(t *testing.T, mode string) (*guest, bonding) {
	b := bonding{kind: "bond taken over", mode: mode, speaks: mode == bond.LACP8023ad, working: kernelUp, partner: bondings[0].partner}
	g := twoNICs(t, b.speaks)
	must(t, g.Put("/etc/network/interfaces", bondInterfaces[mode]))
	must(t, g.Put(answersPath, overAnswers))
	g.sh(`ip addr flush dev ens3; ip link set ens3 down; ip link set ens4 down; echo lo=lo >/run/network/ifstate; ifup bond0; sync`)
	g.answers(BootTime)
	g.joined(b, "bond0")
	g.counts(0, "ip -6 -o addr show tentative | wc -l")
	return g, b
}

// over fails the test unless the bridge has taken the bond over.
func (g *guest) over() {
	g.t.Helper()
	g.same("ports", g.sh("ovs-vsctl list-ports examplebr0"), "bond0\nexamplebr0p1")
	g.same("errors", g.sh("ovs-vsctl --bare --columns=error list Interface"), "")
	g.same("addresses", g.sh("ip -4 -br address | grep -v ^lo | tr -s ' '"), "examplebr0p1 UNKNOWN 192.0.2.10/24 ")
	g.same("masters", g.sh("ip -o link | grep -oE '(ens[34]|bond0): .*master [a-z0-9-]*' | sed 's/:.* master / /' | sort"), "bond0 ovs-system\nens3 bond0\nens4 bond0")
	g.same("routes", g.sh("ip route show default"), "default via 192.0.2.1 dev examplebr0p1 onlink ")
}

// The host's address is on a bond of the kernel, which the bridge takes over whole: by the wizard on the serial console
// and by an answers file; kept, there after a restart, working on one cable, and taken back by an undo.
func TestBondTakenOver(t *testing.T) {
	for _, c := range []struct {
		mode  string
		apply func(*guest)
	}{
		{bond.LACP8023ad, (*guest).takeOverByWizard},
		{bond.ActiveBackup, func(g *guest) {
			g.apply("")
			g.members(check.OK, "")
			g.over()
			g.confirm()
		}},
	} {
		t.Run(c.mode, func(t *testing.T) {
			g, b := onBond(t, c.mode)
			before := g.sh(overState)
			figures.add("longest silence from apply to confirmed, "+b.String(), g.silence(func() { c.apply(g) }))
			g.over()
			figures.add("power-on to an answered ping, "+b.String(), g.reboot())
			g.settled()
			g.over()
			g.joined(b, "bond0")
			g.pulled(b, "bond0")
			figures.add("longest silence in an undo, "+b.String(), g.silence(func() { g.sh("bridgehead undo --auto-confirm") }))
			g.answers(time.Minute)
			g.same("the network after the undo", g.sh(overState), before)
			g.unguarded()
		})
	}
}

// takeOverByWizard is what an operator does at the serial console.
func (g *guest) takeOverByWizard() {
	s := g.screen()
	s.press("bridgehead\n")
	s.want("Step 1 of", "This host can be moved onto Open vSwitch")
	s.to("NIC")
	s.want("bond0", "192.0.2.10/24", "is a bond of the kernel (ens3, ens4): it is taken over whole, as one port")
	s.to("Uplink")
	s.want("(*) bond0", "the bond as it is, as one port of the bridge")
	s.to("Review")
	s.want("iface bond0 inet manual")
	s.to("Risk")
	s.accept()
	s.want("Check and confirm", "every check passes", "bond bond0 works on all its members", "ens4 in bond0: LACP heard, joined, carries traffic; switch "+Partner)
	s.press("k")
	s.want("Keep this change?")
	s.press("\r")
	s.want("bond0 is a port of bridge examplebr0, and the host's address is on examplebr0p1")
	s.press("\r")
	s.await("the wizard has ended", func() bool { return strings.Contains(s.text(), "root@") })
}

// Not kept, the bond has the address again: by a rollback, and by a power cut.
func TestBondTakenOverTakenBack(t *testing.T) {
	for mode := range bondInterfaces {
		t.Run(mode, func(t *testing.T) {
			g, b := onBond(t, mode)
			before := g.sh(overState)
			g.apply("")
			g.members(check.OK, "")
			figures.add("longest silence in a rollback, "+b.String(), g.silence(func() { g.sh("bridgehead rollback") }))
			g.same("the network after the rollback", g.sh(overState), before)
			g.unguarded()

			g.apply("")
			g.over()
			g.sh("sync /var/lib/openvswitch/conf.db /var/lib/openvswitch")
			g.PowerCut()
			figures.add("power-on to an answered ping after a cut, "+b.String(), g.bootWithTwo())
			g.settled()
			g.joined(b, "bond0")
			g.same("the network after the power cut", g.sh(overState), before)
			g.unguarded()
		})
	}
}
