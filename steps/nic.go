package steps

import (
	"errors"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/survey"
	"bridgehead/tui"
)

func nicStep(w *Wizard) tui.Step {
	return tui.Step{ID: "nic", Title: "NIC", Page: func() tui.Page { return &nicPage{w: w} }}
}

// nicPage chooses the NIC that becomes the uplink.
type nicPage struct {
	w     *Wizard
	table tui.Table
}

const blinkTime = 10 * time.Second

func (p *nicPage) Enter() tea.Cmd {
	p.table.Columns = []tui.Column{{Title: "NIC", Min: 6}, {Title: "Link", Min: 9}, {Title: "Address", Min: 10}, {Title: "Configured by", Min: 9}, {Title: "Carries", Min: 8}}
	p.table.Select, p.table.Noun, p.table.Empty = tui.SelectOne, "NICs", "This host has no NIC."
	p.table.Detail = p.detail
	var rows []tui.Row
	for _, n := range p.w.facts.NICs {
		r := tui.Row{ID: n.Name, Cells: []string{n.Name, linkWord(n), firstAddr(n), ownerWord(n), carries(n)}}
		if !n.Usable {
			r.Off = n.Name + " cannot be the uplink: " + strings.Join(n.Problems, "; ")
		}
		rows = append(rows, r)
	}
	p.table.SetRows(rows)
	if p.w.draft.NIC != "" {
		p.table.Chosen = []string{p.w.nic().Name}
		p.table.Point(p.w.nic().Name)
	}
	return nil
}

func (p *nicPage) Update(msg tea.Msg) tea.Cmd {
	if key, ok := msg.(tea.KeyPressMsg); ok && tui.Pressed(key, "b") {
		return p.blink()
	}
	cmd := p.table.Update(msg)
	if len(p.table.Chosen) == 1 {
		p.w.draft.NIC = p.table.Chosen[0]
	}
	return cmd
}

func (p *nicPage) blink() tea.Cmd {
	row, ok := p.table.Cursor()
	if !ok {
		return nil
	}
	host := p.w.Host
	return tea.Batch(tui.Say(fmt.Sprintf("The port LED of %s blinks for %s.", row.ID, tui.Elapsed(blinkTime))), func() tea.Msg {
		if err := host.Links.Blink(background(), row.ID, blinkTime); err != nil {
			return tui.ErrorMsg{Err: err}
		}
		return nil
	})
}

func (p *nicPage) Next() error {
	if len(p.table.Chosen) != 1 {
		return errors.New("choose the NIC that is to become the uplink, with Space")
	}
	return nil
}

func (p *nicPage) Keys() []tui.Key {
	return append(p.table.Keys(), tui.Bind("blink LED", "b"))
}

func (p *nicPage) View(width, height int) string {
	head := tui.Wrap("Which NIC connects the bridge to the network? Its address moves to the bridge.", width)
	return strings.Join(head, "\n") + "\n\n" + p.table.View(width, height-len(head)-1)
}

func (p *nicPage) Help() string {
	return "The NIC that has the host's address is the usual choice: the address moves to the bridge's internal port and the NIC becomes a plain port of the bridge.\n\nPress b to make the NIC's port LED blink, where the driver can."
}

func (p *nicPage) detail(r tui.Row) string {
	n, ok := p.w.facts.NIC(r.ID)
	if !ok {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: MAC %s", n.Name, n.MAC)
	if n.Driver != "" {
		fmt.Fprintf(&b, ", driver %s", n.Driver)
	}
	fmt.Fprintf(&b, ", MTU %d", n.MTU)
	if len(n.AltNames) > 0 {
		fmt.Fprintf(&b, ", also called %s", strings.Join(n.AltNames, ", "))
	}
	b.WriteString("\n")
	if len(n.Addrs) > 0 {
		var list []string
		for _, a := range n.Addrs {
			list = append(list, a.Prefix.String())
		}
		fmt.Fprintf(&b, "addresses %s", strings.Join(list, ", "))
		if len(n.Gateway) > 0 {
			fmt.Fprintf(&b, "; gateway %s", strings.Join(n.Gateway, ", "))
		}
		b.WriteString("\n")
	}
	if n.Owner.File != "" {
		fmt.Fprintf(&b, "configured in %s:%d\n", n.Owner.File, n.Owner.Line)
	}
	for _, s := range n.SessionOf {
		fmt.Fprintf(&b, "carries %s\n", s)
	}
	for _, s := range n.Problems {
		fmt.Fprintf(&b, "%s\n", s)
	}
	return strings.TrimRight(b.String(), "\n")
}

func linkWord(n survey.NIC) string {
	switch {
	case !n.Up:
		return "down"
	case !n.Carrier:
		return "no cable"
	case n.SpeedMbps > 0 && n.SpeedMbps%1000 == 0:
		return fmt.Sprintf("%d Gb/s", n.SpeedMbps/1000)
	case n.SpeedMbps > 0:
		return fmt.Sprintf("%d Mb/s", n.SpeedMbps)
	}
	return "up"
}

func firstAddr(n survey.NIC) string {
	for _, a := range n.Addrs {
		if a.Scope == "global" {
			return a.Prefix.String()
		}
	}
	return "-"
}

func ownerWord(n survey.NIC) string {
	if n.MemberOf != "" {
		return n.MemberOf
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
	switch len(n.SessionOf) {
	case 0:
		return "-"
	case 1:
		return "1 login"
	}
	return fmt.Sprintf("%d logins", len(n.SessionOf))
}
