package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"bridgehead/backend/answers"
	"bridgehead/backend/plan"
	"bridgehead/backend/survey"
	"bridgehead/backend/virt"
)

// attachment are the flags of bridgehead attach.
type attachment struct {
	answers.AttachVM
	bridge, network string
	portGroup       string // office, or office=10
	dryRun          bool
	format          string
}

func (a *app) attachCommand() *cobra.Command {
	var x attachment
	var u unattended
	c := &cobra.Command{
		Use:   "attach VM...",
		Short: "Connect VMs to the bridge of a host that has been moved already",
		Long: `Connects VMs to a bridge that is there, by the NIC that they have, another one, or
a new one. Opens the wizard at its review, where everything is shown before it is
done; the steps before can be reached with Esc. With --auto-confirm it is done
without the wizard, and kept as soon as every check passes.

A running VM keeps its NIC where it is until it is shut down and started again; a
new NIC is plugged in at once. --portgroup office=10 gives the network that port
group first, which VMs that use the network do not notice.`,
		Args: someVMs,
		RunE: func(c *cobra.Command, names []string) error {
			switch set := c.Flags().Changed; {
			case set("confirm-within") && !u.autoConfirm:
				return usageError{errors.New("--confirm-within goes with --auto-confirm; the wizard asks")}
			case x.dryRun && u.autoConfirm:
				return usageError{errors.New("--dry-run changes nothing, and --auto-confirm would; leave one of them out")}
			case set("format") && !x.dryRun:
				return usageError{errors.New("--format goes with --dry-run")}
			case !validFormat(x.format):
				return usageError{fmt.Errorf("%q is no format; use text, json, script or undo-script", x.format)}
			}
			return a.attach(c.Context(), x, names, u)
		},
	}
	c.Flags().StringVar(&x.NIC, "nic", "", "the NIC that moves, by its `MAC`, or new; needed where a VM has several")
	c.Flags().StringVar(&x.Model, "model", "", "the `MODEL` of a new NIC; virtio unless given")
	c.Flags().IntVar(&x.Tag, "tag", 0, "the `VLAN` that the NIC is in, 1 to 4094")
	c.Flags().StringVar(&x.portGroup, "portgroup", "", "the port `GROUP` of the network; with VLANs, as office=10 or all=1n+20, it is made or changed")
	c.Flags().StringVar(&x.Via, "via", "", "connect by `network` or bridge; by the network where one leads to the bridge")
	c.Flags().StringVar(&x.bridge, "bridge", "", "the `BRIDGE`, where the host has several")
	c.Flags().StringVar(&x.network, "network", "", "the libvirt `NETWORK`; defined where there is none of that name")
	c.Flags().BoolVar(&x.dryRun, "dry-run", false, "show what would be done; change nothing")
	c.Flags().StringVar(&x.format, "format", plan.FormatText, "of --dry-run: text, json, script or undo-script")
	c.Flags().BoolVar(&a.demo, "demo", false, "on a simulated host that has been moved: no root, nothing is touched")
	c.Flags().BoolVar(&a.plain, "plain", false, "line by line instead of screens")
	u.flags(c)
	return c
}

func someVMs(_ *cobra.Command, names []string) error {
	if len(names) == 0 {
		return usageError{errors.New("name the VMs to connect: bridgehead attach VM...; virsh list --all lists them")}
	}
	return nil
}

func (a *app) attach(ctx context.Context, x attachment, names []string, u unattended) error {
	if a.demo {
		if err := a.moveDemo(ctx); err != nil {
			return err
		}
	}
	f, err := a.survey(ctx)
	if err != nil {
		return err
	}
	given, err := x.answers(f, names)
	if err != nil {
		return err
	}
	p, err := plan.Build(f, given)
	if err != nil {
		return onCommandLine(err)
	}
	switch {
	case x.dryRun:
		return plan.Render(a.out, p, x.format)
	case !u.autoConfirm:
		return a.open(&given, "review")
	case a.demo:
		t, err := a.trial()
		if err != nil {
			return err
		}
		defer a.demoTime(t)()
	}
	return a.do(ctx, p, u)
}

// moveDemo has the simulated host moved already, as the tutorial does it.
func (a *app) moveDemo(ctx context.Context) error {
	f, err := a.survey(ctx)
	if err != nil {
		return err
	}
	given := answers.Default()
	given.Uplink.NICs = []string{"eth0"}
	given.Libvirt = &answers.Libvirt{Network: given.Bridge.Name, Default: answers.DefaultKeep}
	p, err := plan.Build(f, given)
	if err != nil {
		return err
	}
	t, err := a.trial()
	if err != nil {
		return err
	}
	a.machine.Hurry(true)
	defer a.machine.Hurry(false)
	if _, err := t.Apply(ctx, p, answers.DefaultWindow); err != nil {
		return err
	}
	return t.Confirm(ctx)
}

// onCommandLine is an error about answers that stand in no file: the field would tell nothing.
func onCommandLine(err error) error {
	if bad := (*answers.Error)(nil); errors.As(err, &bad) {
		return usageError{errors.New(bad.Text + "; nothing was changed")}
	}
	return err
}

// answers are those that the command line stands for, on this host.
func (x *attachment) answers(f survey.Facts, names []string) (answers.Answers, error) {
	given := answers.Default()
	given.Uplink = answers.Uplink{Kind: answers.KindExisting}
	on := f.Uplinked()
	if x.bridge == "" && len(on) == 0 {
		return given, refusedError{errors.New("this host has no Open vSwitch bridge with an uplink: run bridgehead first, or name one with --bridge; nothing was changed")}
	}
	if given.Bridge = (answers.Bridge{Name: x.bridge}); x.bridge == "" {
		given.Bridge.Name = on[0]
	}
	network := x.network
	for _, n := range f.Virt.Networks {
		if network == "" && virt.OnBridge(n.XML, given.Bridge.Name) {
			network = n.Name
		}
	}
	if network != "" && x.Via != answers.ViaBridge {
		given.Libvirt = &answers.Libvirt{Network: network, Default: answers.DefaultKeep}
	}
	if err := x.choosePortGroup(&given); err != nil {
		return given, err
	}
	given.VMs = &answers.VMs{}
	for _, name := range names {
		one := x.AttachVM
		one.Name = name
		given.VMs.Attach = append(given.VMs.Attach, one)
	}
	if bad := given.Problems(); len(bad) > 0 {
		text := bad[0].Text
		if given.Libvirt == nil && x.Via != answers.ViaBridge {
			text = fmt.Sprintf("no libvirt network leads to %s; name one with --network, or use --via bridge", given.Bridge.Name)
		}
		return given, usageError{errors.New(text + "; nothing was changed")}
	}
	return given, nil
}

// choosePortGroup takes --portgroup: a name, or a name with the VLANs that the network's port group of that name is to have.
func (x *attachment) choosePortGroup(given *answers.Answers) error {
	x.PortGroup = x.portGroup
	if !strings.Contains(x.portGroup, "=") {
		return nil
	}
	groups, err := answers.ParsePortGroups(x.portGroup)
	if err == nil && len(groups) != 1 {
		err = errors.New("a NIC has one port group; give one")
	}
	if err != nil {
		return usageError{fmt.Errorf("--portgroup %s: %w; nothing was changed", x.portGroup, err)}
	}
	x.PortGroup = groups[0].Name
	if given.Libvirt != nil {
		given.Libvirt.PortGroups = groups
	}
	return nil
}
