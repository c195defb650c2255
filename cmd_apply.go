package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"bridgehead/backend/answers"
	"bridgehead/backend/check"
	"bridgehead/backend/plan"
	"bridgehead/backend/trial"
)

// loseSSH is the name of the risk that unattended runs have to accept.
const loseSSH = "lose-ssh"

// unattended are the flags of a run without the wizard.
type unattended struct {
	accept      []string
	autoConfirm bool
	within      answers.Duration
}

func (u *unattended) flags(c *cobra.Command) {
	c.Flags().BoolVar(&u.autoConfirm, "auto-confirm", false, "confirm as soon as every check passes")
	c.Flags().Var((*durationFlag)(&u.within), "confirm-within", "take everything back unless confirmed within this `TIME`, for example 10m")
}

type durationFlag answers.Duration

func (d *durationFlag) String() string { return "" }
func (d *durationFlag) Type() string   { return "duration" }
func (d *durationFlag) Set(s string) error {
	return (*answers.Duration)(d).UnmarshalText([]byte(s))
}

// window is the time to confirm, from the flag or else the answers.
func (u *unattended) window(given answers.Duration) (time.Duration, error) {
	if u.within != 0 {
		given = u.within
	}
	d := time.Duration(given)
	if d < answers.MinWindow || d > answers.MaxWindow {
		return 0, usageError{fmt.Errorf("--confirm-within %s is out of range; use %s to %s", given, answers.Duration(answers.MinWindow), answers.Duration(answers.MaxWindow))}
	}
	return d, nil
}

func (a *app) applyCommand() *cobra.Command {
	var u unattended
	c := &cobra.Command{
		Use:   "apply --answers FILE",
		Short: "Do it; returns when it is confirmed or rolled back",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.apply(c.Context(), u)
		},
	}
	c.Flags().StringVar(&a.answers, "answers", "", "the answers `FILE`")
	c.Flags().StringSliceVar(&u.accept, "accept-risk", nil, "accept a risk by `NAME`: "+loseSSH)
	u.flags(c)
	return c
}

func (a *app) apply(ctx context.Context, u unattended) error {
	for _, name := range u.accept {
		if name != loseSSH {
			return usageError{fmt.Errorf("--accept-risk %s: there is no such risk; there is %s", name, loseSSH)}
		}
	}
	if a.answers != "" && u.within != 0 {
		if _, err := u.window(0); err != nil {
			return err
		}
	}
	p, err := a.plan(ctx)
	if err != nil {
		return err
	}
	return a.do(ctx, p, u)
}

// do applies a plan, and returns when it is confirmed or rolled back.
func (a *app) do(ctx context.Context, p plan.Plan, u unattended) error {
	if err := mustBeRoot(); err != nil && !a.demo {
		return err
	}
	if p.Risk.LoseSSH() && len(u.accept) == 0 {
		for _, l := range p.Risk.Lines() {
			fmt.Fprintln(a.err, "  -", l)
		}
		return refusedError{fmt.Errorf("logins may be lost; to go on say --accept-risk %s; nothing was changed", loseSSH)}
	}
	window, err := u.window(p.Answers.Apply.ConfirmWithin)
	if err != nil {
		return err
	}
	t, err := a.trial()
	if err != nil {
		return err
	}
	if p.Answers.Apply.When == answers.WhenReboot {
		return a.stage(ctx, t, p, window)
	}
	return a.attend(ctx, t, u, p, func(ctx context.Context) (string, error) { return t.Apply(ctx, p, window) })
}

// stage writes the change down for the next boot. There is nothing to stay for.
func (a *app) stage(ctx context.Context, t *trial.Trial, p plan.Plan, window time.Duration) error {
	t.Progress = func(e trial.Event) { a.progress(p, e) }
	if _, err := t.Stage(ctx, p, window); err != nil {
		return err
	}
	fmt.Fprintf(a.err, "Written down. Restart the host when you like: it comes up with the change, and takes it back\nunless you run bridgehead confirm within %s of that. To forget it before: bridgehead rollback\n", answers.Duration(window))
	return nil
}

func mustBeRoot() error {
	if os.Geteuid() != 0 {
		return refusedError{errors.New("only root may change the network: run it with sudo; nothing was changed")}
	}
	return nil
}

// attend starts a trial and stays with it until it has ended. A hang-up of the terminal does not end it:
// the login through which it was started may be the one that is cut. Ctrl-C takes everything back.
func (a *app) attend(ctx context.Context, t *trial.Trial, u unattended, p plan.Plan, start func(context.Context) (string, error)) error {
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	t.Progress = func(e trial.Event) { a.progress(p, e) }
	id, err := start(ctx)
	if err != nil {
		return err
	}
	s, err := t.Status(context.WithoutCancel(ctx), id)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.err, "The change is active. It is taken back in %s unless it is confirmed: bridgehead confirm\n", s.Remaining.Round(time.Second))
	return a.wait(ctx, t, u, id)
}

// wait follows the run until it has ended, and confirms it when that was asked for.
func (a *app) wait(ctx context.Context, t *trial.Trial, u unattended, id string) error {
	last := ""
	for {
		s, err := t.Status(context.WithoutCancel(ctx), id)
		if err != nil {
			return err
		}
		switch s.Phase {
		case trial.Confirmed:
			fmt.Fprintln(a.err, "Confirmed. To take it back later: bridgehead undo\nReport:", t.ReportPath(id))
			return nil
		case trial.RolledBack:
			return &trial.RolledBackError{Reason: s.Reason, Notes: s.Notes}
		case trial.Incomplete:
			return &trial.IncompleteError{Reason: s.Reason, Left: s.Left}
		case trial.Waiting:
			if u.autoConfirm {
				if err := a.tryConfirm(ctx, t, &last); err != nil {
					return err
				}
				continue
			}
		}
		select {
		case <-t.Host.Clock.After(200 * time.Millisecond):
		case <-ctx.Done():
			return a.interrupted(t)
		}
	}
}

// tryConfirm confirms when all checks pass; else it says what fails, once, and waits a moment.
func (a *app) tryConfirm(ctx context.Context, t *trial.Trial, last *string) error {
	results, err := t.Checks(ctx)
	if err == nil && check.Passed(results) {
		return t.Confirm(context.WithoutCancel(ctx))
	}
	for _, r := range results {
		if (r.State == check.Failed || r.State == check.Waiting) && r.Text+r.Why != *last {
			*last = r.Text + r.Why
			fmt.Fprintln(a.err, problem(r))
			break
		}
	}
	select {
	case <-t.Host.Clock.After(500 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return a.interrupted(t)
	}
}

func (a *app) interrupted(t *trial.Trial) error {
	const reason = "interrupted by the operator"
	if err := t.Rollback(context.Background(), reason); err != nil {
		return err
	}
	return &trial.RolledBackError{Reason: reason}
}

// progress prints one event of the journal.
func (a *app) progress(p plan.Plan, e trial.Event) {
	if e.Name == trial.GuardLeft {
		fmt.Fprintln(a.err, e.Text)
	}
	if e.Op < 0 || e.Op >= len(p.Items) {
		return
	}
	switch e.Name {
	case "done", "undone":
		fmt.Fprintf(a.err, "%-7s %s\n", e.Name, p.Items[e.Op].Op.Describe().Text)
	case "failed", "undo-failed":
		fmt.Fprintf(a.err, "%-7s %s: %s\n", "FAILED", p.Items[e.Op].Op.Describe().Text, e.Text)
	}
}
