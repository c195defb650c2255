package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"bridgehead/backend/lab"
)

// Under systemd the guard is a unit: it takes back what a killed wizard left, and leaves nothing of itself.
func TestSystemdGuard(t *testing.T) {
	h := up(t, lab.Spec{Systemd: true})
	before := h.snapshot()
	s := h.wizard()
	s.apply()
	if got := h.status(); got.Guard != "systemd" {
		t.Errorf("the guard is %q", got.Guard)
	}
	h.sh("systemctl is-active bridgehead-guard.service")
	for _, unit := range []string{"ifup@eth0", "networking", "ovs-vswitchd"} { // of hot-plugged NICs, too
		h.sh("systemctl show -p After " + unit + ".service | grep -qw bridgehead-boot.service")
	}
	must(t, s.cmd.Process.Kill())
	s.exits(-1)
	h.sh(`printf '#!/bin/sh\necho "$@" >>/run/wall\nexec /usr/bin/wall "$@"\n' >/usr/local/sbin/wall; chmod +x /usr/local/sbin/wall`)
	h.timeIsUp()
	h.over()
	h.told("The change of the network was taken back (nobody confirmed in time). The host is as it was before.")
	h.sh("rm /usr/local/sbin/wall")
	h.withoutUnits()
	h.sh("! test -e /etc/systemd/system/ifup@.service.d")
	h.same(before)
	h.unguarded()

	h.stall("*add-port*eth0*", "after")
	s = h.wizard()
	s.to("Risk")
	s.accept()
	h.stalled()
	must(t, s.cmd.Process.Kill())
	s.exits(-1)
	h.over()
	h.withoutUnits()
	h.same(before)
	h.unguarded()
}

// A guard that cannot be removed: the change is kept all the same, who keeps it is told what is still there, a restart takes
// nothing back, and the next change removes it.
func TestGuardThatCannotBeRemoved(t *testing.T) {
	const way = "/etc/systemd/system/bridgehead-boot.service"
	h := up(t, lab.Spec{Systemd: true})
	before := h.snapshot()
	r := h.apply()
	h.sh("rm " + way + "; mkdir -p " + way + "/in-the-way")
	h.run("confirm").want(t, 0, "The change is kept. Its rollback guard could not be removed: ", "Still there: ", way,
		"It takes nothing back any more.", "nothing has to be done", "Confirmed.")
	r.wait().want(t, 0, "Confirmed.")
	h.run("status").want(t, 0, "No change is pending.", "confirmed", "Its rollback guard could not be removed", way)
	h.reboot()
	h.agrees()
	if got := words(h.sh("ip -4 -br addr show examplebr0p1; ovs-vsctl port-to-br eth0")); got != "examplebr0p1 UNKNOWN 10.77.0.10/24 examplebr0" {
		t.Errorf("after the reboot: %s", got)
	}
	h.sh("rm -r " + way)
	h.run("undo", "--auto-confirm").want(t, 0, "Confirmed")
	h.withoutUnits()
	h.same(before)
	h.unguarded()
	if got := h.run("status"); strings.Contains(got.out, "could not be removed") {
		t.Errorf("status still says %s", got.out)
	}
}

// told fails the test unless everybody was told so: on the console, by wall(1), and in the journal.
func (h host) told(what string) {
	h.t.Helper()
	what = "bridgehead: " + what
	eventually(h.t, "it is on the console", func() bool { return strings.Contains(h.Console(), what) })
	for place, look := range map[string]string{"by wall": "cat /run/wall", "in the journal": "journalctl -b -u bridgehead-guard.service -o cat"} {
		eventually(h.t, "it is told "+place, func() bool { return strings.Contains(h.sh(look+" || true"), what) })
	}
}

func (h host) withoutUnits() {
	h.t.Helper()
	eventually(h.t, "the guard's unit is gone", func() bool {
		return h.sh("systemctl list-units --all --plain --no-legend 'bridgehead*'; systemctl list-unit-files --no-legend 'bridgehead*' || true") == ""
	})
}

// A converted host comes back by itself, also after its conversion was undone.
func TestReboot(t *testing.T) {
	h := up(t, lab.Spec{Systemd: true})
	before := h.snapshot()
	h.run("apply", "--answers", answersPath, "--auto-confirm").want(t, 0, "Confirmed")
	h.withoutUnits()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	must(t, h.Reboot(ctx))
	h.reaches(hostAddr)
	h.agrees()
	if got := words(h.sh("ip -4 -br addr show examplebr0p1; ovs-vsctl port-to-br eth0; systemctl --failed --plain --no-legend")); got != "examplebr0p1 UNKNOWN 10.77.0.10/24 examplebr0" {
		t.Errorf("after the reboot: %s", got)
	}
	h.run("undo", "--auto-confirm").want(t, 0, "Confirmed")
	h.same(before)
	must(t, h.Reboot(ctx))
	h.reaches(hostAddr)
	h.same(before)
}
