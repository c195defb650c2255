package op

import (
	"context"
	"errors"
	"fmt"

	"bridgehead/backend"
	"bridgehead/backend/process"
)

// runningSwitch reads Open vSwitch's state, or says why it cannot be changed now.
func runningSwitch(ctx context.Context, h backend.Host) (backend.SwitchState, error) {
	sw, err := h.Switch.State(ctx)
	if err != nil {
		return sw, err
	}
	if !sw.Running {
		return sw, fmt.Errorf("Open vSwitch does not answer: %s", sw.Reason)
	}
	return sw, nil
}

// database reads Open vSwitch's configuration, also while ovs-vswitchd is dead or
// has not started yet.
func database(ctx context.Context, h backend.Host) (backend.SwitchState, error) {
	sw, err := h.Switch.State(ctx)
	if err == nil && !sw.Database {
		err = fmt.Errorf("Open vSwitch does not answer: %s", sw.Reason)
	}
	return sw, err
}

// change runs a transaction, without waiting for an ovs-vswitchd that does not run.
func change(ctx context.Context, h backend.Host, sw backend.SwitchState, args []string) error {
	if sw.Running {
		return h.Switch.Transact(ctx, args...)
	}
	return h.Switch.Record(ctx, args...)
}

// takeOff is change for what takes NICs out of a bridge. Where a switch that lives has failed it tries once more: what comes
// next is Release, which ends an ovs-vswitchd that lives.
func takeOff(ctx context.Context, h backend.Host, sw backend.SwitchState, args []string) error {
	err := change(ctx, h, sw, args)
	if late := (*backend.TimeoutError)(nil); err != nil && sw.Running && !errors.As(err, &late) {
		err = change(ctx, h, sw, args)
	}
	return err
}

// ours says that Bridgehead made the bridge.
func ours(b backend.Bridge) bool { return b.ExternalIDs["created-by"] == "bridgehead" }

func findBridge(sw backend.SwitchState, name string) (backend.Bridge, bool) {
	for _, b := range sw.Bridges {
		if b.Name == name {
			return b, true
		}
	}
	return backend.Bridge{}, false
}

// findPort finds the port that is called name or has an interface of that name.
func findPort(b backend.Bridge, name string) (backend.Port, bool) {
	for _, p := range b.Ports {
		if p.Name == name {
			return p, true
		}
		for _, i := range p.Interfaces {
			if i.Name == name {
				return p, true
			}
		}
	}
	return backend.Port{}, false
}

// anyPort finds the port that is called name or has an interface of that name, whichever bridge it belongs to.
func anyPort(sw backend.SwitchState, name string) (backend.Port, bool) {
	for _, b := range sw.Bridges {
		if p, ok := findPort(b, name); ok {
			return p, true
		}
	}
	return backend.Port{}, false
}

// portOf finds the bridge that holds name as a port or as an interface of one.
func portOf(sw backend.SwitchState, name string) (bridge string, ok bool) {
	for _, b := range sw.Bridges {
		if b.Name == name {
			continue
		}
		if _, ok := findPort(b, name); ok {
			return b.Name, true
		}
	}
	return "", false
}

func findLink(links []backend.Link, name string) (backend.Link, bool) {
	for _, l := range links {
		if l.Name == name {
			return l, true
		}
		for _, alt := range l.AltNames {
			if alt == name {
				return l, true
			}
		}
	}
	return backend.Link{}, false
}

// link reads one link. Its absence is an error.
func link(ctx context.Context, h backend.Host, name string) (backend.Link, error) {
	l, ok, err := maybeLink(ctx, h, name)
	if err == nil && !ok {
		err = fmt.Errorf("there is no network link %s", name)
	}
	return l, err
}

func maybeLink(ctx context.Context, h backend.Host, name string) (backend.Link, bool, error) {
	links, err := h.Links.List(ctx)
	if err != nil {
		return backend.Link{}, false, err
	}
	l, ok := findLink(links, name)
	return l, ok, nil
}

// hasAddr says whether l carries the address and prefix of a.
func hasAddr(l backend.Link, a backend.Addr) (backend.Addr, bool) {
	for _, x := range l.Addrs {
		if x.Prefix == a.Prefix {
			return x, true
		}
	}
	return backend.Addr{}, false
}

// quote writes s as one word of a shell command.
func quote(s string) string { return process.Words(s) }

func quoteAll(args []string) string { return process.Words(args...) }
