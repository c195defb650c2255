// Package stepstest puts an operator before the wizard on a simulated host.
// The host's time passes with that of the testing/synctest bubble, half a
// second apart from the wizard's own ticks, so that no screen depends on which
// of two things that happen at once is the first.
package stepstest

import (
	"context"
	"slices"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/plan"
	"bridgehead/backend/sim"
	"bridgehead/backend/survey"
	"bridgehead/backend/trial"
	"bridgehead/steps"
	"bridgehead/tui"
	"bridgehead/tui/tuitest"
)

// Setup is the host and how the wizard is started on it. The zero Setup is the demo.
type Setup struct {
	Spec    func(*sim.Spec)    // changes the demo host
	Before  func(*sim.Machine) // what happens on it before the wizard starts
	Host    func(backend.Host) backend.Host
	Answers *answers.Answers // of --answers
	Badge   tui.Badge        // tui.Demo unless set
	NotRoot bool
	ASCII   bool
	Width   int // 80 x 24 unless set
	Height  int
}

// Operator is an operator at the wizard, with the machine that it runs on.
type Operator struct {
	*tuitest.Driver
	Machine *sim.Machine
	Wizard  *steps.Wizard
	Saved   map[string]string // what was written by the review screen
}

// Run plays script.
func Run(t *testing.T, s Setup, script func(*Operator)) {
	t.Helper()
	if s.Width == 0 {
		s.Width, s.Height = 80, 24
	}
	op := &Operator{Saved: map[string]string{}}
	tuitest.Run(t, s.Width, s.Height, func(t *testing.T) *tui.Shell { return op.start(t, s) }, func(d *tuitest.Driver) {
		op.Driver = d
		script(op)
	})
}

func (op *Operator) start(t *testing.T, s Setup) *tui.Shell {
	spec := sim.DemoSpec()
	if s.Spec != nil {
		s.Spec(&spec)
	}
	op.Machine = sim.New(spec)
	if s.Before != nil {
		s.Before(op.Machine)
	}
	tr := op.Trial()
	if s.Host != nil {
		tr.Host = s.Host(tr.Host)
	}
	if s.Badge == "" {
		s.Badge = tui.Demo
	}
	op.Wizard = &steps.Wizard{Host: tr.Host, Trial: tr, Given: s.Answers, Badge: s.Badge,
		Look: survey.Options{Root: !s.NotRoot, Rehearsal: s.Badge == tui.Rehearse},
		Save: func(name string, data []byte, _ uint32) (string, error) {
			op.Saved[name] = string(data)
			return "/root", nil
		}}
	go passTime(t.Context(), op.Machine)
	shell := op.Wizard.Shell()
	shell.ASCII = s.ASCII
	return shell
}

// RunLines plays script, line by line.
func RunLines(t *testing.T, s Setup, script func(*Operator, *tuitest.Teller)) {
	t.Helper()
	op := &Operator{Saved: map[string]string{}}
	tuitest.RunLines(t, func(t *testing.T) *tui.Shell { return op.start(t, s) }, func(o *tuitest.Teller) {
		op.Driver = o.Driver
		script(op, o)
	})
}

// Trial is the trials of the machine, as another process sees them.
func (op *Operator) Trial() *trial.Trial {
	return TrialOn(op.Machine)
}

// passTime lets the machine's time pass, and its guard look once per second, as processes of their own: what
// one of them waits for, the other must not hurry.
func passTime(ctx context.Context, m *sim.Machine) {
	watch := TrialOn(m)
	looking := make(chan struct{}, 1)
	pause := 500 * time.Millisecond
	var due time.Duration // when the guard looks again, since boot
	for {
		select {
		case <-time.After(pause):
			pause = time.Second
			m.Advance(time.Second)
		case <-ctx.Done():
			m.Hurry(true)
			m.Advance(time.Second) // a rollback under way ends with the test
			looking <- struct{}{}
			return
		}
		select {
		case looking <- struct{}{}:
		default:
			continue
		}
		if now := watch.Host.Clock.Boottime(); !m.Armed(trial.StateDir) || now < due {
			<-looking
			continue
		}
		go func() {
			again, _ := watch.Look(context.Background()) // what came of it is in the journal
			due = watch.Host.Clock.Boottime() + again
			<-looking
		}()
	}
}

// On is the step shown.
func (op *Operator) On() string { return op.Shell.Step().ID }

// Go presses Enter, or Ctrl-N where Enter goes from field to field, until the step is shown.
func (op *Operator) Go(t *testing.T, step string) {
	t.Helper()
	for op.On() != step {
		before := op.On()
		next := "ctrl+n"
		if slices.Contains([]string{"risk"}, before) {
			op.Wait(time.Second)
			op.Type("apply")
		}
		op.Press(next)
		if op.On() == before {
			t.Fatalf("cannot go on from %s to %s:\n%s", before, step, op.Screen())
		}
	}
}

// Apply types the word on the risk screen, which has to be shown, and waits until the change is
// applied, or taken back.
func (op *Operator) Apply() {
	op.Wait(time.Second) // keys are swallowed at first
	op.Type("apply")
	op.Press("enter")
	op.Wait(2 * time.Second)
}

// TrialOn is the trials of m, as a new process sees them.
func TrialOn(m *sim.Machine) *trial.Trial {
	return &trial.Trial{Host: m.Host(), Dir: trial.StateDir}
}

// Converted has the demo host moved onto Open vSwitch, confirmed, with the libvirt network examplebr0.
func Converted(m *sim.Machine) {
	a := answers.Default()
	a.Uplink.NICs, a.Libvirt = []string{"eth0"}, &answers.Libvirt{Network: "examplebr0", Default: answers.DefaultKeep}
	m.Hurry(true)
	defer m.Hurry(false)
	p, err := Plan(m, a)
	t := TrialOn(m)
	if err == nil {
		_, err = t.Apply(context.Background(), p, answers.DefaultWindow)
	}
	if err == nil {
		err = t.Confirm(context.Background())
	}
	if err != nil {
		panic(err)
	}
}

// Plan surveys m and builds the plan of a.
func Plan(m *sim.Machine, a answers.Answers) (plan.Plan, error) {
	f, err := survey.Take(context.Background(), m.Host(), survey.Options{Root: true})
	if err != nil {
		return plan.Plan{}, err
	}
	return plan.Build(f, a)
}
