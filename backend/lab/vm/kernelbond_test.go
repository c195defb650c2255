//go:build vm

package vm

import (
	"strings"
	"testing"
	"time"

	"bridgehead/backend/bond"
	"bridgehead/backend/check"
	"bridgehead/backend/trial"
)

// What is wrong with a bond of the kernel is said in the words of its row, and the host is reached as long as
// anything leads to it.
func TestKernelBondDiagnosis(t *testing.T) {
	g := twoNICs(t, false)
	must(t, g.Put(answersPath, bondings[0].answers()))
	g.apply("")
	b := bondings[0]
	speak := func(systems ...string) func() { return func() { g.peer.Speak(systems...) } }
	guest := func(script string) func() { return func() { g.sh(script) } }
	cables := func(in bool, which ...int) func() {
		return func() {
			for _, nic := range which {
				must(t, g.Cable(nic, in))
			}
		}
	}
	together := func(on bool) func() {
		return func() {
			cables(false, 0, 1)()
			g.counts(0, b.script(kernelUp, "examplebond0"))
			g.peer.CableTogether(on)
			cables(true, 0, 1)()
		}
	}
	for _, c := range []struct {
		cause       bond.Cause
		state       check.State // "" where it depends on how long the bond has run
		says        string
		fault, mend func()
	}{
		{bond.NoLACP, "", "LACPDUs are sent on ens4, ens3 and none come back", speak(), speak(Partner, "")},
		{bond.LeftOut, "", "nobody is heard on ens4", speak(Partner, ""), speak(Partner, Partner)},
		{"", check.OK, "", speak(Partner, Partner), speak(Partner, Partner)},
		{bond.TwoPartners, check.Degraded, "ens4 to system " + Stranger, speak(Partner, Stranger), speak(Partner, Partner)},
		{bond.Stopped, check.Degraded, "The switch spoke LACP on ens4, ens3 and has stopped", speak(), speak(Partner, Partner)},
		{bond.Configured, check.Failed, "ens4 is still configured: it has the address 192.0.2.99/32", guest("ip addr add 192.0.2.99/32 dev ens4"), guest("ip addr del 192.0.2.99/32 dev ens4")},
		{bond.Silent, "", "LACP is negotiated, and still nobody answers", func() { g.peer.Deaf(true) }, func() { g.peer.Deaf(false) }},
		{bond.OneUnplugged, check.Degraded, "ens4 (MAC " + SecondMAC + ") has no link; the bond works without", cables(false, 1), cables(true, 1)},
		{bond.AdminDown, check.Degraded, "ens4 is down", guest("ip link set ens4 down"), guest("ip link set ens4 up")},
		{bond.CabledSelf, check.Failed, "two of its NICs are cabled together", together(true), together(false)},
		{bond.NoCarrier, check.Failed, "No member has a link", cables(false, 0, 1), cables(true, 0, 1)},
		{bond.Flapping, check.Degraded, "comes and goes", func() {}, func() {}}, // it has, by now
	} {
		began := time.Now()
		c.fault()
		r := g.members(c.state, c.cause)
		t.Logf("%s after %.1f s, %s: %s", c.cause, time.Since(began).Seconds(), r.State, r.Why)
		if !strings.Contains(r.Why, c.says) {
			t.Errorf("%s says %q, not %q", c.cause, r.Why, c.says)
		}
		if r.State == check.Degraded || r.State == check.OK {
			g.answers(time.Minute)
		}
		c.mend()
		if c.cause != bond.NoLACP {
			g.joined(b, "examplebond0")
		}
	}
	g.answers(time.Minute)
	g.sh("bridgehead rollback")
	g.await(trial.None)
	g.free("UP")
}
