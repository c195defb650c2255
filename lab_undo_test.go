package main

import (
	"testing"

	"bridgehead/backend/lab"
)

// A host that was changed since: undo shows how, asks, and then leads to where the change began.
func TestUndoOfAChangedHost(t *testing.T) {
	h := up(t, lab.Spec{})
	before := h.snapshot()
	h.run("apply", "--answers", answersPath, "--auto-confirm").want(t, 0, "Confirmed")
	h.sh(`echo '# by hand' >>/etc/network/interfaces; ip address add 10.77.0.77/24 dev examplebr0p1
ip route add 10.99.0.0/16 via 10.77.0.1; echo 1 >/proc/sys/net/ipv4/conf/examplebr0p1/arp_ignore`)
	edited, look := h.snapshot(), "cat /etc/network/interfaces /proc/sys/net/ipv4/conf/examplebr0p1/arp_ignore; ip -4 -br address show examplebr0p1 | tr -s \" \" | sort; ip route | sort" // the userspace datapath's own link gets another MAC each time
	seen := h.sh(look)
	h.run("undo").want(t, 3, "/etc/network/interfaces has been changed since", "+# by hand", "10.77.0.77", "10.99.0.0/16", "arp_ignore set to 1", "--accept-changes", "nothing was changed")
	h.same(edited)
	r := h.begin(programPath, "undo", "--accept-changes")
	r.says("The change is active")
	h.changed(edited)
	h.run("rollback").want(t, 0, "as it was before") // not kept: also what was changed by hand is there again
	r.wait().want(t, 4, "the operator asked for it")
	if got := h.sh(look); got != seen {
		t.Errorf("after the undo was rolled back:\n%s\nwant:\n%s", got, seen)
	}
	h.run("undo", "--accept-changes", "--auto-confirm").want(t, 0, "+# by hand", "Confirmed")
	h.same(before)
	h.unguarded()
}
