//go:build bonds

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bridgehead/backend/bond"
	"bridgehead/backend/check"
	"bridgehead/backend/lab"
)

// bond is what the check of the bond says now.
func (h host) bond() check.Result {
	h.t.Helper()
	return h.bondBy(h.run("check", "--json").want(h.t, 0).out)
}

// bondLater is what it says to somebody whose clock shows that LACP has had all its time (time_namespaces(7)).
func (h host) bondLater() check.Result {
	h.t.Helper()
	cmd := h.Host(programPath, "check", "--json")
	later := []string{"--time", "--boottime", fmt.Sprint(int(bond.Patience / time.Second)), "--", cmd.Path}
	unshare := exec.Command("unshare", append(later, cmd.Args[1:]...)...)
	unshare.Env = cmd.Env
	out, err := unshare.Output()
	must(h.t, err)
	return h.bondBy(string(out))
}

func (h host) bondBy(out string) check.Result {
	h.t.Helper()
	var all []check.Result
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		h.t.Fatalf("%v: %s", err, out)
	}
	i := slices.IndexFunc(all, func(r check.Result) bool { return r.Spec.Kind == check.Bond })
	if i < 0 {
		h.t.Fatalf("no check of a bond: %s", out)
	}
	return all[i]
}

// finds waits until the first finding about the bond is this one, "" for none at all.
func (h host) finds(cause bond.Cause, says string) check.Result {
	h.t.Helper()
	var r check.Result
	for end := time.Now().Add(patience); time.Now().Before(end); {
		r = h.bond()
		if cause == "" && r.State == check.OK || len(r.Findings) > 0 && r.Findings[0].Cause == cause && strings.Contains(r.Why, says) {
			return r
		}
	}
	h.t.Fatalf("it does not find %q (%s) but %+v\n%s", cause, says, r, h.sh("ovs-appctl lacp/show; ovs-appctl bond/show; ovs-appctl lacp/show-stats"))
	return r
}

// remedied is what an operator finds after each press of the one key.
type remedied struct {
	key   string
	cause bond.Cause
	says  string
}

type bondCase struct {
	name    string
	options string
	answers []string
	switch_ string // the switch before
	then    string // a script on the switch, once the bond is made
	here    string // the same on the host
	mend    string // which this takes back, before the rollback
	cause   bond.Cause
	says    string
	state   check.State // "" is not looked at
	ends    check.State // when LACP has had all its time; "" is failed
	cures   []remedied
	reaches bool // in the end
	broken  bool // the switch no longer passes a host without a bond either
}

