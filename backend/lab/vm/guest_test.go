package vm

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"bridgehead/backend/trial"
)

// guest is a machine for one test, with its peer.
type guest struct {
	*Machine
	t    *testing.T
	dir  string
	peer *Peer
}

const answersPath = "/root/answers.yaml"

// answers are those of the tutorial.
const answers = `version: 1
uplink: {nics: [ens3], kind: nic}
bridge: {name: examplebr0, port: examplebr0p1}
address: {method: keep}
apply: {when: now, confirm_within: 10m}
`

// plug makes a guest's place, with a peer and no power yet.
func plug(t *testing.T) *guest {
	t.Helper()
	dir, err := os.MkdirTemp(common.dir, "g") // the test's own would be too long for a socket
	must(t, err)
	peer, err := NewPeer(dir)
	must(t, err)
	g := &guest{t: t, dir: dir, peer: peer}
	t.Cleanup(func() {
		if g.Machine != nil {
			g.PowerCut()
		}
		peer.Close()
		os.RemoveAll(dir)
	})
	return g
}

// resume is a guest that has booted and answers.
func resume(t *testing.T) *guest {
	t.Helper()
	g := plug(t)
	var err error
	g.Machine, err = Restore(t.Context(), common.img, common.snapshot, g.dir, g.log())
	must(t, err)
	must(t, g.Put(answersPath, answers))
	g.sh("date -s @" + strconv.FormatInt(time.Now().Unix(), 10))
	g.answers(10 * time.Second)
	return g
}

// slow is what is said, with nothing changed, on a machine so busy that the survey had not all its answers in time, or
// systemd did not start the guard.
var slow = regexp.MustCompile("no answer within|deadline exceeded|did not come up in time")

// apply begins the change with the answers, and returns when it waits for confirmation. Where the machine was too
// slow the operator does what it says: try again.
func (g *guest) apply(flags string) {
	g.t.Helper()
	for end := time.Now().Add(BootTime); ; {
		g.sh("(code=0; bridgehead apply --answers " + answersPath + " " + flags + " >/root/apply.log 2>&1 || code=$?; echo $code >/root/apply.code) & echo $! >/root/apply.pid")
		for ended := false; !ended; {
			ended = g.sh("kill -0 $(cat /root/apply.pid) 2>/dev/null || echo ended") != ""
			if g.status().Phase == trial.Waiting {
				return
			}
		}
		if said := g.sh("cat /root/apply.log"); !slow.MatchString(said) || time.Now().After(end) {
			g.t.Fatalf("cannot apply: %s", said)
		}
	}
}

// confirm keeps the change. On a busy machine a check may not have its answer in time; the operator tries again.
func (g *guest) confirm() {
	g.t.Helper()
	var err error
	for end := time.Now().Add(BootTime); time.Now().Before(end); {
		if _, err = g.Sh("bridgehead confirm"); err == nil || !strings.Contains(err.Error(), "a check failed") {
			break
		}
	}
	must(g.t, err)
}

func (g *guest) log() string { return filepath.Join(g.dir, "writes") }

// boot powers the guest on, from the disk as the last machine left it.
func (g *guest) boot() {
	g.t.Helper()
	g.bootFrom(filepath.Join(g.dir, "disk.qcow2"))
}

func (g *guest) bootFrom(disk string) {
	g.t.Helper()
	var err error
	g.Machine, err = Start(g.t.Context(), Spec{Image: common.img, Dir: g.dir, Disk: disk})
	must(g.t, err)
}

// sh runs a script on the guest, which must succeed.
func (g *guest) sh(script string) string {
	g.t.Helper()
	out, err := g.Sh(script)
	must(g.t, err)
	return out
}

// answers waits until the guest answers its gateway, and returns how long after power-on that was.
func (g *guest) answers(within time.Duration) time.Duration {
	g.t.Helper()
	took, err := g.peer.Await(Address, g.Born, within)
	must(g.t, err)
	return took
}

// status is what status --json says.
func (g *guest) status() trial.Status {
	g.t.Helper()
	var s trial.Status
	must(g.t, json.Unmarshal([]byte(g.sh("bridgehead status --json")), &s))
	return s
}

// await waits until the change is in phase.
func (g *guest) await(phase trial.Phase) {
	g.t.Helper()
	var s trial.Status
	for end := time.Now().Add(BootTime); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		if s = g.status(); s.Phase == phase {
			return
		}
	}
	g.t.Fatalf("the change is not %s but %s: %+v\n%s", phase, s.Phase, s, g.sh("cat /root/apply.log || true"))
}

