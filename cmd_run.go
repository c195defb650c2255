package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"bridgehead/backend/answers"
	"bridgehead/backend/check"
	"bridgehead/backend/guard"
	"bridgehead/backend/trial"
)

// Commands about a run that was begun elsewhere: status, confirm, extend, rollback, undo, history, watch.

func (a *app) statusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "status", Short: "Show whether a change is pending, and for how long", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			t, err := a.trial()
			if err != nil {
				return err
			}
			s, err := t.Status(c.Context(), "")
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(s)
			}
			last, err := t.History(c.Context())
			a.printStatus(s, last)
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// printStatus prints what is pending, or how the last change ended: its guard may have been the only one to see.
func (a *app) printStatus(s trial.Status, last []trial.Status) {
	switch s.Phase {
	case trial.None:
		fmt.Fprintln(a.out, "No change is pending.")
		if len(last) > 0 {
			fmt.Fprintln(a.out, "The last one:", historyLine(last[0]))
			for _, n := range last[0].Notes {
				fmt.Fprintln(a.out, "  -", n)
			}
			if last[0].Remains != "" {
				fmt.Fprintln(a.out, last[0].Remains)
			}
		}
		return
	case trial.Waiting:
		fmt.Fprintf(a.out, "A change of %s waits for confirmation. It is taken back in %s.\n", s.ID, s.Remaining.Round(time.Second))
		fmt.Fprintln(a.out, "Keep it: bridgehead confirm    More time: bridgehead extend 5m    Take it back: bridgehead rollback")
	case trial.Staged:
		fmt.Fprintf(a.out, "A change of %s is written down for the next boot. To forget it: bridgehead rollback\n", s.ID)
	case trial.Incomplete:
		fmt.Fprintf(a.out, "The change of %s was taken back (%s), but not completely. What is left:\n", s.ID, s.Reason)
		for _, l := range s.Left {
			fmt.Fprintln(a.out, "  -", l)
		}
		fmt.Fprintln(a.out, "Correct that, then run: bridgehead rollback. To leave it as it is: bridgehead rollback --accept")
	default:
		fmt.Fprintf(a.out, "The change of %s is %s.\n", s.ID, s.Phase)
	}
	if s.Guard != "" {
		fmt.Fprintf(a.out, "Guard: %s\n", s.Guard)
	} else if !s.Phase.Over() {
		fmt.Fprintln(a.out, "NO GUARD RUNS: run bridgehead confirm or bridgehead rollback yourself.")
	}
	for _, o := range s.Ops {
		fmt.Fprintf(a.out, "  %-12s %s\n", o.State, o.Text)
	}
}

func (a *app) confirmCommand() *cobra.Command {
	var anyway bool
	c := &cobra.Command{
		Use: "confirm", Short: "Keep the change that waits", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			t, err := a.changing()
			if err != nil {
				return err
			}
			s, err := t.Status(c.Context(), "")
			if err != nil {
				return err
			}
			if s.Phase == trial.Waiting && !anyway {
				if err := a.mustPass(c.Context(), t); err != nil {
					return err
				}
			}
			endures()
			heard := follow(t, func(e trial.Event) { a.progress(s.Plan, e) })
			err = t.Confirm(c.Context())
			if heard(); err != nil {
				return err
			}
			fmt.Fprintln(a.out, "Confirmed. To take it back later: bridgehead undo\nReport:", t.ReportPath(s.ID))
			return nil
		},
	}
	c.Flags().BoolVar(&anyway, "anyway", false, "also when a check fails")
	return c
}

// changing is a trial for a command that changes the host.
func (a *app) changing() (*trial.Trial, error) {
	if err := mustBeRoot(); err != nil {
		return nil, err
	}
	return a.trial()
}

func (a *app) mustPass(ctx context.Context, t *trial.Trial) error {
	results, err := t.Checks(ctx)
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.State == check.Failed || r.State == check.Waiting {
			fmt.Fprintln(a.err, problem(r))
		}
	}
	if !check.Passed(results) {
		return errors.New("not confirmed: a check failed; correct it, or keep the change all the same with bridgehead confirm --anyway")
	}
	return nil
}

