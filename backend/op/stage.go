package op

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"bridgehead/backend"
)

// stagedMetric is the metric of a connected route while the NIC still owns the address: worse than any in use.
const stagedMetric = 1000

// Sysctl is a kernel setting that changes with the move. An empty value is left alone.
type Sysctl struct {
	Key    string `json:"key"`    // "ipv4/conf/eth0/rp_filter"
	Before string `json:"before"` // of the NIC, or what a new port begins with
	During string `json:"during"` // while NIC and port both carry the address
	After  string `json:"after"`
}

// StageAddress brings the internal port up and gives it the addresses with a
// worse metric, before the NIC is attached. At the cut the kernel then already
// has them on both sides, and nothing is lost.
type StageAddress struct {
	NIC     string         `json:"nic"`
	Port    string         `json:"port"`
	Addrs   []backend.Addr `json:"addrs"` // as the port will have them
	Sysctls []Sysctl       `json:"sysctls,omitempty"`
	NICAddr []backend.Addr `json:"nic_addrs"` // what the NIC announces again after a rollback
}

func (o *StageAddress) Kind() string { return "stage-address" }

func (o *StageAddress) Lasts() Lasts { return UntilRestart }

func (o *StageAddress) Describe() Note {
	n := Note{Text: fmt.Sprintf("Bring %s up and prepare its addresses beside those of %s", o.Port, o.NIC)}
	if len(o.Addrs) == 0 {
		n.Text = fmt.Sprintf("Bring %s up", o.Port)
	}
	for _, s := range o.Sysctls {
		if s.During != "" {
			n.Commands = append(n.Commands, sysctlCommand(s.Key, s.During))
		}
		if s.Before != "" {
			n.Undo = append(n.Undo, sysctlCommand(s.Key, s.Before))
		}
	}
	n.Commands = append(n.Commands, "ip link set "+quote(o.Port)+" up")
	for _, a := range o.Addrs {
		n.Commands = append(n.Commands, addrCommand("replace", o.Port, staged(a)))
		n.Undo = append([]string{addrCommand("del", o.Port, a)}, n.Undo...)
	}
	n.Undo = append(n.Undo, "ip link set "+quote(o.Port)+" down")
	n.Undo = append(n.Undo, announceCommands(o.NIC, o.NICAddr)...)
	return n
}

func staged(a backend.Addr) backend.Addr {
	a.Metric = stagedMetric
	return a
}

func (o *StageAddress) Check(ctx context.Context, h backend.Host) error {
	if _, err := link(ctx, h, o.NIC); err != nil {
		return err
	}
	for _, s := range o.Sysctls {
		now, err := h.Links.Sysctl(ctx, s.Key)
		if err == nil && s.Before != "" && now != s.Before {
			return fmt.Errorf("net/%s is %s instead of %s since the plan was made; start again", s.Key, now, s.Before)
		}
	}
	return nil
}

func (o *StageAddress) Do(ctx context.Context, h backend.Host) error {
	if err := setSysctls(ctx, h, o.Sysctls, during); err != nil {
		return err
	}
	if err := h.Links.SetUp(ctx, o.Port, true); err != nil {
		return err
	}
	addrs := slices.Clone(o.Addrs)
	for i := range addrs {
		addrs[i] = staged(addrs[i])
	}
	return setAddrs(ctx, h, o.Port, addrs)
}

func (o *StageAddress) Verify(ctx context.Context, h backend.Host) error {
	l, err := link(ctx, h, o.Port)
	if err != nil {
		return err
	}
	if !l.Up {
		return fmt.Errorf("%s is not up", o.Port)
	}
	for _, a := range o.Addrs {
		if _, ok := hasAddr(l, a); !ok {
			return fmt.Errorf("%s does not have %s", o.Port, a.Prefix)
		}
	}
	return nil
}

func (o *StageAddress) Undo(ctx context.Context, h backend.Host) error {
	var errs []error
	errs = append(errs, setSysctls(ctx, h, o.Sysctls, before))
	if nic, ok, err := maybeLink(ctx, h, o.NIC); err != nil {
		errs = append(errs, err)
	} else if ok && nic.Up {
		// A neighbour that does not hear it asks again. Whether they answer is checked at the end.
		_ = announce(ctx, h, o.NIC, o.NICAddr)
	}
	port, ok, err := maybeLink(ctx, h, o.Port)
	if err != nil || !ok {
		return errors.Join(append(errs, err)...)
	}
	for _, a := range reversed(o.Addrs) {
		if _, has := hasAddr(port, a); has {
			errs = append(errs, h.Links.DelAddr(ctx, o.Port, a))
		}
	}
	errs = append(errs, h.Links.SetUp(ctx, o.Port, false))
	return errors.Join(errs...)
}

type sysctlPhase func(Sysctl) string

func before(s Sysctl) string { return s.Before }
func during(s Sysctl) string { return s.During }
func after(s Sysctl) string  { return s.After }

// setSysctls writes what value picks of each; a key that is gone went with its link.
func setSysctls(ctx context.Context, h backend.Host, all []Sysctl, value sysctlPhase) error {
	var errs []error
	for _, s := range all {
		v := value(s)
		if v == "" {
			continue
		}
		now, err := h.Links.Sysctl(ctx, s.Key)
		if isNotExist(err) || err == nil && now == v {
			continue
		}
		errs = append(errs, h.Links.SetSysctl(ctx, s.Key, v))
	}
	return errors.Join(errs...)
}
