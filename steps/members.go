package steps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/bond"
	"bridgehead/backend/survey"
	"bridgehead/tui"
)

func membersStep(w *Wizard) tui.Step {
	return tui.Step{ID: "members", Title: "Members", When: w.bonds, Page: func() tui.Page { return &membersPage{w: w} }}
}

// bonds says that a bond is asked for.
func (w *Wizard) bonds() bool {
	kind := w.asked().Kind
	return w.builds() && (kind == answers.KindOVSBond || kind == answers.KindKernelBond)
}

// listenFor is how long the switches are listened to, in rounds, so that what was heard shows
// at once. Switches speak every 30 s.
const (
	listenFor = 35 * time.Second
	round     = 5 * time.Second
)

// membersPage chooses the NICs that join the one with the address, and shows what their switches say.
type membersPage struct {
	w       *Wizard
	table   tui.Table
	until   time.Time
	hearing bool
}

type heardMsg struct {
	heard []backend.Neighbour
	err   error
}

func (p *membersPage) Enter() tea.Cmd {
	p.table.Columns = []tui.Column{{Title: "NIC", Min: 6}, {Title: "Link", Min: 9}, {Title: "Cabled to (LLDP)", Min: 12}, {Title: "LACP heard from", Min: 12}}
	p.table.Select, p.table.Noun, p.table.Empty = tui.SelectMany, "NICs", "This host has no other NIC."
	p.rows()
	p.table.Chosen = list(p.w.draft.Others)
	p.rows() // drops those that cannot be chosen
	p.pointAtFree()
	if p.hearing {
		return nil
	}
	p.hearing, p.until = true, time.Now().Add(listenFor)
	return p.listen()
}

func (p *membersPage) rows() {
	var rows []tui.Row
	for _, n := range p.w.facts.NICs {
		r := tui.Row{ID: n.Name, Cells: []string{n.Name, linkWord(n), p.cabled(n.Name), p.partner(n.Name)}}
		switch {
		case n.Name == p.w.draft.NIC:
			r.Off = n.Name + " is a member already"
		case !n.Usable:
			r.Off = n.Name + ": " + strings.Join(n.Problems, "; ")
		case configured(n):
			r.Off = n.Name + " has an address of its own; a member of a bond has none"
		}
		rows = append(rows, r)
	}
	p.table.SetRows(rows)
}

// pointAtFree has the cursor begin on a NIC that can be chosen: the key that chooses is then in the footer.
func (p *membersPage) pointAtFree() {
	if row, ok := p.table.Cursor(); !ok || row.Off == "" {
		return
	}
	if i := slices.IndexFunc(p.table.Rows, func(r tui.Row) bool { return r.Off == "" }); i >= 0 {
		p.table.Point(p.table.Rows[i].ID)
	}
}

// listen listens for a round. What cannot be listened to is left out.
func (p *membersPage) listen() tea.Cmd {
	host := p.w.Host
	var names []string
	for _, n := range p.w.facts.NICs {
		if n.Usable && n.Up {
			names = append(names, n.Name)
		}
	}
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(background(), round)
		defer cancel()
		heard, err := host.Listener.Listen(ctx, names)
		return heardMsg{heard, err}
	}
}

func (p *membersPage) Update(msg tea.Msg) tea.Cmd {
	if m, ok := msg.(heardMsg); ok {
		return p.hear(m)
	}
	if tui.Pressed(msg, "b") && p.table.Browsing() {
		return p.w.blink(&p.table)
	}
	cmd := p.table.Update(msg)
	p.w.draft.Others = strings.Join(p.table.Chosen, " ")
	p.w.propose()
	return cmd
}

func (p *membersPage) hear(m heardMsg) tea.Cmd {
	if m.err != nil {
		p.hearing = false
		return tui.Say("Cannot listen to the switches: " + sentence(m.err))
	}
	silent := false
	for _, n := range m.heard {
		old := p.w.neighbour(n.NIC)
		if n.Switch != "" {
			old.Switch, old.Port, old.PortText = n.Switch, n.Port, n.PortText
		}
		if n.LACP != nil {
			old.LACP = n.LACP
		}
		silent = silent || old.Switch == "" || old.LACP == nil
		p.w.heard = append(slices.DeleteFunc(p.w.heard, func(x backend.Neighbour) bool { return x.NIC == n.NIC }), old)
	}
	p.rows()
	p.w.propose()
	if p.hearing = silent && len(m.heard) > 0 && time.Now().Before(p.until); !p.hearing {
		return nil
	}
	listen := p.listen() // a command reads nothing of the page
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return listen() })
}

// unheard stands where a switch has said nothing.
const unheard = "-"

// neighbour is what was heard on a NIC so far.
func (w *Wizard) neighbour(nic string) backend.Neighbour {
	for _, n := range w.heard {
		if n.NIC == nic {
			return n
		}
	}
	return backend.Neighbour{NIC: nic}
}

