package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"bridgehead/backend/lab/strike"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/trial"
)

// stage is a lab on whose host one case comes after the other: what a case leaves is what the next begins with.
type stage struct {
	host
	scene
	kept          bool   // the change has been confirmed
	before, after string // what the host is without the change, and with it
}

// enter makes the lab for an act.
func (s scene) enter(t testing.TB, a act) *stage {
	t.Helper()
	h := up(t, s.spec)
	h.sh(stopOVS + strike.OwnDisk(300))
	must(t, h.StartOVS(t.Context()))
	if s.prepare != nil {
		s.prepare(h)
	}
	h.answers(s.answers...)
	g := &stage{host: h, scene: s}
	g.before = g.look()
	if a.kept || a.ends[0] == trial.Confirmed {
		g.to(true) // it has to be known what that looks like
	}
	return g
}

const stopOVS = `kill $(cat /run/openvswitch/ovs-vswitchd.pid /run/openvswitch/ovsdb-server.pid); while pgrep -x ovsdb-server; do sleep 0.01; done
`

// look is all that must be as it was: the modification times, too, of the files that it promises.
func (g *stage) look() string {
	g.t.Helper()
	times := g.sh("find /etc/network -type f -printf '%p %T@\n' | sort")
	text := datapathMAC.ReplaceAllString(g.snapshot().String(), "$1")
	return tapState.ReplaceAllString(text, "$1$2") + "== Times\n" + times + "\n"
}

// What of the userspace datapath's links is not always so: the address of its own one, and whether an internal port is called
// up, which a tap is only once a second ovs-vswitchd has opened it.
var (
	datapathMAC = regexp.MustCompile(`(ifname=ovs-netdev .*) address=\S+`)
	tapState    = regexp.MustCompile(`(ifname=.*) operstate=(?:UP|UNKNOWN)( .* kind=tun)`)
)

// mustBe fails the test unless the host is exactly so, within the time that the kernel needs for what it does itself.
func (g *stage) mustBe(want, when string) {
	g.t.Helper()
	g.mustBeLike(want, func(s string) string { return s }, when)
}

// mustBeLike is mustBe for what part leaves of both.
func (g *stage) mustBeLike(want string, part func(string) string, when string) {
	g.t.Helper()
	d := ""
	for end := time.Now().Add(3 * time.Second); ; <-time.After(50 * time.Millisecond) {
		if d = plantest.Diff(part(want), part(g.look())); d == "" {
			break
		}
		if time.Now().After(end) {
			g.t.Fatalf("%s:\n%s", when, d)
		}
	}
	answers := func() bool {
		return g.Client("ping", "-q", "-c1", "-W1", hostAddr.String()).Run() == nil && g.Host("ping", "-q", "-c1", "-W1", gateway.String()).Run() == nil
	}
	for end := time.Now().Add(patience); !answers(); {
		if time.Now().After(end) {
			g.t.Fatalf("still not: the client reaches the host, and the gateway answers it\n%s", g.bothEnds())
		}
	}
}

// bothEnds is what can be seen of the links, neighbours and bonds of the host, the switch and the client.
func (g *stage) bothEnds() string {
	const look = "ip -br link; ip neigh; for b in $(ovs-vsctl --timeout=5 list-br); do echo $b; ovs-appctl fdb/show $b; done; ovs-appctl bond/show; ovs-appctl lacp/show"
	out := ""
	for _, node := range []struct {
		name string
		on   func(...string) *exec.Cmd
	}{{"host", g.Host}, {"switch", g.Switch}, {"client", g.Client}} {
		text, _ := node.on("sh", "-c", look).CombinedOutput() // which may have no Open vSwitch
		out += node.name + ":\n" + string(text)
	}
	return out
}

// to makes the change last, or takes it back, unless it is so already.
func (g *stage) to(kept bool) {
	g.t.Helper()
	defer func() { g.kept = kept }()
	switch {
	case kept && !g.kept:
		g.run(append(commands["apply"], "--auto-confirm")...).want(g.t, 0)
		g.after = g.look()
	case !kept && g.kept:
		g.run("undo", "--auto-confirm").want(g.t, 0)
		g.mustBe(g.before, "the change was taken back without any fault, but")
	}
	if kept { // a history of hundreds would slow down the cases to come
		g.sh(`cd /var/lib/bridgehead/history; for d in *; do grep -q '"event":"confirmed"' $d/journal.jsonl || rm -r $d; done`)
	} else {
		g.sh("rm -rf /var/lib/bridgehead/history")
	}
}

