package tui_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"bridgehead/tui"
	"bridgehead/tui/tuitest"
)

// screen is a page of one widget.
type screen struct {
	tui.Widget
	next func() error
}

func (s screen) Enter() tea.Cmd {
	if p, ok := s.Widget.(interface{ Enter() tea.Cmd }); ok {
		return p.Enter()
	}
	return nil
}

func (s screen) Next() error {
	if p, ok := s.Widget.(interface{ Next() error }); ok {
		return p.Next()
	}
	if s.next != nil {
		return s.next()
	}
	return nil
}

func (s screen) Help() string { return "Help." }

// show plays script on a wizard of one page with this widget, and a last page.
func show(t *testing.T, widget tui.Widget, script func(*tuitest.Driver)) {
	t.Helper()
	showAt(t, 80, 24, func() tui.Widget { return widget }, script)
}

func showAt(t *testing.T, width, height int, widget func() tui.Widget, script func(*tuitest.Driver)) {
	t.Helper()
	tuitest.Run(t, width, height, func(*testing.T) *tui.Shell {
		return &tui.Shell{Product: "Bridgehead", Steps: []tui.Step{
			{ID: "widget", Title: "Widget", Page: func() tui.Page { return screen{Widget: widget()} }},
			{ID: "last", Title: "Last", Page: func() tui.Page { return screen{Widget: &tui.Prose{Text: "That is all."}} }},
		}}
	}, script)
}

func TestFormFieldByField(t *testing.T) {
	kind, mode, keep, guests := "nic", "balance-tcp", true, []string{"example1"}
	form := &tui.Form{Fields: []tui.Field{
		&tui.ChoiceField{Label: "Uplink kind", Value: &kind, Options: []tui.Option{
			{Value: "nic", Label: "One NIC", Explain: "It becomes a port."},
			{Value: "ovs", Label: "OVS bond", Off: "it needs two NICs"},
			{Value: "kernel", Label: "Kernel bond", Explain: "Linux bonds them."},
		}},
		&tui.TextField{Label: "Bond mode", Value: &mode, When: func() bool { return kind != "nic" }},
		&tui.ToggleField{Label: "Keep default", Value: &keep},
		&tui.MultiField{Label: "Guests", Value: &guests, Options: []tui.Option{
			{Value: "example1", Label: "example1"}, {Value: "example2", Label: "example2"}, {Value: "x", Label: "x", Off: "it has no NIC"},
		}},
	}}
	show(t, form, func(d *tuitest.Driver) {
		d.Want("(*) One NIC", "It becomes a port.", "-  OVS bond     not possible: it needs two NICs", "( ) Kernel bond")
		d.WantNot("Bond mode")
		d.Press("down") // over the option that cannot be chosen
		d.Want("(*) Kernel bond", "Bond mode")
		d.Press("enter")
		d.Type("x")
		d.Press("down", "space")
		d.Want("[ ] no")
		d.Press("enter", "space", "down", "space")
		d.Want("[ ] example1", "[x] example2")
		d.Press("down", "space")
		d.Want("it has no NIC")
		d.Press("enter")
		d.Want("That is all.")
	})
	if kind != "kernel" || mode != "balance-tcpx" || keep || !slices.Equal(guests, []string{"example2"}) {
		t.Errorf("kind %q mode %q keep %v guests %v", kind, mode, keep, guests)
	}
}

func TestFormRefusesAChoiceThatBecameImpossible(t *testing.T) {
	kind := "ovs"
	form := &tui.Form{Fields: []tui.Field{&tui.ChoiceField{Label: "Uplink kind", Value: &kind, Options: []tui.Option{
		{Value: "nic", Label: "One NIC"}, {Value: "ovs", Label: "OVS bond", Off: "it needs two NICs"},
	}}}}
	show(t, form, func(d *tuitest.Driver) {
		d.Press("enter")
		d.Want("Uplink kind: OVS bond is not possible: it needs two NICs")
		d.Press("up", "enter")
		d.Want("That is all.")
	})
}

func TestFormTakesUpValuesChangedElsewhere(t *testing.T) {
	name := "examplebr0"
	form := &tui.Form{Fields: []tui.Field{&tui.TextField{Label: "Name", Value: &name}}}
	show(t, form, func(d *tuitest.Driver) {
		d.Press("enter")
		name = "other0"
		d.Press("esc")
		d.Want("[other0")
		d.Type("1")
	})
	if name != "other01" {
		t.Errorf("name is %q, want other01", name)
	}
}

