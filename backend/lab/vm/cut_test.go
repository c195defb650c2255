package vm

import (
	"strings"
	"testing"
)

// The power goes while a change waits for confirmation, the database already has the NIC, and
// the files still are those of before: neither would come up with the other.
func TestCutBeforeConfirmation(t *testing.T) {
	g := resume(t)
	g.apply("")
	g.converted()
	g.sh("sync /var/lib/openvswitch/conf.db /var/lib/openvswitch") // the worst case: it is durable
	g.PowerCut()

	g.boot()
	figures.add("power-on to an answered ping, unconfirmed change", g.answers(BootTime))
	must(t, g.ShellUp())
	g.settled()
	g.untouched()
	g.unguarded()
	_, what, _ := strings.Cut(g.history(), "  ") // behind its time
	g.same("the history", what, "rolled-back  examplebr0 on ens3: the host was restarted before the change was confirmed")
}