func (a *app) extendCommand() *cobra.Command {
	return &cobra.Command{
		Use: "extend TIME", Short: "Give yourself more time to confirm, for example 5m",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("say how much more time: bridgehead extend 5m")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			var d answers.Duration
			if err := d.UnmarshalText([]byte(args[0])); err != nil {
				return usageError{err}
			}
			t, err := a.changing()
			if err != nil {
				return err
			}
			left, err := t.Extend(c.Context(), time.Duration(d))
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "Extended: %s remain.\n", left.Round(time.Second))
			return nil
		},
	}
}

func (a *app) rollbackCommand() *cobra.Command {
	var accept bool
	c := &cobra.Command{
		Use: "rollback", Short: "Take the change back now, or go on with a rollback that was incomplete", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			t, err := a.changing()
			if err != nil {
				return err
			}
			s, err := t.Status(c.Context(), "")
			if err != nil {
				return err
			}
			if accept {
				if err := t.Accept(c.Context()); err != nil {
					return err
				}
				fmt.Fprintln(a.out, "Accepted. Nothing watches over that change any more.")
				return nil
			}
			endures()
			heard := follow(t, func(e trial.Event) { a.progress(s.Plan, e) })
			err = t.Rollback(c.Context(), "the operator asked for it")
			if heard(); err != nil {
				return err
			}
			fmt.Fprintln(a.out, "Taken back. The host is as it was before.")
			done, err := t.Status(c.Context(), s.ID)
			for _, n := range done.Notes {
				fmt.Fprintln(a.out, "  -", n)
			}
			return err
		},
	}
	c.Flags().BoolVar(&accept, "accept", false, "accept what an incomplete rollback has left, and forget it")
	return c
}

func (a *app) historyCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "history [TIME]", Short: "List the changes made on this host, newest first, or print the report of one", Args: atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			t, err := a.trial()
			if err != nil {
				return err
			}
			all, err := t.History(c.Context())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				i := slices.IndexFunc(all, func(s trial.Status) bool { return s.ID == args[0] })
				if i < 0 {
					return fmt.Errorf("no change of %s was made on this host; bridgehead history lists them", args[0])
				}
				all = all[i : i+1]
			}
			if asJSON {
				return a.printJSON(all)
			}
			if len(all) == 0 {
				fmt.Fprintln(a.out, "No change has been made on this host.")
			}
			if len(args) == 1 {
				fmt.Fprint(a.out, t.Report(all[0]))
				return nil
			}
			for _, s := range all {
				fmt.Fprintln(a.out, historyLine(s))
			}
			if len(all) > 0 {
				fmt.Fprintf(a.out, "What one of them did: bridgehead history TIME, or %s\n", t.ReportPath("TIME"))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func historyLine(s trial.Status) string {
	text := fmt.Sprintf("%s  %-11s  %s", s.ID, s.Phase, s.Plan.Answers.What())
	if s.Undoes != "" {
		text += ", takes back " + s.Undoes
	}
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}

// watchCommand is what the guard runs.
func (a *app) watchCommand() *cobra.Command {
	return &cobra.Command{
		Use: "watch", Hidden: true, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			t, err := a.trial()
			if err != nil {
				return err
			}
			endures()
			signal.Notify(make(chan os.Signal, 1), syscall.SIGINT)
			defer a.narrate(t)()
			if _, err := t.Status(c.Context(), ""); err != nil {
				return err
			}
			if err := guard.Ready(); err != nil {
				return err
			}
			// A shutdown lets a rollback that has begun finish; the unit gives it the time.
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM)
			defer stop()
			return t.Watch(ctx)
		},
	}
}

// bootCommand is what the boot unit runs, before the network starts.
func (a *app) bootCommand() *cobra.Command {
	return &cobra.Command{
		Use: "boot", Hidden: true, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			t, err := a.trial()
			if err != nil {
				return err
			}
			endures()
			defer a.narrate(t)()
			return t.Boot(c.Context())
		},
	}
}

// resumeCommand is what the boot script of a host without systemd runs, once the network is up: it starts the watch.
func (a *app) resumeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "resume", Hidden: true, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return guard.Resume(c.Context(), a.stateDir)
		},
	}
}