func TestFormChecksTheWhole(t *testing.T) {
	value := ""
	form := &tui.Form{
		Fields: []tui.Field{&tui.TextField{Label: "Gateway", Value: &value}},
		Check:  func() error { return errors.New("the gateway is outside of every net") },
	}
	show(t, form, func(d *tuitest.Driver) {
		d.Press("enter")
		d.Want("the gateway is outside of every net")
	})
}

func TestLongFormShowsTheFocusedField(t *testing.T) {
	values := make([]string, 40)
	form := &tui.Form{}
	for i := range values {
		form.Fields = append(form.Fields, &tui.TextField{Label: fmt.Sprintf("Field %02d", i), Value: &values[i], Help: "Some help."})
	}
	show(t, form, func(d *tuitest.Driver) {
		for range 39 {
			d.Press("enter")
		}
		d.Want("> Field 39", "Lines 2", "of 41")
		d.Press("shift+tab")
		d.Want("> Field 38")
	})
}

func nics(n int) []tui.Row {
	var rows []tui.Row
	for i := range n {
		rows = append(rows, tui.Row{ID: fmt.Sprint("eth", i), Cells: []string{fmt.Sprint("eth", i), fmt.Sprintf("02:00:5e:00:01:%02x", i), "igb"}})
	}
	return rows
}

func nicTable(n int, how tui.Select) *tui.Table {
	return &tui.Table{
		Columns: []tui.Column{{Title: "name"}, {Title: "MAC"}, {Title: "driver"}},
		Rows:    nics(n), Select: how, Noun: "NICs", Empty: "This host has no NIC.",
	}
}

func TestTableWith256Rows(t *testing.T) {
	table := nicTable(256, tui.SelectMany)
	show(t, table, func(d *tuitest.Driver) {
		d.Want("> [ ] eth0", "NICs 1-16 of 256")
		d.Press("end")
		d.Want("> [ ] eth255", "NICs 241-256 of 256")
		d.Press("pgup", "pgup", "space")
		d.Press("/")
		d.Type("eth25")
		d.Want("NICs 1-7 of 7 that match (256 in all), filter: eth25_", "Esc drop the filter")
		d.Press("enter", "down", "space")
		d.Want("> [x] eth250")
		d.Press("esc")
		d.Want("of 256", "> [x] eth250")
		d.Press("/")
		d.Type("no such NIC")
		d.Want("0 of 0 that match")
		d.Press("space", "down", "enter", "space")
		d.Want("there is no row to choose")
		d.Press("esc", "enter")
		d.Want("That is all.")
	})
	if got := fmt.Sprint(table.Chosen); got != "[eth225 eth250]" {
		t.Errorf("chosen %s, want [eth225 eth250], in the order of the rows", got)
	}
}

func TestTableOfOne(t *testing.T) {
	table := nicTable(4, tui.SelectOne)
	table.Rows[1].Off = "It is a port of br9."
	show(t, table, func(d *tuitest.Driver) {
		d.Press("down", "enter")
		d.Want("It is a port of br9.", "Step 1 of 2", "> -  eth1")
		d.Press("up", "space")
		d.Want("> (*) eth0")
		d.Press("down", "down", "enter")
		d.Want("That is all.")
	})
	if got := fmt.Sprint(table.Chosen); got != "[eth2]" {
		t.Errorf("chosen %s, want [eth2]", got)
	}
}

func TestTableDetail(t *testing.T) {
	table := nicTable(30, tui.SelectNone)
	table.Detail = func(r tui.Row) string {
		return "All about " + r.ID + ".\n" + strings.Repeat("More.\n", 20) + "The end."
	}
	show(t, table, func(d *tuitest.Driver) {
		d.Press("down")
		d.Want("> eth1", "All about eth1.", "... more: press d")
		d.Press("d")
		d.WantNot("eth2 ")
		d.Press("end")
		d.Want("The end.")
		d.Press("esc")
		d.Want("> eth1")
	})
}

func TestTableRowsReplaced(t *testing.T) {
	table := nicTable(4, tui.SelectMany)
	table.Chosen = []string{"eth1", "eth3"}
	table.Point("eth3")
	rows := nics(5)
	rows[1].Off = "in use"
	table.SetRows(slices.Insert(rows, 0, tui.Row{ID: "new", Cells: []string{"new"}}))
	if row, _ := table.Cursor(); row.ID != "eth3" {
		t.Errorf("the cursor is on %s, want eth3", row.ID)
	}
	if got := fmt.Sprint(table.Chosen); got != "[eth3]" {
		t.Errorf("chosen %s, want [eth3]", got)
	}
	table.SetRows(nil)
	show(t, table, func(d *tuitest.Driver) { d.Want("This host has no NIC."); d.Press("down", "space", "end") })
}

