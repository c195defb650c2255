package op

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"bridgehead/backend"
)

// put gives name its addressing, replacing routes that lead elsewhere. It goes on past what
// fails: a host with all but one of its routes is better off than one with none.
func put(ctx context.Context, h backend.Host, name string, x Addressing) error {
	errs := []error{setAddrs(ctx, h, name, x.Addrs)}
	for _, r := range x.Routes {
		errs = append(errs, h.Links.SetRoute(ctx, r))
	}
	for _, r := range x.Rules {
		errs = append(errs, h.Links.SetRule(ctx, r))
	}
	return errors.Join(errs...)
}

// setAddrs gives name its addresses in their order, for the first IPv4 address of a net is the one that
// speaks for it: where one is missing, what comes after it is added again. The
// addresses are on a second link meanwhile, so nothing is lost with them.
func setAddrs(ctx context.Context, h backend.Host, name string, addrs []backend.Addr) error {
	l, err := link(ctx, h, name)
	if err != nil {
		return err
	}
	var errs []error
	here := func(a backend.Addr) bool { _, has := hasAddr(l, a); return has && a.Prefix.Addr().Is4() }
	gap := slices.IndexFunc(addrs, func(a backend.Addr) bool { return a.Prefix.Addr().Is4() && !here(a) })
	for _, a := range reversed(addrs[max(gap, 0):]) {
		if gap >= 0 && here(a) {
			errs = append(errs, h.Links.DelAddr(ctx, name, a))
		}
	}
	for i, a := range addrs {
		now, has := hasAddr(l, a)
		has = has && !(a.Prefix.Addr().Is4() && gap >= 0 && i > gap)
		if !has || now.Metric != a.Metric || now.NoDAD != a.NoDAD { // else a DHCP client may have set its lifetime
			errs = append(errs, h.Links.SetAddr(ctx, name, a))
		}
	}
	return errors.Join(errs...)
}

// giveBack is put for a NIC whose addresses a port of the same MAC still has: IPv6 must not look for
// duplicates, during which an address does not answer. The second time they get their own flags.
func giveBack(ctx context.Context, h backend.Host, name string, x Addressing) error {
	quiet := slices.Clone(x.Addrs)
	quiet = slices.DeleteFunc(quiet, func(a backend.Addr) bool { return a.Prefix.Addr().Is4() || a.NoDAD })
	for i := range quiet {
		quiet[i].NoDAD = true
	}
	return errors.Join(setAddrs(ctx, h, name, quiet), put(ctx, h, name, x))
}

// take removes the old addressing from name, the last address first: the first
// of a net takes its secondary ones with it. A link that is gone has taken all with it.
func take(ctx context.Context, h backend.Host, name string, old Addressing) error {
	for _, r := range old.Rules {
		if err := h.Links.DelRule(ctx, r); err != nil {
			return err
		}
	}
	for _, r := range old.Routes {
		if err := h.Links.DelRoute(ctx, r); err != nil && !errors.Is(err, backend.ErrNoLink) {
			return err
		}
	}
	for _, a := range reversed(old.Addrs) {
		if err := h.Links.DelAddr(ctx, name, a); err != nil && !errors.Is(err, backend.ErrNoLink) {
			return err
		}
	}
	return nil
}

func announce(ctx context.Context, h backend.Host, name string, addrs []backend.Addr) error {
	var list []netip.Addr
	for _, a := range addrs {
		list = append(list, a.Prefix.Addr())
	}
	if len(list) == 0 {
		return nil
	}
	return h.Links.Announce(ctx, name, list)
}

func reversed[T any](in []T) []T {
	out := make([]T, 0, len(in))
	for i := len(in) - 1; i >= 0; i-- {
		out = append(out, in[i])
	}
	return out
}
