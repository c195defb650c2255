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
	"bridgehead/backend/newvm"
	"bridgehead/tui"
)

func makeVMStep(w *Wizard) tui.Step {
	return tui.Step{ID: "makevm", Title: "Create the VM",
		When: func() bool { return w.newVM.wanted },
		Page: func() tui.Page { return &makeVMPage{w: w} }}
}

// makeVMPage shows what stands in the way of the VM and the command, and makes it; what was made can be removed again.
type makeVMPage struct {
	w     *Wizard
	vm    answers.CreateVM
	prose drawn

	facts    *newvm.Facts
	problems []newvm.Problem
	err      error // of the look, or of what was done last

	working tui.Working
	line    string
	lines   chan string
	stop    context.CancelFunc
	stopped bool

	made  *backend.Made // what there is of it
	wired string        // the port that it has, or why it has none
	ask   bool          // whether it is to be removed
	gone  bool          // it was removed
}

type (
	vmLookedMsg struct {
		vm    answers.CreateVM
		facts newvm.Facts
		err   error
	}
	vmLineMsg struct{ line string }
	vmMadeMsg struct {
		made  backend.Made
		wired string
		err   error
	}
	vmRemovedMsg struct{ err error }
)

func (p *makeVMPage) Enter() tea.Cmd {
	if p.busy() {
		return nil
	}
	w := p.w
	*p = makeVMPage{w: w, vm: w.newVM.vm()}
	p.prose.text = p.text
	h, vm := w.Host, p.vm
	return func() tea.Msg {
		f, err := newvm.Look(background(), h, vm)
		return vmLookedMsg{vm, f, err}
	}
}

func (p *makeVMPage) busy() bool { return p.working.What != "" }

func (p *makeVMPage) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case vmLookedMsg:
		if msg.vm == p.vm && p.facts == nil {
			p.facts, p.err, p.problems = &msg.facts, msg.err, newvm.Problems(msg.facts, msg.vm)
		}
	case vmLineMsg:
		p.line = msg.line
		return p.nextLine()
	case vmMadeMsg:
		p.working, p.err, p.wired, p.w.newVM.making = tui.Working{}, msg.err, msg.wired, false
		p.made = &msg.made
		if msg.made.Domain != "" {
			p.w.newVM.made = append(p.w.newVM.made, msg.made.Domain)
		}
		p.stop()
	case vmRemovedMsg:
		p.working, p.err, p.gone = tui.Working{}, msg.err, msg.err == nil
		if p.gone {
			p.w.newVM.made = slices.DeleteFunc(p.w.newVM.made, func(n string) bool { return n == p.vm.Name })
		}
	case tea.KeyPressMsg:
		return p.key(msg)
	}
	return nil
}

func (p *makeVMPage) key(msg tea.KeyPressMsg) tea.Cmd {
	ask := p.ask
	p.ask = false
	switch {
	case ask && tui.Pressed(msg, "enter"):
		return p.remove()
	case ask:
	case tui.Pressed(msg, "esc", "ctrl+p", "n"):
		return tui.Goto("newvm")
	case tui.Pressed(msg, "c"):
		return p.create()
	case tui.Pressed(msg, "x"):
		p.stopped = true
		p.stop()
	case tui.Pressed(msg, "r"):
		p.ask = true
	case tui.Pressed(msg, "s"):
		return p.save()
	default:
		return p.prose.Update(msg)
	}
	return nil
}

func (p *makeVMPage) create() tea.Cmd {
	ctx, stop := context.WithCancel(background())
	p.stop, p.stopped, p.err, p.made, p.line = stop, false, nil, nil, ""
	p.working, p.lines = tui.Working{What: "creating " + p.vm.Name, Since: time.Now()}, make(chan string, 64)
	p.w.newVM.making = true
	h, f, vm, lines := p.w.Host, *p.facts, p.vm, p.lines
	return tea.Batch(p.nextLine(), func() tea.Msg {
		defer close(lines)
		made, err := newvm.Make(ctx, h, f, vm, func(l string) {
			select {
			case lines <- l:
			default: // only the newest line matters
			}
		})
		m := vmMadeMsg{made: made, err: err}
		if err == nil {
			m.wired = wired(h, made.UUID)
		}
		return m
	})
}

// wired is the tutorial's last line: the VM's port in ovs-vsctl show.
func wired(h backend.Host, uuid string) string {
	port, bridge, err := newvm.Tap(background(), h, uuid, 10*time.Second)
	if err != nil {
		return "Its connection: " + stop(err.Error())
	}
	return fmt.Sprintf("It runs and is connected: %s is a port of %s (ovs-vsctl show).", port, bridge)
}

func (p *makeVMPage) nextLine() tea.Cmd {
	lines := p.lines
	return func() tea.Msg {
		if l, ok := <-lines; ok {
			return vmLineMsg{l}
		}
		return nil
	}
}

func (p *makeVMPage) remove() tea.Cmd {
	p.working = tui.Working{What: "removing it", Since: time.Now()}
	h, made := p.w.Host, *p.made
	return func() tea.Msg { return vmRemovedMsg{h.Guests.Remove(background(), made)} }
}

