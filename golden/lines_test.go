package golden_test

import (
	"bridgehead/backend/answers"
	"bridgehead/backend/sim"
	"testing"
	"time"

	"bridgehead/steps/stepstest"
	"bridgehead/tui/tuitest"
)

// The wizard as it is told line by line: what is typed stands behind the prompts.
func TestLines(t *testing.T) {
	for _, p := range []struct {
		name string
		on   setup
		play func(*operator, *tuitest.Teller)
	}{
		{"tutorial", real, func(op *operator, o *tuitest.Teller) {
			o.Answer("", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "") // as proposed
			o.Answer("2", "4", "5", "")                                                      // the parts of the review
			o.Answer("yes", "apply")
			o.Wait(3 * time.Second)
			o.Answer("", "e", "k", "back", "k", "")
			o.Wait(2 * time.Second)
			o.Answer("")
		}},
		{"answers", setup{Spec: func(s *sim.Spec) { s.Bonding = false }}, func(op *operator, o *tuitest.Teller) {
			o.Answer("help", "x", "", "b eth1", "d eth3", "eth", "eth1") // a NIC
			o.Answer("back", "1", "3", "")                               // another one, alone
			o.Answer("eth1", "br 0", "br0", "back", "", "mgmt0", "u", "5000", "100", "")
			o.Answer("back", "", "", "", "-", "") // the tag is taken back
			o.Answer("static", "192.168.1.0/24", "192.168.1.77/24, fd00::7/64", "10.0.0.1", "192.168.1.1", "nine", "-")
			o.Answer("no", "", "restart", "1m", "5m", "", "")
			o.Answer("quit", "no", "4", "quit", "y")
		}},
		{"bond", setup{}, func(op *operator, o *tuitest.Teller) {
			o.Answer("", "", "2", "-")
			o.Wait(time.Minute) // until enough was listened
			o.Answer("2 3", "", "-", "eth1, eth2", "bond0", "balance-t", "active", "n", "fast")
		}},
		{"256-nics", setup{Spec: stepstest.NICs(252)}, func(op *operator, o *tuitest.Teller) {
			o.Answer("", "more", "/eth25", "/none", "eth255")
		}},
		{"vms", setup{Spec: stepstest.All(odd, stepstest.VMs(20))}, func(op *operator, o *tuitest.Teller) {
			o.Answer("", "", "", "", "", "", "", "", "", "", "", "", "")
			o.Answer("help", "x", "more", "/web", "asleep", "d router", "web009, router, bare", "bare, router") // more of bare
			o.Answer("", "", "20", "bridge", "52:54:00:00:00:03", "2", "5000", "-", "back", "30", "", "", "", "")
		}},
		{"network", setup{Spec: other}, func(op *operator, o *tuitest.Teller) {
			o.Answer("", "", "", "", "", "", "", "", "", "", "") // up to the network
			o.Answer("keep", "back", "update", "office=10", "")
		}},
		{"later", setup{Before: stepstest.Converted}, func(op *operator, o *tuitest.Teller) {
			o.Answer("", "", "", "yes", "web1", "back", "back", "1", "", "", "")
		}},
		{"vms-gone", setup{Answers: attaching(answers.AttachVM{Name: "example2"}, answers.AttachVM{Name: "gone"})}, func(op *operator, o *tuitest.Teller) {
			o.Answer("", "", "", "", "", "", "", "", "", "", "", "", "")
			o.Answer("", "")
		}},
		{"rolls-back", real, func(op *operator, o *tuitest.Teller) {
			o.Answer("", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "2m", "", "", "", "apply")
			o.Wait(3 * time.Second)
			op.Machine.Plug("eth0", false)
			o.Wait(3 * time.Second)
			o.Answer("k")
			o.Wait(2 * time.Minute)
			o.Answer("")
		}},
		{"packages", setup{Spec: stepstest.NoPackages, Host: slowly(nil)}, func(op *operator, o *tuitest.Teller) {
			o.Answer("", "", "i")
			o.Wait(time.Minute)
			o.Answer("")
		}},
		{"refused", setup{Spec: stepstest.Proxmox}, func(op *operator, o *tuitest.Teller) { o.Answer("", "r"); o.HangUp() }},
		{"taken-back", real, func(op *operator, o *tuitest.Teller) {
			o.Answer("", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "2m", "", "", "", "apply")
			o.Wait(3 * time.Second)
			o.Answer("r", "")
			o.Wait(time.Second)
			o.Answer("k", "s")
		}},
	} {
		t.Run(p.name, func(t *testing.T) {
			stepstest.RunLines(t, p.on, func(op *operator, o *tuitest.Teller) {
				p.play(op, o)
				plain(t, p.name, o.Told())
				golden(t, "lines/"+p.name+".txt", o.Told())
			})
		})
	}
}
