// Package steps is the tutorial as a flow of screens: one file per step, and
// all.go, which lists them in order. A step fills the draft of the answers;
// everything else takes answers.
package steps

import (
	"context"
	"fmt"
	"strings"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/plan"
	"bridgehead/backend/survey"
	"bridgehead/backend/trial"
	"bridgehead/tui"
)

// Wizard is what the steps share. Only Update methods change it.
type Wizard struct {
	Host  backend.Host
	Trial *trial.Trial
	Badge tui.Badge
	Look  survey.Options // how the host is surveyed
	// Given are the answers of --answers; nil for the product's own proposals.
	Given *answers.Answers
	// Save writes the exported answers and scripts; it returns where they are.
	Save func(name string, data []byte, mode uint32) (path string, err error)
	// Tick, where set, lets a simulated host's time pass.
	Tick func(time.Duration)

	facts    survey.Facts
	surveyed bool
	draft    Draft
	plan     plan.Plan
	run      runState
}

// runState is what is known of the run that this wizard looks at.
type runState struct {
	id       string
	status   trial.Status
	deadline time.Time
	err      error // how it ended, where it did not end well
	locked   bool  // from apply on there is no way back but rollback
}

// follow takes up what was just read about the run.
func (r *runState) follow(s trial.Status, now time.Time) {
	r.status = s
	r.deadline = time.Time{}
	if s.Phase == trial.Waiting {
		r.deadline = now.Add(s.Remaining)
	}
}

// Shell makes the wizard's screens.
func (w *Wizard) Shell() *tui.Shell {
	return &tui.Shell{Product: "Bridgehead", Steps: All(w), Status: w.status, Leave: w.leave}
}

// Outcome says how the wizard's run ended: nil where it was confirmed or nothing was done.
func (w *Wizard) Outcome() error { return w.run.err }

// Pending says that a change still waits for confirmation.
func (w *Wizard) Pending() bool { return w.run.status.Phase == trial.Waiting }

func (w *Wizard) status() tui.Status {
	s := tui.Status{Host: w.facts.Host.Name, Badge: w.Badge, Console: w.console(), Deadline: w.run.deadline, Doing: "rolls back in"}
	if w.run.locked {
		s.Lock = "There is no way back from here but rolling back; that is offered on the confirm screen."
	}
	return s
}

// console says which console this is and which NIC carries it.
func (w *Wizard) console() string {
	if !w.surveyed {
		return ""
	}
	c := w.facts.Console
	name := map[string]string{"serial": "serial console", "vt": "physical console", "ssh": "SSH", "terminal": "terminal"}[c.Kind]
	if name == "" {
		name = c.Kind
	}
	for _, s := range w.facts.Sessions {
		if s.Own && s.NIC != "" {
			return name + " through " + s.NIC
		}
	}
	if c.Unknown != "" {
		return name + ", NIC unknown"
	}
	return name
}

func (w *Wizard) leave() string {
	switch w.run.status.Phase {
	case trial.Applying:
		return "The change is being applied. If you leave now, it is taken back."
	case trial.Waiting:
		left := time.Until(w.run.deadline).Round(time.Second)
		return fmt.Sprintf("The change is active and is taken back in %s unless it is confirmed: run bridgehead confirm, from here or from a new login.", tui.MinSec(left))
	case trial.Confirmed:
		return "The change is confirmed. Nothing is pending."
	case trial.Incomplete:
		return "The change was taken back, but not completely. bridgehead status says what is left."
	}
	return "Nothing has been changed on this host."
}

// Draft is what the operator has typed, valid or not. It is kept as long as the wizard runs.
type Draft struct {
	NIC, Kind                        string
	Bridge, Port, Datapath, Tag, MTU string
	Method, Addresses, Gateway, DNS  string
	Libvirt                          bool
	Network, Default                 string
	Window, Targets, Command         string
}