func (p *membersPage) cabled(nic string) string {
	if where := p.w.neighbour(nic).Where(); where != "" {
		return where
	}
	return unheard
}

func (p *membersPage) partner(nic string) string {
	if l := p.w.neighbour(nic).LACP; l != nil {
		return fmt.Sprintf("%s key %d", l.System, l.Key)
	}
	return unheard
}

func (p *membersPage) Next() error {
	if len(p.table.Chosen) == 0 {
		return errors.New("Choose one NIC or more that join " + p.w.draft.NIC + ".")
	}
	if bad := (bond.Options{Kind: p.w.draft.Kind, Mode: bond.ActiveBackup}).MemberProblems(links(p.w.members())); len(bad) > 0 {
		return errors.New(bad[0].Text)
	}
	return nil
}

func (p *membersPage) Keys() []tui.Key { return append(blinkKey(&p.table), p.table.Keys()...) }

// Ask asks for the members.
func (p *membersPage) Ask() []tui.Question { return p.table.Ask() }

// Speak is the question, and what the switches say, as it is heard.
func (p *membersPage) Speak(width int) string {
	lines := append([]string{p.question()}, p.listening(" for "+span(listenFor))...)
	for _, n := range p.w.facts.NICs {
		if where := p.cabled(n.Name); where != unheard {
			lines = append(lines, n.Name+" is cabled to "+where+".")
		}
		if partner := p.partner(n.Name); partner != unheard {
			lines = append(lines, n.Name+" hears LACP from "+partner+".")
		}
	}
	return tui.Clean(strings.Join(lines, "\n")) + "\n" + p.table.Speak(width)
}

func (p *membersPage) View(width, height int) string {
	left := max(0, time.Until(p.until).Round(time.Second))
	text := strings.Join(append([]string{p.question()}, p.listening(", "+span(left)+" left")...), " ")
	head := tui.Wrap(tui.Clean(text), width)
	if room := max(height-5, 1); len(head) > room { // the NICs are what it is about
		head = head[:room]
	}
	return strings.Join(head, "\n") + "\n\n" + p.table.View(width, height-len(head)-1)
}

func (p *membersPage) question() string {
	return fmt.Sprintf("Which NICs are bonded with %s?", p.w.draft.NIC)
}

// listening is what to know about what is heard, a sentence each.
func (p *membersPage) listening(howLong string) []string {
	var out []string
	if apart := bond.Apart(p.w.heard); apart != "" {
		out = append(out, "Note that "+apart+".")
	}
	switch {
	case p.hearing:
		out = append(out, "Listening to the switches (LLDP, LACP)"+howLong+"; you need not wait.")
	case p.silence():
		out = append(out, "Where nothing was heard from the switch, that proves nothing: not every switch speaks, and a NIC that is down hears nothing.")
	}
	return out
}

// silence says that it was listened, and that there are NICs on which something was not heard.
func (p *membersPage) silence() bool {
	return len(p.w.heard) > 0 && slices.ContainsFunc(p.w.facts.NICs, func(n survey.NIC) bool {
		return p.cabled(n.Name) == unheard || p.partner(n.Name) == unheard
	})
}

func (p *membersPage) Help() string {
	return "All members of a bond lead to the same network. With LACP they are cabled to one switch (or to several that act as one), into one port-channel. Without LACP they may be cabled to different switches.\n\nLLDP tells which switch port a NIC is cabled to; LACP tells that the switch port speaks it. Both are listened for and nothing is sent."
}

// one is the NIC that has the host's address.
func (w *Wizard) one() []survey.NIC { return []survey.NIC{w.nic()} }

// members are the NICs of the uplink, the one with the host's address first.
func (w *Wizard) members() []survey.NIC {
	out := w.one()
	for _, name := range list(w.draft.Others) {
		if n, ok := w.facts.NIC(name); ok && name != w.draft.NIC {
			out = append(out, n)
		}
	}
	return out
}

// free are the NICs that could join a bond.
func (w *Wizard) free() []survey.NIC {
	return slices.DeleteFunc(slices.Clone(w.facts.NICs), func(n survey.NIC) bool {
		return !n.Usable || n.Name == w.draft.NIC || n.Kind == "bond" || configured(n)
	})
}

// configured says that a NIC has an address of its own.
func configured(n survey.NIC) bool {
	return slices.ContainsFunc(n.Addrs, func(a backend.Addr) bool { return a.Scope != "link" })
}

func withLink(nics []survey.NIC) []survey.NIC {
	return slices.DeleteFunc(slices.Clone(nics), func(n survey.NIC) bool { return !n.Up || !n.Carrier })
}

func links(nics []survey.NIC) []backend.Link {
	var out []backend.Link
	for _, n := range nics {
		out = append(out, n.Link)
	}
	return out
}
