package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"bridgehead/backend/lab"
	"bridgehead/backend/survey"
	"bridgehead/tui"
)

// rehearsalEnv tells the wizard inside a rehearsal where it is.
const rehearsalEnv = "BRIDGEHEAD_REHEARSAL"

func (a *app) rehearseCommand() *cobra.Command {
	var tutorial bool
	c := &cobra.Command{
		Use:   "rehearse",
		Short: "Open the wizard on a replica of this host; nothing of this host is touched",
		Long: `Builds a replica of this host in namespaces, with the real Open vSwitch, ifupdown
and libvirt, virtual NICs of the same names and addresses, and a gateway that
answers, and opens the wizard on it. Everything is gone afterwards.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if os.Geteuid() != 0 {
				return refusedError{errors.New("only root may make namespaces: run it with sudo")}
			}
			return a.rehearse(c.Context(), tutorial)
		},
	}
	c.Flags().StringVar(&a.answers, "answers", "", "start from the answers in `FILE`")
	c.Flags().BoolVar(&a.plain, "plain", false, "line by line instead of screens")
	c.Flags().BoolVar(&tutorial, "tutorial", false, "rehearse on the tutorial's host, eth0 to eth3, instead of a replica")
	return c
}

func (a *app) rehearse(ctx context.Context, tutorial bool) error {
	if _, err := a.given(); err != nil {
		return err
	}
	spec := lab.Spec{Libvirt: true}
	if !tutorial {
		replica, err := a.replica(ctx)
		if err != nil {
			fmt.Fprintf(a.err, "%v\nRehearsing on the tutorial's host instead.\n", err)
		} else {
			spec = replica
		}
	}
	spec.Progress = func(line string) { fmt.Fprintln(a.err, line) }
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	l, err := lab.Up(ctx, spec)
	if err != nil {
		return fmt.Errorf("cannot build the rehearsal host: %w", err)
	}
	defer l.Close()
	if tutorial {
		if err := defineVMs(l); err != nil {
			fmt.Fprintf(a.err, "Rehearsing without VMs: %v\n", err)
		}
	}
	err = a.inside(ctx, l)
	a.release = tui.Hold(os.Stdin)
	closed := l.Close()
	a.lastWords()
	var exit *exec.ExitError
	if errors.As(err, &exit) && closed == nil { // the wizard has said why
		fmt.Fprintln(a.err, "The rehearsal host is gone. Nothing of this host was touched.")
		return nil
	}
	return errors.Join(err, closed)
}

// defineVMs defines the tutorial's VMs on the rehearsal host. They have no disk and do not run.
func defineVMs(l *lab.Lab) error {
	for i, name := range []string{"example1", "example2"} {
		cmd := l.Host("virsh", "-q", "-c", "qemu:///system", "define", "/dev/stdin")
		cmd.Stdin = strings.NewReader(fmt.Sprintf(`<domain type='qemu'><name>%s</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type><boot dev='network'/></os><features><acpi/></features>
<devices><interface type='network'><mac address='52:54:00:6b:3c:%02x'/><source network='default'/><model type='virtio'/></interface></devices></domain>
`, name, 0x58+i))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("cannot define %s: %s", name, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// replica is what a lab needs to look like this host. A host that the survey refuses cannot be
// converted, so there is nothing to rehearse on it.
func (a *app) replica(ctx context.Context) (lab.Spec, error) {
	f, err := a.survey(ctx)
	if err != nil {
		return lab.Spec{}, err
	}
	if f.Config.Owner != "ifupdown" {
		return lab.Spec{}, fmt.Errorf("this host's network is not configured by ifupdown (%s): there is nothing to rehearse on a replica of it", owner(f))
	}
	files := map[string]string{}
	for _, path := range f.Config.Files {
		files[path] = string(f.Files[path].Data)
	}
	spec, err := lab.SpecFrom(f.Host.Name, f.Links, f.Routes, files)
	spec.Libvirt = f.Virt.Available
	return spec, err
}

func owner(f survey.Facts) string {
	if f.Config.Reason != "" {
		return f.Config.Reason
	}
	return f.Config.Owner
}

// inside runs the wizard in the lab's host, on this terminal. The magic link finds the program also where its path is
// not visible there: a file system mounted below /usr or /opt is not (proc(5)).
func (a *app) inside(ctx context.Context, l *lab.Lab) error {
	argv := []string{"bridgehead"}
	if a.answers != "" {
		argv = append(argv, "--answers", a.answers)
	}
	if a.plain {
		argv = append(argv, "--plain")
	}
	cmd := &exec.Cmd{Path: "/proc/self/exe", Args: argv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Env: append(os.Environ(), rehearsalEnv+"=1", "XDG_CACHE_HOME=/run/cache")} // where virt-install has its log
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT) // Ctrl-C is the wizard's, which asks
	if err := l.Start(cmd); err != nil {
		return fmt.Errorf("cannot start the wizard on the rehearsal host: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		_ = cmd.Process.Signal(syscall.SIGTERM)
		return <-done
	}
}
