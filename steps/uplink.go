package steps

import (
	"bridgehead/backend/answers"
	"bridgehead/tui"
)

func uplinkStep(w *Wizard) tui.Step {
	return tui.Step{ID: "uplink", Title: "Uplink", Page: func() tui.Page {
		return &tui.Form{
			Intro: "How is the bridge connected to the network?",
			Fields: []tui.Field{&tui.ChoiceField{
				Label: "Uplink", Value: &w.draft.Kind,
				Help: "One NIC needs nothing on the switch.",
				Options: []tui.Option{
					{Value: answers.KindNIC, Label: "one NIC", Explain: "simple; no redundancy"},
					{Value: answers.KindOVSBond, Label: "OVS bond", Explain: "several NICs, bonded by Open vSwitch", Off: "bonds are not part of this version"},
					{Value: answers.KindKernelBond, Label: "kernel bond", Explain: "several NICs, bonded by the kernel", Off: "bonds are not part of this version"},
				},
			}},
			LongHelp: "Two NICs must never be added to a bridge as two separate ports: that is a loop, and takes the whole network down.",
		}
	}}
}
