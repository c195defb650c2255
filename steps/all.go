package steps

import "bridgehead/tui"

// flow lists the steps in order. Adding one is a file and a line here.
var flow = []func(*Wizard) tui.Step{
	surveyStep,
	packagesStep,
	taskStep,
	nicStep,
	uplinkStep,
	membersStep,
	bondStep,
	bridgeStep,
	addressStep,
	libvirtStep,
	vmsStep,
	safetyStep,
	reviewStep,
	riskStep,
	applyStep,
	confirmStep,
	unfinishedStep,
	doneStep,
	newVMStep,
	makeVMStep,
}

// All makes the steps of w.
func All(w *Wizard) []tui.Step {
	out := make([]tui.Step, len(flow))
	for i, step := range flow {
		out[i] = step(w)
	}
	return out
}
