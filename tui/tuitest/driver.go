// Package tuitest drives a wizard in tests: it presses keys, runs the commands
// until all is quiet, and reads the screen. Time is that of testing/synctest:
// it begins at 2000-01-01 and passes only when a test says so.
package tuitest

import (
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"bridgehead/tui"
)

// Driver is an operator at a wizard.
type Driver struct {
	Shell *tui.Shell

	model   tea.Model // the shell, or what tells it line by line
	t       *testing.T
	mu      sync.Mutex
	arrived []tea.Msg // from commands, not yet delivered
	running int       // commands
	ended   bool
}

// Run starts the wizard that build makes on a screen of the given size and
// plays script on it. Both run in a synctest bubble: channels and timers have
// to be made inside, and a command that waits on a channel has to end with
// the test (for example by t.Context()).
func Run(t *testing.T, width, height int, build func(*testing.T) *tui.Shell, script func(*Driver)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &Driver{t: t, Shell: build(t)}
		d.model = d.Shell
		defer d.end()
		d.start(d.model.Init())
		d.Resize(width, height)
		script(d)
	})
}

// Press presses keys, named as Bubble Tea names them: "enter", "shift+tab",
// "ctrl+c", "a".
func (d *Driver) Press(keys ...string) {
	d.t.Helper()
	for _, name := range keys {
		d.Send(Key(name))
	}
}

// Type types text, character by character.
func (d *Driver) Type(text string) {
	d.t.Helper()
	for _, r := range text {
		d.Send(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

// Paste pastes text.
func (d *Driver) Paste(text string) { d.t.Helper(); d.Send(tea.PasteMsg{Content: text}) }

// Resize gives the screen another size.
func (d *Driver) Resize(width, height int) {
	d.t.Helper()
	d.Send(tea.WindowSizeMsg{Width: width, Height: height})
}

// Send delivers a message and all that follows from it without time passing.
func (d *Driver) Send(msg tea.Msg) {
	d.t.Helper()
	d.deliver(msg)
	d.settle(true)
}

// Wait lets time pass.
func (d *Driver) Wait(span time.Duration) {
	d.t.Helper()
	for end := time.Now().Add(span); time.Now().Before(end); {
		time.Sleep(min(100*time.Millisecond, time.Until(end)))
		d.settle(false)
	}
}

// Ended reports whether the wizard has ended.
func (d *Driver) Ended() bool { return d.ended }

// Screen is what the operator sees, without styles and without the blanks at
// the ends of lines.
func (d *Driver) Screen() string {
	lines := strings.Split(ansi.Strip(d.Shell.View().Content), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// Want fails the test unless the screen has all the texts. Blanks and line
// breaks between words do not count.
func (d *Driver) Want(texts ...string) {
	d.t.Helper()
	for _, text := range texts {
		if !strings.Contains(squeeze(d.Screen()), squeeze(text)) {
			d.t.Fatalf("%q is not on the screen:\n%s", text, d.Screen())
		}
	}
}

// WantNot fails the test if the screen has one of the texts.
func (d *Driver) WantNot(texts ...string) {
	d.t.Helper()
	for _, text := range texts {
		if strings.Contains(squeeze(d.Screen()), squeeze(text)) {
			d.t.Fatalf("%q is on the screen:\n%s", text, d.Screen())
		}
	}
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// settle delivers what commands report until they all have ended or wait.
// Changed says that the screen may be another one already.
func (d *Driver) settle(changed bool) {
	d.t.Helper()
	for round := range 10000 {
		synctest.Wait()
		d.mu.Lock()
		msgs := d.arrived
		d.arrived = nil
		d.mu.Unlock()
		if len(msgs) == 0 {
			if changed || round > 0 {
				d.fits()
			}
			return
		}
		for _, msg := range msgs {
			d.deliver(msg)
		}
	}
	d.t.Fatalf("the wizard does not come to rest:\n%s", d.Screen())
}

func (d *Driver) deliver(msg tea.Msg) {
	if msg == nil || d.ended {
		return
	}
	if _, ok := msg.(tea.QuitMsg); ok {
		d.quit()
		return
	}
	if cmds, ok := commands(msg); ok {
		if _, batch := msg.(tea.BatchMsg); batch {
			for _, cmd := range cmds {
				d.start(cmd)
			}
			return
		}
		d.start(d.sequence(cmds))
		return
	}
	_, cmd := d.model.Update(msg)
	d.start(cmd)
}

func (d *Driver) quit() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
}

// end lets the timers that still run come to their end: they may not outlive
// the bubble.
func (d *Driver) end() {
	d.quit()
	for nap := time.Second; d.busy() && nap < 100*time.Hour; nap *= 2 {
		time.Sleep(nap)
	}
}

// start runs a command as the real program does: beside everything else.
func (d *Driver) start(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	d.count(+1)
	go func() {
		defer d.count(-1)
		d.report(cmd())
	}()
}

func (d *Driver) count(by int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running += by
}

func (d *Driver) busy() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.running > 0
}

func (d *Driver) report(msg tea.Msg) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if msg != nil && !d.ended {
		d.arrived = append(d.arrived, msg)
	}
}

// sequence runs commands one after the other.
func (d *Driver) sequence(cmds []tea.Cmd) tea.Cmd {
	return func() tea.Msg {
		for _, cmd := range cmds {
			if cmd != nil {
				d.report(cmd())
			}
		}
		return nil
	}
}

// commands takes tea.BatchMsg and Bubble Tea's unexported sequence apart.
func commands(msg tea.Msg) ([]tea.Cmd, bool) {
	want := reflect.TypeFor[[]tea.Cmd]()
	if v := reflect.ValueOf(msg); v.Kind() == reflect.Slice && v.Type().ConvertibleTo(want) {
		return v.Convert(want).Interface().([]tea.Cmd), true
	}
	return nil, false
}

// fits fails the test when a page draws more than there is room for: the frame
// would cut words off.
func (d *Driver) fits() {
	d.t.Helper()
	if d.ended || d.Shell.Page() == nil || d.model != tea.Model(d.Shell) {
		return
	}
	width, height := d.Shell.BodySize()
	if width < 1 || height < 1 || width < tui.MinWidth {
		return
	}
	lines := strings.Split(d.Shell.Page().View(width, height), "\n")
	if len(lines) > height {
		d.t.Errorf("step %s draws %d lines, there is room for %d:\n%s",
			d.Shell.Step().ID, len(lines), height, strings.Join(lines, "\n"))
	}
	for _, line := range lines {
		if ansi.StringWidth(line) > width {
			d.t.Errorf("step %s draws %d columns, there is room for %d:\n%s",
				d.Shell.Step().ID, ansi.StringWidth(line), width, line)
		}
	}
}
