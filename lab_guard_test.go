package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"bridgehead/backend/lab"
	"bridgehead/backend/trial"
)

// Nobody confirms: the host takes itself back, and the one who waited is told.
func TestExpiry(t *testing.T) {
	h := up(t, lab.Spec{})
	before := h.snapshot()
	login := h.session(hostAddr)
	h.run("apply", "--answers", answersPath, "--confirm-within", "10s").want(t, 3, "SSH login from 10.77.0.2", "--accept-risk lose-ssh", "nothing was changed")
	h.same(before)
	h.run("apply", "--answers", answersPath, "--confirm-within", "10s", "--accept-risk", "lose-ssh").
		want(t, 4, "It is taken back in 10s", "nobody confirmed in time; everything has been taken back")
	h.same(before)
	h.unguarded()
	h.alive(login)
	h.run("history").want(t, 0, "rolled-back examplebr0 on eth0: nobody confirmed in time")
}

// The terminal is lost in the confirmation window: the change goes on waiting, and the guard ends it.
func TestHangUp(t *testing.T) {
	h := up(t, lab.Spec{})
	before := h.snapshot()
	s := h.wizard()
	s.to("Risk")
	s.want("Not covered here, without systemd: a restart or power cut before you confirm")
	s.accept()
	s.want("[Check and confirm]", "Rolls back in") // the frame names that step before it is reached
	s.hangUp()
	s.exits(1)
	if got := h.status(); got.Phase != trial.Waiting || got.Guard != "process" {
		t.Fatalf("after the hang-up the change is %+v", got)
	}
	h.changed(before)
	h.timeIsUp()
	h.over()
	h.same(before)
	h.unguarded()
}

// The wizard is killed while it waits: the guard does not need it.
func TestKilledWhileItWaits(t *testing.T) {
	h := up(t, lab.Spec{})
	before := h.snapshot()
	s := h.wizard()
	s.apply()
	must(t, s.cmd.Process.Kill())
	s.exits(-1)
	if got := h.status(); got.Phase != trial.Waiting || got.Guard != "process" {
		t.Fatalf("after the kill the change is %+v", got)
	}
	h.run("confirm").want(t, 0, "Confirmed") // another login keeps it all the same
	h.unguarded()
	h.agrees()
	h.run("undo", "--auto-confirm").want(t, 0)
	h.same(before)
}

// timeIsUp brings the deadline of the waiting change to this moment.
func (h host) timeIsUp() {
	h.t.Helper()
	const journal = "/var/lib/bridgehead/current/journal.jsonl"
	data, err := h.ReadFile(journal)
	must(h.t, err)
	var rec map[string]any
	must(h.t, json.Unmarshal(lastLine(data), &rec))
	rec["event"], rec["deadline"] = "extended", rec["at"]
	line, err := json.Marshal(rec)
	must(h.t, err)
	must(h.t, h.WriteFile(journal, append(data, append(line, '\n')...)))
}

// lastLine is the last line of a journal.
func lastLine(journal []byte) []byte {
	lines := bytes.Split(bytes.TrimSpace(journal), []byte("\n"))
	return lines[len(lines)-1]
}

// stall has ovs-vsctl stand still on the host at the first call whose arguments match pattern, before it does
// its work or after it.
func (h host) stall(pattern, when string) {
	h.t.Helper()
	h.sh(fmt.Sprintf(`rm -f /run/stalled; cat >/usr/local/sbin/ovs-vsctl <<'EOF'
#!/bin/sh
case "$*" in %s)
	if [ ! -e /run/stalled ]; then
		[ %s = before ] || /usr/bin/ovs-vsctl "$@"
		echo $$ >/run/stalled
		exec sleep 1000
	fi
esac
exec /usr/bin/ovs-vsctl "$@"
EOF
chmod +x /usr/local/sbin/ovs-vsctl`, pattern, when))
}

// stalled waits until the call has been made.
func (h host) stalled() {
	h.t.Helper()
	eventually(h.t, "ovs-vsctl stands still", func() bool {
		b, err := h.ReadFile("/run/stalled")
		return err == nil && len(b) > 0
	})
}

// The wizard is killed in the middle of an operation: done or not, everything is taken back.
func TestKilledInTheMiddle(t *testing.T) {
	h := up(t, lab.Spec{})
	before := h.snapshot()
	login := h.session(hostAddr)
	for _, at := range []struct{ name, pattern, when string }{
		{"the bridge is created", "*add-br*", "after"},
		{"the NIC is not yet attached", "*add-port*eth0*", "before"},
		{"the NIC is attached", "*add-port*eth0*", "after"},
	} {
		t.Run(at.name, func(t *testing.T) {
			h := host{h.Lab, t}
			h.stall(at.pattern, at.when)
			s := h.wizard()
			s.to("Risk")
			s.accept()
			h.stalled()
			if got := h.status(); got.Phase != trial.Applying {
				t.Fatalf("in the middle the change is %+v", got)
			}
			must(t, s.cmd.Process.Kill())
			s.exits(-1)
			h.over()
			h.sh("kill $(cat /run/stalled) 2>/dev/null || true")
			h.same(before)
			h.unguarded()
			h.alive(login)
			h.run("history").want(t, 0, "rolled-back examplebr0 on eth0: bridgehead ended before everything was applied")
		})
	}
}

// What cannot be taken back is named, with exit code 5; the guard goes on trying until it can be.
func TestIncomplete(t *testing.T) {
	h := up(t, lab.Spec{})
	before := h.snapshot()
	r := h.apply()
	h.sh("kill -9 $(cat /run/openvswitch/ovsdb-server.pid)")
	h.run("rollback").want(t, 5, "taken back, but not completely. What is left:", "examplebr0", "Correct that, then run: bridgehead rollback")
	r.wait().want(t, 5, "What is left:")
	h.run("apply", "--answers", answersPath).want(t, 3)
	must(t, h.StartOVS(t.Context()))
	h.over()
	h.same(before)
	h.unguarded()
}

// Ctrl-C in an unattended run takes everything back.
func TestInterrupted(t *testing.T) {
	h := up(t, lab.Spec{})
	before := h.snapshot()
	r := h.apply()
	h.changed(before)
	must(t, r.cmd.Process.Signal(os.Interrupt))
	r.wait().want(t, 4, "interrupted by the operator", "as it was before")
	h.same(before)
	h.unguarded()
}