// start is the state to which the act leads back.
func (g *stage) start(a act) string {
	if a.kept {
		return g.after
	}
	return g.before
}

// end is the state to which the act leads when it is confirmed.
func (g *stage) end(a act) string {
	if a.kept {
		return g.before
	}
	return g.after
}

// lastEvent is what the journal of the change says last, "" where there is no change.
func (g *stage) lastEvent() string {
	data, err := g.ReadFile("/var/lib/bridgehead/current/journal.jsonl")
	if err != nil {
		return ""
	}
	var rec struct{ Event string }
	_ = json.Unmarshal(lastLine(data), &rec) // it may be half written
	return rec.Event
}

func waiting(event string) bool { return event == "waiting" || event == "extended" }

func (g *stage) hasStruck() bool {
	_, err := g.ReadFile(strike.StruckPath)
	return err == nil
}

// patienceWithFaults is how long a change may take of which something hangs.
const patienceWithFaults = 3 * time.Minute

func (g *stage) await(what string, ok func() bool) {
	g.t.Helper()
	for end := time.Now().Add(patienceWithFaults); !ok(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			status, _ := g.Host(programPath, "status").CombinedOutput()
			g.t.Fatalf("still not: %s; the journal ends with %q:\n%s", what, g.lastEvent(), status)
		}
	}
}

// play does the act with a fault in it, to the end of the command or to where it waits for confirmation.
func (g *stage) play(a act, k strike.Strike) (first, r *running) {
	g.t.Helper()
	data, err := json.Marshal(k)
	must(g.t, err)
	g.sh("rm -f " + strike.StruckPath + " " + strike.ChangesPath)
	must(g.t, g.WriteFile(strike.Path, data))
	if a.first != "" {
		first = g.atTerminal(commands[a.first]...)
		g.await("the change waits", func() bool { return first.hasEnded() || waiting(g.lastEvent()) })
		if first.hasEnded() {
			g.t.Fatalf("%s has ended:\n%s", a.first, first.wait().out)
		}
	}
	if a.command == "watch" {
		g.timeIsUp()
		g.await("the guard is struck, or has ended", func() bool {
			e := g.lastEvent()
			back := k.Fault == "disk full" && g.sh("ip -4 -br address show eth0 | grep "+hostAddr.String()+" || true") != "" // no more can be written down
			return e == "" || g.hasStruck() && (k.Fault == "killed" || e == "incomplete" || back)
		})
		return first, nil
	}
	r = g.atTerminal(commands[a.command]...)
	g.await("it ends, or waits", func() bool { return r.hasEnded() || a.first == "" && waiting(g.lastEvent()) })
	return first, r
}

// atTerminal starts the program with a terminal of its own, which can be lost.
func (h host) atTerminal(args ...string) *running {
	h.t.Helper()
	ours, theirs, err := pty.Open()
	must(h.t, err)
	defer theirs.Close()
	argv := append([]string{programPath}, args...)
	r := &running{t: h.t, ended: make(chan struct{}), cmd: &exec.Cmd{Path: programPath, Args: argv,
		Stdin: theirs, Stdout: theirs, Stderr: theirs, SysProcAttr: &syscall.SysProcAttr{Setsid: true, Setctty: true}}}
	must(h.t, h.Start(r.cmd))
	go func() {
		defer close(r.ended)
		defer ours.Close()
		_, _ = io.Copy(&r.out, ours) // until nobody has the other side open any more
		r.failed = r.cmd.Wait()
	}()
	return r
}

// heal ends what the fault began.
func (g *stage) heal() {
	g.t.Helper()
	g.sh(strike.Heal)
	must(g.t, g.StartOVS(g.t.Context()))
	if g.spec.Libvirt && g.sh("pidof libvirtd || true") == "" {
		must(g.t, g.StartLibvirt(g.t.Context()))
	}
}

