package steps

import (
	"bridgehead/backend/plan"
	"bridgehead/backend/survey"
)

// Plan is the plan that the review shows.
func (w *Wizard) Plan() plan.Plan { return w.plan }

// Meet takes up the facts of a host.
func (w *Wizard) Meet(f survey.Facts) {
	w.facts, w.surveyed = f, true
	w.propose()
}

// Typed is a command as the review shows it.
func Typed(command string, width int) []string { return typed(command, width) }
