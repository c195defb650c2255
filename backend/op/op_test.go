package op_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/lab"
	"bridgehead/backend/op"
	"bridgehead/backend/plan"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/real"
	"bridgehead/backend/sim"
)

// On the host of a lab this test is a program that builds a plan, or does one thing with one operation.
func TestMain(m *testing.M) {
	lab.Main()
	if len(os.Args) > 1 && (os.Args[1] == "plan" || os.Args[1] == "op") {
		if err := inLab(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0") // or every order takes a second longer
	os.Exit(m.Run())
}

// order is one thing to do with one operation.
type order struct {
	Op     json.RawMessage `json:"op"`
	Verb   string          `json:"verb"` // check, do, verify, undo
	Strike plantest.Strike `json:"strike"`
}

type answer struct {
	Err    string          `json:"err"`
	Strike plantest.Strike `json:"strike"`
}

func inLab(role string) error {
	h, err := real.Host(real.Options{})
	if err != nil {
		return err
	}
	in, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	if role == "plan" {
		a, err := answers.Parse("stdin", in)
		if err != nil {
			return err
		}
		p, err := plantest.Build(h, a)
		if err != nil {
			return err
		}
		return plan.Render(os.Stdout, p, plan.FormatJSON)
	}
	var o order
	if err := json.Unmarshal(in, &o); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(run(h, o))
}

// run decodes the operation and does with it what is asked.
func run(h backend.Host, o order) answer {
	h = o.Strike.On(h)
	x, err := op.Decode(o.Op)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err = map[string]func(context.Context, backend.Host) error{"check": x.Check, "do": x.Do, "verify": x.Verify, "undo": x.Undo}[o.Verb](ctx, h)
	}
	if err != nil {
		return answer{err.Error(), o.Strike}
	}
	return answer{"", o.Strike}
}

// host is a simulated one, or one in a lab. Each order is carried out by a process of its own.
type host interface {
	run(t *testing.T, o order) answer
	snapshot(t *testing.T) string
}

type simulated struct{ *sim.Machine }

func (s simulated) run(_ *testing.T, o order) answer { return run(s.Host(), o) }
func (s simulated) snapshot(*testing.T) string       { return steady(s.Snapshot()) }

type labHost struct{ *lab.Lab }

const program = "/opt/op.test"

func (l labHost) call(t *testing.T, stdin []byte, role string) []byte {
	t.Helper()
	cmd := l.Host(program, role)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		t.Fatalf("%s: %v", role, err)
	}
	return out
}

func (l labHost) run(t *testing.T, o order) answer {
	t.Helper()
	in, err := json.Marshal(o)
	must(t, err)
	var a answer
	must(t, json.Unmarshal(l.call(t, in, "op"), &a))
	return a
}

func (l labHost) snapshot(t *testing.T) string {
	t.Helper()
	s, err := l.Snapshot()
	must(t, err)
	return steady(s.String())
}

// A network that is defined anew has a new UUID, a userspace datapath a new MAC, a lease's time runs, a DHCP client writes when it likes.
var unsteady = regexp.MustCompile(`(?m)^.*(<uuid>|UUID: |/var/lib/dhcp/|ifname=ovs-netdev ).*\n| dynamic=true| valid_lft .*$`)

// steady leaves out what comes and goes by itself, and sorts what has an order only by its age.
func steady(s string) string {
	var sections [][]string
	for _, line := range strings.Split(unsteady.ReplaceAllString(s, ""), "\n") {
		last := len(sections) - 1
		switch {
		case strings.HasPrefix(line, "# ") || strings.HasPrefix(line, "== ") || last < 0:
			sections = append(sections, []string{line})
		case strings.HasPrefix(line, " "):
			sections[last][len(sections[last])-1] += "\n" + line
		default:
			sections[last] = append(sections[last], line)
		}
	}
	for _, blocks := range sections {
		slices.Sort(blocks[1:])
	}
	return strings.Join(slices.Concat(sections...), "\n")
}

// lease is what a DHCP client got for the port: it goes with the port, when the NIC has its own again.
var lease = regexp.MustCompile(`(?m)^.*(192\.168\.1\.100/24.*|192\.168\.1\..* dev) examplebr0p1.*\n`)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// count is how many cases there were of each kind of operation.
type count map[string]int

