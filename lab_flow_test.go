package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"bridgehead/backend/lab"
	"bridgehead/backend/trial"
)

// The whole of it, by keys, on a host with a login through the NIC that is moved.
func TestWizardKeeps(t *testing.T) {
	h := up(t, lab.Spec{Libvirt: true})
	before := h.snapshot()
	login := h.session(hostAddr)
	ping := h.probe(lab.Probe{Target: hostAddr, Interval: 10 * time.Millisecond})

	s := h.wizard()
	s.want("Bridgehead on host", "[REAL: this host]", "eth0 (10.77.0.10/24, default route)")
	s.to("NIC")
	s.want("eth0", "10.77.0.10/24", "1 login")
	s.to("Address")
	s.want("eth0 has 10.77.0.10/24")
	s.to("Review")
	s.want("/etc/network/interfaces", "auto examplebr0p1")
	s.to("Risk")
	s.want("SSH login from 10.77.0.2 to 10.77.0.10")
	h.same(before) // until here nothing is touched
	s.accept()
	s.want("Check and confirm", "every check passes", "Rolls back in")
	h.alive(login)
	s.press("k")
	s.want("Keep this change?")
	s.press("enter")
	s.want("Confirmed. eth0 is a port of bridge examplebr0", "bridgehead undo")
	s.press("enter")
	s.exits(0)

	// How little is lost is a figure of the benchmark; a second would be a lost ARP request and its retry.
	if r := ping.Stop(); r.Longest > time.Second {
		t.Errorf("the host did not answer for a while: %s", r)
	}
	h.alive(login)
	h.changed(before)
	h.unguarded()
	h.agrees()

	// And back, exactly.
	h.run("undo", "--auto-confirm").want(t, 0, "Confirmed")
	h.alive(login)
	h.same(before)
	h.unguarded()
	h.run("undo").want(t, 1, "taken back already")
	h.run("history").want(t, 0, "confirmed examplebr0 on eth0, takes back")
	var past []trial.Status
	must(t, json.Unmarshal([]byte(h.run("history", "--json").want(t, 0).out), &past))
	if len(past) != 2 || past[0].Undoes != past[1].ID || past[1].Phase != trial.Confirmed {
		t.Fatalf("the history is %+v", past)
	}
	for _, s := range past { // each has left its report, for root alone
		path := "/var/lib/bridgehead/history/" + s.ID + "/report.txt"
		report := h.run("history", s.ID).want(t, 0, "Before:", "bridge examplebr0", "Attach eth0 to bridge examplebr0").out
		if got := h.sh("stat -c %a " + path + "; cat " + path); got != "600\n"+strings.TrimSpace(report) {
			t.Errorf("%s is\n%s\nhistory prints\n%s", path, got, report)
		}
	}
}

// agrees fails the test unless ifupdown sees the converted host as it is, and could bring it up.
func (h host) agrees() {
	h.t.Helper()
	if got := words(h.sh("ifquery --state | sort")); got != "eth0=eth0 examplebr0p1=examplebr0p1 lo=lo" {
		h.t.Errorf("ifquery --state: %s", got)
	}
	if got := words(h.sh("ifquery examplebr0p1")); got != "address: 10.77.0.10 gateway: 10.77.0.1 broadcast: 10.77.0.255 netmask: 255.255.255.0" {
		h.t.Errorf("ifquery examplebr0p1: %s", got)
	}
	if got := h.sh("ifup -v examplebr0p1 2>&1"); !strings.Contains(got, "interface examplebr0p1 already configured") {
		h.t.Errorf("ifup examplebr0p1: %s", got)
	}
	h.sh("ifquery --list --allow auto | grep -x examplebr0p1; ifup --no-act --force examplebr0p1; ifup --no-act --force eth0; ifdown --no-act examplebr0p1")
}

// Nothing is done by leaving the wizard.
func TestWizardLeft(t *testing.T) {
	h := up(t, lab.Spec{})
	before := h.snapshot()
	s := h.wizard()
	s.to("Risk")
	s.press("ctrl+c")
	s.want("Nothing has been changed on this host.", "y leave")
	for end := time.Now().Add(patience); s.shows("y leave") && time.Now().Before(end); {
		s.press("y") // what is typed before it could be read is swallowed
		<-time.After(50 * time.Millisecond)
	}
	s.exits(1)
	h.same(before)
	h.sh("! test -e /var/lib/bridgehead/current")
}

func TestWizardRollsBack(t *testing.T) {
	h := up(t, lab.Spec{})
	before := h.snapshot()
	login := h.session(hostAddr)
	s := h.wizard()
	s.apply()
	h.changed(before)
	s.press("r")
	s.want("Take everything back now?")
	s.press("enter")
	s.want("Everything has been taken back.", "The operator asked for it.")
	h.same(before)
	h.alive(login)
	h.unguarded()
	s.press("enter")
	s.exits(4)
}

// While one change waits, other logins see it, keep others out, and may end it; the wizard follows.
func TestOtherLogins(t *testing.T) {
	h := up(t, lab.Spec{})
	before := h.snapshot()
	s := h.wizard()
	s.apply()
	waiting := h.snapshot()

	h.run("status").want(t, 0, "waits for confirmation", "Guard: process", "Attach eth0 to bridge examplebr0")
	left := h.status().Remaining
	h.run("extend", "5m").want(t, 0, "Extended: 14m")
	if now := h.status().Remaining; now < left+4*time.Minute {
		t.Errorf("%s remained, and after 5m more %s", left, now)
	}
	h.run("extend", "2h").want(t, 1, "nothing may stay unconfirmed for longer than 1h")
	h.run("extend", "soon").want(t, 2, "no duration")
	h.run("apply", "--answers", answersPath).want(t, 3, "A trial is running", "bridgehead rollback")
	h.run("undo").want(t, 1, "no confirmed change")
	if d := waiting.Diff(h.snapshot()); d != "" {
		t.Errorf("other logins changed the host:\n%s", d)
	}
	second := h.wizard()
	second.want("Check and confirm", "every check passes") // it meets the unfinished run first
	second.press("ctrl+c")
	second.want("unless it is confirmed", "y leave")
	must(t, second.cmd.Process.Kill())
	second.exits(-1)

	h.run("confirm").want(t, 0, "done Write /etc/network/interfaces", "Confirmed")
	s.want("Confirmed. eth0 is a port of bridge examplebr0")
	s.press("enter")
	s.exits(0)
	h.unguarded()
	h.run("status").want(t, 0, "No change is pending")
	h.run("confirm").want(t, 1, "nothing waits")
	h.run("rollback").want(t, 1, "nothing to roll back")
	h.run("undo", "--auto-confirm").want(t, 0)
	h.same(before)
}
