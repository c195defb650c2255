package main

import (
	"testing"
	"time"

	"bridgehead/backend/lab"
)

// way is a way to move the address of eth0 to examplebr0p1, or back, by hand. The address is bound to be off the net
// between what prepare and restore do.
type way struct {
	name          string
	prepare, move string // scripts
}

// bound is how long an address may be gone before it counts as never coming back.
const bound = 5 * time.Second

// Scripts that the ways are made of. The MAC is eth0's, without which neighbours would go on sending to it for long.
const (
	addBridge = `ovs-vsctl add-br examplebr0 -- set bridge examplebr0 datapath_type=netdev other-config:hwaddr=52\\:54\\:00\\:77\\:00\\:10 \
	-- add-port examplebr0 examplebr0p1 -- set interface examplebr0p1 type=internal 'mac="52:54:00:77:00:10"'
`
	newFile = `cat >/run/interfaces <<'EOF'
auto lo
iface lo inet loopback
auto examplebr0p1
iface examplebr0p1 inet static
	address 10.77.0.10/24
	gateway 10.77.0.1
auto eth0
iface eth0 inet manual
	up ip link set $IFACE up
	down ip link set $IFACE down
EOF
`
	there = `cat >/run/there <<'EOF'
addr add 10.77.0.10/24 brd + dev examplebr0p1
addr del 10.77.0.10/24 dev eth0
route replace default via 10.77.0.1 dev examplebr0p1
EOF
`
	back = `cat >/run/back <<'EOF'
addr add 10.77.0.10/24 brd + dev eth0
route replace default via 10.77.0.1 dev eth0
EOF
`
	moveThere = "ovs-vsctl add-port examplebr0 eth0; ip -batch /run/there\n"
)

var byHand = []way{
	{"apply/tutorial", addBridge + newFile + "cp /run/interfaces /etc/network/interfaces",
		"ovs-vsctl add-port examplebr0 eth0; ifdown eth0; ifup examplebr0p1"},
	{"apply/ifupdown", addBridge + newFile,
		"ovs-vsctl add-port examplebr0 eth0; ifdown eth0; cp /run/interfaces /etc/network/interfaces; ifup eth0; ifup examplebr0p1"},
	{"apply/batch", addBridge + there + "ip link set examplebr0p1 up", moveThere},
	{"rollback/ifupdown", addBridge + newFile + there + "ip link set examplebr0p1 up\n" + moveThere + "cp /run/interfaces /etc/network/interfaces; echo examplebr0p1=examplebr0p1 >>/run/network/ifstate; echo examplebr0p1 >/run/network/ifstate.examplebr0p1",
		"ovs-vsctl del-br examplebr0; cp /run/original /etc/network/interfaces; ifdown examplebr0p1; ifup eth0"},
	{"rollback/batch", addBridge + there + back + "ip link set examplebr0p1 up\n" + moveThere,
		"ovs-vsctl del-br examplebr0; ip -batch /run/back"},
}

// asBefore undoes what a way did.
const asBefore = `ovs-vsctl --if-exists del-br examplebr0
cp /run/original /etc/network/interfaces
printf 'lo=lo\neth0=eth0\n' >/run/network/ifstate
rm -f /run/network/ifstate.examplebr0p1
echo eth0 >/run/network/ifstate.eth0
ip addr flush dev eth0
ip link set eth0 up
ip addr add 10.77.0.10/24 brd + dev eth0
ip route replace default via 10.77.0.1 dev eth0
`

// BenchmarkCut is how long the management address does not answer a client that asks every millisecond, when it moves
// to the bridge (apply) and when it moves back (rollback): by the program, and by hand.
//
//	go test -run '^$' -bench Cut -benchtime 10x .
func BenchmarkCut(b *testing.B) {
	program := product(b)
	spec := lab.Spec{Bind: map[string]string{programPath: program}}
	b.Run("apply/bridgehead", func(b *testing.B) {
		h := up(b, spec)
		var c cuts
		for b.Loop() {
			c.measure(h, func() { h.apply() })
			h.run("rollback").want(b, 0)
		}
		c.report(b)
	})
	b.Run("apply/bond", func(b *testing.B) { // from one NIC to an OVS bond, with a switch that speaks LACP
		spec := spec
		spec.Switch = lab.SwitchOVS
		h := up(b, spec)
		h.answers(bonded("mode: balance-tcp, lacp: active")...)
		var c cuts
		for b.Loop() {
			h.tell(speaksLACP)
			h.reaches(hostAddr)
			c.measure(h, func() { h.apply("--accept-risk", "lose-ssh") })
			h.run("rollback").want(b, 0)
			h.tell(noChannel)
			h.reaches(hostAddr)
		}
		c.report(b)
	})
	b.Run("rollback/bridgehead", func(b *testing.B) {
		h := up(b, spec)
		var c cuts
		for b.Loop() {
			h.apply()
			c.measure(h, func() { h.run("rollback").want(b, 0) })
		}
		c.report(b)
	})
	for _, w := range byHand {
		b.Run(w.name, func(b *testing.B) {
			h := up(b, spec)
			h.sh("cp /etc/network/interfaces /run/original")
			var c cuts
			for b.Loop() {
				h.sh(w.prepare)
				c.measure(h, func() { h.command("sh", "-c", w.move) }) // it may fail: then the address stays away
				h.sh(asBefore)
				must(b, h.Client("ip", "neigh", "flush", "all").Run())
				h.reaches(hostAddr)
			}
			c.report(b)
		})
	}
}

// cuts are what a client saw of some moves.
type cuts struct {
	times []time.Duration
	never int // times the address did not come back within bound
	lost  int // of a hundred pings a second
}

// measure has a client watch while the address moves.
func (c *cuts) measure(h host, move func()) {
	h.t.Helper()
	fine := h.probe(lab.Probe{Target: hostAddr, Interval: time.Millisecond})
	coarse := h.probe(lab.Probe{Target: hostAddr, Interval: 10 * time.Millisecond})
	eventually(h.t, "the address answers", func() bool { return !fine.Answered().IsZero() && !coarse.Answered().IsZero() })
	move()
	moved := time.Now()
	for quiet := moved.Add(300 * time.Millisecond); fine.Answered().Before(quiet) && time.Since(moved) < bound; {
		<-time.After(time.Millisecond)
	}
	r := fine.Stop()
	c.times = append(c.times, r.Longest)
	if r.Down {
		c.never++
	}
	c.lost += coarse.Stop().Lost
}

func (c *cuts) report(b *testing.B) {
	spread(b, c.times)
	b.ReportMetric(float64(c.never)/float64(len(c.times)), "never-back/op")
	b.ReportMetric(float64(c.lost)/float64(len(c.times)), "lost-at-10ms/op")
}