var bondCases = []bondCase{
	{name: "negotiates", ends: check.OK, options: "mode: balance-tcp, lacp: active", switch_: speaksLACP, state: check.OK, reaches: true},
	{name: "negotiates at slow rate with a passive switch", ends: check.OK, options: "mode: balance-tcp, lacp: active, rate: slow",
		switch_: strings.Replace(speaksLACP, "lacp=active", "lacp=passive", 1), state: check.OK, reaches: true},
	{name: "negotiates with ids and priorities of the members", ends: check.OK, switch_: speaksLACP, state: check.OK, reaches: true,
		options: "mode: balance-tcp, lacp: active, members: [{nic: eth0, port_id: 7, port_priority: 100}, {nic: eth1, port_id: 9}]",
		here:    "ovs-appctl lacp/show examplebond0 >/run/lacp; grep -x '  port_id: 7' /run/lacp; grep -x '  port_priority: 100' /run/lacp; grep -x '  port_id: 9' /run/lacp; grep -x '  sys_id: 52:54:00:77:00:10' /run/lacp"},
	{name: "active-backup with a primary", ends: check.OK, options: "mode: active-backup, primary: eth1", switch_: "add-port sw0 p1", state: check.OK, reaches: true,
		here: "ovs-appctl bond/show examplebond0 | grep -x 'active member mac: 52:54:00:77:00:11(eth1)'"},
	{name: "active-backup on plain ports", ends: check.OK, options: "mode: active-backup", switch_: "add-port sw0 p1", state: check.OK, reaches: true},
	{name: "switch without LACP", options: "mode: balance-tcp, lacp: active", switch_: "add-port sw0 p1",
		cause: bond.NoLACP, says: "the switch has no LACP there, or a static channel",
		cures:   []remedied{{"fallback on", bond.NoLACP, "fallen back to active-backup"}, {"active-backup instead", "", ""}},
		reaches: true},
	{name: "switch without LACP, with fallback", ends: check.Degraded, options: "mode: balance-tcp, lacp: active, fallback: true", switch_: "add-port sw0 p1",
		cause: bond.NoLACP, says: "fallen back to active-backup", reaches: true},
	{name: "switch with a static channel", options: "mode: balance-tcp, lacp: active",
		switch_: "del-port p0 -- add-bond sw0 po1 p0 p1 bond_mode=balance-slb",
		cause:   bond.NoLACP, says: "or a static channel"},
	{name: "both passive", options: "mode: balance-tcp, lacp: passive",
		switch_: strings.Replace(speaksLACP, "lacp=active", "lacp=passive", 1),
		cause:   bond.BothPassive, says: "Nobody begins: this host is passive",
		cures: []remedied{{"lacp=active instead", "", ""}}, reaches: true},
	{name: "a member that is gone", options: "mode: balance-tcp, lacp: active", switch_: speaksLACP,
		here: "ip link set eth1 down; ip link set eth1 name gone1", mend: "ip link set gone1 name eth1; ip link set eth1 up",
		cause: bond.PortError, says: "Open vSwitch cannot open eth1", reaches: true},
	{name: "a member that is down", ends: check.Degraded, options: "mode: balance-tcp, lacp: active", switch_: speaksLACP, here: "ip link set eth1 down", mend: "ip link set eth1 up",
		cause: bond.AdminDown, says: "eth1 is down", reaches: true},
	{name: "no link at all", options: "mode: balance-tcp, lacp: active", switch_: speaksLACP, then: "ip link set p0 down; ip link set p1 down",
		cause: bond.NoCarrier, says: "No member has a link: eth0 (MAC 52:54:00:77:00:10); eth1", broken: true},
	{name: "a member with an address", options: "mode: balance-tcp, lacp: active", switch_: speaksLACP,
		here: "ip addr add 192.0.2.77/24 dev eth1", mend: "ip addr del 192.0.2.77/24 dev eth1",
		cause: bond.Configured, says: "eth1 is still configured: it has the address 192.0.2.77/24", reaches: true},
	{name: "one member unplugged", ends: check.Degraded, options: "mode: balance-tcp, lacp: active", switch_: speaksLACP, then: "ip link set p1 down",
		cause: bond.OneUnplugged, says: "eth1 (MAC 52:54:00:77:00:11) has no link",
		cures: []remedied{{"leave out eth1", "", ""}}, reaches: true},
	{name: "cables to two switches", ends: check.Degraded, options: "mode: balance-tcp, lacp: active",
		switch_: "set port p0 lacp=active other_config:lacp-fallback-ab=true -- add-br sw1 -- set bridge sw1 datapath_type=netdev -- add-port sw1 p1 -- set port p1 lacp=active",
		cause:   bond.TwoPartners, says: "The cables lead to two switches: eth0 to system"},
	{name: "one switch port outside the port-channel", ends: check.Degraded, options: "mode: balance-tcp, lacp: active",
		switch_: "set port p0 lacp=active other_config:lacp-fallback-ab=true -- add-port sw0 p1",
		cause:   bond.LeftOut, says: "nobody is heard on eth1",
		cures: []remedied{{"leave out eth1", "", ""}}, reaches: true},
	{name: "two NICs cabled together", ends: check.Degraded, options: "mode: balance-tcp, lacp: active",
		answers: []string{"uplink: {nics: [eth0, eth1, eth2], kind: ovs-bond}"},
		switch_: "set port p0 lacp=active other_config:lacp-fallback-ab=true -- add-br sw1 -- set bridge sw1 datapath_type=netdev other_config:forward-bpdu=true -- add-port sw1 p1 -- add-port sw1 p2",
		cause:   bond.CabledSelf, says: "eth1, eth2 hear this host itself", reaches: true},
	{name: "the switch stops LACP", options: "mode: balance-tcp, lacp: active", switch_: speaksLACP,
		then:  "for i in $(seq 100); do ovs-appctl lacp/show po1 | grep -q 'status: active negotiated' && break; sleep 0.05; done; ovs-vsctl set port po1 lacp=off",
		cause: bond.Stopped, says: "The switch spoke LACP on eth0, eth1 and has stopped", broken: true},
	{name: "somebody turns LACP off", options: "mode: balance-tcp, lacp: active", switch_: speaksLACP, here: "ovs-vsctl set port examplebond0 lacp=off",
		cause: bond.TCPWithout, says: "balance-tcp without LACP drops everything that arrives", state: check.Failed, broken: true},
	{name: "a link that comes and goes", ends: check.Degraded, options: "mode: active-backup, lacp: active, fallback: true", switch_: speaksLACP,
		then:  "for i in 1 2 3; do ip link set p1 down; sleep 0.3; ip link set p1 up; sleep 0.3; done",
		cause: bond.Flapping, says: "The link of eth1 (MAC 52:54:00:77:00:11) comes and goes", reaches: true},
	{name: "static channel, one NIC in use here", ends: check.Degraded, options: "mode: active-backup",
		answers: []string{"verify: {targets: [10.77.0.2]}"}, switch_: "add-port sw0 p1",
		then:  "ovs-vsctl del-port p0 -- del-port p1 -- add-bond sw0 po1 p0 p1 bond_mode=balance-slb; for i in $(seq 0 255); do ovs-appctl bond/migrate po1 $i p0; done; ovs-appctl bond/migrate po1 $(ovs-appctl bond/hash 52:54:00:77:00:02) p1",
		cause: bond.SomePeers, says: "Some machines answer and others do not: the switch has a static channel", broken: true},
	// The switch answers ARP on whatever port it hears it, unless it is told not to.
	{name: "negotiated behind a MAC filter", options: "mode: balance-tcp, lacp: active", switch_: speaksLACP, then: "echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore; ovs-ofctl add-flow sw0 priority=100,dl_src=52:54:00:77:00:10,actions=drop",
		cause: bond.Silent, says: "LACP is negotiated, and still nobody answers", broken: true},
}