// promises checks, for each operation of the plan in turn, what each promises. Of
// the points at which one can be struck it tries one in every.
func promises(t *testing.T, h host, p plan.Plan, every int) count {
	n := count{}
	for i, item := range p.Items {
		kind := item.Op.Kind()
		code, err := op.Encode(item.Op)
		must(t, err)
		start := h.snapshot(t)
		do := func(verb string, s plantest.Strike) answer { return h.run(t, order{code, verb, s}) }
		ok := func(verb string) int {
			t.Helper()
			a := do(verb, plantest.Strike{})
			if a.Err != "" {
				t.Fatalf("operation %d, %s: %s: %s", i, kind, verb, a.Err)
			}
			return a.Strike.Calls
		}
		same := func(what, want string) {
			t.Helper()
			n[kind]++
			now := h.snapshot(t)
			if kind == "start-dhcp" {
				now, want = lease.ReplaceAllString(now, ""), lease.ReplaceAllString(want, "")
			}
			if d := plantest.Diff(want, now); d != "" {
				t.Fatalf("operation %d, %s: %s:\n%s", i, kind, what, d)
			}
		}
		ok("check")
		same("a check changes something", start)
		ok("undo")
		same("an undo before it was done changes something", start)
		does := ok("do")
		ok("verify")
		done := h.snapshot(t)
		ok("do")
		same("done twice is not done once", done)
		undoes := ok("undo")
		same("do and undo is not nothing", start)
		ok("undo")
		same("undone twice is not undone once", start)
		for at := 1; at <= does; at += every {
			for _, after := range []bool{false, true} {
				a := do("do", plantest.Strike{N: at, After: after})
				// What is a courtesy, or is done again at once, may fail without a word.
				if a.Err == "" {
					ok("verify")
				}
				ok("undo")
				same(fmt.Sprintf("undo after a do that failed at change %d, after its effect %t (%s)", at, after, a.Err), start)
			}
		}
		for at := 1; at <= undoes; at += every {
			for _, after := range []bool{false, true} {
				ok("do")
				a := do("undo", plantest.Strike{N: at, After: after})
				ok("undo")
				same(fmt.Sprintf("undo after an undo that failed at change %d, after its effect %t (%s)", at, after, a.Err), start)
			}
		}
		ok("do")
		same("done after all that is not done", done)
	}
	return n
}

func (n count) String() string {
	var out []string
	all := 0
	for kind, cases := range n {
		out = append(out, fmt.Sprintf("%s %d", kind, cases))
		all += cases
	}
	slices.Sort(out)
	return fmt.Sprintf("%d cases: %s", all, strings.Join(out, ", "))
}

func TestPromises(t *testing.T) {
	for _, c := range plantest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			m := c.Machine()
			t.Log(promises(t, simulated{m}, c.Plan(t, m), 1))
		})
	}
}

// TestPromisesInLab is TestPromises on a kernel, Open vSwitch, libvirt and ifupdown.
func TestPromisesInLab(t *testing.T) {
	self, err := os.Executable()
	must(t, err)
	const ask = "version: 1\nuplink: {nics: [eth0], kind: nic}\nbridge: {name: examplebr0, datapath: netdev}\n"
	for name, x := range map[string]struct {
		spec    lab.Spec
		answers string
		every   int
	}{
		"rich": {lab.Spec{IPv6: true, Libvirt: true, Interfaces: rich, Sysctls: map[string]string{"ipv4/conf/default/rp_filter": "1"}}, ask + "libvirt: {network: examplebr0}\n", 9},
		"dhcp": {lab.Spec{DHCP: true, Interfaces: "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet dhcp\n"}, ask, 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x.spec.Bind = map[string]string{program: self}
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			l, err := lab.Up(ctx, x.spec)
			must(t, err)
			defer func() {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			}()
			h := labHost{l}
			p, err := plan.Decode(h.call(t, []byte(x.answers), "plan"))
			must(t, err)
			t.Log(promises(t, h, p, x.every))
		})
	}
}

const rich = `auto lo
iface lo inet loopback

auto eth0
iface eth0 inet static
	address 10.77.0.10/24
	gateway 10.77.0.1
	up ip addr add 10.77.0.11/24 dev eth0
	up ip route add 10.50.0.0/16 via 10.77.0.1 dev eth0
	up ip route add default via 10.77.0.1 dev eth0 table 100

iface eth0 inet6 static
	address fd00:77::10/64
	gateway fd00:77::1

auto eth0:1
iface eth0:1 inet static
	address 10.9.0.5/24
`
