package vm

import (
	"strings"
	"testing"
	"time"
)

// An operator at the serial console converts the host and confirms, and a moment later the power
// goes: what was confirmed is there.
func TestWizardOnTheConsole(t *testing.T) {
	g := resume(t)
	s := g.screen()
	s.press("tty; echo $TERM; stty size; bridgehead\n")
	s.want("Step 1 of", "serial console", "This host can be moved onto Open vSwitch")
	s.to("NIC")
	s.want("ens3", "192.0.2.10/24")
	s.to("Review")
	s.want("/etc/network/interfaces")
	s.to("Risk")
	g.untouched()
	s.accept()
	s.want("Check and confirm", "every check passes")
	g.converted()
	g.answers(time.Second)
	s.press("k")
	s.want("Keep this change?")
	s.press("\r")
	s.want("ens3 is a port of bridge examplebr0, and the host's address is on examplebr0p1")
	g.PowerCut()

	g.boot()
	figures.add("power-on to an answered ping, confirmed bridge", g.answers(BootTime))
	must(t, g.ShellUp())
	g.settled()
	g.converted()
	g.unguarded()
	if got := g.history(); !strings.Contains(got, "confirmed") {
		t.Errorf("the history is %s", got)
	}
}
