package op

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"bridgehead/backend"
)

// MoveAddress moves the addressing from the NIC to the internal port, by netlink,
// in one step: routes are replaced, never missing, and the NIC's addresses go last.
type MoveAddress struct {
	NIC     string     `json:"nic"`
	Port    string     `json:"port"`
	From    Addressing `json:"from"` // of the NIC
	To      Addressing `json:"to"`   // of the port
	Sysctls []Sysctl   `json:"sysctls,omitempty"`
	// Displaced are routes through other links that those of To replace.
	Displaced []backend.Route `json:"displaced,omitempty"`
	// Quiet leaves it to the next operation to tell the neighbours: only then their answers reach the port.
	Quiet bool `json:"quiet,omitempty"`
}

func (o *MoveAddress) Kind() string { return "move-address" }

func (o *MoveAddress) Lasts() Lasts { return UntilRestart }

func (o *MoveAddress) Describe() Note {
	n := Note{Text: fmt.Sprintf("Move the addresses and routes of %s to %s in one step", o.NIC, o.Port), Cut: true}
	for _, a := range o.To.Addrs {
		n.Text += ": " + a.Prefix.String()
		break
	}
	if len(o.To.Addrs) > 1 {
		n.Text += fmt.Sprintf(" and %d more", len(o.To.Addrs)-1)
	}
	n.Commands = append(putCommands(o.Port, o.unstaged()), takeCommands(o.NIC, o.From)...)
	if !o.Quiet {
		n.Commands = append(n.Commands, announceCommands(o.Port, o.To.Addrs)...)
	}
	n.Undo = append([]string{"ip link set " + quote(o.NIC) + " up"}, putCommands(o.NIC, o.From)...)
	for _, s := range o.Sysctls {
		if s.After != "" && s.After != s.During {
			n.Commands = append(n.Commands, sysctlCommand(s.Key, s.After))
		}
		if s.During != "" && s.After != s.During {
			n.Undo = append([]string{sysctlCommand(s.Key, s.During)}, n.Undo...)
		}
	}
	for _, r := range o.To.Rules {
		n.Undo = append(n.Undo, ruleCommand("del", r))
	}
	for _, r := range o.Displaced {
		n.Undo = append(n.Undo, routeCommand("replace", r))
	}
	return n
}

// unstaged is To for ip-address(8), to which no metric means the one that the address has already.
func (o *MoveAddress) unstaged() Addressing {
	to := o.To
	to.Addrs = slices.Clone(to.Addrs)
	for i, a := range to.Addrs {
		if a.Prefix.Addr().Is6() && a.Metric == 0 {
			to.Addrs[i].Metric = 256 // IP6_RT_PRIO_ADDRCONF
		}
	}
	return to
}

func putCommands(dev string, x Addressing) (out []string) {
	for _, a := range x.Addrs {
		out = append(out, addrCommand("replace", dev, a))
	}
	for _, r := range x.Routes {
		out = append(out, routeCommand("replace", r))
	}
	for _, r := range x.Rules {
		out = append(out, ruleCommand("add", r))
	}
	return out
}

func takeCommands(dev string, x Addressing) (out []string) {
	for _, r := range x.Rules {
		out = append(out, ruleCommand("del", r))
	}
	for _, a := range reversed(x.Addrs) {
		out = append(out, addrCommand("del", dev, a))
	}
	return out
}

func (o *MoveAddress) Check(ctx context.Context, h backend.Host) error {
	l, err := link(ctx, h, o.NIC)
	if err != nil {
		return err
	}
	routes, err := h.Links.Routes(ctx)
	if err != nil {
		return err
	}
	rules, err := h.Links.Rules(ctx)
	if err != nil {
		return err
	}
	for _, r := range o.Displaced {
		if !slices.ContainsFunc(routes, func(x backend.Route) bool { return routeText(x) == routeText(r) }) {
			return fmt.Errorf("the host no longer has the route %s; start again", routeText(r))
		}
	}
	if what := o.From.changed(Carried(o.NIC, l.Addrs, routes, rules)); what != "" {
		return fmt.Errorf("%s %s since the plan was made; start again, so that the plan is made for what it has now", o.NIC, what)
	}
	return nil
}

func (o *MoveAddress) Do(ctx context.Context, h backend.Host) error {
	// Without it the first packet waits for an answer, up to a second if that is lost. That is all it costs.
	_ = h.Links.Acquaint(ctx, o.NIC, o.Port)
	if err := put(ctx, h, o.Port, o.To); err != nil {
		return err
	}
	if err := take(ctx, h, o.NIC, o.From); err != nil {
		return err
	}
	// Neighbours are told at once; what is left is tidying up.
	if !o.Quiet {
		if err := announce(ctx, h, o.Port, o.To.Addrs); err != nil {
			return err
		}
	}
	return setSysctls(ctx, h, o.Sysctls, after)
}

func (o *MoveAddress) Verify(ctx context.Context, h backend.Host) error {
	links, err := h.Links.List(ctx)
	if err != nil {
		return err
	}
	port, ok := findLink(links, o.Port)
	if !ok {
		return fmt.Errorf("there is no network link %s", o.Port)
	}
	for _, a := range o.To.Addrs {
		got, ok := hasAddr(port, a)
		switch {
		case !ok:
			return fmt.Errorf("%s does not have %s", o.Port, a.Prefix)
		case got.DADFailed:
			return fmt.Errorf("another machine already uses %s", a.Prefix.Addr())
		}
	}
	nic, _ := findLink(links, o.NIC)
	for _, a := range o.From.Addrs {
		if _, still := hasAddr(nic, a); still {
			return fmt.Errorf("%s still has %s", o.NIC, a.Prefix)
		}
	}
	return nil
}

// Undo gives the NIC its addressing back while it still is a port of the bridge:
// answers then leave through it directly and arrive through the port, and
// nothing is lost until del-port makes it whole.
func (o *MoveAddress) Undo(ctx context.Context, h backend.Host) error {
	errs := []error{setSysctls(ctx, h, o.Sysctls, during)}
	if _, ok, err := maybeLink(ctx, h, o.NIC); err != nil || !ok {
		return errors.Join(append(errs, fmt.Errorf("cannot give %s its addresses back: it is gone", o.NIC), err)...)
	}
	errs = append(errs, h.Links.SetUp(ctx, o.NIC, true))
	_ = h.Links.Acquaint(ctx, o.Port, o.NIC) // as in Do; answers to the NIC's questions would still arrive at the port
	errs = append(errs, giveBack(ctx, h, o.NIC, o.From))
	for _, r := range o.Displaced {
		errs = append(errs, h.Links.SetRoute(ctx, r))
	}
	for _, r := range o.To.Rules { // those that name a link outlive it
		errs = append(errs, h.Links.DelRule(ctx, r))
	}
	port, ok, err := maybeLink(ctx, h, o.Port)
	if err != nil || !ok {
		return errors.Join(append(errs, err)...)
	}
	for _, a := range port.Addrs { // back to what StageAddress left; what a DHCP client got steps back, too
		if !selfMade(a) && a.Metric != stagedMetric {
			errs = append(errs, h.Links.SetAddr(ctx, o.Port, staged(a)))
		}
	}
	for _, r := range o.To.Routes {
		errs = append(errs, h.Links.DelRoute(ctx, r))
	}
	return errors.Join(errs...)
}
