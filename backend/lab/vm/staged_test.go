//go:build vm

package vm

import (
	"strings"
	"testing"
	"time"

	"bridgehead/backend/trial"
)

const stagedAnswers = `version: 1
uplink: {nics: [ens3], kind: nic}
bridge: {name: examplebr0, port: examplebr0p1}
address: {method: keep}
apply: {when: reboot, confirm_within: 1m}
`

// stage writes the change down for the next boot, and reboots.
func (g *guest) stage() {
	g.t.Helper()
	must(g.t, g.Put(answersPath, stagedAnswers))
	g.sh("bridgehead apply --answers " + answersPath)
	g.same("the phase", string(g.status().Phase), string(trial.Staged))
	g.same("bridges", g.sh("ovs-vsctl list-br"), "")
	must(g.t, g.Console.Send("reboot\n"))
	select {
	case <-g.Ended():
	case <-time.After(BootTime):
		g.t.Fatal("the guest does not shut down")
	}
	g.PowerCut()
	g.boot()
	figures.add("power-on to an answered ping, staged change", g.answers(BootTime))
	must(g.t, g.ShellUp())
	g.await(trial.Waiting)
	g.converted()
}

func TestStagedAndConfirmed(t *testing.T) {
	g := resume(t)
	g.stage()
	g.confirm()
	g.PowerCut()

	g.boot()
	g.answers(BootTime)
	must(t, g.ShellUp())
	g.settled()
	g.converted()
	g.unguarded()
	if got := g.history(); !strings.Contains(got, "confirmed") {
		t.Errorf("the history is %s", got)
	}
}

func TestStagedAndNotConfirmed(t *testing.T) {
	g := resume(t)
	g.stage()
	silent := g.silence(func() { g.await(trial.None) })
	figures.add("longest silence in the expiry of a staged change", silent)
	g.answers(BootTime)
	g.untouched()
	g.unguarded()
	if got := g.history(); !strings.Contains(got, "rolled-back") {
		t.Errorf("the history is %s", got)
	}
}
