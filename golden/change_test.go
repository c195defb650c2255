package golden_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/sim"
	"bridgehead/backend/trial"
	"bridgehead/steps/stepstest"
	"bridgehead/tui"
)

var real = setup{Badge: tui.Real}

func TestReview(t *testing.T) {
	save := func(t *testing.T, op *operator) {
		to("review", "s")(t, op)
		for _, name := range []string{"bridgehead-answers.yaml", "bridgehead-apply.sh", "bridgehead-undo.sh"} {
			if op.Saved[name] == "" {
				t.Errorf("%s was not saved", name)
			}
		}
	}
	playAll(t, []play{
		{"review-changes", setup{}, to("review")},
		{"review-commands", setup{}, to("review", "3")},
		{"review-commands-end", setup{}, to("review", "3", "end")},
		{"review-changes-next", setup{}, to("review", "c")},
		{"review-changes-end", setup{}, to("review", "end")},
		{"review-search", setup{}, func(t *testing.T, op *operator) { to("review", "/")(t, op); op.Type("mac:"); op.Press("enter") }},
		{"review-search-typing", setup{}, func(t *testing.T, op *operator) { to("review", "/")(t, op); op.Type("mac") }},
		{"review-whole-files", setup{}, to("review", "w")},
		{"review-sideways", setup{Width: 60, Height: 16}, to("review", "c", "right")},
		{"review-picture", setup{}, to("review", "2")},
		{"review-picture-narrow", setup{Width: 60, Height: 16}, to("review", "2")},
		{"review-picture-wide", setup{Width: 132, Height: 43, Spec: everything}, to("review", "2")},
		{"review-picture-ascii", setup{ASCII: true}, to("review", "2")},
		{"review-timeline", setup{}, to("review", "4")},
		{"review-timeline-end", setup{}, to("review", "4", "end")},
		{"review-risks", setup{Spec: stepstest.Colleague}, to("review", "5")},
		{"review-saved", setup{}, save},
		{"review-remove-default", setup{Spec: stepstest.DefaultUnused}, func(t *testing.T, op *operator) {
			op.Go(t, "libvirt")
			op.Press("tab", "tab", "tab", "down", "down")
			to("review", "c", "c", "c", "c")(t, op)
		}},
		{"review-refused", setup{Spec: func(s *sim.Spec) {
			vlan := backend.Link{Name: "eth0.10", Kind: "vlan", Parent: "eth0", VLAN: 10, Virtual: true, Up: true}
			s.Links = append(s.Links, vlan)
			f := s.Files["/etc/network/interfaces"]
			f.Data = append(f.Data, "\nauto eth0.10\niface eth0.10 inet manual\n"...)
			s.Files["/etc/network/interfaces"] = f
		}}, to("review")},
	})
}

func TestRisk(t *testing.T) {
	wait := func(t *testing.T, op *operator) { op.Go(t, "risk"); op.Wait(time.Second) }
	static := func(t *testing.T, op *operator) {
		fill("address", "down", "tab", "192.168.1.77/24")(t, op)
		wait(t, op)
	}
	rules := func(s *sim.Spec) {
		s.Files["/etc/nftables.conf"] = backend.File{Data: []byte("table inet filter {\n  chain input {\n    iifname \"eth0\" tcp dport 22 accept\n  }\n}\n"), Mode: 0o644}
	}
	playAll(t, []play{
		{"risk-own-session", real, wait},
		{"risk-narrow", setup{Badge: tui.Real, Width: 60, Height: 16, ASCII: true, Spec: stepstest.All(stepstest.Console, stepstest.Colleague, rules)}, wait},
		{"risk-first-moment", real, to("risk")},
		{"risk-word-missing", real, func(t *testing.T, op *operator) { wait(t, op); op.Type("yes"); op.Press("enter") }},
		{"risk-console-safe", setup{Spec: stepstest.Console, Badge: tui.Real}, wait},
		{"risk-console-others", setup{Spec: stepstest.All(stepstest.Console, stepstest.Colleague, rules), Badge: tui.Real}, wait},
		{"risk-new-address", real, static},
		{"risk-new-address-console", setup{Spec: stepstest.Console, Badge: tui.Real}, static},
		{"risk-unknown", setup{Badge: tui.Real, Spec: func(s *sim.Spec) {
			s.Processes[len(s.Processes)-1].PPID, s.Sockets = 1, nil
			s.Processes[len(s.Processes)-1].Env = nil
		}}, wait},
		{"risk-rehearsal", setup{Badge: tui.Rehearse}, wait},
		{"risk-not-root", setup{NotRoot: true, Badge: tui.Real}, func(t *testing.T, op *operator) { wait(t, op); op.Type("apply"); op.Press("enter") }},
	})
}

