package steps

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/answers"
	"bridgehead/backend/bond"
	"bridgehead/tui"
)

func bondStep(w *Wizard) tui.Step {
	return tui.Step{ID: "bond", Title: "Bond", When: w.bonds, Page: func() tui.Page { return newBondPage(w) }}
}

// bondPage says how the members are bonded. What is recommended for what was heard is filled in.
type bondPage struct {
	tui.Form
	w       *Wizard
	primary *tui.ChoiceField
}

func newBondPage(w *Wizard) *bondPage {
	d := &w.draft
	p := &bondPage{w: w}
	ovs := func() bool { return d.Kind == answers.KindOVSBond }
	kernel := func() bool { return !ovs() }
	speaks := func() bool { return d.Answers().Bonding().Speaks() }
	p.primary = &tui.ChoiceField{Label: "Primary", Value: &d.Primary, When: func() bool { return ovs() && d.Mode == bond.ActiveBackup },
		Help: "The NIC in use, as long as its link works."}
	p.Fields = []tui.Field{
		&tui.TextField{Label: "Bond", Value: &d.Bond, Check: p.name, Help: "Its name, 15 characters at most, for example examplebond0."},
		&tui.ChoiceField{Label: "Mode", Value: &d.KernelMode, When: kernel, Options: []tui.Option{
			{Value: bond.ActiveBackup, Label: "active-backup", Explain: "one NIC in use, the others stand by; any switch"},
			{Value: bond.LACP8023ad, Label: "802.3ad", Explain: "connections are spread; the switch must speak LACP"},
		}},
		&tui.ChoiceField{Label: "Mode", Value: &d.Mode, When: ovs, Options: []tui.Option{
			{Value: bond.ActiveBackup, Label: "active-backup", Explain: "one NIC in use, the others stand by; any switch"},
			{Value: bond.BalanceSLB, Label: "balance-slb", Explain: "VMs are spread over the NICs; any switch, no LACP"},
			{Value: bond.BalanceTCP, Label: "balance-tcp", Explain: "connections are spread; the switch must speak LACP"},
		}},
		&tui.ChoiceField{Label: "LACP", Value: &d.LACP, When: ovs, Options: []tui.Option{
			{Value: bond.Off, Label: "off", Explain: "the switch ports are plain ports"},
			{Value: bond.Active, Label: "active", Explain: "this host begins; the usual one with LACP"},
			{Value: bond.Passive, Label: "passive", Explain: "this host waits for the switch to begin"},
		}},
		&tui.ToggleField{Label: "Fall back", Value: &d.Fallback, When: func() bool { return ovs() && speaks() }, Help: "Yes: without an answer from the switch, one NIC is used as in active-backup."},
		p.primary,
		&tui.ChoiceField{Label: "Rate", Value: &d.Rate, When: speaks, Options: []tui.Option{
			{Value: bond.Slow, Label: "slow", Explain: "every 30 s; a silent partner is missed after 90 s"},
			{Value: bond.Fast, Label: "fast", Explain: "every second; missed after 3 s"},
		}},
	}
	p.LongHelp = "With LACP, both sides tell each other which ports belong together, and a port that is not told about passes nothing. If the switch has no LACP there, an OVS bond that asks for it drops everything: hence the fallback.\n\nUntil you confirm the change, LACP runs at the fast rate; afterwards at the one you choose (a bond of the kernel: from the next restart on)."
	return p
}

func (p *bondPage) Enter() tea.Cmd {
	p.Intro = fmt.Sprintf("How are %s bonded?", p.w.memberNames())
	if r := p.w.recommended(); r.Kind != bond.Single {
		p.Intro += fmt.Sprintf(" Recommended: %s, since %s.", recommendation(r), r.Why)
	}
	p.primary.Options = nil
	for _, n := range p.w.members() {
		o := tui.Option{Value: n.Name, Label: n.Name, Explain: linkWord(n)}
		if n.Name == p.w.draft.NIC {
			o.Explain = "has the address now: the switch knows it already"
		}
		p.primary.Options = append(p.primary.Options, o)
	}
	if !slices.ContainsFunc(p.primary.Options, func(o tui.Option) bool { return o.Value == p.w.draft.Primary }) {
		p.w.draft.Primary = p.w.draft.NIC
	}
	return p.Form.Enter()
}

func recommendation(r bond.Recommendation) string {
	if !r.Speaks() || r.Kind == bond.Kernel {
		return r.Mode
	}
	return r.Mode + " with LACP " + r.LACP + " and fallback"
}

func (w *Wizard) memberNames() string {
	a := w.draft.Answers()
	a.Bond = nil
	return a.UplinkName()
}

// recommended is what fits the members and what was heard on them.
func (w *Wizard) recommended() bond.Recommendation {
	r := bond.Recommend(links(w.members()), w.heard)
	if w.draft.Kind == answers.KindKernelBond {
		r = r.ByKernel()
	}
	return r
}

func (p *bondPage) name(s string) error {
	if err := answers.LinkName(s); err != nil {
		return err
	}
	if p.w.taken(s) || s == p.w.draft.Bridge || s == p.w.draft.Port {
		return fmt.Errorf("%s exists already; choose another name", s)
	}
	return nil
}

func (p *bondPage) Next() error {
	if err := p.Form.Next(); err != nil {
		return err
	}
	a := p.w.draft.Answers()
	o := a.Bonding()
	for _, bad := range append(o.Problems(), o.MemberProblems(links(p.w.members()))...) {
		return errors.New(bad.Text)
	}
	for _, bad := range a.Problems() {
		if strings.HasPrefix(bad.Field, "bond.members") { // of the answers file, by which other NICs were bonded
			return errors.New(bad.Text)
		}
	}
	return nil
}
