package steps

import (
	"errors"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/survey"
	"bridgehead/tui"
)

func nicStep(w *Wizard) tui.Step {
	return tui.Step{ID: "nic", Title: "NIC", When: w.builds, Page: func() tui.Page { return &nicPage{w: w} }}
}

// nicPage chooses the NIC that becomes the uplink.
type nicPage struct {
	w     *Wizard
	table tui.Table
}

func (p *nicPage) Enter() tea.Cmd {
	p.table.Columns = []tui.Column{{Title: "NIC", Min: 6}, {Title: "Link", Min: 9}, {Title: "Address", Min: 10}, {Title: "Configured by", Min: 9}, {Title: "Carries", Min: 8}}
	p.table.Select, p.table.Noun, p.table.Empty = tui.SelectOne, "NICs", "This host has no NIC."
	p.table.Detail = p.detail
	var rows []tui.Row
	for _, n := range p.w.facts.NICs {
		r := tui.Row{ID: n.Name, Cells: []string{n.Name, linkWord(n), firstAddr(n), ownerWord(n), carries(n)}}
		if !n.Usable {
			r.Off = n.Name + ": " + strings.Join(n.Problems, "; ")
		}
		rows = append(rows, r)
	}
	p.table.SetRows(rows)
	if p.w.draft.NIC != "" {
		p.table.Chosen = nil
		if n := p.w.nic(); n.Usable {
			p.table.Chosen = []string{n.Name}
			p.table.Point(n.Name)
		}
	}
	return nil
}

func (p *nicPage) Update(msg tea.Msg) tea.Cmd {
	if tui.Pressed(msg, "b") && p.table.Browsing() {
		return p.w.blink(&p.table)
	}
	cmd := p.table.Update(msg)
	if len(p.table.Chosen) == 1 && p.table.Chosen[0] != p.w.nic().Name {
		p.w.draft.NIC = p.table.Chosen[0]
		p.w.propose()
	}
	return cmd
}

func (p *nicPage) Next() error {
	if len(p.table.Chosen) != 1 {
		return errors.New("Choose the NIC that is to become the uplink.")
	}
	return nil
}

func (p *nicPage) Keys() []tui.Key {
	return append(blinkKey(&p.table), p.table.Keys()...)
}

const whichNIC = "Which NIC connects the bridge to the network? Its address moves to the bridge."

// Ask asks for the NIC.
func (p *nicPage) Ask() []tui.Question { return p.table.Ask() }

// Speak is the question.
func (p *nicPage) Speak(width int) string {
	return whichNIC + "\n" + p.table.Speak(width)
}

func (p *nicPage) View(width, height int) string {
	head := tui.Wrap(whichNIC, width)
	return strings.Join(head, "\n") + "\n\n" + p.table.View(width, height-len(head)-1)
}

func (p *nicPage) Help() string {
	return "The NIC that has the host's address is the usual choice: the address moves to the bridge's internal port and the NIC becomes a plain port of the bridge.\n\nPress b to make the port LED of the NIC that > points at blink for 10 seconds, so that you can find it at the back of the machine. Some drivers cannot; the wizard then says so."
}

func (p *nicPage) detail(r tui.Row) string {
	n, ok := p.w.facts.NIC(r.ID)
	if !ok {
		return ""
	}
	lines := []string{hardware(n)}
	if len(n.Addresses) > 0 {
		line := strings.Join(n.Addresses, ", ")
		if len(n.Gateway) > 0 {
			line += "; gateway " + strings.Join(n.Gateway, ", ")
		}
		lines = append(lines, line)
	}
	if n.Owner.File != "" {
		lines = append(lines, fmt.Sprintf("Configured in %s:%d", n.Owner.File, n.Owner.Line))
	}
	if n.Neighbour != "" {
		lines = append(lines, "Switch (LLDP): "+n.Neighbour)
	}
	for _, s := range n.SessionOf {
		lines = append(lines, "Carries "+s)
	}
	if n.Usable { // else the table says so, with the reason
		lines = append(lines, n.Problems...)
	}
	return strings.Join(lines, "\n")
}

func hardware(n survey.NIC) string {
	s := fmt.Sprintf("%s: MAC %s, MTU %d", n.Name, n.MAC, n.MTU)
	if n.Driver != "" {
		s += ", driver " + n.Driver
	}
	if len(n.AltNames) > 0 {
		s += ", also called " + strings.Join(n.AltNames, ", ")
	}
	return s
}

func linkWord(n survey.NIC) string {
	switch {
	case !n.Up:
		return "down"
	case !n.Carrier:
		return "no carrier"
	case n.SpeedMbps > 0 && n.SpeedMbps%1000 == 0:
		return fmt.Sprintf("%d Gb/s", n.SpeedMbps/1000)
	case n.SpeedMbps > 0:
		return fmt.Sprintf("%d Mb/s", n.SpeedMbps)
	}
	return "up"
}

func firstAddr(n survey.NIC) string {
	if a := globalAddrs(n); len(a) > 0 {
		return a[0]
	}
	return "-"
}

func ownerWord(n survey.NIC) string {
	if n.MemberOf != "" {
		return strings.TrimPrefix(n.MemberOf, "Open vSwitch ")
	}
	if n.Owner.Kind == "" || n.Owner.Kind == "none" {
		return "nobody"
	}
	return n.Owner.Kind
}

func carries(n survey.NIC) string {
	for _, s := range n.SessionOf {
		if strings.Contains(s, "this session") {
			return "THIS session"
		}
	}
	if len(n.SessionOf) == 0 {
		return "-"
	}
	return count(len(n.SessionOf), "login")
}