// draftOf is the draft that says the same as a.
func draftOf(a answers.Answers) Draft {
	d := Draft{Kind: a.Uplink.Kind, Bridge: a.Bridge.Name, Port: a.Bridge.Port, Datapath: a.Bridge.Datapath,
		Tag: number(a.Bridge.Tag), MTU: number(a.Bridge.MTU), Method: a.Address.Method,
		Addresses: strings.Join(a.Address.Addresses, ", "), Gateway: strings.Join(a.Address.Gateway, ", "),
		DNS: strings.Join(a.Address.DNS, ", "), Window: a.Apply.ConfirmWithin.String(),
		Targets: strings.Join(a.Verify.Targets, ", "), Command: a.Verify.Command, Default: answers.DefaultKeep}
	if len(a.Uplink.NICs) > 0 {
		d.NIC = a.Uplink.NICs[0]
	}
	if d.Datapath == "" {
		d.Datapath = "system"
	}
	if a.Libvirt != nil {
		d.Libvirt, d.Network, d.Default = true, a.Libvirt.Network, a.Libvirt.Default
	}
	return d
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// Answers are what the draft says; the fields' own checks have passed.
func (d Draft) Answers() answers.Answers {
	a := answers.Default()
	a.Uplink = answers.Uplink{Kind: d.Kind}
	if d.NIC != "" {
		a.Uplink.NICs = []string{d.NIC}
	}
	a.Bridge = answers.Bridge{Name: d.Bridge, Port: d.Port}
	if d.Datapath != "system" {
		a.Bridge.Datapath = d.Datapath
	}
	fmt.Sscan(d.Tag, &a.Bridge.Tag)
	fmt.Sscan(d.MTU, &a.Bridge.MTU)
	a.Address = answers.Address{Method: d.Method}
	if d.Method == answers.MethodStatic {
		a.Address.Addresses, a.Address.Gateway, a.Address.DNS = list(d.Addresses), list(d.Gateway), list(d.DNS)
	}
	if d.Libvirt {
		a.Libvirt = &answers.Libvirt{Network: d.Network, Default: d.Default}
	}
	_ = a.Apply.ConfirmWithin.UnmarshalText([]byte(d.Window)) // checked by its field
	a.Verify = answers.Verify{Targets: list(d.Targets), Command: d.Command}
	return a
}

// list splits what was typed with commas or blanks between.
func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// propose fills the draft from the facts, once: what fits this host, in the tutorial's names.
func (w *Wizard) propose() {
	if w.Given != nil {
		w.draft = draftOf(*w.Given)
		return
	}
	a := answers.Default()
	for n := 0; w.taken(a.Bridge.Name) || w.taken(a.Bridge.Port); n++ {
		a.Bridge.Name, a.Bridge.Port = fmt.Sprintf("examplebr%d", n+1), fmt.Sprintf("examplebr%dp1", n+1)
	}
	if w.facts.Switch.Installed && !w.facts.Switch.KernelModule {
		a.Bridge.Datapath = "netdev"
	}
	if w.facts.Virt.Available {
		a.Libvirt = &answers.Libvirt{Network: a.Bridge.Name, Default: answers.DefaultKeep}
	}
	w.draft = draftOf(a)
	w.draft.NIC = w.likelyNIC()
}

func (w *Wizard) taken(name string) bool {
	for _, l := range w.facts.Links {
		if l.Name == name {
			return true
		}
	}
	for _, b := range w.facts.Switch.Bridges {
		if b.Name == name {
			return true
		}
	}
	return false
}

// likelyNIC is the usable NIC with the default route, else with an address, else with carrier.
func (w *Wizard) likelyNIC() string {
	for _, good := range []func(survey.NIC) bool{
		func(n survey.NIC) bool { return len(n.Gateway) > 0 },
		func(n survey.NIC) bool { return len(n.Addrs) > 0 && n.Carrier },
		func(n survey.NIC) bool { return n.Carrier },
	} {
		for _, n := range w.facts.NICs {
			if n.Usable && good(n) {
				return n.Name
			}
		}
	}
	return ""
}

// nic is the NIC chosen.
func (w *Wizard) nic() survey.NIC {
	n, _ := w.facts.NIC(w.draft.NIC)
	return n
}

// background is the context of work that a screen starts.
func background() context.Context { return context.Background() }
