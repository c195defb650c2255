package main

import (
	"context"
	"testing"
	"time"

	"bridgehead/backend/lab"
	"bridgehead/backend/trial"
)

// reboot is a power cut and what follows it.
func (h host) reboot() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	must(h.t, h.Reboot(ctx))
	h.reaches(hostAddr)
}

// A power cut while nobody has confirmed is a rollback: OVSDB is clean before the network starts.
func TestPowerCutInTheWindow(t *testing.T) {
	h := up(t, lab.Spec{Systemd: true})
	before := h.snapshot()
	h.apply()
	h.changed(before)
	h.reboot()
	h.over()
	h.withoutUnits()
	h.same(before)
	h.unguarded()
	h.run("status").want(t, 0, "rolled-back", "the host was restarted before the change was confirmed")
}

// A power cut in the middle of apply, too, at either side of the step that takes the NIC.
func TestPowerCutDuringApply(t *testing.T) {
	h := up(t, lab.Spec{Systemd: true})
	before := h.snapshot()
	for _, when := range []string{"before", "after"} {
		h.stall("*add-port*eth0*", when)
		h.begin(programPath, "apply", "--answers", answersPath)
		h.stalled()
		h.sh("rm -f /usr/local/sbin/ovs-vsctl")
		h.reboot()
		h.over()
		h.withoutUnits()
		h.same(before)
		h.unguarded()
	}
}

// With when: reboot the files come first, and the trial begins with the next boot.
func TestWhenReboot(t *testing.T) {
	h := up(t, lab.Spec{Systemd: true})
	before := h.snapshot()
	stage := func(window string) {
		h.answers("apply: {when: reboot, confirm_within: " + window + "}")
		h.run("apply", "--answers", answersPath).want(t, 0, "Restart the host")
		h.run("status").want(t, 0, "written down for the next boot")
	}

	t.Log("forgotten before the restart")
	stage("10m")
	h.run("rollback").want(t, 0, "as it was before")
	h.same(before)
	h.withoutUnits()

	t.Log("not confirmed: taken back live")
	stage("10s")
	h.reboot()
	h.await(trial.Waiting)
	h.changed(before)
	h.over()
	h.withoutUnits()
	h.same(before)
	h.run("status").want(t, 0, "nobody confirmed in time")

	t.Log("a power cut in the window: taken back by the boot")
	stage("10m")
	h.reboot()
	h.await(trial.Waiting)
	h.reboot()
	h.over()
	h.withoutUnits()
	h.same(before)

	t.Log("confirmed: it stays")
	stage("10m")
	h.reboot()
	h.await(trial.Waiting)
	h.run("confirm").want(t, 0, "Confirmed")
	h.withoutUnits()
	h.agrees()
	h.reboot()
	h.agrees()
	if got := words(h.sh("ip -4 -br addr show examplebr0p1; ovs-vsctl port-to-br eth0")); got != "examplebr0p1 UNKNOWN 10.77.0.10/24 examplebr0" {
		t.Errorf("after the reboot: %s", got)
	}
	h.run("undo", "--auto-confirm").want(t, 0, "Confirmed")
	h.same(before)
}

// Before that restart something restarts the network alone, out of the files that are those of the change already: the host, which
// is cut off by that, is taken back.
func TestNetworkRestartedAlone(t *testing.T) {
	h := up(t, lab.Spec{Systemd: true})
	before := h.snapshot()
	h.answers("apply: {when: reboot, confirm_within: 10m}")
	h.run("apply", "--answers", answersPath).want(t, 0, "Restart the host")
	h.sh("systemctl restart networking || true")
	h.over()
	h.reaches(hostAddr)
	h.withoutUnits()
	h.same(before)
	h.run("status").want(t, 0, "rolled-back", "the network was brought up anew before the host was restarted")
}
