//go:build vm

package vm

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bridgehead/backend/lab/strike"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/trial"
)

// faulty are guests with a change that needs modules of the kernel, and the kinds of its operations that do. A host in
// namespaces cannot load them.
var faulty = []struct {
	name  string
	kinds []string
	guest func(*testing.T) *guest
}{
	{"bond", []string{"add-kernel-bond", "join-bond"}, func(t *testing.T) *guest {
		g := twoNICs(t, true)
		must(t, g.Put(answersPath, bondings[0].answers()))
		return g
	}},
	{"VLAN", []string{"remove-vlan"}, tagged},
}

// everything is a script that prints all of the guest's network that must be as it was.
const everything = `ip -d -o link | grep -v -e ovs-system -e '^[0-9]*: lo:' | sed 's/^[0-9]*: //; s/promiscuity.*allmulti/promiscuity/; s/minmtu.*//' | sort
ip -o addr | sed 's/^[0-9]*: //' | sort; ip route show table all | sort; ip -6 route show table all | sort; ip rule
cat /proc/net/vlan/config /proc/net/bonding/* 2>/dev/null || true
sysctl -a 2>/dev/null | grep -F conf.ens
for table in Open_vSwitch Bridge Port Interface; do ovs-vsctl --columns=_uuid list $table | wc -l; done; ovs-vsctl show | tail -n +2
ifquery --state; find /etc/network -type f -printf '%p %m %u:%g %T@ ' -exec md5sum {} ';' | sort`

// TestFaultsAtOperationsOfTheKernel lets a fault strike at each of these operations as it is done, and as the guard takes it back
// because the time is up: the guest gets over it by itself, and is as it was.
func TestFaultsAtOperationsOfTheKernel(t *testing.T) {
	counted := plantest.Table{Columns: strike.Columns}
	striking := strikingProgram(t)
	for _, f := range faulty {
		for _, command := range []string{"apply", "watch"} {
			t.Run(f.name+"/"+command, func(t *testing.T) {
				struck := func(kind string) bool { return slices.Contains(f.kinds, kind) }
				enter := func() *struckGuest { return prepareToStrike(f.guest(t), striking) }
				g := enter()
				for _, c := range strike.Cases(g.rehearse(command), strike.Without("libvirtd"), struck) {
					tried, began := false, time.Now()
					ok := t.Run(c.String(), func(t *testing.T) {
						tried, g.t = true, t
						g.try(c.Strike)
					})
					if tried { // -run may choose
						counted.Count(c.Kind, c.Column(), ok)
						t.Logf("%5.1f s %t %s %s", time.Since(began).Seconds(), ok, c.Kind, c)
					}
					if !ok {
						g = enter()
					}
				}
			})
		}
	}
	t.Logf("faults at operations of the kernel, passed/tried\n%s", &counted)
}

// strikingProgram is the program that can be struck: the test binary of the root package.
func strikingProgram(t *testing.T) string {
	t.Helper()
	path := filepath.Join(common.dir, "striking")
	build := exec.Command("go", "test", "-c", "-trimpath", "-ldflags", "-s -w", "-o", path, "bridgehead")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	must(t, build.Run())
	return path
}

// struckGuest is a guest on which one fault comes after the other.
type struckGuest struct {
	*guest
	before string
}

func prepareToStrike(g *guest, striking string) *struckGuest {
	g.t.Helper()
	must(g.t, g.Install(g.t.Context(), striking, program))
	g.sh("systemctl stop openvswitch-switch ovs-vswitchd ovsdb-server\n" + strike.OwnDisk(100) + "systemctl start openvswitch-switch")
	g.answers(BootTime)
	g.settledAddresses()
	return &struckGuest{g, g.sh(everything)}
}

// play runs the command with a fault in it, to its end or to where it waits, and ends the fault.
func (g *struckGuest) play(s strike.Strike) {
	g.t.Helper()
	data, err := json.Marshal(s)
	must(g.t, err)
	must(g.t, g.Put(strike.Path, string(data)))
	g.sh("rm -f " + strike.StruckPath + " " + strike.ChangesPath)
	g.begin()
	if s.At.Command == "watch" {
		if said := g.sh("if " + waits + "; then :; else cat /root/command.log; fi"); said != "" {
			g.t.Fatalf("the change does not wait:\n%s", said)
		}
		g.timeIsUp()
		back := "ip -4 -o address | grep -F ' ens3' | grep -qF " + Address // a full disk lets nothing be written down
		g.until("it is struck, and has ended what it could", "test ! -e "+journal+" || test -e "+strike.StruckPath+
			" && { "+back+" || tail -n1 "+journal+" | grep -q '\"event\":\"incomplete\"'; }")
	}
}

