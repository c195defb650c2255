package op

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/process"
)

// clientTime is longer than what a client needs for an address, or for seeing that there is none (60 s, dhclient.conf(5)).
const clientTime = 75 * time.Second

// lookTime is shorter than the script of a client takes.
const lookTime = 20 * time.Millisecond

// startClient starts a DHCP client on dev and waits until it has its address, and not for ever: a rollback has to end.
// A client that fails leaves dev addressed as it was.
func startClient(ctx context.Context, h backend.Host, dev string, client []string) error {
	if err := wouldDecline(h, client); err != nil {
		return err
	}
	was, err := addressing(ctx, h, dev)
	if err != nil {
		return err
	}
	run, end := context.WithCancelCause(ctx)
	defer end(nil)
	run, cancel := context.WithTimeoutCause(run, clientTime, &backend.TimeoutError{What: "cannot start " + process.Words(client...), After: clientTime})
	defer cancel()
	go func() { // the disk may become read-only while the client waits for an answer
		for run.Err() == nil {
			if err := wouldDecline(h, client); err != nil {
				end(err)
			}
			select {
			case <-run.Done():
			case <-time.After(lookTime):
			}
		}
	}()
	err = h.Processes.Start(run, client...)
	if err == nil {
		return nil
	}
	if why := context.Cause(run); why != nil {
		err = why
	}
	return errors.Join(err, reset(ctx, h, dev, was))
}

// wouldDecline says why dhclient-script(8) would fail. Debian's ends with an error where it cannot make a file beside
// /etc/resolv.conf. dhclient then declines the address, gets another one of the server, and so on, every ten seconds.
func wouldDecline(h backend.Host, client []string) error {
	if filepath.Base(client[0]) != "dhclient" {
		return nil
	}
	if err := h.Files.Room("/etc/resolv.conf", 0); err != nil {
		return fmt.Errorf("the client would give its address back to the server: %w", err)
	}
	return nil
}

// reset makes the addressing of dev what it was: the script of a client that fails may have taken away what dev had (ip addr
// flush), and leaves an address that the client then declined.
func reset(ctx context.Context, h backend.Host, dev string, was Addressing) error {
	now, err := addressing(ctx, h, dev)
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range reversed(now.Addrs) {
		if _, had := hasAddr(backend.Link{Addrs: was.Addrs}, a); !had {
			errs = append(errs, h.Links.DelAddr(ctx, dev, a))
		}
	}
	return errors.Join(append(errs, put(ctx, h, dev, was))...)
}

// addressing is what dev carries now.
func addressing(ctx context.Context, h backend.Host, dev string) (Addressing, error) {
	l, err := link(ctx, h, dev)
	if err != nil {
		return Addressing{}, err
	}
	routes, err := h.Links.Routes(ctx)
	if err != nil {
		return Addressing{}, err
	}
	rules, err := h.Links.Rules(ctx)
	if err != nil {
		return Addressing{}, err
	}
	return Carried(dev, l.Addrs, routes, rules), nil
}
