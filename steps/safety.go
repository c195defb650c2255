package steps

import (
	"fmt"
	"time"

	"bridgehead/backend/answers"
	"bridgehead/tui"
)

func safetyStep(w *Wizard) tui.Step {
	return tui.Step{ID: "safety", Title: "Safety net", Page: func() tui.Page {
		d := &w.draft
		intro := "The change is tried first. Unless you confirm it in time, everything is taken back by itself, also when this terminal dies."
		if gap := w.facts.Host.Uncovered(); gap != "" {
			intro += "\n\n" + gap
		}
		return &tui.Form{
			Intro: intro,
			Fields: []tui.Field{
				&tui.ChoiceField{Label: "When", Value: &d.When, When: w.builds, Options: []tui.Option{
					{Value: answers.WhenNow, Label: "now", Explain: "traffic stalls for milliseconds, no restart"},
					{Value: answers.WhenReboot, Label: "restart", Explain: "at the next restart of the host; until then only files change"},
				}},
				&tui.TextField{Label: "Confirm within", Value: &d.Window, Check: checkWindow, Help: "2m to 1h. You can extend it while it runs."},
				&tui.TextField{Label: "Must answer", Value: &d.Targets, Check: checkAddrs, Help: "IP addresses that must answer a ping afterwards, commas between. The gateway is asked anyway."},
				&tui.TextField{Label: "Own check", Value: &d.Command, Help: "A command that must succeed afterwards; empty: none."},
			},
			LongHelp: "What answers before the change must answer after it. What does not answer before is not counted: some gateways never answer a ping.\n\nThe best confirmation is a new SSH login through the new path: run bridgehead confirm there.",
		}
	}}
}

func checkWindow(s string) error {
	var d answers.Duration
	if err := d.UnmarshalText([]byte(s)); err != nil {
		return err
	}
	if t := time.Duration(d); t < answers.HumanWindow || t > answers.MaxWindow {
		return fmt.Errorf("give %s to %s: a person needs that long to look", answers.Duration(answers.HumanWindow), answers.Duration(answers.MaxWindow))
	}
	return nil
}
