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
	endures()
	heard := follow(t, func(e trial.Event) { a.progress(p, e) })
	_, err := t.Stage(ctx, p, window)
	if heard(); err != nil {
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
	endures()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	heard := follow(t, func(e trial.Event) { a.progress(p, e) })
	id, err := start(ctx)
	if heard(); err != nil {
		return err
	}
	s, err := t.Status(context.WithoutCancel(ctx), id)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.err, "The change is active. It is taken back in %s unless it is confirmed: bridgehead confirm\n", s.Remaining.Round(time.Second))
	return a.wait(ctx, t, u, id, heard)
}

// wait follows the run until it has ended, and confirms it when that was asked for. Who ends it is of no matter: what
// it says, and the exit code, is what the journal has.
func (a *app) wait(ctx context.Context, t *trial.Trial, u unattended, id string, heard func()) error {
	last := ""
	for {
		s, err := t.Status(context.WithoutCancel(ctx), id)
		switch {
		case err != nil:
		case s.Phase.Over() && s.Phase != trial.None:
			return a.ended(ctx, t, s)
		case s.Phase == trial.Waiting && u.autoConfirm:
			confirmed, err := a.tryConfirm(ctx, t, &last)
			if heard(); err != nil {
				return err
			}
			if confirmed {
				a.kept(t, id)
				return nil
			}
		}
		if err == nil {
			err = t.StandIn(context.WithoutCancel(ctx), s)
		}
		if heard(); err != nil {
			a.once(&last, err.Error())
		}
		select {
		case <-t.Host.Clock.After(300 * time.Millisecond):
		case <-ctx.Done():
			return a.interrupted(t, id, heard)
		}
	}
}

// ended is how a run ended. What could not be removed of its guard is said, too: often it was the guard that ended it.
func (a *app) ended(ctx context.Context, t *trial.Trial, s trial.Status) error {
	if all, err := t.Outcome(context.WithoutCancel(ctx), s); err == nil {
		s = all
	}
	if s.Remains != "" {
		fmt.Fprintln(a.err, s.Remains)
	}
	switch s.Phase {
	case trial.RolledBack:
		return &trial.RolledBackError{Reason: s.Reason, Notes: s.Notes}
	case trial.Incomplete:
		return &trial.IncompleteError{Reason: s.Reason, Left: s.Left}
	}
	a.kept(t, s.ID)
	return nil
}

func (a *app) kept(t *trial.Trial, id string) {
	fmt.Fprintln(a.err, "Confirmed. To take it back later: bridgehead undo\nReport:", t.ReportPath(id))
}

// tryConfirm confirms when all checks pass; else it says what fails. Its errors are how the run has ended: that it could
// not be confirmed, since the time is up or another bridgehead is at it, does not say that.
func (a *app) tryConfirm(ctx context.Context, t *trial.Trial, last *string) (confirmed bool, err error) {
	results, err := t.Checks(ctx)
	if err == nil && check.Passed(results) {
		err := t.Confirm(context.WithoutCancel(ctx))
		var rolledBack *trial.RolledBackError
		var incomplete *trial.IncompleteError
		if errors.As(err, &rolledBack) || errors.As(err, &incomplete) {
			return false, err
		}
		if err != nil {
			a.once(last, err.Error())
		}
		return err == nil, nil
	}
	for _, r := range results {
		if r.State == check.Failed || r.State == check.Waiting {
			a.once(last, problem(r))
			break
		}
	}
	return false, nil
}

// once prints what was not said last.
func (a *app) once(last *string, text string) {
	if text != *last {
		*last = text
		fmt.Fprintln(a.err, text)
	}
}

// interrupted takes the run back, or sees how it ends where somebody else was quicker.
func (a *app) interrupted(t *trial.Trial, id string, heard func()) error {
	const reason = "interrupted by the operator"
	err := t.Rollback(context.Background(), reason)
	heard()
	var incomplete *trial.IncompleteError
	switch {
	case err == nil:
		return &trial.RolledBackError{Reason: reason}
	case errors.As(err, &incomplete):
		return err
	}
	fmt.Fprintln(a.err, err)
	signal.Reset(os.Interrupt, syscall.SIGTERM) // whoever does not want to see it may leave
	return a.wait(context.Background(), t, unattended{}, id, heard)
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
