package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"bridgehead/backend/check"
	"bridgehead/backend/trial"
)

// checkCommand looks once whether the change that waits works, and can do what a bond needs.
func (a *app) checkCommand() *cobra.Command {
	var asJSON, remedy bool
	c := &cobra.Command{
		Use: "check", Short: "Look whether the change that waits works, and how its bond is", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			t, err := a.changing()
			if err != nil {
				return err
			}
			results, err := t.Checks(c.Context())
			if err != nil {
				return err
			}
			if remedy {
				return a.remedy(c.Context(), t, results)
			}
			if asJSON {
				return a.printJSON(results)
			}
			a.printChecks(results)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&remedy, "remedy", false, "do what is proposed about the bond")
	return c
}

func (a *app) printChecks(results []check.Result) {
	for _, r := range results {
		line := r.Text
		if r.Why != "" {
			line += ": " + r.Why
		}
		fmt.Fprintf(a.out, "%-8s  %s\n", r.State, line)
		if r.Do != "" {
			fmt.Fprintf(a.out, "%-8s  What to do: %s\n", "", r.Do)
		}
		if r.Bond != nil {
			for _, l := range r.Bond.Lines() {
				fmt.Fprintf(a.out, "%-8s  %s\n", "", l)
			}
		}
		if f, ok := r.Remedy(); ok {
			fmt.Fprintf(a.out, "%-8s  For %s: bridgehead check --remedy\n", "", f.Key())
		}
	}
}

// problem is a check that does not pass, in one line.
func problem(r check.Result) string {
	text := fmt.Sprintf("%s: %s: %s", r.State, r.Text, r.Why)
	if r.Do != "" {
		text += ". What to do: " + r.Do
	}
	return text
}

func (a *app) remedy(ctx context.Context, t *trial.Trial, results []check.Result) error {
	for _, r := range results {
		if f, ok := r.Remedy(); ok {
			if err := t.Remedy(ctx, f); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "Done: %s. To see what became of it: bridgehead check\n", f.Key())
			return nil
		}
	}
	return errors.New("nothing is proposed about a bond")
}
