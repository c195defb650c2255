package steps

import (
	"errors"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/plan"
	"bridgehead/tui"
)

func riskStep(w *Wizard) tui.Step {
	return tui.Step{ID: "risk", Title: "Risk", Page: func() tui.Page { return &riskPage{w: w} }}
}

// riskPage says what breaks, and has a word typed before anything is changed.
type riskPage struct {
	w       *Wizard
	confirm tui.Confirm
}

func (p *riskPage) Enter() tea.Cmd {
	p.confirm.Text, p.confirm.Word = riskQuestion(p.w.plan), "apply"
	return p.confirm.Enter()
}

// riskQuestion can be read in ten seconds.
func riskQuestion(pl plan.Plan) string {
	var b strings.Builder
	r := pl.Risk
	nic, port := strings.Join(pl.Answers.Uplink.NICs, ", "), pl.Answers.Bridge.Port
	switch {
	case r.OwnSession && r.NewAddress:
		fmt.Fprintf(&b, "YOUR OWN SESSION WILL BREAK: it goes through %s, and the host gets another address.\n", nic)
	case r.OwnSession:
		fmt.Fprintf(&b, "YOUR OWN SESSION GOES THROUGH %s. It should survive: the address moves to %s within milliseconds.\n", nic, port)
	case r.LoseSSH():
		fmt.Fprintf(&b, "Logins go through %s. They should survive: the address moves to %s within milliseconds.\n", nic, port)
	case r.Safe != "":
		fmt.Fprintf(&b, "Safe to go on: %s.\n", r.Safe)
	}
	shown := 0
	for _, l := range r.Lines() {
		if strings.HasPrefix(l, "Safe:") || strings.HasPrefix(l, "THIS session") {
			continue
		}
		if shown++; shown > 6 {
			fmt.Fprintf(&b, "  - and more: see the tab Risk of the review\n")
			break
		}
		fmt.Fprintf(&b, "  - %s\n", l)
	}
	fmt.Fprintf(&b, "\nIf you are cut off, do nothing: after %s everything is as it was before. If you can log in, look around, then run: bridgehead confirm", pl.Answers.Apply.ConfirmWithin)
	return b.String()
}

func (p *riskPage) Update(msg tea.Msg) tea.Cmd { return p.confirm.Update(msg) }

func (p *riskPage) Next() error {
	if !p.w.facts.Host.Root {
		return errors.New("only root may change the network: start bridgehead with sudo")
	}
	return p.confirm.Next()
}

func (p *riskPage) Keys() []tui.Key { return p.confirm.Keys() }

func (p *riskPage) View(width, height int) string { return p.confirm.View(width, height) }

func (p *riskPage) Help() string {
	return "The moment that used to break SSH is when the NIC becomes a port of the bridge: from then on the bridge takes every frame. Bridgehead gives the address to the bridge's port beforehand and moves the routes at once, so that open connections go on.\n\nA guard outside of this wizard takes everything back when the time is up, also when this terminal, the network or the wizard itself dies."
}
