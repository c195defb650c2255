package steps

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/answers"
	"bridgehead/backend/plan"
	"bridgehead/tui"
)

func (p *vmsPage) Update(msg tea.Msg) tea.Cmd {
	if a, ok := msg.(tui.AnswerMsg); ok {
		return p.answered(a)
	}
	if p.one != nil {
		return p.inForm(msg)
	}
	if p.table.Browsing() {
		switch {
		case tui.Pressed(msg, "e"):
			return p.open()
		case tui.Pressed(msg, "a"):
			p.table.ChooseShown(p.plainChoice)
			p.sync()
			return nil
		case tui.Pressed(msg, "x"):
			p.leaveOut()
			return nil
		case tui.Pressed(msg, "v"):
			return p.w.makeVM("vms")
		}
	}
	row, _ := p.table.Cursor()
	had := slices.Contains(p.table.Chosen, row.ID)
	cmd := p.table.Update(msg)
	p.sync()
	if v, at := p.find(row.ID); at >= 0 && !had && len(v.defined) > 1 && slices.Contains(p.table.Chosen, row.ID) {
		return p.open() // which of its NICs is a question
	}
	return cmd
}

// plainChoice says that there is nothing to ask about a VM.
func (p *vmsPage) plainChoice(name string) bool {
	v, at := p.find(name)
	_, err := p.attachment(v, p.how(v))
	return at >= 0 && len(v.defined) <= 1 && err == nil
}

// sync writes what is chosen to the draft. What the answers name and libvirt does not stays there, to be seen.
func (p *vmsPage) sync() {
	list := slices.DeleteFunc(slices.Clone(p.w.attached()), func(a answers.AttachVM) bool {
		v, at := p.find(a.Name)
		return at >= 0 && v.off == ""
	})
	for _, name := range p.table.Chosen {
		v, _ := p.find(name)
		list = append(list, p.how(v))
	}
	if slices.Equal(list, p.w.attached()) {
		return
	}
	p.w.attach(list)
	p.rows()
}

// lost are the VMs that the answers name and that cannot be connected, with the reasons.
func (p *vmsPage) lost() (names []string, why error) {
	for _, a := range p.w.attached() {
		v, at := p.find(a.Name)
		switch {
		case at < 0 && why == nil:
			why = fmt.Errorf("libvirt does not know a VM %s, which the answers name", a.Name)
		case at >= 0 && v.off != "" && why == nil:
			why = errors.New(v.off)
		}
		if at < 0 || v.off != "" {
			names = append(names, a.Name)
		}
	}
	return names, why
}

func (p *vmsPage) leaveOut() {
	lost, _ := p.lost()
	p.w.attach(slices.DeleteFunc(slices.Clone(p.w.attached()), func(a answers.AttachVM) bool { return slices.Contains(lost, a.Name) }))
}

func (p *vmsPage) Next() error {
	if _, err := p.lost(); err != nil {
		return errors.New(sentence(err) + " " + pressX)
	}
	for _, a := range p.w.attached() {
		v, _ := p.find(a.Name)
		if _, err := p.attachment(v, a); err != nil {
			return errors.New(sentence(err))
		}
	}
	if bad := (*answers.Error)(nil); !p.w.builds() && len(p.w.attached()) == 0 {
		if _, err := plan.Build(p.w.facts, p.w.draft.Answers()); errors.As(err, &bad) && bad.Field == "vms" {
			return errors.New("There is nothing to do yet: choose a VM, or create one. Ctrl-C ends the wizard.")
		}
	}
	return nil
}

func (p *vmsPage) Keys() []tui.Key {
	if p.one != nil {
		return p.one.Keys()
	}
	keys := p.table.Keys()
	if !p.table.Browsing() {
		return keys
	}
	row, ok := p.table.Cursor()
	edit := tui.Bind("NIC, VLAN", "e").Unless(row.Off)
	all := tui.Bind("choose all shown", "a")
	if !ok {
		edit, all = edit.Unless("There is no VM here."), all.Unless("There is no VM here.")
	}
	more := []tui.Key{edit, all}
	if !p.w.builds() { // else it is offered once the bridge is there
		more = append(more, tui.Bind("create a VM", "v").Unless(p.w.noNewVM()))
	}
	keys = slices.Insert(keys, min(1, len(keys)), more...)
	if lost, _ := p.lost(); len(lost) > 0 {
		keys = append([]tui.Key{tui.Bind("leave out "+strings.Join(lost, ", "), "x")}, keys...)
	}
	return keys
}

const (
	pressX       = "Press x to leave it out."
	whichVMs     = "Which VMs are connected to the bridge?"
	whenTheyMove = "A running VM keeps its NIC where it is until it is shut down and started again; a new NIC is plugged in at once."
)

func (p *vmsPage) intro() string {
	if lost, why := p.lost(); len(lost) > 0 {
		return sentence(why) + " " + pressX
	}
	if n := len(p.table.Chosen); n > 0 {
		return fmt.Sprintf("%d of %s chosen. %s", n, count(len(p.vms), "VM"), whenTheyMove)
	}
	return whichVMs + " " + whenTheyMove
}

func (p *vmsPage) View(width, height int) string {
	if p.one != nil {
		return p.one.View(width, height)
	}
	head := tui.Wrap(tui.Clean(p.intro()), width)
	return strings.Join(head, "\n") + "\n\n" + p.table.View(width, height-len(head)-1)
}

// Speak is the question, or what stands in the way.
func (p *vmsPage) Speak(width int) string {
	text := whichVMs + " " + whenTheyMove
	if lost, why := p.lost(); len(lost) > 0 {
		text = sentence(why) + " Whatever you answer leaves it out. " + text
	}
	return tui.Clean(text) + "\n" + p.table.Speak(width)
}

func (p *vmsPage) Help() string {
	return "Each VM that is chosen is connected by one NIC. Its MAC, model, boot order and everything else stay; only where it is connected changes. The difference is on the review screen, and is taken back with everything else.\n\nPress e to choose another NIC, a new one, a VLAN tag, or the bridge itself instead of the libvirt network. Press a to choose all VMs that are shown, for instance after a filter; a VM with several NICs is left for you to decide.\n\nlibvirt cannot move the NIC of a running VM to another kind of switch. So its definition changes now, and its NIC when it is shut down and started again; a restart from inside the VM is not enough. A new NIC is plugged in at once."
}