// settled waits until the guest has booted and nothing of a change is under way.
func (g *guest) settled() {
	g.t.Helper()
	if state, _ := g.Sh("systemctl is-system-running --wait"); state != "running" {
		g.t.Errorf("the guest is %s:\n%s", state, g.sh("systemctl list-units --failed --no-legend --plain; journalctl -b -p warning --no-pager -o cat | tail -20"))
	}
	g.await(trial.None)
}

// converted fails the test unless the guest is as the answers say.
func (g *guest) converted() {
	g.t.Helper()
	g.same("bridges and ports", g.sh("ovs-vsctl list-br; ovs-vsctl list-ports examplebr0"), "examplebr0\nens3\nexamplebr0p1")
	g.same("errors", g.sh("ovs-vsctl --bare --columns=error list Interface"), "")
	g.same("addresses", g.sh("ip -4 -br address | grep -v ^lo | tr -s ' '"), "examplebr0p1 UNKNOWN 192.0.2.10/24 ")
	g.same("routes", g.sh("ip route show default"), "default via 192.0.2.1 dev examplebr0p1 onlink ")
}

// untouched fails the test unless the guest is as it was before anything was done.
func (g *guest) untouched() {
	g.t.Helper()
	g.same("bridges", g.sh("ovs-vsctl list-br"), "")
	g.same("addresses", g.sh("ip -4 -br address | grep -v ^lo | tr -s ' '"), "ens3 UP 192.0.2.10/24 ")
	g.same("routes", g.sh("ip route show default"), "default via 192.0.2.1 dev ens3 onlink ")
	want, err := guestFiles.ReadFile("guest/etc/network/interfaces")
	must(g.t, err)
	g.same("/etc/network/interfaces", g.sh("cat /etc/network/interfaces"), strings.TrimSpace(string(want)))
}

// unguarded fails the test when something of the guard is left.
func (g *guest) unguarded() {
	g.t.Helper()
	g.same("left of the guard", g.sh(`find /etc/systemd /run/systemd/system -name '*bridgehead*'
find /etc/network -name '.*'
ls -A /var/lib/bridgehead 2>/dev/null | grep -vx -e history -e lock || true
for i in $(seq 50); do pgrep -x bridgehead >/dev/null || break; sleep 0.1; done
pgrep -ax bridgehead || true
systemctl list-units --all --plain --no-legend 'bridgehead*'`), "")
}

// idle fails the test when anything of the guard runs or would at the next boot. A cut while the guard is armed or
// disarmed may leave its copy of the program behind, which the next change removes, and one in the middle of a write
// the beginning of a file under a name with a dot, which nothing reads. Before it is armed, what is written
// down about the change is no more than that, too.
func (g *guest) idle(armed bool) {
	g.t.Helper()
	may := "-e history -e lock -e guard"
	if !armed {
		may += " -e current"
	}
	g.same("runs, or is enabled, or is left", g.sh(`find /etc/systemd /run/systemd/system -path '*.wants/*bridgehead*'
for i in $(seq 50); do pgrep -x bridgehead >/dev/null || break; sleep 0.1; done
pgrep -ax bridgehead || true
systemctl list-units --all --plain --no-legend 'bridgehead*'
ls -A /var/lib/bridgehead 2>/dev/null | grep -vx `+may+` || true`), "")
}

// history is what bridgehead history says of the changes, without where to read more.
func (g *guest) history() string {
	g.t.Helper()
	return g.sh("bridgehead history | grep -v '^What'")
}

func (g *guest) same(what, got, want string) {
	g.t.Helper()
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		g.t.Errorf("%s:\n%s\nwant:\n%s", what, got, want)
	}
}

// silence is the longest time for which the guest did not answer its gateway during act.
func (g *guest) silence(act func()) time.Duration {
	g.t.Helper()
	var longest time.Duration
	answers := g.answering(act)
	for i := 1; i < len(answers); i++ {
		longest = max(longest, answers[i].Sub(answers[i-1]))
	}
	return longest
}

// answering pings the guest all the while during act: when that began, each answer, when it ended.
func (g *guest) answering(act func()) []time.Time {
	g.t.Helper()
	done, all := make(chan struct{}), make(chan []time.Time)
	go func() {
		answers := []time.Time{time.Now()}
		for {
			select {
			case <-done:
				all <- append(answers, time.Now())
				return
			default:
			}
			if g.peer.Ping(Address, 100*time.Millisecond) {
				answers = append(answers, time.Now())
			}
			<-time.After(5 * time.Millisecond)
		}
	}()
	act()
	close(done)
	return <-all
}
