package steps

import (
	"errors"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/answers"
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
	p.confirm.Text, p.confirm.Word = riskQuestion(p.w.plan, p.w.facts.Host.Uncovered()), "apply"
	return p.confirm.Enter()
}

// riskQuestion can be read in ten seconds.
func riskQuestion(pl plan.Plan, uncovered string) string {
	if pl.Answers.Apply.When == answers.WhenReboot {
		return fmt.Sprintf("Nothing breaks now: only files are written. The change begins with the next restart of this host.\n\nAfter it: log in and run  bridgehead confirm\nIf nobody confirms within %s, everything is taken back.",
			span(pl.Window(time.Duration(pl.Answers.Apply.ConfirmWithin))))
	}
	lines := []string{verdict(pl), "",
		fmt.Sprintf("If you are cut off, wait: in %s all is as before.", span(pl.Window(time.Duration(pl.Answers.Apply.ConfirmWithin)))),
		"If you can log in again: run  bridgehead confirm"}
	if uncovered != "" {
		lines = append(lines, "", uncovered)
	}
	also := touched(pl.Risk)
	const most = 5
	if len(also) > most {
		also = append(also[:most], fmt.Sprintf("and %d more: see the tab Risks of the review", len(also)-most))
	}
	if len(also) > 0 {
		lines = append(lines, "", "What is touched:")
	}
	for _, l := range also {
		lines = append(lines, "  - "+l)
	}
	return strings.Join(lines, "\n")
}

// verdict is the one thing to know.
func verdict(pl plan.Plan) string {
	r := pl.Risk
	nic, port := pl.Answers.UplinkName(), pl.Answers.Bridge.Port
	survives := fmt.Sprintf("should survive: the address moves to %s within milliseconds and keeps its MAC address.", port)
	another := "the host gets another address"
	if pl.Answers.Address.Method == answers.MethodStatic {
		another = "the host's address will be " + strings.Join(pl.Answers.Address.Addresses, ", ")
	}
	switch {
	case r.OwnSession && r.NewAddress:
		return fmt.Sprintf("YOUR SESSION WILL BREAK. It goes through %s, and %s. Log in there to confirm.", nic, another)
	case r.OwnSession:
		return fmt.Sprintf("YOUR SESSION GOES THROUGH %s. It %s", nic, survives)
	case r.Unknown != "":
		return fmt.Sprintf("YOUR SESSION MAY BREAK: it cannot be known which NIC carries it (%s). Go on only if you can reach the console.", strings.TrimRight(r.Unknown, "."))
	case len(r.Sessions) > 0 && r.NewAddress:
		return fmt.Sprintf("LOGINS OF OTHERS WILL BREAK. They go through %s, and %s.", nic, another)
	case len(r.Sessions) > 0:
		return fmt.Sprintf("Your session is safe. Logins of others go through %s; they %s", nic, survives)
	case r.NewAddress:
		return fmt.Sprintf("Your session is safe, but %s.", another)
	case r.Safe != "":
		return "Safe to go on: " + stop(r.Safe)
	}
	return "Your session is safe, but " + nic + " is in use."
}

// touched lists what else the cut touches.
func touched(r plan.Risk) []string {
	var out []string
	for _, s := range r.Sessions {
		if !strings.Contains(s, "(this session)") {
			out = append(out, s)
		}
	}
	for _, u := range r.Uses {
		out = append(out, "in use: "+u)
	}
	for _, v := range r.VMs {
		out = append(out, "running VM on a network that changes: "+v)
	}
	for _, f := range r.Rules {
		out = append(out, "firewall rule that will no longer match: "+f)
	}
	return out
}

func (p *riskPage) Update(msg tea.Msg) tea.Cmd { return p.confirm.Update(msg) }

func (p *riskPage) Next() error {
	if !p.w.facts.Host.Root {
		return errors.New("Only root may change the network: start bridgehead with sudo.")
	}
	return p.confirm.Next()
}

func (p *riskPage) Keys() []tui.Key { return p.confirm.Keys() }

func (p *riskPage) View(width, height int) string { return p.confirm.View(width, height) }

// Ask asks for the word.
func (p *riskPage) Ask() []tui.Question { return p.confirm.Ask() }

// Speak says what breaks.
func (p *riskPage) Speak(width int) string { return p.confirm.Speak(width) }

func (p *riskPage) Help() string {
	return "The moment that used to break SSH is when the NIC becomes a port of the bridge: from then on the bridge takes every frame. Bridgehead gives the address to the bridge's port beforehand and moves the routes at once, so that open connections go on.\n\nA guard outside of this wizard takes everything back when the time is up, also when this terminal, the network or the wizard itself dies."
}
