package steps_test

import (
	"testing"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/sim"
	"bridgehead/backend/survey"
	"bridgehead/steps"
	"bridgehead/steps/stepstest"
	"bridgehead/tui"
)

// A key and the screen after it, where the host has 300 VMs and all of them are chosen.
func BenchmarkVMs(b *testing.B) {
	spec := sim.DemoSpec()
	stepstest.VMs(298)(&spec)
	facts, err := survey.Take(b.Context(), sim.New(spec).Host(), survey.Options{Root: true})
	if err != nil {
		b.Fatal(err)
	}
	w := &steps.Wizard{}
	w.Meet(facts)
	var page tui.Page
	for _, s := range steps.All(w) {
		if s.ID == "vms" {
			page = s.Page()
		}
	}
	for b.Loop() {
		page.Enter()
		for _, key := range []rune{'a', 'j', ' ', 'a'} {
			press := tea.KeyPressMsg{Code: key, Text: string(key)}
			page.Keys()
			page.Update(press)
			if page.View(80, 20) == "" {
				b.Fatal("nothing is drawn")
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/4, "ms/key")
}
