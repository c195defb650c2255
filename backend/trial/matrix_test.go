package trial_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bridgehead/backend/op"
	"bridgehead/backend/plan"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/sim"
	"bridgehead/backend/trial"
)

// window is how long the trials of these tests wait for confirmation.
const window = 10 * time.Second

// on is the trial of a new process of m.
func on(m *sim.Machine) *trial.Trial { return &trial.Trial{Host: m.Host(), Dir: trial.StateDir} }

// stage is something that a bridgehead does, and what has to be done before it.
type stage struct {
	name   string
	before []string // names of stages
	act    func(context.Context, *trial.Trial, plan.Plan) error
	ends   []trial.Phase // how its run may end; the first is how it ends if nothing fails
}

var stages = []stage{
	{"apply", nil, func(ctx context.Context, t *trial.Trial, p plan.Plan) error {
		_, err := t.Apply(ctx, p, window)
		return err
	}, []trial.Phase{trial.RolledBack}},
	{"confirm", []string{"apply"}, func(ctx context.Context, t *trial.Trial, _ plan.Plan) error {
		return t.Confirm(ctx)
	}, []trial.Phase{trial.Confirmed, trial.RolledBack}},
	{"rollback", []string{"apply"}, func(ctx context.Context, t *trial.Trial, _ plan.Plan) error {
		return t.Rollback(ctx, "the test asks for it")
	}, []trial.Phase{trial.RolledBack}},
	{"undo", []string{"apply", "confirm"}, func(ctx context.Context, t *trial.Trial, _ plan.Plan) error {
		_, err := t.Undo(ctx, "", window, nil)
		return err
	}, []trial.Phase{trial.RolledBack}},
	{"confirm the undo", []string{"apply", "confirm", "undo"}, func(ctx context.Context, t *trial.Trial, _ plan.Plan) error {
		return t.Confirm(ctx)
	}, []trial.Phase{trial.Confirmed, trial.RolledBack}},
	{"roll the undo back", []string{"apply", "confirm", "undo"}, func(ctx context.Context, t *trial.Trial, _ plan.Plan) error {
		return t.Rollback(ctx, "the test asks for it")
	}, []trial.Phase{trial.RolledBack}},
}

func stageNamed(name string) stage {
	return stages[slices.IndexFunc(stages, func(s stage) bool { return s.name == name })]
}

// fault is what goes wrong at one point of a stage.
type fault struct {
	name   string
	strike func(*sim.Machine) error
	often  int // of how many points it is tried at one; 1: at each
}

var errInjected = errors.New("injected")

func nothing(f func(*sim.Machine)) func(*sim.Machine) error {
	return func(m *sim.Machine) error { f(m); return nil }
}

var faults = []fault{
	{"error", func(*sim.Machine) error { return errInjected }, 1},
	{"killed", func(*sim.Machine) error { return sim.ErrKilled }, 1},
	{"power cut", nothing(func(m *sim.Machine) { m.PowerCut(5 * time.Second) }), 1},
	{"disk full", nothing(func(m *sim.Machine) { m.FillDisk(true) }), 3},
	{"read-only", nothing(func(m *sim.Machine) { m.MountReadOnly("/etc", "/var") }), 3},
	{"vswitchd dead", nothing(func(m *sim.Machine) { m.Stop(sim.Vswitchd) }), 3},
	{"vswitchd hung", nothing(func(m *sim.Machine) { m.Hang(sim.Vswitchd) }), 3},
	{"ovsdb dead", nothing(func(m *sim.Machine) { m.Stop(sim.OVSDB) }), 3},
	{"ovsdb hung", nothing(func(m *sim.Machine) { m.Hang(sim.OVSDB) }), 3},
	{"libvirtd dead", nothing(func(m *sim.Machine) { m.Stop(sim.Libvirtd) }), 3},
	{"libvirtd hung", nothing(func(m *sim.Machine) { m.Hang(sim.Libvirtd) }), 3},
}

