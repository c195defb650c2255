package tui_test

import (
	"errors"
	"os"
	"testing"

	tea "charm.land/bubbletea/v2"

	"bridgehead/tui"
	"bridgehead/tui/tuitest"
)

// nicPage is how a step makes a page out of a widget: it embeds the widget and
// adds what makes it a page, and keys of its own.
type nicPage struct {
	*tui.Table
	blink func(nic string) error
}

type blinked struct{ err error }

func (p *nicPage) Enter() tea.Cmd { return nil }

func (p *nicPage) Next() error {
	if len(p.Chosen) == 0 {
		return errors.New("choose at least one NIC, with Space")
	}
	return nil
}

func (p *nicPage) Help() string { return "The NICs chosen become the uplink of the bridge." }

func (p *nicPage) Keys() []tui.Key {
	return append([]tui.Key{tui.Bind("blink LED", "b")}, p.Table.Keys()...)
}

func (p *nicPage) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case blinked: // what the command below reported
		if msg.err != nil {
			return func() tea.Msg { return tui.ErrorMsg{Err: msg.err} }
		}
		return tui.Say("The LED has blinked.")
	case tea.KeyPressMsg:
		if row, ok := p.Cursor(); ok && tui.Pressed(msg, "b") {
			return func() tea.Msg { return blinked{p.blink(row.ID)} }
		}
	}
	return p.Table.Update(msg)
}

func nicShell() *tui.Shell {
	table := nicTable(4, tui.SelectMany)
	return &tui.Shell{Product: "Bridgehead", Steps: []tui.Step{{
		ID: "nics", Title: "NICs",
		Page: func() tui.Page {
			return &nicPage{Table: table, blink: func(nic string) error {
				if nic == "eth1" {
					return errors.New("cannot blink the LED of eth1: it has none")
				}
				return nil
			}}
		},
	}}}
}

// A wizard of one step.
func Example() {
	if err := tui.Run(nicShell(), os.Stdin, os.Stdout); err != nil {
		os.Exit(1)
	}
}

func TestPageWithKeysOfItsOwn(t *testing.T) {
	tuitest.Run(t, 80, 24, func(*testing.T) *tui.Shell { return nicShell() }, func(d *tuitest.Driver) {
		d.Press("enter")
		d.Want("choose at least one NIC, with Space", "b blink LED")
		d.Press("b")
		d.Want("The LED has blinked.")
		d.Press("down", "b")
		d.Want("cannot blink the LED of eth1: it has none", "> [ ] eth1")
		d.Press("space", "enter")
		if !d.Ended() {
			t.Error("the wizard goes on")
		}
	})
}
