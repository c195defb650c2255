package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"bridgehead/backend/lab"
	"bridgehead/backend/trial"
)

// programPath is where a host of a lab has the program.
const programPath = "/usr/local/sbin/bridgehead"

// answersPath is where a host of a lab has the answers.
const answersPath = "/etc/answers.yaml"

// tutorial are the answers of the tutorial, for a kernel without Open vSwitch's datapath.
const tutorial = `version: 1
uplink: {nics: [eth0], kind: nic}
bridge: {name: examplebr0, port: examplebr0p1, datapath: netdev}
address: {method: keep}
apply: {when: now, confirm_within: 10m}
`

var hostAddr, gateway = netip.MustParseAddr(lab.HostAddr), netip.MustParseAddr(lab.GatewayAddr)

// host is a lab with the program on its host.
type host struct {
	*lab.Lab
	t testing.TB
}

// up makes a lab for the time of the test, with the tutorial's answers unless spec has others, and with the test
// binary as the program unless it binds another.
func up(t testing.TB, spec lab.Spec) host {
	t.Helper()
	if spec.Bind == nil {
		spec.Bind = map[string]string{programPath: self(t)}
	}
	files := map[string]string{answersPath: tutorial}
	for path, text := range spec.Files {
		files[path] = text
	}
	spec.Files = files
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	l, err := lab.Up(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return host{l, t}
}

// result is how a command ended.
type result struct {
	code     int
	out, err string
}

// run runs the program on the host to its end.
func (h host) run(args ...string) result {
	h.t.Helper()
	return h.command(append([]string{programPath}, args...)...)
}

// command runs any command on the host to its end.
func (h host) command(argv ...string) result {
	h.t.Helper()
	return h.begin(argv...).wait()
}

// running is a command that has been started on the host.
type running struct {
	t        testing.TB
	cmd      *exec.Cmd
	out, err said
	ended    chan struct{} // it is waited for in any case, or the lab could not end
	failed   error         // once it has ended
}

// said is what a command prints, to be read while it runs.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// says waits until the command has printed text.
func (r *running) says(text string) {
	r.t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(r.out.String()+r.err.String(), text); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%v does not say %q:\n%s%s", r.cmd.Args, text, r.out.String(), r.err.String())
		}
	}
}

// begin starts a command on the host; signals sent to it reach it.
func (h host) begin(argv ...string) *running {
	h.t.Helper()
	r := &running{t: h.t, cmd: &exec.Cmd{Path: argv[0], Args: argv}, ended: make(chan struct{})}
	if !strings.HasPrefix(argv[0], "/") {
		r.cmd = h.Host(argv...)
	}
	r.cmd.Stdout, r.cmd.Stderr, r.cmd.WaitDelay = &r.out, &r.err, 5*time.Second
	var err error
	if strings.HasPrefix(argv[0], "/") {
		err = h.Start(r.cmd)
	} else {
		err = r.cmd.Start()
	}
	must(h.t, err)
	go func() {
		defer close(r.ended)
		r.failed = r.cmd.Wait()
	}()
	return r
}

// hasEnded says whether wait would return at once.
func (r *running) hasEnded() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

func (r *running) wait() result {
	r.t.Helper()
	var exit *exec.ExitError
	select {
	case <-r.ended:
		if r.failed != nil && !errors.As(r.failed, &exit) {
			r.t.Fatalf("%v: %v", r.cmd.Args, r.failed)
		}
	case <-time.After(4 * patience):
		r.t.Fatalf("%v does not end:\n%s%s", r.cmd.Args, r.out.String(), r.err.String())
	}
	return result{r.cmd.ProcessState.ExitCode(), r.out.String(), r.err.String()}
}

// want fails the test unless the command ended with this code and said all the texts.
func (r result) want(t testing.TB, code int, texts ...string) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\n%s%s", r.code, code, r.out, r.err)
	}
	for _, text := range texts {
		if !strings.Contains(words(r.out+r.err), words(text)) {
			t.Fatalf("it does not say %q:\n%s%s", text, r.out, r.err)
		}
	}
	return r
}

func words(s string) string { return strings.Join(strings.Fields(s), " ") }

// sh runs a script on the host, which must succeed, and returns what it prints.
func (h host) sh(script string) string {
	h.t.Helper()
	r := h.command("sh", "-ec", script)
	if r.code != 0 {
		h.t.Fatalf("%s: exit code %d\n%s%s", script, r.code, r.out, r.err)
	}
	return strings.TrimSpace(r.out)
}

