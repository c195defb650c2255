package vm

import (
	"strings"
	"testing"
	"time"

	"bridgehead/backend/trial"
)

// Nobody confirms: everything is taken back, and the guest has hardly stopped to answer.
func TestNobodyConfirms(t *testing.T) {
	g := resume(t)
	stat := "stat -c '%y %a %u:%g' /etc/network/interfaces"
	before := g.sh(stat)
	silent := g.silence(func() {
		g.apply("--confirm-within 20s")
		due := time.Now().Add(g.status().Remaining)
		g.converted()
		g.await(trial.None)
		figures.add("expiry to everything taken back and verified", time.Since(due))
	})
	figures.add("longest silence from apply to there", silent)
	if silent > 2*time.Second {
		t.Errorf("the guest did not answer for %s", silent)
	}
	g.answers(BootTime)
	g.untouched()
	g.unguarded()
	g.same("the file's time, mode and owner", g.sh(stat), before)
	g.same("what it says", g.sh("tail -1 /root/apply.log"), "bridgehead: nobody confirmed in time; everything has been taken back, and the host is as it was before")
	if got := g.history(); !strings.HasSuffix(got, "rolled-back  examplebr0 on ens3: nobody confirmed in time") {
		t.Errorf("the history is %s", got)
	}
}
