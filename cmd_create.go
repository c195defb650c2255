package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/newvm"
)

// createCommand makes the VMs that the answers name, once the bridge is there.
func (a *app) createCommand() *cobra.Command {
	var script bool
	c := &cobra.Command{
		Use: "create --answers FILE", Short: "Create the VMs of the answers' vms.create with virt-install", Args: noArgs,
		Long: `Creates the VMs that the answers name in vms.create, one after the other, with
virt-install. The network is not touched. What stands in the way is told before
anything is made; where one cannot be created, what was made for it is removed.`,
		RunE: func(c *cobra.Command, _ []string) error {
			given, err := a.given()
			switch {
			case err != nil:
				return err
			case given == nil:
				return usageError{errors.New("create needs --answers FILE with vms.create")}
			case given.VMs == nil || len(given.VMs.Create) == 0:
				return usageError{fmt.Errorf("%s names no VM in vms.create", a.answers)}
			}
			if script {
				a.printScripts(given.VMs.Create)
				return nil
			}
			h, err := a.host()
			if err != nil {
				return err
			}
			return a.create(c.Context(), h, given.VMs.Create)
		},
	}
	c.Flags().StringVar(&a.answers, "answers", "", "create what the answers in `FILE` name")
	c.Flags().BoolVar(&a.demo, "demo", false, "on a simulated host")
	c.Flags().BoolVar(&script, "script", false, "print the commands instead")
	return c
}

func (a *app) printScripts(vms []answers.CreateVM) {
	fmt.Fprintln(a.out, "#!/bin/sh\nset -e")
	for _, vm := range vms {
		fmt.Fprintln(a.out, strings.Join(newvm.Script(vm), "\n"))
	}
}

// create refuses all of them before it makes one.
func (a *app) create(ctx context.Context, h backend.Host, vms []answers.CreateVM) error {
	for _, vm := range vms {
		f, err := newvm.Look(ctx, h, vm)
		if err != nil {
			return err
		}
		for _, p := range newvm.Problems(f, vm) {
			if p.Refuse {
				return refusedError{fmt.Errorf("cannot create %s: %s", vm.Name, p)}
			}
			fmt.Fprintf(a.err, "%s: %s\n", vm.Name, p)
		}
	}
	for _, vm := range vms {
		if err := a.createOne(ctx, h, vm); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) createOne(ctx context.Context, h backend.Host, vm answers.CreateVM) error {
	f, err := newvm.Look(ctx, h, vm)
	if err != nil {
		return err
	}
	made, err := newvm.Make(ctx, h, f, vm, func(line string) { fmt.Fprintln(a.err, line) })
	if err != nil {
		if gone := h.Guests.Remove(context.WithoutCancel(ctx), made); gone != nil {
			return fmt.Errorf("%w; and of what was made this is left: %s: %w", err, strings.Join(newvm.Listed(made), ", "), gone)
		}
		return err
	}
	fmt.Fprintf(a.out, "Created: %s.\n", strings.Join(newvm.Listed(made), ", "))
	port, bridge, err := newvm.Tap(ctx, h, made.UUID, 10*time.Second)
	if err != nil {
		fmt.Fprintf(a.err, "%s: %v\n", vm.Name, err)
		return nil
	}
	fmt.Fprintf(a.out, "%s is connected: %s is a port of %s.\n%s\n", vm.Name, port, bridge, newvm.Console(vm))
	return nil
}
