package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"bridgehead/backend/answers"
	"bridgehead/backend/plan"
	"bridgehead/backend/survey"
)

// Commands that only look: survey, plan, version, man.

func (a *app) survey(ctx context.Context) (survey.Facts, error) {
	h, err := a.host()
	if err != nil {
		return survey.Facts{}, err
	}
	return survey.Take(ctx, h, a.look())
}

// look says how the survey is to see this host.
func (a *app) look() survey.Options {
	return survey.Options{Root: a.demo || os.Geteuid() == 0, Foreign: a.root != "" && a.root != "/", StateDir: a.stateDir}
}

func (a *app) surveyCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "survey",
		Short: "Show what this host has, and what stands in the way",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			f, err := a.survey(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(f)
			}
			return survey.Text(a.out, f)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON (see docs/survey-json.md)")
	a.rootFlags(c)
	return c
}

func (a *app) rootFlags(c *cobra.Command) {
	c.Flags().StringVar(&a.root, "root", "", "read files below `DIR`, as if it were /")
	c.Flags().BoolVar(&a.demo, "demo", false, "on a simulated host")
}

func (a *app) planCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "plan --answers FILE",
		Short: "Show what would be done; change nothing",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !validFormat(format) {
				return usageError{fmt.Errorf("%q is no format; use text, json, script or undo-script", format)}
			}
			p, err := a.plan(c.Context())
			if err != nil {
				return err
			}
			return plan.Render(a.out, p, format)
		},
	}
	c.Flags().StringVar(&a.answers, "answers", "", "the answers `FILE`")
	c.Flags().StringVar(&format, "format", plan.FormatText, "text, json, script or undo-script")
	a.rootFlags(c)
	return c
}

func validFormat(f string) bool {
	switch f {
	case plan.FormatText, plan.FormatJSON, plan.FormatScript, plan.FormatUndoScript:
		return true
	}
	return false
}

// plan builds the plan of the answers file for this host. Errors that concern an answer name the file.
func (a *app) plan(ctx context.Context) (plan.Plan, error) {
	given, err := a.given()
	if err != nil {
		return plan.Plan{}, err
	}
	if given == nil {
		return plan.Plan{}, usageError{errors.New("name an answers file: --answers FILE; the wizard writes one from its review screen")}
	}
	f, err := a.survey(ctx)
	if err != nil {
		return plan.Plan{}, err
	}
	p, err := plan.Build(f, *given)
	var bad *answers.Error
	if errors.As(err, &bad) {
		if data, rerr := os.ReadFile(a.answers); rerr == nil {
			bad.Locate(a.answers, data)
		}
	}
	return p, err
}

func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: noArgs, RunE: func(*cobra.Command, []string) error {
		_, err := fmt.Fprintln(a.out, "bridgehead", version)
		return err
	}}
}

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{Use: "man", Short: "Print the manual page (bridgehead man | man -l -)", Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
		return doc.GenMan(c.Root(), &doc.GenManHeader{Title: "BRIDGEHEAD", Section: "8", Source: "bridgehead " + version}, a.out)
	}}
}
