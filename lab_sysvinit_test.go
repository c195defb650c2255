package main

import (
	"testing"

	"bridgehead/backend/lab"
	"bridgehead/backend/trial"
)

// Without systemd a power cut is a rollback, too, where sysvinit's scripts can be used: one before the network starts, one
// that starts the watch again. Nothing of them is left.
func TestPowerCutWithSysvinit(t *testing.T) {
	h := up(t, lab.Spec{Sysvinit: true})
	links := "ls /etc/rc?.d /etc/init.d"
	before, scripts := h.snapshot(), h.sh(links)
	h.run("survey").want(t, 0, "systemd does not run here", "a boot script takes back after a reboot or a power cut", "nobody starts the process again if it is killed")

	w := h.wizard()
	w.to("Risk")
	w.want("Not covered here, without systemd: if the watch itself is killed")
	must(t, w.cmd.Process.Kill())
	w.exits(-1)

	h.apply()
	h.changed(before)
	if got := h.status(); got.Guard != "process" {
		t.Errorf("the guard is %q", got.Guard)
	}
	h.sh("test -e /etc/rcS.d/S12bridgehead-boot -a -e /etc/rc2.d/S99bridgehead-guard")
	h.reboot()
	h.over()
	h.same(before)
	h.unguarded()
	if got := h.sh(links); got != scripts {
		t.Errorf("scripts are left: %s", got)
	}
	h.run("status").want(t, 0, "rolled-back", "the host was restarted before the change was confirmed")

	t.Log("staged for the next boot, and confirmed")
	h.answers("apply: {when: reboot, confirm_within: 10m}")
	h.run("apply", "--answers", answersPath).want(t, 0, "Restart the host")
	h.reboot()
	h.await(trial.Waiting)
	h.run("confirm").want(t, 0, "Confirmed")
	h.unguarded()
	if got := h.sh(links); got != scripts {
		t.Errorf("scripts are left: %s", got)
	}
	h.reboot()
	if got := words(h.sh("ip -4 -br addr show examplebr0p1; ovs-vsctl port-to-br eth0")); got != "examplebr0p1 UNKNOWN 10.77.0.10/24 examplebr0" {
		t.Errorf("after the reboot: %s", got)
	}
}