// heal ends whatever a fault began.
func heal(m *sim.Machine) {
	m.ClearFaults()
	m.FillDisk(false)
	m.MountReadOnly()
	for _, d := range []sim.Daemon{sim.OVSDB, sim.Vswitchd, sim.Libvirtd} {
		m.Start(d)
	}
}

// scene is a machine right before a stage.
type scene struct {
	when    sim.When // of the fault: before the change that it struck, or after it
	c       plantest.Case
	s       stage
	m       *sim.Machine
	p       plan.Plan
	start   string // snapshot of the state to which a rollback has to lead
	confirm string // of the one to which a confirmation leads
}

// open plays everything before the stage.
func open(t *testing.T, c plantest.Case, s stage, p plan.Plan) scene {
	t.Helper()
	sc := scene{c: c, s: s, m: c.Machine(), p: p}
	sc.start = sc.m.Snapshot()
	sc.m.OnBoot(func() { _ = on(sc.m).Boot(context.Background()) })
	for _, name := range s.before {
		if err := stageNamed(name).act(context.Background(), on(sc.m), p); err != nil {
			t.Fatalf("%s before %s: %v", name, s.name, err)
		}
		if name == "confirm" {
			sc.start = sc.m.Snapshot()
		}
	}
	return sc
}

// restarted is the state to which a rollback has to lead on a machine that was restarted meanwhile.
func restarted(t *testing.T, c plantest.Case, s stage, p plan.Plan) string {
	quiet := s
	quiet.before = s.before[:slices.Index(s.before, "confirm")+1] // what was confirmed before the stage
	sc := open(t, c, quiet, p)
	sc.m.Reboot()
	return sc.m.Snapshot()
}

// recalled is what becomes of m, whose change has ended, when libvirtd dies there and is started anew: a network
// whose bridge is away does not outlive that, and nobody is there any more who would start it.
func recalled(m *sim.Machine) string {
	m.Stop(sim.Libvirtd)
	m.Start(sim.Libvirtd)
	return m.Snapshot()
}

// guard is what the watch does in a new process, for ten minutes at most. It
// returns why it could not finish.
func guard(m *sim.Machine) string {
	w := on(m)
	for end := w.Host.Clock.Boottime() + 10*time.Minute; ; {
		pause, err := w.Look(context.Background())
		switch s, _ := w.Status(context.Background(), ""); {
		case err != nil:
			return "the watch ends with: " + err.Error()
		case pause == 0:
			return ""
		case w.Host.Clock.Boottime() > end:
			return fmt.Sprintf("after ten minutes the run is still %s: %q", s.Phase, s.Left)
		}
		<-w.Host.Clock.After(pause)
	}
}

// columns are the faults as they are counted, in the order of docs/faults.md.
var columns = []string{"silence", "error before", "error after", "wizard killed", "power cut", "rollback killed", "disk full", "read-only",
	"vswitchd dead", "vswitchd hung", "ovsdb dead", "ovsdb hung", "libvirtd dead", "libvirtd hung"}

// TestMatrix lets every kind of fault happen at every change that each stage makes
// to the host, before its effect and after it, and looks at what becomes of the host: it
// runs what was confirmed, or it is exactly as it was.
func TestMatrix(t *testing.T) {
	var (
		counted = plantest.Table{Columns: columns}
		ran     atomic.Int32 // -run may choose some of them
	)
	t.Run("of", func(t *testing.T) {
		for _, c := range plantest.Cases() {
			t.Run(c.Name+"/silence", func(t *testing.T) {
				t.Parallel()
				silence(t, c, &counted)
			})
			for _, s := range stages {
				t.Run(c.Name+"/"+s.name, func(t *testing.T) {
					t.Parallel()
					matrix(t, c, s, &counted)
					ran.Add(1)
				})
			}
		}
	})
	t.Logf("passed/tried, by operation and fault\n%s", &counted)
	for _, kind := range op.Kinds() {
		if full && int(ran.Load()) == len(stages)*len(plantest.Cases()) && !slices.Contains(counted.Rows(), kind) {
			t.Errorf("no fault was tried at %s", kind)
		}
	}
}