func (p *makeVMPage) save() tea.Cmd {
	w, vm := p.w, p.vm
	return func() tea.Msg {
		var dir string
		for name, commands := range map[string][]string{"bridgehead-create-vm.sh": newvm.Script(vm), "bridgehead-remove-vm.sh": newvm.UndoScript(vm)} {
			var err error
			if dir, err = w.Save(name, []byte("#!/bin/sh\nset -e\n"+strings.Join(commands, "\n")+"\n"), 0o700); err != nil {
				return tui.ErrorMsg{Err: fmt.Errorf("cannot write %s: %w", name, err)}
			}
		}
		return tui.SayMsg{Text: "Saved in " + dir + ": bridgehead-create-vm.sh, bridgehead-remove-vm.sh"}
	}
}

// refused says that it cannot be made as typed.
func (p *makeVMPage) refused() bool {
	return p.facts != nil && (len(p.problems) > 0 && p.problems[0].Refuse || p.err != nil && p.made == nil)
}

// there says that something of it is there.
func (p *makeVMPage) there() bool { return p.made != nil && len(newvm.Listed(*p.made)) > 0 && !p.gone }

func (p *makeVMPage) Next() error {
	if p.busy() {
		return errors.New("One moment: " + p.working.What + ".")
	}
	return nil
}

func (p *makeVMPage) Keys() []tui.Key {
	back := tui.Bind("back", "esc", "ctrl+p")
	save := tui.Bind("save commands", "s")
	var keys []tui.Key
	switch {
	case p.ask:
		return []tui.Key{tui.Bind("yes, remove it", "enter"), tui.Bind("no", "esc", "ctrl+p")}
	case p.busy():
		moment := sentence(p.Next())
		keys = []tui.Key{tui.Bind("continue", "enter", "ctrl+n").Unless(moment), back.Unless(moment)}
		if p.stop != nil && p.made == nil {
			off := ""
			if p.stopped {
				off = "One moment: virt-install is being stopped."
			}
			keys = append(keys, tui.Bind("stop", "x").Unless(off))
		}
	case p.there():
		keys = []tui.Key{tui.Bind("remove it", "r"), tui.Bind("another VM", "n"), back}
	case p.made != nil: // all of it is gone again
		keys = []tui.Key{tui.Bind("another VM", "n"), back}
	case p.facts == nil:
		keys = []tui.Key{tui.Bind("create", "c").Unless("One moment: looking whether that can be."), save, back}
	case p.refused():
		keys = []tui.Key{tui.Bind("create", "c").Unless("It cannot be made like that: go back with Esc and correct it."), save, back}
	default:
		keys = []tui.Key{tui.Bind("create", "c"), save, back}
	}
	return append(keys, p.prose.Keys()...)
}

func (p *makeVMPage) View(width, height int) string {
	if !p.busy() {
		return p.prose.View(width, height)
	}
	return p.working.View(width) + "\n  " + tui.Cut(tui.Clean(p.line), width-2) + "\n\n" + p.prose.View(width, max(height-3, 1))
}

// Speak is what would be made, or what became of it.
func (p *makeVMPage) Speak(width int) string {
	text := p.prose.Speak(width)
	if p.busy() {
		text += "\n" + p.working.Speak(width)
	}
	return text
}

func (p *makeVMPage) text(width int) []string {
	var lines []string
	say := func(s string) { lines = append(append(lines, tui.Wrap(tui.Clean(s), width)...), "") }
	switch {
	case p.busy() && p.made != nil: // it is being removed
		return p.listed(width)
	case p.ask:
		say("Remove this VM, with what is on its disk? Enter: yes. Esc: no.")
		return append(lines, p.listed(width)...)
	case p.gone:
		say("Removed. Nothing of " + p.vm.Name + " is left. Enter ends the wizard.")
		return lines
	case p.there() && p.err != nil:
		say(p.failed() + " This is left of it; press r to remove it:")
		return append(lines, p.listed(width)...)
	case p.there():
		say(p.wired)
		say("Made:")
		lines = append(append(lines, p.listed(width)...), "")
		say(newvm.Console(p.vm))
		say("Enter ends the wizard.")
		return lines
	case p.made != nil:
		say(p.failed() + " Nothing of it is left.")
		return lines
	case p.facts == nil && !p.busy():
		say("Looking whether that can be ...")
	case p.err != nil:
		say(sentence(p.err))
	case p.refused():
		say("It cannot be made like that:")
	case !p.busy():
		say("Nothing stands in the way. Press c to create it.")
	}
	for _, x := range p.problems {
		lines = append(lines, hang("- ", x.String(), width)...)
	}
	if len(p.problems) > 0 {
		lines = append(lines, "")
	}
	for _, c := range newvm.Script(p.vm) {
		lines = append(lines, typed(tui.Clean(c), width)...)
	}
	return lines
}

func (p *makeVMPage) failed() string {
	if p.stopped && errors.Is(p.err, context.Canceled) {
		return "Stopped. The network was not touched."
	}
	return sentence(p.err) + " The network was not touched."
}

func (p *makeVMPage) listed(width int) (lines []string) {
	for _, l := range newvm.Listed(*p.made) {
		lines = append(lines, hang("  - ", l, width)...)
	}
	return lines
}

func (p *makeVMPage) Help() string {
	return "virt-install returns as soon as the VM runs; the installation goes on in the VM. It has its disk where you said, and libvirt gets a storage pool for that directory and for that of the ISO. Press r to remove all of it again.\n\nLater, with an answers file: bridgehead create --answers FILE"
}