// Each case ends in its sentence; what is done about it helps; and it is all taken back.
func TestBondCases(t *testing.T) {
	l := up(t, lab.Spec{Switch: lab.SwitchOVS})
	for _, c := range bondCases {
		t.Run(c.name, func(t *testing.T) {
			h := host{l.Lab, t}
			plain := func() {
				h.inSwitch("ip link set p0 up; ip link set p1 up; ovs-ofctl del-flows sw0 dl_src=52:54:00:77:00:10; ovs-vsctl " + noChannel)
			}
			t.Cleanup(func() { // the next case has the same host
				if t.Failed() {
					_ = h.Host("sh", "-c", c.mend+"\n"+programPath+" rollback").Run()
					plain()
				}
			})
			h.tell(c.switch_)
			h.reaches(hostAddr)
			before := h.snapshot()
			h.answers(append(bonded(c.options), c.answers...)...)
			began := time.Now()
			r := h.apply("--accept-risk", "lose-ssh")
			if c.then != "" {
				h.inSwitch(c.then)
			}
			if c.here != "" {
				h.finds("", "")
				h.sh(c.here)
			}
			found := h.finds(c.cause, c.says)
			t.Logf("%s after the beginning of apply", time.Since(began).Round(100*time.Millisecond))
			if c.state != "" && found.State != c.state {
				t.Errorf("the bond is %s, not %s: %s", found.State, c.state, found.Why)
			}
			t.Logf("%s: %s", found.State, found.Why)
			c.end(h)
			for _, cure := range c.cures {
				h.run("check", "--remedy").want(t, 0, "Done: "+cure.key)
				t.Logf("%s: %s", cure.key, h.finds(cure.cause, cure.says).Why)
			}
			if c.reaches {
				h.reaches(hostAddr)
			}
			if c.broken {
				plain()
			}
			if c.mend != "" {
				h.sh(c.mend)
			}
			h.run("rollback").want(t, 0, "Taken back. The host is as it was before.")
			r.wait().want(t, 4)
			h.same(before)
			plain()
			h.reaches(hostAddr)
		})
	}
}