// silence counts, for every kind of operation of a change that waits, the operator who does not answer: the
// watch, a process of its own, takes it back.
func silence(t *testing.T, c plantest.Case, counted *plantest.Table) {
	for _, s := range []stage{stageNamed("confirm"), stageNamed("confirm the undo")} {
		s.ends = []trial.Phase{trial.RolledBack}
		sc := open(t, c, s, c.Plan(t, c.Machine()))
		status, err := on(sc.m).Status(t.Context(), "")
		must(t, err)
		why := guard(sc.m)
		if why == "" {
			why = sc.settled(errInjected)
		}
		kinds := map[string]bool{}
		for i, item := range status.Plan.Items {
			if status.Ops[i].State == "done" {
				kinds[item.Op.Kind()] = true
			}
		}
		for kind := range kinds {
			counted.Count(kind, "silence", why == "")
		}
		if why != "" {
			t.Errorf("%s, %s, nobody answers: %s", c.Name, s.name, why)
		}
	}
}

func matrix(t *testing.T, c plantest.Case, s stage, counted *plantest.Table) {
	p := c.Plan(t, c.Machine())
	dry := open(t, c, s, p)
	first, verified := dry.m.Points(), math.MaxInt
	act := on(dry.m)
	act.Progress = func(e trial.Event) {
		if e.Name == "rolled-back" { // behind the two points of that record
			verified = dry.m.Points() - 2
		}
	}
	if err := s.act(t.Context(), act, p); err != nil {
		t.Fatal(err)
	}
	last := dry.m.Points()
	done, recalled, booted := dry.m.Snapshot(), recalled(dry.m), ""
	if s.ends[0] == trial.Confirmed {
		dry.m.Reboot()
		booted = dry.m.Snapshot()
	}
	for _, f := range faults {
		if strings.HasPrefix(f.name, "libvirtd") && p.Answers.Libvirt == nil {
			continue
		}
		for n := first; n < last; n++ {
			if (n-first)%every(c, f) != 0 {
				continue
			}
			sc := open(t, c, s, p)
			sc.confirm = done
			switch f.name {
			case "power cut":
				sc.confirm, sc.start = booted, restarted(t, c, s, p)
			case "libvirtd dead":
				sc.confirm = recalled
				if n >= verified {
					sc.start = recalled
				}
			}
			kind, where, why := sc.strike(t, f, n)
			counted.Count(kind, sc.column(f), why == "")
			if why != "" {
				t.Errorf("%s at %s: %s", f.name, where, why)
			}
		}
	}
}

// full asks for every case there is, which takes minutes.
var full = os.Getenv("BRIDGEHEAD_TEST") == "full"

// every is how many points there are for each that f is tried at.
func every(c plantest.Case, f fault) int {
	switch {
	case full:
		return 1
	case c.Name == "static":
		return 5 * f.often
	}
	return 31 * f.often
}

// strike plays the stage with fault f at point n, then lets the guard work. It
// returns at which operation that was, and what is wrong then.
func (sc *scene) strike(t *testing.T, f fault, n int) (kind, where, why string) {
	kind = "(around them)"
	var struck sim.Point
	tr := on(sc.m)
	now := "(around them)"
	var ops []plan.Item
	tr.Progress = func(e trial.Event) {
		switch e.Name {
		case "doing", "undoing":
			if ops == nil {
				s, _ := tr.Status(context.Background(), "")
				ops = s.Plan.Items
			}
			if e.Op < len(ops) { // none, once the process is dead
				now = ops[e.Op].Op.Kind()
			}
		case "done", "undone", "failed", "undo-failed":
			now = "(around them)"
		}
	}
	sc.m.Fault(func(p sim.Point) error {
		if p.N != n {
			return nil
		}
		struck, kind, sc.when = p, now, p.When
		return f.strike(sc.m)
	})
	err := sc.s.act(t.Context(), tr, sc.p)
	where = fmt.Sprint(struck)
	if struck.What == "" {
		return kind, where, "the point was never reached"
	}
	if why := sc.told(err, f); why != "" {
		return kind, where, why
	}
	heal(sc.m)
	if why := guard(sc.m); why != "" {
		return kind, where, why
	}
	return kind, where, sc.settled(err)
}