// slow is an Open vSwitch that takes its time.
type slow struct{ backend.Switch }

func (s slow) Transact(ctx context.Context, args ...string) error {
	<-time.After(4 * time.Second)
	return s.Switch.Transact(ctx, args...)
}

func slowSwitch(h backend.Host) backend.Host { h.Switch = slow{h.Switch}; return h }

func TestApply(t *testing.T) {
	apply := func(t *testing.T, op *operator) { op.Go(t, "risk"); op.Apply() }
	refuse := func(words string) func(*testing.T, *operator) {
		return func(t *testing.T, op *operator) {
			stepstest.FailOn(op.Machine, words, "ovs-vsctl: no row \"examplebr0\" in table Bridge")
			apply(t, op)
		}
	}
	playAll(t, []play{
		{"apply-running", setup{Badge: tui.Real, Host: slowSwitch}, func(t *testing.T, op *operator) { apply(t, op); op.Wait(time.Second) }},
		{"apply-leave", setup{Badge: tui.Real, Host: slowSwitch}, func(t *testing.T, op *operator) { apply(t, op); op.Press("ctrl+c") }},
		{"apply-failed", real, refuse("add-port examplebr0 eth0")},
		{"apply-failed-done", real, func(t *testing.T, op *operator) { refuse("add-port examplebr0 eth0")(t, op); op.Press("enter") }},
		{"apply-disk-full", real, func(t *testing.T, op *operator) { op.Go(t, "risk"); op.Machine.FillDisk(true); op.Apply() }},
		{"apply-disk-full-done", real, func(t *testing.T, op *operator) {
			op.Go(t, "risk")
			op.Machine.FillDisk(true)
			op.Apply()
			op.Press("enter")
		}},
		{"apply-no-dhcp-server", real, func(t *testing.T, op *operator) {
			to("address", "down", "down")(t, op)
			apply(t, op)
			op.Wait(2 * time.Minute)
		}},
	})
}