func TestHostTextCannotWriteToTheTerminal(t *testing.T) {
	evil := "a\x1b[2Jb\x9bc\u202ed\re\x07"
	for name, widget := range map[string]tui.Widget{
		"table": &tui.Table{Columns: []tui.Column{{Title: "name"}}, Rows: []tui.Row{{ID: "x", Cells: []string{evil}}}, Detail: func(tui.Row) string { return evil }},
		"diff":  &tui.Diff{Files: []tui.FileDiff{{Path: evil, Before: evil, After: evil + "\n"}}},
		"prose": &tui.Prose{Text: evil},
		"items": &tui.Progress{Items: []tui.Item{{Title: evil, State: tui.Failed, Note: evil}}},
		"check": &tui.Checks{Items: []tui.Check{{Name: evil, Sentence: evil}}},
	} {
		view := strings.NewReplacer("\x1b[1m", "", "\x1b[m", "", "\x1b[31m", "", "\x1b[32m", "", "\x1b[1;31m", "").Replace(widget.View(80, 20))
		if i := strings.IndexAny(view, "\x1b\x07\r\x9b\u009b\u202e"); i >= 0 {
			t.Errorf("%s lets %q through", name, view[i:])
		}
		if !strings.Contains(view, "^[[2J") {
			t.Errorf("%s hides what is in the text: %q", name, view)
		}
	}
}

const (
	before = "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet static\n\taddress 192.168.1.100/24\n\n# a\n# b\n# c\n# d\n# e\n# far away\n"
	after  = "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet manual\n\tup ip link set $IFACE up\n\n# a\n# b\n# c\n# d\n# e\n# far away\n"
)

func TestDiffReadsWithoutColour(t *testing.T) {
	diff := &tui.Diff{Files: []tui.FileDiff{
		{Path: "/etc/network/interfaces", Before: before, After: after},
		{Path: "/etc/new", After: "one\n" + strings.Repeat("x", 100) + "right end\n", Created: true},
		{Path: "/etc/old", Before: "gone", Removed: true},
	}}
	show(t, diff, func(d *tuitest.Driver) {
		for _, line := range []string{
			"/etc/network/interfaces: 2 added, 2 removed",
			"   4    4   auto eth0",
			"   5      - iface eth0 inet static",
			"        5 + iface eth0 inet manual",
			"        6 +         up ip link set $IFACE up",
			"/etc/new: new, 2 lines",
			"        1 + one",
		} {
			if !strings.Contains(d.Screen(), line+"\n") {
				t.Errorf("no line %q on\n%s", line, d.Screen())
			}
		}
		d.WantNot("far away", "right end")
		d.Press("w")
		d.Want("13   13   # far away")
		d.Press("w", "right", "right", "right", "end")
		d.Want("right end", "from column 49")
		d.Press("left", "left", "left", "/")
		d.Type("GONE")
		d.Press("enter")
		d.Want("1      - gone (no line feed at the end)", "/etc/old:1", `1 with "GONE"`)
		d.Press("/")
		d.Type("nowhere")
		d.Press("enter")
		d.Want("Not found: nowhere")
		d.Press("home")
		d.Want("/etc/network/interfaces:2,")
		d.Press("c")
		d.Want("Lines 2-18 of 18") // as far as it goes: the next one is in sight
		d.Press("enter")
		d.Want("That is all.")
	})
}

func TestDiffSearchGoesFromMatchToMatch(t *testing.T) {
	var text strings.Builder
	for i := range 200 {
		fmt.Fprintf(&text, "line %d\n", i)
		if i%60 == 59 {
			fmt.Fprintf(&text, "needle %d\n", i)
		}
	}
	diff := &tui.Diff{Files: []tui.FileDiff{{Path: "/f", After: text.String(), Created: true}}}
	show(t, diff, func(d *tuitest.Driver) {
		d.Press("n")
		d.Want("Search for something first")
		d.Press("/")
		d.Type("needle")
		d.Press("enter")
		for _, want := range []string{"needle 59", "needle 119", "needle 179", "needle 59"} {
			d.Want(want)
			d.Press("n")
		}
		d.Press("N")
		d.Want("needle 59")
	})
}

func TestTabs(t *testing.T) {
	tabs := &tui.Tabs{Tabs: []tui.Tab{
		{Title: "Files", Widget: &tui.Diff{}},
		{Title: "Commands", Widget: &tui.Prose{Text: "ovs-vsctl add-br examplebr0"}},
	}}
	show(t, tabs, func(d *tuitest.Driver) {
		d.Want("[1 Files] 2 Commands", "Nothing is changed.")
		d.Press("tab")
		d.Want("1 Files [2 Commands]", "ovs-vsctl add-br examplebr0")
		d.Press("tab", "2", "1", "/")
		d.Type("2") // typed, no tab
		d.Want("[1 Files]", "Search: 2_")
	})
}

