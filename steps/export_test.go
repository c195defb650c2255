package steps

import "bridgehead/backend/plan"

// Plan is the plan that the review shows.
func (w *Wizard) Plan() plan.Plan { return w.plan }