// begin applies the change, to its end or to where it waits. Where the machine was too slow the operator tries again.
func (g *struckGuest) begin() {
	g.t.Helper()
	for end := time.Now().Add(BootTime); ; {
		g.atTerminal("apply --accept-risk lose-ssh --answers " + answersPath)
		g.until("the command has ended, or waits", ended+" || "+waits)
		if said := g.sh("cat /root/command.log"); !strings.Contains(said, "nothing was changed") || !slow.MatchString(said) || time.Now().After(end) {
			return
		}
	}
}

// Tests: whether the command has ended, and whether the change waits.
const (
	ended = "! kill -0 $(cat /root/command.pid) 2>/dev/null"
	waits = "tail -n1 " + journal + " 2>/dev/null | grep -q '\"event\":\"waiting\"'"
)

const journal = "/var/lib/bridgehead/current/journal.jsonl"

// atTerminal starts the program with a terminal of its own, which can be lost.
func (g *struckGuest) atTerminal(args string) {
	g.t.Helper()
	g.sh("script -qc 'exec bridgehead " + args + "' /root/command.log </dev/null >/dev/null 2>&1 & echo $! >/root/command.pid")
}

// timeIsUp ends the window of the change that waits.
func (g *struckGuest) timeIsUp() {
	g.t.Helper()
	g.sh(`last=$(tail -n1 ` + journal + `); at=$(echo "$last" | sed 's/.*"at":\([0-9]*\).*/\1/')
echo "$last" | sed 's/"event":"[a-z]*"/"event":"extended"/; s/"deadline":[0-9]*/"deadline":'$at/ >>` + journal)
}

func (g *struckGuest) until(what, test string) {
	g.t.Helper()
	for end := time.Now().Add(BootTime); g.sh("if "+test+"; then echo so; fi") == ""; {
		if time.Now().After(end) {
			g.t.Fatalf("still not: %s\n%s", what, g.sh("bridgehead status; cat /root/command.log"))
		}
	}
}

// over ends the fault, and waits until the guest has taken the change back.
func (g *struckGuest) over() {
	g.t.Helper()
	g.sh(strike.Heal + "\nsystemctl reset-failed")
	g.until("Open vSwitch runs", "systemctl start ovsdb-server ovs-vswitchd openvswitch-switch; ovs-appctl -T 5 version >/dev/null && ovs-vsctl --timeout=5 show >/dev/null")
	if g.status().Phase == trial.Waiting {
		g.timeIsUp()
	}
	g.await(trial.None)
	g.until("the command has ended", ended)
	diff := ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); { // the kernel needs a moment for its IPv6 addresses
		if diff = plantest.Diff(g.before, g.sh(everything)); diff == "" {
			break
		}
	}
	if diff != "" {
		g.t.Fatalf("it was taken back, but\n%s\n%s", diff, g.sh("cat /root/command.log"))
	}
	g.answers(BootTime)
	g.unguarded()
}

// rehearse runs the command without a fault, and returns the changes that it makes to the guest.
func (g *struckGuest) rehearse(command string) (all []strike.Change) {
	g.t.Helper()
	g.play(strike.Strike{At: strike.At{Command: command}})
	lines := g.sh("cat " + strike.ChangesPath + " || cat /root/command.log")
	g.over()
	for line := range strings.Lines(lines) {
		var c strike.Change
		must(g.t, json.Unmarshal([]byte(line), &c))
		all = append(all, c)
	}
	return all
}

// try lets a fault strike, and fails the test unless the guest gets over it by itself.
func (g *struckGuest) try(s strike.Strike) {
	g.t.Helper()
	g.play(s)
	if said := g.sh("test -e " + strike.StruckPath + " || cat /root/command.log"); said != "" {
		g.t.Fatalf("the change at which it strikes was never made:\n%s", said)
	}
	g.over()
}