func TestProgressSaysStatesAndTimes(t *testing.T) {
	progress := &tui.Progress{}
	for i := range 40 {
		progress.Items = append(progress.Items, tui.Item{Title: fmt.Sprintf("operation %02d", i)})
	}
	show(t, progress, func(d *tuitest.Driver) {
		d.Want("waiting operation 00")
		for i := range 30 {
			progress.Set(i, tui.Doing)
			progress.Note(i, "first\nreading database ...\n")
			d.Wait(2 * time.Second)
			d.Want(fmt.Sprintf("doing 2 s operation %02d", i), "reading database ...") // followed
			d.WantNot("first")
			progress.Set(i, tui.Done)
		}
		d.Want("done 2 s operation 29")
		d.Press("home")
		progress.Set(30, tui.Doing)
		d.Wait(75 * time.Second)
		d.Want("operation 00") // held where the operator looks
		d.WantNot("operation 30")
		d.Press("end")
		progress.Set(30, tui.Failed)
		progress.Note(30, "cannot add port eth0 to examplebr0: no such device")
		progress.Set(29, tui.Undone)
		d.Wait(time.Second)
		d.Want("FAILED 1m15s operation 30", "cannot add port eth0 to examplebr0: no such device", "undone")
	})
}

func TestChecks(t *testing.T) {
	checks := &tui.Checks{}
	checks.Set("gateway answers", tui.CheckRunning, "")
	checks.Set("bond", tui.CheckNote, "eth2 has no carrier")
	checks.Set("network", tui.CheckFailed, "examplebr0 is not active")
	checks.Set("gateway answers", tui.CheckOK, strings.Repeat("word ", 30))
	show(t, checks, func(d *tuitest.Driver) {
		d.Want("ok gateway answers: "+strings.Repeat("word ", 30), "note bond: eth2 has no carrier", "FAILED network: examplebr0 is not active")
		d.WantNot("running")
	})
	if got := fmt.Sprint(checks.Failed()); got != "[network]" {
		t.Errorf("failed %s, want [network]", got)
	}
}

func TestCountdown(t *testing.T) {
	c := tui.Countdown{Label: "Rolls back in", Deadline: func() time.Time { return time.Time{} }, Total: time.Minute}
	if got := c.View(80); got != "" {
		t.Errorf("nothing runs, and it says %q", got)
	}
	for left, want := range map[time.Duration]string{
		90 * time.Second: "01:30", 59500 * time.Millisecond: "01:00", time.Millisecond: "00:01", -time.Hour: "00:00",
	} {
		if got := tui.MinSec(left); got != want {
			t.Errorf("MinSec(%v) = %s, want %s", left, got, want)
		}
	}
}

func TestConfirmTakesAWordAndNoKeysInFlight(t *testing.T) {
	confirm := &tui.Confirm{Text: "The session from 192.0.2.9 breaks.", Word: "cut"}
	show(t, confirm, func(d *tuitest.Driver) {
		d.Type("cut")
		d.Paste("cut")
		d.Press("enter", "esc", "ctrl+n")
		d.Want("The session from 192.0.2.9 breaks.", "Step 1 of 2")
		d.WantNot("> cut")
		d.Wait(tui.Grace)
		d.Press("enter")
		d.Want("To go on, type the word cut.")
		d.Type("cot")
		d.Press("ctrl+u") // erases, and does not scroll
		d.Type("u")
		d.Press("home")
		d.Type("C")
		d.Press("end", "enter")
		d.Want("To go on, type the word cut.")
		d.Type("t")
		d.Press("enter")
		d.Want("That is all.")
		d.Press("esc")
		d.Wait(tui.Grace)
		d.Press("enter")
		d.Want("To go on, type the word cut.") // each time anew
	})
}

func TestWorking(t *testing.T) {
	w := tui.Working{What: "Installing openvswitch-switch", Since: time.Now().Add(-65 * time.Second)}
	if got := w.View(80); !strings.HasSuffix(got, " Installing openvswitch-switch, 1m05s") {
		t.Errorf("%q", got)
	}
}

