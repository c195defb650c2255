//go:build vm

package vm

import (
	"strings"
	"testing"
	"time"

	"bridgehead/backend/trial"
)

// taggedInterfaces is the guest managed in VLAN 10.
const taggedInterfaces = `auto lo
iface lo inet loopback

auto ens3.10
iface ens3.10 inet static
	address 192.0.2.10/24
	gateway 192.0.2.1
`

// state is all of the guest's network that a rollback brings back.
const taggedState = `ip -d -o link show dev ens3.10 | sed 's/^[0-9]*: //'; ip -d -o link show dev ens3 | sed 's/promiscuity.*//'
ip -o addr show dev ens3.10 | sed 's/^[0-9]*: //'; ip route; ip rule; ip -6 route
cat /proc/net/vlan/config; sysctl -a 2>/dev/null | grep -F conf.ens3/10; ovs-vsctl show | tail -n +2; ifquery --state; stat -c '%y %a %u:%g' /etc/network/interfaces`

// tagged is a guest that is managed in VLAN 10.
func tagged(t *testing.T) *guest {
	t.Helper()
	g := resume(t)
	must(t, g.Put("/etc/network/interfaces", taggedInterfaces))
	g.sh("modprobe 8021q; ip addr flush dev ens3; echo lo=lo >/run/network/ifstate; ifup ens3.10")
	g.peer.In(10)
	g.answers(BootTime)
	g.settledAddresses()
	must(t, g.Put(answersPath, strings.Replace(answers, "port: examplebr0p1", "port: examplebr0p1, tag: 10", 1)))
	return g
}

// settledAddresses waits until the kernel has made sure that nobody else has the guest's IPv6 addresses.
func (g *guest) settledAddresses() {
	g.t.Helper()
	g.sh("for i in $(seq 100); do ip -6 -o addr show tentative | grep -q . || exit 0; sleep 0.1; done; exit 1")
}

// The address is on a VLAN link. The kernel gives that the frames of its VLAN before Open vSwitch sees them, so it has to
// go, and comes back exactly when nobody confirms; its silence is short both ways, and what is confirmed comes up again.
func TestManagedInAVLAN(t *testing.T) {
	g := tagged(t)
	before := g.sh(taggedState)

	silent := g.silence(func() {
		g.apply("--accept-risk lose-ssh")
		g.converted()
		g.same("the VLAN link", g.sh("ip -br link show dev ens3.10 2>&1 || true"), `Device "ens3.10" does not exist.`)
		g.same("the tag", g.sh("ovs-vsctl get Port examplebr0p1 tag"), "10")
		g.answers(BootTime)
		g.sh("bridgehead rollback")
	})
	figures.add("longest silence of a change of a VLAN link and its rollback", silent)
	if silent > 2*time.Second {
		t.Errorf("the guest did not answer for %s", silent)
	}
	g.await(trial.None)
	g.same("the network after the rollback", g.sh(taggedState), before)
	g.unguarded()
	g.answers(BootTime)

	g.apply("--accept-risk lose-ssh")
	g.answers(BootTime)
	g.confirm()
	g.await(trial.None)
	g.converted()
	g.same("/etc/network/interfaces", g.sh("cat /etc/network/interfaces"), strings.TrimSpace(strings.Replace(taggedInterfaces, `auto ens3.10
iface ens3.10`, `auto ens3
iface ens3 inet manual
	up ip link set $IFACE up
	down ip link set $IFACE down

auto examplebr0p1
iface examplebr0p1`, 1)))
	g.same("what ifupdown believes", g.sh("ifquery --state | grep -v ^lo"), "examplebr0p1=examplebr0p1\nens3=ens3")
}
