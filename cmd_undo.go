package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"bridgehead/backend/trial"
)

// acceptChanges is the flag by which an undo goes on although the host has been changed since.
const acceptChanges = "accept-changes"

func (a *app) undoCommand() *cobra.Command {
	var (
		u      unattended
		accept bool
	)
	c := &cobra.Command{
		Use: "undo [TIME]", Short: "Take a confirmed change back, under the same guard; TIME is from history", Args: atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			id := ""
			if len(args) == 1 {
				id = args[0]
			}
			t, err := a.changing()
			if err != nil {
				return err
			}
			back, err := t.Return(c.Context(), id)
			if err != nil {
				return err
			}
			window, err := u.window(back.Plan.Answers.Apply.ConfirmWithin)
			if err != nil {
				return err
			}
			if err := a.drifted(back, accept, os.Stdin); err != nil {
				return err
			}
			return a.attend(c.Context(), t, u, back.Plan, func(ctx context.Context) (string, error) { return t.Undo(ctx, back.ID, window, back.Drift) })
		},
	}
	c.Flags().BoolVar(&accept, acceptChanges, false, "also where the host has been changed since, and those changes are lost")
	u.flags(c)
	return c
}

// drifted shows what has been changed on the host since, and has it accepted: by the flag, or by a word typed at a terminal.
func (a *app) drifted(back trial.Return, accept bool, in *os.File) error {
	if len(back.Drift) == 0 {
		return nil
	}
	a.printDrift(back)
	switch {
	case accept:
		return nil
	case !term.IsTerminal(int(in.Fd())):
		return refusedError{fmt.Errorf("the host has been changed since; to go on and lose that say --%s; nothing was changed", acceptChanges)}
	}
	fmt.Fprint(a.err, "\nTo lose these changes and go on, type undo: ")
	word, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("cannot read what is typed: %w; nothing was changed", err)
	}
	if strings.TrimSpace(word) != "undo" {
		return refusedError{errors.New("not taken back; nothing was changed")}
	}
	return nil
}

func (a *app) printDrift(back trial.Return) {
	fmt.Fprintf(a.err, "The host is no longer as the change of %s left it. Taking that back loses:\n", back.ID)
	for _, d := range back.Drift {
		fmt.Fprintln(a.err, "  -", d.Text)
		if d.Change != nil {
			fmt.Fprint(a.err, udiff.Unified(d.Change.Path+" as confirmed", d.Change.Path+" now", d.Change.Before, d.Change.After))
		}
	}
	fmt.Fprintln(a.err, "If you do not keep the undo, files, addresses, routes, rules and settings come back as they are now; what else is listed is as the change had left it.")
}
