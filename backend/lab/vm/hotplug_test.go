//go:build vm

package vm

import (
	"strings"
	"testing"
)

// The NIC of "allow-hotplug" is brought up by udev, as soon as its driver has it, and not by the networking service: there,
// too, the old configuration is back before the network starts.
func TestPowerCutWithHotpluggedNIC(t *testing.T) {
	g := resume(t)
	g.sh("sed -i 's/^auto ens3/allow-hotplug ens3/' /etc/network/interfaces")
	before := g.sh("cat /etc/network/interfaces")
	if !strings.Contains(before, "allow-hotplug ens3") {
		t.Fatalf("the file is\n%s", before)
	}
	g.apply("")
	g.converted()
	g.sh("sync") // the worst: the database has the NIC
	g.PowerCut()

	g.boot()
	figures.add("power-on to an answered ping after a cut, hot-plugged NIC", g.answers(BootTime))
	must(t, g.ShellUp())
	g.settled()
	g.same("who brought the NIC up", g.sh("systemctl is-active ifup@ens3.service"), "active")
	g.same("bridges", g.sh("ovs-vsctl list-br"), "")
	g.same("addresses", g.sh("ip -4 -br address | grep -v ^lo | tr -s ' '"), "ens3 UP 192.0.2.10/24 ")
	g.same("/etc/network/interfaces", g.sh("cat /etc/network/interfaces"), before)
	g.unguarded()
	if got := g.history(); !strings.Contains(got, "rolled-back") {
		t.Errorf("the history is %s", got)
	}
}