// end looks whether the case ends in its sentence, when there is nothing left to wait for.
func (c bondCase) end(h host) {
	h.t.Helper()
	r, want := h.bondLater(), cmp.Or(c.ends, check.Failed)
	if c.cause != "" && (len(r.Findings) == 0 || r.Findings[0].Cause != c.cause) || !strings.Contains(r.Why, c.says) || r.State != want {
		h.t.Errorf("it ends %s, not %s: %s", r.State, want, r.Why)
	}
	h.t.Logf("in the end %s: %s", r.State, r.Why)
}

// What cannot work is refused before anything is changed.
func TestBondRefused(t *testing.T) {
	h := up(t, lab.Spec{Switch: lab.SwitchOVS})
	before := h.snapshot()
	h.answers(bonded("mode: balance-tcp, lacp: off")...)
	h.run("apply", "--answers", answersPath, "--accept-risk", "lose-ssh").want(t, 2, "balance-tcp without LACP drops everything that arrives")
	h.same(before)
}

// From one NIC to a bond and back, with a login open: kept, at the rate that was asked for, and taken back exactly.
func TestBondKept(t *testing.T) {
	for _, rate := range []string{bond.Slow, bond.Fast} {
		t.Run(rate, func(t *testing.T) {
			h := up(t, lab.Spec{Switch: lab.SwitchOVS})
			h.tell(speaksLACP)
			h.reaches(hostAddr)
			before := h.snapshot()
			login := h.session(hostAddr)
			ping := h.probe(lab.Probe{Target: hostAddr, Interval: 10 * time.Millisecond})
			h.answers(bonded("mode: balance-tcp, lacp: active, rate: " + rate)...)
			h.run("apply", "--answers", answersPath, "--accept-risk", "lose-ssh", "--auto-confirm").want(t, 0, "Confirmed")
			t.Logf("one NIC to bond: %s", ping.Stop())
			h.alive(login)
			if got := h.sh("ovs-vsctl get port examplebond0 other_config:lacp-time"); got != rate {
				t.Errorf("the rate is %s, not %s", got, rate)
			}
			h.sh("ifquery --list --allow auto | grep -x eth1; ifup --no-act --force eth1; ifquery --state | grep -x eth1=eth1")
			h.unguarded()
			h.run("undo", "--auto-confirm").want(t, 0, "Confirmed")
			h.alive(login)
			h.same(before)
		})
	}
}

// By keys: what the switch says of its ports is heard, a bond is made of it, looked at live, and kept.
func TestWizardBonds(t *testing.T) {
	h := up(t, lab.Spec{Switch: lab.SwitchOVS})
	h.tell(speaksLACP + " -- set Interface p0 lldp:enable=true -- set Interface p1 lldp:enable=true")
	h.sh("ip link set eth1 up") // a NIC that is down hears nothing
	h.reaches(hostAddr)
	before := h.snapshot()
	login := h.session(hostAddr)
	s := h.wizard()
	s.to("Uplink")
	s.want("Recommended: an OVS bond")
	s.press("down")
	s.to("Members")
	h.tell("set Port po1 other_config:lacp-time=fast") // it then speaks at once, instead of within 30 s
	s.want("Which NICs are bonded with eth0?", "key", "port p0", "port p1")
	s.press("space")
	s.to("Bond")
	s.want("Recommended: balance-tcp with LACP active and fallback, since the switch speaks LACP on eth0, eth1")
	s.to("Risk")
	s.accept()
	s.want("every check passes", "eth0 in examplebond0: LACP heard, joined, carries traffic", "eth1 in examplebond0: LACP heard, joined, carries traffic")
	s.press("k")
	s.want("Keep this change?")
	s.press("enter")
	s.want("Confirmed. examplebond0 (eth0, eth1) is a port of bridge examplebr0")
	s.press("enter")
	s.exits(0)
	h.alive(login)
	h.run("undo", "--auto-confirm").want(t, 0, "Confirmed")
	h.alive(login)
	h.same(before)
}

