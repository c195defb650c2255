package steps

import (
	"errors"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"bridgehead/tui"
)

const blinkTime = 10 * time.Second

// blink makes the port LED of the NIC that the table points at blink, where the driver can; else it says what to do instead.
func (w *Wizard) blink(t *tui.Table) tea.Cmd {
	row, ok := t.Cursor()
	if !ok {
		return nil
	}
	host := w.Host
	return tea.Sequence(tui.Say(fmt.Sprintf("The port LED of %s blinks for %s.", row.ID, span(blinkTime))), func() tea.Msg {
		if err := host.Links.Blink(background(), row.ID, blinkTime); err != nil {
			return tui.ErrorMsg{Err: errors.New(sentence(err))}
		}
		return nil
	})
}

// blinkKey is offered while the table is looked through, and not while a filter is typed.
func blinkKey(t *tui.Table) []tui.Key {
	if !t.Browsing() {
		return nil
	}
	return []tui.Key{tui.Bind("blink LED", "b")}
}
