// Bridgehead moves a KVM host onto Open vSwitch and never loses it.
//
// This package is the command line only: it builds the host and the steps and
// hands over.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/lab"
	"bridgehead/backend/plan"
	"bridgehead/backend/real"
	"bridgehead/backend/sim"
	"bridgehead/backend/trial"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "0.1.0"

// Exit codes; they are part of the contract.
const (
	exitDone       = 0
	exitUnchanged  = 1 // failed, nothing changed
	exitUsage      = 2 // bad usage or answers, nothing changed
	exitRefused    = 3 // refused by the survey, nothing changed
	exitRolledBack = 4 // failed and rolled back, verified
	exitIncomplete = 5 // rolled back incompletely: a human is needed
)

func main() {
	lab.Main()
	os.Exit(run())
}

func run() int {
	a := &app{out: os.Stdout, err: os.Stderr, release: func() {}}
	defer func() { a.release() }() // last: the keyboard is the shell's again
	err := a.command().ExecuteContext(context.Background())
	if err != nil {
		fmt.Fprintln(a.err, "bridgehead:", err)
	}
	return exitCode(err)
}

// usageError is a mistake on the command line.
type usageError struct{ error }

// refusedError is a risk that was not accepted.
type refusedError struct{ error }

func exitCode(err error) int {
	var (
		rolledBack *trial.RolledBackError
		incomplete *trial.IncompleteError
		refusal    *plan.Refusal
		bad        *answers.Error
		usage      usageError
		refused    refusedError
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &incomplete):
		return exitIncomplete
	case errors.As(err, &rolledBack):
		return exitRolledBack
	case errors.As(err, &refusal), errors.As(err, &refused):
		return exitRefused
	case errors.As(err, &bad), errors.As(err, &usage):
		return exitUsage
	}
	return exitUnchanged
}

// app is what all commands share.
type app struct {
	stateDir string
	root     string
	demo     bool
	answers  string
	plain    bool
	machine  *sim.Machine // with --demo
	out      io.Writer
	err      io.Writer
	release  func() // gives the keyboard back that a wizard has held
}

// host is the host that the commands work on.
func (a *app) host() (backend.Host, error) {
	if a.demo {
		if a.machine == nil {
			a.machine = sim.Demo()
		}
		return a.machine.Host(), nil
	}
	return realHost(real.Options{Root: a.root})
}

// realHost is the host that this program runs on; tests make parts of it fail.
var realHost = real.Host

func (a *app) trial() (*trial.Trial, error) {
	h, err := a.host()
	if err != nil {
		return nil, err
	}
	return &trial.Trial{Host: h, Dir: a.stateDir}, nil
}

// given reads the answers file, if one is named.
func (a *app) given() (*answers.Answers, error) {
	if a.answers == "" {
		return nil, nil
	}
	data, err := os.ReadFile(a.answers)
	if err != nil {
		return nil, usageError{fmt.Errorf("cannot read the answers: %w", err)}
	}
	x, err := answers.Parse(a.answers, data)
	if err != nil {
		return nil, err
	}
	return &x, nil
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "bridgehead",
		Short: "Move a KVM host onto Open vSwitch, and never lose it",
		Long: `Bridgehead moves a KVM host onto Open vSwitch, step by step: it shows every
change beforehand, arms a rollback guard, applies, checks, and takes everything
back unless you confirm. Without a command it opens the wizard.

Exit codes: 0 done, 1 failed and nothing changed, 2 bad usage or answers,
3 refused by the survey, 4 failed and rolled back, 5 rolled back incompletely.`,
		Args:          noArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version,
		RunE:          func(c *cobra.Command, _ []string) error { return a.wizard(c.Context()) },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.Flags().StringVar(&a.answers, "answers", "", "start from the answers in `FILE`")
	root.Flags().BoolVar(&a.plain, "plain", false, "line by line instead of screens: for a screen reader, or a terminal that can show none")
	root.Flags().BoolVar(&a.demo, "demo", false, "on a simulated host: no root, nothing is touched")
	root.PersistentFlags().StringVar(&a.stateDir, "state", trial.StateDir, "state directory")
	_ = root.PersistentFlags().MarkHidden("state")
	root.AddCommand(
		a.rehearseCommand(), a.surveyCommand(), a.planCommand(), a.applyCommand(), a.attachCommand(), a.createCommand(),
		a.statusCommand(), a.checkCommand(), a.confirmCommand(), a.extendCommand(), a.rollbackCommand(), a.undoCommand(), a.historyCommand(),
		a.watchCommand(), a.bootCommand(), a.resumeCommand(), a.versionCommand(), a.manCommand(),
	)
	return root
}

func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unknown command %q; see bridgehead --help", args[0])}
	}
	return nil
}

func atMostOne(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usageError{fmt.Errorf("%s takes one argument at most", c.CommandPath())}
	}
	return nil
}