// trialOf applies, and then presses keys.
func trialOf(keys ...string) func(*testing.T, *operator) {
	return func(t *testing.T, op *operator) {
		op.Go(t, "risk")
		op.Apply()
		if op.On() != "confirm" {
			t.Fatalf("not applied:\n%s", op.Screen())
		}
		op.Press(keys...)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestConfirm(t *testing.T) {
	slowChecks := setup{Badge: tui.Real, Host: func(h backend.Host) backend.Host { h.Prober = deaf{h.Prober}; return h }}
	playAll(t, []play{
		{"confirm-checking", slowChecks, trialOf()},
		{"confirm-ok", real, trialOf()},
		{"confirm-narrow", setup{Badge: tui.Real, Width: 60, Height: 16, ASCII: true}, trialOf()},
		{"confirm-wide", setup{Badge: tui.Real, Width: 132, Height: 43}, trialOf()},
		{"confirm-failing", real, func(t *testing.T, op *operator) {
			trialOf()(t, op)
			op.Machine.Plug("eth0", false)
			op.Wait(3 * time.Second)
		}},
		{"confirm-failing-keep", real, func(t *testing.T, op *operator) {
			trialOf()(t, op)
			op.Machine.Plug("eth0", false)
			op.Wait(3 * time.Second)
			op.Press("k")
		}},
		{"confirm-silent-gateway", setup{Badge: tui.Real, Spec: func(s *sim.Spec) { s.Peers[0].NoPing = true }}, trialOf()},
		{"confirm-ask-keep", real, trialOf("k")},
		{"confirm-ask-rollback", real, trialOf("r")},
		{"confirm-enter", real, trialOf("enter")},
		{"confirm-esc", real, trialOf("esc")},
		{"confirm-extended", real, trialOf("e")},
		{"confirm-extended-elsewhere", real, func(t *testing.T, op *operator) {
			trialOf()(t, op)
			_, err := op.Trial().Extend(context.Background(), 20*time.Minute)
			must(t, err)
			op.Wait(time.Second)
		}},
		{"confirm-too-long", setup{Badge: tui.Real, Answers: tutorial(func(a *answers.Answers) { a.Apply.ConfirmWithin = answers.Duration(time.Hour) })}, trialOf("e")},
		{"confirm-leave", real, trialOf("ctrl+c")},
		{"confirm-no-guard", real, func(t *testing.T, op *operator) {
			trialOf()(t, op)
			must(t, op.Machine.Host().Guard.Disarm(context.Background(), op.Trial().Dir))
			op.Wait(time.Second)
		}},
		{"confirm-help", real, trialOf("?")},
	})
}

// deaf is a network on which nothing has an answer yet.
type deaf struct{ backend.Prober }

func (d deaf) Ping(ctx context.Context, link string, to netipAddr) (time.Duration, error) {
	if link == "eth0" {
		return d.Prober.Ping(ctx, link, to)
	}
	<-time.After(time.Hour)
	return 0, errors.New("no answer")
}

// earlier leaves a change of an earlier wizard on the machine.
func earlier(after func(*sim.Machine)) func(*sim.Machine) {
	return func(m *sim.Machine) {
		must := func(err error) {
			if err != nil {
				panic(err)
			}
		}
		tr := stepstest.TrialOn(m)
		p, err := stepstest.Plan(m, *tutorial(nil))
		must(err)
		_, err = tr.Apply(context.Background(), p, 10*time.Minute)
		must(err)
		m.Kill(tr.Host.Processes.Self())
		m.Advance(3 * time.Minute)
		if after != nil {
			after(m)
		}
	}
}

// expired is a rollback that nobody saw.
func expired(m *sim.Machine) {
	m.Hurry(true)
	if err := stepstest.TrialOn(m).Rollback(context.Background(), "nobody confirmed in time"); err != nil {
		panic(err)
	}
	m.Hurry(false)
}

// unplugged is a rollback that cannot prove that the gateway answers: someone pulled the cable.
func unplugged(m *sim.Machine) {
	m.Plug("eth0", false)
	m.Hurry(true)
	_ = stepstest.TrialOn(m).Rollback(context.Background(), "nobody confirmed in time")
	m.Hurry(false)
}

func TestEarlier(t *testing.T) {
	playAll(t, []play{
		{"earlier-waiting", setup{Badge: tui.Real, Before: earlier(nil)}, func(_ *testing.T, op *operator) { op.Wait(time.Second) }},
		{"earlier-expired", setup{Badge: tui.Real, Before: earlier(expired)}, nil},
		{"earlier-incomplete", setup{Badge: tui.Real, Before: earlier(unplugged)}, nil},
		{"earlier-incomplete-again", setup{Badge: tui.Real, Before: earlier(unplugged)}, func(_ *testing.T, op *operator) {
			op.Press("r")
			op.Wait(20 * time.Second)
		}},
		{"earlier-incomplete-rolling-back", setup{Badge: tui.Real, Before: earlier(unplugged)}, func(_ *testing.T, op *operator) {
			op.Press("r")
			op.Wait(3 * time.Second)
		}},
		{"earlier-incomplete-mended", setup{Badge: tui.Real, Before: earlier(unplugged)}, func(_ *testing.T, op *operator) {
			op.Machine.Plug("eth0", true)
			op.Press("r")
			op.Wait(20 * time.Second)
		}},
	})
}

// betweenAttempts waits until the guard has tried a rollback again and pauses: it does so ever more rarely.
func betweenAttempts(t *testing.T, op *operator) {
	for _, phase := range []trial.Phase{trial.RollingBack, trial.Incomplete, trial.RollingBack, trial.Incomplete} {
		for range 600 {
			s, err := op.Trial().Status(context.Background(), "")
			must(t, err)
			if s.Phase == phase {
				break
			}
			op.Wait(100 * time.Millisecond)
		}
	}
	op.Wait(time.Second)
}

func TestDone(t *testing.T) {
	playAll(t, []play{
		{"done-confirmed", real, func(t *testing.T, op *operator) { trialOf("k", "enter")(t, op); op.Wait(time.Second) }},
		{"done-demo", setup{}, func(t *testing.T, op *operator) { trialOf("k", "enter")(t, op); op.Wait(time.Second) }},
		{"done-narrow", setup{Badge: tui.Real, Width: 60, Height: 16, ASCII: true}, func(t *testing.T, op *operator) { trialOf("k", "enter")(t, op); op.Wait(time.Second) }},
		{"done-wide", setup{Badge: tui.Real, Width: 132, Height: 43}, func(t *testing.T, op *operator) { trialOf("k", "enter")(t, op); op.Wait(time.Second) }},
		{"done-rehearsed", setup{Badge: tui.Rehearse}, func(t *testing.T, op *operator) { trialOf("k", "enter")(t, op); op.Wait(time.Second) }},
		{"done-confirmed-elsewhere", real, func(t *testing.T, op *operator) {
			trialOf()(t, op)
			must(t, op.Trial().Confirm(context.Background()))
			op.Wait(time.Second)
		}},
		{"done-rolled-back", real, func(t *testing.T, op *operator) { trialOf("r", "enter")(t, op); op.Wait(time.Second) }},
		{"done-expired", setup{Badge: tui.Real, Answers: tutorial(func(a *answers.Answers) { a.Apply.ConfirmWithin = answers.Duration(answers.HumanWindow) })},
			func(t *testing.T, op *operator) { trialOf()(t, op); op.Wait(answers.HumanWindow) }},
		{"done-incomplete", real, func(t *testing.T, op *operator) {
			trialOf()(t, op)
			op.Machine.Plug("eth0", false)
			op.Press("r", "enter")
			betweenAttempts(t, op)
		}},
		{"done-cannot-write", real, func(t *testing.T, op *operator) {
			trialOf()(t, op)
			stepstest.FailOn(op.Machine, "write /etc/network/interfaces", "cannot write /etc/network/interfaces: input/output error")
			op.Press("k", "enter")
			op.Wait(20 * time.Second)
		}},
		{"done-leave", real, func(t *testing.T, op *operator) {
			trialOf("k", "enter")(t, op)
			op.Wait(time.Second)
			op.Press("ctrl+c")
		}},
	})
}

// Each finished run has a report in its directory, and the screen says where.
func TestReport(t *testing.T) {
	for name, keys := range map[string][]string{"confirmed": {"k", "enter"}, "taken-back": {"r", "enter"}} {
		t.Run(name, func(t *testing.T) {
			stepstest.Run(t, real, func(op *operator) {
				trialOf(keys...)(t, op)
				op.Wait(time.Second)
				all, err := op.Trial().History(context.Background())
				must(t, err)
				path := op.Trial().ReportPath(all[0].ID)
				op.Want(path)
				f, err := op.Machine.Host().Files.Read(path)
				must(t, err)
				if f.Mode != 0o600 || string(f.Data) != op.Trial().Report(all[0]) {
					t.Errorf("%s (mode %o) is not what bridgehead history prints:\n%s", path, f.Mode, f.Data)
				}
				golden(t, "reports/"+name+".txt", string(f.Data))
			})
		})
	}
}

func TestRestart(t *testing.T) {
	restart := func(step string, keys ...string) func(*testing.T, *operator) {
		return func(t *testing.T, op *operator) {
			to("safety", "down")(t, op)
			to(step, keys...)(t, op)
		}
	}
	staged := func(keys ...string) func(*testing.T, *operator) {
		return func(t *testing.T, op *operator) {
			restart("risk")(t, op)
			op.Apply()
			op.Press(keys...)
		}
	}
	playAll(t, []play{
		{"restart-timeline", real, restart("review", "4")},
		{"restart-risk", real, restart("risk")},
		{"restart-staged", real, staged()},
		{"restart-staged-done", real, staged("enter")},
		{"restart-staged-leave", real, staged("ctrl+c")},
		{"restart-taken-back", real, func(t *testing.T, op *operator) { staged("r", "enter")(t, op); op.Wait(time.Second) }},
	})
}