func TestWrapKeepsEveryWord(t *testing.T) {
	text := "Add port eth0 to examplebr0, with ovs-vsctl --timeout=10.\n\n  indented words here\n  - an item of several words\n- 2001:db8::aaaa:bbbb:cccc:dddd:eeee:ffff\n2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff/64"
	for width := 1; width < 90; width++ {
		lines := tui.Wrap(text, width)
		for _, line := range lines {
			if len(line) > width {
				t.Fatalf("width %d: %q is wider", width, line)
			}
		}
		if got, want := strings.Join(strings.Fields(strings.Join(lines, "")), ""), strings.Join(strings.Fields(text), ""); got != want {
			t.Fatalf("width %d: %q", width, got)
		}
	}
}

// TestRandomKeys presses keys at random on every widget and at every size. The
// driver fails the test when a widget draws more than there is room for.
func TestRandomKeys(t *testing.T) {
	keys := []string{"enter", "esc", "tab", "shift+tab", "up", "down", "left", "right", "pgup", "pgdown", "home", "end", "space",
		"backspace", "delete", "/", "n", "N", "w", "d", "[", "]", "1", "2", "3", "?", "a", "ä", "世", "ctrl+u", "ctrl+n", "ctrl+p", "ctrl+c", "f1", "x"}
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		tuitest.Run(t, 80, 24, everything, func(d *tuitest.Driver) {
			for i := 0; i < 400 && !d.Ended(); i++ {
				switch r.IntN(30) {
				case 0:
					d.Resize(r.IntN(140), r.IntN(50))
				case 1:
					d.Wait(time.Second)
				case 2:
					d.Paste("pasted 世界 \x1b[2J")
				default:
					d.Press(keys[r.IntN(len(keys))])
				}
				d.Screen()
			}
		})
	}
}

// everything is a wizard with all widgets.
func everything(*testing.T) *tui.Shell {
	name, kind, keep, guests := "examplebr0", "nic", true, []string{}
	options := []tui.Option{
		{Value: "nic", Label: "One NIC", Explain: strings.Repeat("It becomes a port of the bridge. ", 4)},
		{Value: "ovs", Label: "A bond of Open vSwitch, with a long label", Off: "it needs two NICs"},
		{Value: "kernel", Label: "Kernel bond"},
	}
	table := nicTable(60, tui.SelectMany)
	table.Rows[3].Off, table.Rows[4].Cells[0] = "It is a port of br9.", "世界世界世界世界世界世界世界世界世界世界世界世界世界世界世界世界世界世界世界"
	table.Detail = func(r tui.Row) string { return strings.Repeat("All about "+r.ID+". ", 20) }
	progress := &tui.Progress{Items: []tui.Item{{Title: strings.Repeat("long title ", 20), State: tui.Failed, Note: strings.Repeat("why ", 300)}}}
	for range 30 {
		progress.Items = append(progress.Items, tui.Item{Title: "operation", State: tui.Doing, Note: strings.Repeat("x", 200)})
	}
	checks := &tui.Checks{}
	for i := range 30 {
		checks.Set(fmt.Sprint("check ", i), tui.CheckFailed, strings.Repeat("sentence ", i))
	}
	var steps []tui.Step
	for i, widget := range []tui.Widget{
		&tui.Form{Intro: strings.Repeat("Intro. ", 30), Fields: []tui.Field{
			&tui.TextField{Label: "Name", Value: &name, Help: strings.Repeat("help ", 40), Check: func(v string) error { return errors.New("wrong: " + v) }},
			&tui.ChoiceField{Label: "Kind", Value: &kind, Options: options},
			&tui.ToggleField{Label: "A label that is wider than the column of labels", Value: &keep},
			&tui.ToggleField{Label: "Fixed", Value: &keep, Off: "it is so"},
			&tui.MultiField{Label: "Guests", Value: &guests, Options: options, When: func() bool { return keep }},
		}},
		table, nicTable(5, tui.SelectOne), nicTable(0, tui.SelectMany),
		&tui.Tabs{Tabs: []tui.Tab{
			{Title: "Files", Widget: &tui.Diff{Files: []tui.FileDiff{{Path: "/a", Before: before, After: after}, {Path: "/b", After: strings.Repeat("世界 ", 300), Created: true}}}},
			{Title: "Commands", Widget: &tui.Prose{Text: strings.Repeat("ovs-vsctl add-br examplebr0\n", 100)}},
			{Title: "A list", Widget: nicTable(40, tui.SelectNone)},
		}},
		progress, checks, &tui.Confirm{Text: strings.Repeat("At stake. ", 200), Word: "cut"},
	} {
		steps = append(steps, tui.Step{ID: fmt.Sprint(i), Title: fmt.Sprintf("Widget %T", widget), Page: func() tui.Page { return screen{Widget: widget} }})
	}
	return &tui.Shell{Product: "Bridgehead", Steps: steps}
}
