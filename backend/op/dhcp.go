package op

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend"
)

// StopDHCP ends the DHCP clients of a NIC. One left running there takes the
// host off the net when its lease is renewed.
type StopDHCP struct {
	NIC     string     `json:"nic"`
	Clients [][]string `json:"clients"` // their command lines
}

func (o *StopDHCP) Kind() string { return "stop-dhcp" }

func (o *StopDHCP) Lasts() Lasts { return UntilRestart }

func (o *StopDHCP) Describe() Note {
	n := Note{Text: "Stop the DHCP client on " + o.NIC + "; the address stays"}
	for _, c := range o.Clients {
		n.Commands = append(n.Commands, "pkill -KILL -x -f "+quote("^"+strings.Join(c, " ")+"$"))
		n.Undo = append(n.Undo, quoteAll(c))
	}
	return n
}

func (o *StopDHCP) Check(ctx context.Context, h backend.Host) error {
	procs, err := h.Processes.List(ctx)
	if err != nil {
		return err
	}
	for _, c := range o.Clients {
		if len(running(procs, c)) == 0 {
			return fmt.Errorf("the DHCP client on %s has ended since the plan was made; start again", o.NIC)
		}
	}
	return nil
}

// Do kills: a client that is asked to end may release the lease and take the address with it.
func (o *StopDHCP) Do(ctx context.Context, h backend.Host) error {
	return killAll(ctx, h, o.Clients)
}

func (o *StopDHCP) Verify(ctx context.Context, h backend.Host) error {
	procs, err := h.Processes.List(ctx)
	if err != nil {
		return err
	}
	for _, c := range o.Clients {
		if pids := running(procs, c); len(pids) > 0 {
			return fmt.Errorf("the DHCP client on %s still runs (process %d)", o.NIC, pids[0])
		}
	}
	return nil
}

func (o *StopDHCP) Undo(ctx context.Context, h backend.Host) error {
	procs, err := h.Processes.List(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range o.Clients {
		if len(running(procs, c)) > 0 {
			continue
		}
		if err := startClient(ctx, h, o.NIC, c); err != nil {
			errs = append(errs, fmt.Errorf("cannot start the DHCP client on %s again: %w", o.NIC, err))
		}
	}
	return errors.Join(errs...)
}

// StartDHCP starts a DHCP client on the internal port, as ifupdown would.
type StartDHCP struct {
	Port   string      `json:"port"`
	Client []string    `json:"client"`
	Leases []LeaseFile `json:"leases,omitempty"`
}

// LeaseFile lets the new client ask for the address that the old one had.
type LeaseFile struct {
	Path string `json:"path"` // of the port
	From string `json:"from"` // of the NIC; read when the operation is done
	NIC  string `json:"nic"`
}

func (o *StartDHCP) Kind() string { return "start-dhcp" }

func (o *StartDHCP) Lasts() Lasts { return OnDisk }

func (o *StartDHCP) Describe() Note {
	n := Note{Text: "Start a DHCP client on " + o.Port}
	for _, l := range o.Leases {
		n.Commands = append(n.Commands, fmt.Sprintf("sed 's/\"%s\"/\"%s\"/' %s > %s", l.NIC, o.Port, quote(l.From), quote(l.Path)))
		n.Undo = append(n.Undo, "rm -f "+quote(l.Path))
	}
	n.Commands = append(n.Commands, quoteAll(o.Client))
	n.Undo = append([]string{"pkill -KILL -x -f " + quote("^"+strings.Join(o.Client, " ")+"$")}, n.Undo...)
	return n
}

func (o *StartDHCP) Check(context.Context, backend.Host) error { return nil }

// Do starts the client anew where one runs and has got nothing: it began when the port did not
// work yet, and may be asleep for minutes. Without an ovs-vswitchd the port does not work.
func (o *StartDHCP) Do(ctx context.Context, h backend.Host) error {
	if o.Verify(ctx, h) == nil {
		return nil
	}
	if _, err := runningSwitch(ctx, h); err != nil {
		return fmt.Errorf("cannot get an address by DHCP on %s: %w", o.Port, err)
	}
	if err := killAll(ctx, h, [][]string{o.Client}); err != nil {
		return err
	}
	for _, l := range o.Leases {
		f, err := h.Files.Read(l.From)
		if err != nil || !f.Exists {
			continue // without a lease the client asks for any address
		}
		f.Data = []byte(strings.ReplaceAll(string(f.Data), `"`+l.NIC+`"`, `"`+o.Port+`"`))
		if err := h.Files.Write(l.Path, f); err != nil {
			return err
		}
	}
	if err := startClient(ctx, h, o.Port, o.Client); err != nil {
		// One that goes on in the background would be taken for one that has its lease.
		return errors.Join(fmt.Errorf("cannot get an address by DHCP on %s: %w", o.Port, err), killAll(ctx, h, [][]string{o.Client}))
	}
	return nil
}

func (o *StartDHCP) Verify(ctx context.Context, h backend.Host) error {
	procs, err := h.Processes.List(ctx)
	if err != nil {
		return err
	}
	if len(running(procs, o.Client)) == 0 {
		return fmt.Errorf("the DHCP client on %s does not run", o.Port)
	}
	l, err := link(ctx, h, o.Port)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(l.Addrs, func(a backend.Addr) bool { return a.Scope == "global" && a.Prefix.Addr().Is4() }) {
		return fmt.Errorf("%s got no address by DHCP", o.Port)
	}
	return nil
}

func (o *StartDHCP) Undo(ctx context.Context, h backend.Host) error {
	errs := []error{killAll(ctx, h, [][]string{o.Client})}
	for _, l := range o.Leases {
		errs = append(errs, h.Files.Write(l.Path, backend.File{}))
	}
	return errors.Join(errs...)
}

func running(procs []backend.Process, args []string) (pids []int) {
	for _, p := range procs {
		if slices.Equal(p.Args, args) {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

func killAll(ctx context.Context, h backend.Host, clients [][]string) error {
	procs, err := h.Processes.List(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range clients {
		for _, pid := range running(procs, c) {
			errs = append(errs, h.Processes.Kill(ctx, pid))
		}
	}
	return errors.Join(errs...)
}