// try lets a fault strike, and fails the test unless the host gets over it by itself.
func (g *stage) try(a act, k strike.Strike) {
	g.t.Helper()
	g.to(a.kept)
	first, r := g.play(a, k)
	if !g.hasStruck() {
		g.t.Fatal("the change at which it strikes was never made")
	}
	if r != nil && r.hasEnded() {
		g.told(a, k, r.wait())
	}
	said := g.over(a, k, first, r)
	g.settled(a, k, said)
}

// over ends the fault and waits until the change has ended: by itself, or because its time is up. Where the guard was killed,
// which no systemd starts again here, the command that waits for the end stands in. It returns what the command said.
func (g *stage) over(a act, k strike.Strike, first, r *running) (said result) {
	g.t.Helper()
	g.heal()
	if waiting(g.lastEvent()) {
		g.timeIsUp()
	}
	g.await("the change has ended", func() bool { return g.lastEvent() == "" })
	if first != nil {
		first.wait()
	}
	if r != nil {
		said = r.wait()
	}
	g.unguarded()
	return said
}

// told checks what the command said against the host as it is at that moment.
func (g *stage) told(a act, k strike.Strike, r result) {
	g.t.Helper()
	unchanged := r.code > 0 && r.code < 4 && strings.Contains(r.out, "nothing was changed")
	switch {
	case r.code == 5 && !strings.Contains(r.out, "What is left:\r\n  - "):
		g.t.Fatalf("exit code 5, and nothing is left:\n%s", r.out)
	case strike.OfDaemon(k.Fault): // the host cannot be looked at
	case r.code == 4, unchanged, r.code == 0 && a.command == "rollback":
		g.mustBe(g.start(a), "it says\n"+r.out+"but")
	}
}

// settled checks how the change has ended: as it may, and with the state that belongs to it.
func (g *stage) settled(a act, k strike.Strike, said result) {
	g.t.Helper()
	var past []trial.Status
	must(g.t, json.Unmarshal([]byte(g.run("history", "--json").want(g.t, 0).out), &past))
	end := trial.RolledBack // of a run that has changed nothing, too
	if len(past) > 0 && (past[0].Undoes != "") == a.kept {
		end = past[0].Phase
	}
	want := g.start(a)
	if end == trial.Confirmed {
		g.kept = !a.kept
		want = g.end(a)
	}
	switch {
	case !slices.Contains(a.ends, end):
		g.t.Fatalf("the change has ended as %s", end)
	case end == trial.Confirmed && said.code == 4, end == trial.RolledBack && said.code == 0 && a.command == "confirm":
		g.t.Fatalf("the change has ended as %s, and it said\n%s", end, said.out)
	}
	if strike.OfDaemon(k.Fault) && g.sh("ovs-vsctl list-br") == "" {
		g.sh("ip link del ovs-netdev 2>/dev/null || true") // the userspace datapath itself, which the dead daemon left
	}
	if g.kept && !a.kept { // confirmed anew
		g.mustBeLike(g.after, func(s string) string { return anew.ReplaceAllString(s, "") }, string(end)+", but")
		g.after = g.look()
		return
	}
	g.mustBe(want, string(end)+", but")
}

// anew is what is another one each time that a change is made: the id of libvirt's network, and when a file was written.
var anew = regexp.MustCompile(`(?m)^ *(<uuid>.*</uuid>|UUID: .*|/etc/network/interfaces [0-9.]+)$`)

// rehearse does the act without a fault, and returns the changes that it makes to the host. An act after which somebody
// has to confirm counts as silence: nobody does.
func (g *stage) rehearse(a act, counted *plantest.Table) []strike.Change {
	g.t.Helper()
	g.to(a.kept)
	k := strike.Strike{At: strike.At{Command: a.command}}
	first, r := g.play(a, k)
	silent := waiting(g.lastEvent()) || a.command == "watch"
	data, err := g.ReadFile(strike.ChangesPath)
	must(g.t, err)
	said := g.over(a, k, first, r)
	g.settled(a, k, said)
	var all []strike.Change
	for line := range bytes.Lines(data) {
		var c strike.Change
		must(g.t, json.Unmarshal(line, &c))
		all = append(all, c)
	}
	for _, kind := range strike.Kinds(all, g.struck) {
		if silent {
			counted.Count(kind, "silence", true)
		}
	}
	return all
}