// column is where a case is counted: errors by their side of the change, kills by who was killed.
func (sc *scene) column(f fault) string {
	switch {
	case f.name == "error" && sc.when == sim.Before:
		return "error before"
	case f.name == "error":
		return "error after"
	case f.name == "killed" && strings.HasPrefix(sc.s.name, "roll"):
		return "rollback killed"
	case f.name == "killed":
		return "wizard killed"
	}
	return f.name
}

// told checks what the stage returned against the host as it is at that moment.
func (sc *scene) told(err error, f fault) string {
	var (
		unchanged  *trial.UnchangedError
		rolledBack *trial.RolledBackError
		incomplete *trial.IncompleteError
	)
	dead := f.name == "killed" || f.name == "power cut" // nobody was told anything
	now := sc.m.Snapshot()
	if strings.Contains(f.name, "dead") || strings.Contains(f.name, "hung") { // the snapshot shows the daemons, too
		now = ""
	}
	switch {
	case dead && err == nil && f.name != "power cut":
		return ""
	case dead:
		return ""
	case errors.As(err, &incomplete):
		if len(incomplete.Left) == 0 {
			return "incomplete, and nothing is left"
		}
	case errors.As(err, &rolledBack), errors.As(err, &unchanged):
		if now != "" && sc.settle(now) != sc.settle(sc.start) {
			return fmt.Sprintf("it says %q, but\n%s", err, plantest.Diff(sc.settle(sc.start), sc.settle(now)))
		}
	case err != nil && sc.s.ends[0] == trial.RolledBack && sc.s.name != "rollback" && sc.s.name != "roll the undo back":
		return fmt.Sprintf("an error that does not say how it ended: %v", err)
	}
	return ""
}

// settled checks how the run ended once nothing goes wrong any more: with one of
// the ends that it may have, and the state that belongs to it.
func (sc *scene) settled(told error) string {
	tr := on(sc.m)
	if s, err := tr.Status(context.Background(), ""); err != nil || s.Phase != trial.None {
		return fmt.Sprintf("the run is still %s, %v", s.Phase, err)
	}
	if sc.m.Armed(trial.StateDir) {
		return "the guard is still armed"
	}
	all, err := tr.History(context.Background())
	if err != nil {
		return err.Error()
	}
	end := trial.RolledBack // of a stage that changed nothing, too
	if runs := strings.Count(strings.Join(sc.s.before, " "), "apply") + strings.Count(strings.Join(sc.s.before, " "), "undo"); len(all) > 0 && (len(all) > runs || sc.s.name != "apply" && sc.s.name != "undo") {
		end = all[0].Phase
	}
	if !slices.Contains(sc.s.ends, end) {
		return fmt.Sprintf("the run ended as %s", end)
	}
	var rolledBack *trial.RolledBackError
	if end == trial.Confirmed && errors.As(told, &rolledBack) {
		return "it said that it was rolled back, and is confirmed"
	}
	if end == trial.RolledBack && told == nil && sc.s.ends[0] == trial.Confirmed {
		return "it said that it was confirmed, and is rolled back"
	}
	want := sc.start
	if end == trial.Confirmed {
		want = sc.confirm
	}
	if d := plantest.Diff(sc.settle(want), sc.settle(sc.m.Snapshot())); d != "" {
		return fmt.Sprintf("%s, but\n%s", end, d)
	}
	return ""
}

var lifetime = regexp.MustCompile(" valid_lft .*")

// settle leaves out what comes and goes with a boot, and what a DHCP client sets when it likes.
func (sc *scene) settle(snapshot string) string {
	var out []string
	for _, line := range strings.Split(snapshot, "\n") {
		lease := strings.HasPrefix(line, "/var/lib/dhcp/")
		if !lease && !slices.Contains([]string{"-bash", "sshd: root@pts/0"}, line) {
			out = append(out, lifetime.ReplaceAllString(line, ""))
		}
	}
	return strings.Join(out, "\n")
}
