package vm

import (
	"testing"
	"time"

	"bridgehead/backend/trial"
)

// Nobody confirms: everything is taken back, and the guest has hardly stopped to answer.
func TestNobodyConfirms(t *testing.T) {
	g := resume(t)
	stat := "stat -c '%y %a %u:%g %i' /etc/network/interfaces"
	before := g.sh(stat)
	g.apply("--confirm-within 10s")
	g.converted()
	g.answers(time.Second)
	g.await(trial.None)
	expired := time.Now()
	took, err := g.peer.Await(Address, expired, 10*time.Second)
	must(t, err)
	t.Logf("answers %s after the end of the rollback", took)
	g.untouched()
	g.unguarded()
	g.same("the file's time, mode and owner", g.sh(stat), before)
	g.same("what it says", g.sh("tail -1 /root/apply.log"), "bridgehead: nobody confirmed in time; everything has been taken back, and the host is as it was before")
	t.Log(g.sh("cat /root/apply.log; bridgehead history"))
}