// slowly is an ovs-vsctl that makes the bond at the slow rate where the program asks for the fast one, as it does
// until the change is confirmed. %s is the real one.
const slowly = `#!/bin/sh
for a; do
	shift
	[ "$a" = other_config:lacp-time=fast ] && a=other_config:lacp-time=slow
	set -- "$@" "$a"
done
exec %s "$@"
`

// slowVsctl is a directory of programs to bind into a host.
func slowVsctl(t testing.TB) map[string]string {
	t.Helper()
	dir := t.TempDir()
	ovsctl, err := exec.LookPath("ovs-vsctl")
	must(t, err)
	tool, err := os.ReadFile(ovsctl)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "real"), tool, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "slowly"), fmt.Appendf(nil, slowly, "/usr/local/lib/ovs-vsctl"), 0o755))
	return map[string]string{"/usr/local/sbin/ovs-vsctl": filepath.Join(dir, "slowly"), "/usr/local/lib/ovs-vsctl": filepath.Join(dir, "real")}
}

// BenchmarkLACP is the time from the beginning of apply, and from the bond's being made, to both members being
// attached: at the fast rate, at which the program makes a bond, and at the slow one, at which it is after a restart of
// the host; the switch's rate likewise, and one that waits for the host to begin.
//
//	go test -tags bonds -run '^$' -bench LACP -benchtime 3x .
func BenchmarkLACP(b *testing.B) {
	program := product(b)
	for _, rate := range []string{bond.Fast, bond.Slow} {
		for _, partner := range []string{"active fast", "active slow", "passive slow"} {
			b.Run(fmt.Sprintf("host=%s/switch=%s", rate, strings.ReplaceAll(partner, " ", "-")), func(b *testing.B) {
				spec := lab.Spec{Switch: lab.SwitchOVS, Bind: map[string]string{programPath: program}}
				if rate == bond.Slow {
					maps.Copy(spec.Bind, slowVsctl(b))
				}
				h := up(b, spec)
				h.answers(bonded("mode: balance-tcp, lacp: active")...)
				lacp, every, _ := strings.Cut(partner, " ")
				var all, waited []time.Duration
				for b.Loop() {
					h.tell(strings.Replace(speaksLACP, "lacp=active", "lacp="+lacp, 1) + " other_config:lacp-time=" + every)
					h.reaches(hostAddr)
					began := time.Now()
					r := h.apply("--accept-risk", "lose-ssh")
					applied := time.Now()
					h.attached()
					all, waited = append(all, time.Since(began)), append(waited, time.Since(applied))
					if got := h.sh("ovs-vsctl get port examplebond0 other_config:lacp-time"); got != rate {
						b.Fatalf("the rate is %s", got)
					}
					h.run("rollback").want(b, 0)
					r.wait().want(b, 4)
					h.tell(noChannel)
					h.reaches(hostAddr)
				}
				spread(b, all)
				b.ReportMetric(milliseconds(slices.Max(waited)), "worst-ms-after-apply")
			})
		}
	}
}

// attached waits until both members are in the aggregate.
func (h host) attached() {
	h.t.Helper()
	for end := time.Now().Add(bond.Patience); time.Now().Before(end); <-time.After(10 * time.Millisecond) {
		if strings.Count(h.sh("ovs-appctl lacp/show examplebond0"), ": current attached") == 2 {
			return
		}
	}
	h.t.Fatalf("they are not attached:\n%s", h.sh("ovs-appctl lacp/show; ovs-appctl lacp/show-stats"))
}
