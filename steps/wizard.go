// Package steps is the tutorial as a flow of screens: one file per step, and
// all.go, which lists them in order. A step fills the draft of the answers;
// everything else takes answers.
package steps

import (
	"context"
	"fmt"
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
	// At is the step to open at, once the host has been looked at; "": the first one, or the VMs on a
	// host that has been moved already.
	At string
	// Save writes an exported file and returns the directory it went to, as the operator knows it.
	Save func(name string, data []byte, mode uint32) (dir string, err error)

	facts     survey.Facts
	surveyed  bool
	heard     []backend.Neighbour // what the switches said, so far
	draft     Draft
	proposed  Draft // what the wizard itself put into the draft
	plan      plan.Plan
	run       run
	before    error    // how an earlier attempt of this wizard ended
	installed []string // packages, by this wizard
	newVM     newVM
}

// Shell makes the wizard's screens.
func (w *Wizard) Shell() *tui.Shell {
	return &tui.Shell{Product: "Bridgehead", Steps: All(w), Status: w.status, Leave: w.leave}
}

// Outcome says how the wizard's last change ended: nil where it was confirmed or nothing was tried, else
// a *trial.UnchangedError, *trial.RolledBackError or *trial.IncompleteError. On a
// host that the survey refuses it is a *plan.Refusal.
func (w *Wizard) Outcome() error {
	switch refused := w.facts.Refused(); {
	case w.run.err != nil || w.run.status.Phase != "":
		return w.run.err
	case w.before == nil && len(refused) > 0:
		return &plan.Refusal{Findings: refused}
	}
	return w.before
}

// again makes ready for another attempt. What was typed is kept.
func (w *Wizard) again() {
	if w.run.err != nil {
		w.before = w.run.err
	}
	w.run = run{}
}

// Pending says that a change still waits for confirmation.
func (w *Wizard) Pending() bool { return w.run.status.Phase == trial.Waiting }

func (w *Wizard) status() tui.Status {
	return tui.Status{Host: w.facts.Host.Name, Badge: w.Badge, Console: w.console(), Lock: w.lock(),
		Deadline: w.run.deadline, Doing: "rolls back in"}
}

// lock says why there is no way back to the screen before; "" where there is one.
func (w *Wizard) lock() string {
	switch w.run.status.Phase {
	case "", trial.None:
		return ""
	case trial.Applying:
		return "The change is being applied. If a part of it fails, everything is taken back."
	case trial.Confirmed:
		return "The change is confirmed. To take it back: bridgehead undo"
	case trial.RolledBack:
		return "This attempt is over. On the last screen you can start again."
	case trial.Incomplete:
		return "There is no way back from here. Press r to roll back again."
	}
	return "There is no way back from here but rolling back: press r."
}

var consoleWords = map[string]string{"serial": "serial console", "vt": "physical console", "ssh": "SSH", "terminal": "terminal"}

// console says which console this is and which NIC carries it.
func (w *Wizard) console() string {
	c := w.facts.Console
	name, known := consoleWords[c.Kind]
	switch {
	case !w.surveyed || w.rehearsal():
		return ""
	case !known:
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

// rehearsal says that the host is a replica, and this terminal is outside of it.
func (w *Wizard) rehearsal() bool { return w.Badge == tui.Rehearse }

func (w *Wizard) leave() string {
	if w.newVM.making {
		return "A VM is being created. To stop it first: n, and then x. What becomes of it if you leave now:\n\n  virsh list --all"
	}
	switch w.run.status.Phase {
	case trial.Applying:
		return "The change is being applied. If you leave now, it is taken back."
	case trial.Waiting:
		return fmt.Sprintf("The change is active. It is taken back in %s unless it is confirmed, from here or from a new login:\n\n  bridgehead confirm",
			tui.MinSec(time.Until(w.run.deadline)))
	case trial.Staged:
		return "The change begins with the next restart of this host. To take it back before:\n\n  bridgehead rollback"
	case trial.Confirming:
		return "The change is being confirmed. If you leave now, it may be taken back."
	case trial.RollingBack:
		return "The change is being taken back. That goes on without this wizard."
	case trial.Confirmed:
		return "The change is confirmed. Nothing is pending."
	case trial.RolledBack:
		return "Everything has been taken back. Nothing is pending."
	case trial.Incomplete:
		return "The change was taken back, but not completely. What is left:\n\n  bridgehead status"
	}
	if len(w.installed) > 0 {
		return "Packages have been installed; they stay. Nothing else has been changed on this host."
	}
	return "Nothing has been changed on this host."
}

// taken says whether the host already has a link or a bridge of that name.
func (w *Wizard) taken(name string) bool {
	for _, l := range w.facts.Links {
		if l.Name == name {
			return true
		}
		for _, alt := range l.AltNames {
			if alt == name {
				return true
			}
		}
	}
	for _, b := range w.facts.Switch.Bridges {
		if b.Name == name {
			return true
		}
	}
	return false
}

// nic is the NIC chosen.
func (w *Wizard) nic() survey.NIC {
	n, _ := w.facts.NIC(w.draft.NIC)
	return n
}

// background is the context of work that a screen starts.
func background() context.Context { return context.Background() }