// snapshot is what the host has that a change could touch. Whether a leased address runs out is left to the
// DHCP client: it gives it its lifetime again at the next renewal (dhclient-script(8)).
func (h host) snapshot() lab.Snapshot {
	h.t.Helper()
	s, err := h.Snapshot()
	must(h.t, err)
	s.Links = leased.ReplaceAllString(s.Links, "$1")
	return s
}

var leased = regexp.MustCompile(`(family=inet .*) dynamic=true`)

// answers puts the tutorial's answers with further sections in place, or with sections replaced.
func (h host) answers(sections ...string) {
	h.t.Helper()
	text := tutorial
	for _, s := range sections {
		key, _, _ := strings.Cut(s, ":")
		text = regexp.MustCompile(`(?m)^`+key+`:.*\n`).ReplaceAllString(text, "") + s + "\n"
	}
	must(h.t, h.WriteFile(answersPath, []byte(text)))
}

// apply starts an apply that nobody confirms, and returns when the change is active.
func (h host) apply(args ...string) *running {
	h.t.Helper()
	r := h.begin(append([]string{programPath, "apply", "--answers", answersPath}, args...)...)
	r.says("The change is active")
	return r
}

// goAndReturn converts the host and takes that back, twice: in the trial, and after it was confirmed.
// Each time the converted host is looked at, and compared with before afterwards.
func (h host) goAndReturn(look func()) {
	h.t.Helper()
	before := h.snapshot()
	r := h.apply("--accept-risk", "lose-ssh")
	h.changed(before)
	look()
	h.run("rollback").want(h.t, 0, "Taken back. The host is as it was before.")
	r.wait().want(h.t, 4, "the operator asked for it")
	h.same(before)
	h.unguarded()

	h.run("apply", "--answers", answersPath, "--accept-risk", "lose-ssh", "--auto-confirm").want(h.t, 0, "Confirmed")
	look()
	h.unguarded()
	h.run("undo", "--auto-confirm").want(h.t, 0, "Confirmed")
	h.same(before)
	h.unguarded()
}

// same fails the test unless the host is exactly as it was.
func (h host) same(before lab.Snapshot) {
	h.t.Helper()
	if d := before.Diff(h.snapshot()); d != "" {
		h.t.Fatalf("the host is not as it was:\n%s", d)
	}
}

// changed fails the test if the host is as it was: then a comparison proves nothing.
func (h host) changed(before lab.Snapshot) {
	h.t.Helper()
	if before.Diff(h.snapshot()) == "" {
		h.t.Fatal("nothing has changed on the host")
	}
}

// status is what status --json says.
func (h host) status() trial.Status {
	h.t.Helper()
	var s trial.Status
	r := h.run("status", "--json").want(h.t, 0)
	if err := json.Unmarshal([]byte(r.out), &s); err != nil {
		h.t.Fatalf("%v: %s", err, r.out)
	}
	return s
}

// await waits until the host's change is in phase.
func (h host) await(phase trial.Phase) {
	h.t.Helper()
	eventually(h.t, "the change is "+string(phase), func() bool { return h.status().Phase == phase })
}

// over waits until the host's change has ended, either way.
func (h host) over() {
	h.t.Helper()
	eventually(h.t, "the change has ended", func() bool {
		_, err := h.ReadFile("/var/lib/bridgehead/current/plan.json")
		return errors.Is(err, os.ErrNotExist)
	})
}

// unguarded fails the test when something of the guard is left.
func (h host) unguarded() {
	h.t.Helper()
	eventually(h.t, "nothing is left in /var/lib/bridgehead", func() bool {
		return h.sh(`cd /var/lib/bridgehead; ls -A | grep -vx -e history -e lock -e guard.log || true`) == ""
	})
	eventually(h.t, "the watch has ended", func() bool { return h.sh(`pgrep -f 'bridgehead [w]atch' || true`) == "" })
}

// session opens a login to the host.
func (h host) session(to netip.Addr) *lab.Session {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := h.Session(ctx, to)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { s.Close() })
	return s
}

// alive fails the test unless the session still carries what is typed.
func (h host) alive(s *lab.Session) {
	h.t.Helper()
	if err := s.Alive(patience); err != nil {
		h.t.Fatal(err)
	}
}

// reaches fails the test unless the client reaches the address.
func (h host) reaches(to netip.Addr) {
	h.t.Helper()
	eventually(h.t, "the client reaches "+to.String(), func() bool {
		return h.Client("ping", "-q", "-c1", "-W1", to.String()).Run() == nil
	})
}

// probe starts a prober in the client.
func (h host) probe(p lab.Probe) *lab.Prober {
	h.t.Helper()
	pr, err := h.Probe(p)
	if err != nil {
		h.t.Fatal(err)
	}
	return pr
}
