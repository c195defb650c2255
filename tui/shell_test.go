package tui_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"bridgehead/tui"
	"bridgehead/tui/tuitest"
)

// page is a page of a test: a form, and what happens to it.
type page struct {
	*tui.Form
	entered int
	keys    []tui.Key
	got     []tea.Msg
	onEnter tea.Cmd
	onKey   tea.Cmd
}

func (p *page) Enter() tea.Cmd {
	p.entered++
	return tea.Batch(p.Form.Enter(), p.onEnter)
}

func (p *page) Keys() []tui.Key { return append(p.Form.Keys(), p.keys...) }

func (p *page) Update(msg tea.Msg) tea.Cmd {
	switch msg.(type) {
	case tui.TickMsg, tea.WindowSizeMsg:
		return nil
	}
	p.got = append(p.got, msg)
	return tea.Batch(p.Form.Update(msg), p.onKey)
}

// flow is a wizard of four steps with one text field each; "two" can be
// switched off.
type flow struct {
	values [4]string
	two    bool
	pages  map[string]*page
	made   []string
	status tui.Status
}

var ids = []string{"one", "two", "three", "four"}

func newFlow() *flow { return &flow{two: true, pages: map[string]*page{}} }

func (f *flow) shell(*testing.T) *tui.Shell {
	s := &tui.Shell{Product: "Bridgehead", Status: func() tui.Status { return f.status }}
	for i, id := range ids {
		p := &page{Form: &tui.Form{
			Intro:    "This is page " + id + ".",
			LongHelp: "Long help of " + id + ".",
			Fields: []tui.Field{&tui.TextField{Label: "Name", Value: &f.values[i], Check: func(v string) error {
				if v == "bad" {
					return errors.New("bad is not a name")
				}
				return nil
			}}},
		}}
		f.pages[id] = p
		step := tui.Step{ID: id, Title: "Title " + id, Page: func() tui.Page { f.made = append(f.made, id); return p }}
		if id == "two" {
			step.When = func() bool { return f.two }
		}
		s.Steps = append(s.Steps, step)
	}
	return s
}

func drive(t *testing.T, f *flow, script func(*tuitest.Driver)) {
	t.Helper()
	tuitest.Run(t, 80, 24, f.shell, script)
}

func TestBackKeepsWhatWasTyped(t *testing.T) {
	f := newFlow()
	drive(t, f, func(d *tuitest.Driver) {
		d.Type("first")
		d.Press("enter")
		d.Want("Step 2 of 4: Title two")
		d.Type("bad") // Back is not held up by a field that is wrong
		d.Press("esc")
		d.Want("Step 1 of 4: Title one", "[first")
		d.Press("enter")
		d.Want("Step 2 of 4", "[bad", "bad is not a name")
	})
	if got := strings.Join(f.made, " "); got != "one two" {
		t.Errorf("pages were made: %s; each once, on the first visit", got)
	}
	if f.pages["one"].entered != 2 || f.pages["two"].entered != 2 {
		t.Errorf("pages were entered %d and %d times, want 2 and 2", f.pages["one"].entered, f.pages["two"].entered)
	}
}

func TestNextIsRefusedWithAReason(t *testing.T) {
	drive(t, newFlow(), func(d *tuitest.Driver) {
		d.Type("bad")
		d.Press("ctrl+n")
		d.Want("Step 1 of 4", "Name: bad is not a name")
		d.Press("ctrl+u")
		d.WantNot("bad is not a name")
		d.Press("ctrl+n")
		d.Want("Step 2 of 4")
	})
}

func TestStepsThatDoNotApplyAreSkippedBothWays(t *testing.T) {
	f := newFlow()
	f.two = false
	drive(t, f, func(d *tuitest.Driver) {
		d.Want("Step 1 of 3: Title one")
		d.Press("enter")
		d.Want("Step 2 of 3: Title three")
		d.Press("esc")
		d.Want("Step 1 of 3: Title one")
		d.Send(tui.GotoMsg{ID: "two"})
		d.Want("Step 1 of 3: Title one", `cannot go to step "two"`)
		f.two = true
		d.Press("enter")
		d.Want("Step 2 of 4: Title two")
		d.Send(tui.GotoMsg{ID: "four"})
		d.Want("Step 4 of 4: Title four", "finish")
		d.Press("enter")
		if !d.Ended() {
			t.Error("Next on the last step does not end the wizard")
		}
	})
}

func TestFirstStepHasNoBack(t *testing.T) {
	drive(t, newFlow(), func(d *tuitest.Driver) {
		d.Press("esc")
		d.Want("Step 1 of 4", "This is the first step")
	})
}

func TestLockRefusesBackAndSaysWhy(t *testing.T) {
	f := newFlow()
	drive(t, f, func(d *tuitest.Driver) {
		d.Press("enter")
		f.status.Lock = "The change is made. Keep it, or roll it back."
		d.Press("esc")
		d.Want("Step 2 of 4", "The change is made. Keep it, or roll it back.")
		f.status.Lock = ""
		d.Press("esc")
		d.Want("Step 1 of 4")
	})
}

func TestLeavingAsksOnceAndSaysInWhatState(t *testing.T) {
	f := newFlow()
	build := func(t *testing.T) *tui.Shell {
		s := f.shell(t)
		s.Leave = func() string { return "The host runs the new network and goes back in 09:12." }
		return s
	}
	tuitest.Run(t, 80, 24, build, func(d *tuitest.Driver) {
		d.Press("ctrl+c", "ctrl+c", "y") // keys in flight decide nothing
		d.Want("Leave Bridgehead?", "The host runs the new network and goes back in 09:12.")
		d.Wait(tui.Grace)
		d.Press("n")
		d.Want("Step 1 of 4", "This is page one.")
		d.Press("ctrl+c")
		d.Wait(tui.Grace)
		d.Press("y")
		if !d.Ended() {
			t.Error("y does not leave")
		}
	})
	if len(f.pages["one"].got) != 0 {
		t.Errorf("keys for the question reached the page: %v", f.pages["one"].got)
	}
}

func TestKeysThatAreOffSayWhyAndDoNothing(t *testing.T) {
	f := newFlow()
	drive(t, f, func(d *tuitest.Driver) {
		p := f.pages["one"]
		p.keys = []tui.Key{tui.Bind("blink", "ctrl+b").Unless("This NIC has no LED."), tui.Bind("scan", "ctrl+s")}
		d.Press("ctrl+b")
		d.Want("This NIC has no LED.", "^S scan")
		d.WantNot("^B blink")
		if len(p.got) != 0 {
			t.Errorf("a key that is off reached the page: %v", p.got)
		}
		d.Press("f1")
		d.Want("Long help of one.", "^B", "blink", "not now: This NIC has no LED.")
		d.Press("esc")
		d.Want("Step 1 of 4", "This is page one.")
	})
}

func TestQuestionMarkIsTextWhileTextIsTyped(t *testing.T) {
	f := newFlow()
	drive(t, f, func(d *tuitest.Driver) {
		d.Press("?")
		if f.values[0] != "?" {
			t.Errorf("typed ?, the field holds %q", f.values[0])
		}
		d.Want("^G help")
		d.Press("ctrl+g")
		d.Want("Long help of one.")
	})
}

type late struct{ text string }

func TestReportsReachThePageThatAsked(t *testing.T) {
	f := newFlow()
	build := func(t *testing.T) *tui.Shell {
		s := f.shell(t)
		slow := func(after time.Duration, msg tea.Msg) tea.Cmd {
			return func() tea.Msg { <-time.After(after); return msg }
		}
		f.pages["one"].onEnter = tea.Batch(
			slow(time.Second, late{"facts"}),
			tea.Sequence(slow(2*time.Second, late{"more"}), slow(time.Second, tui.NextMsg{})))
		return s
	}
	tuitest.Run(t, 80, 24, build, func(d *tuitest.Driver) {
		d.Press("enter")
		d.Want("Step 2 of 4")
		d.Wait(10 * time.Second)
		d.Want("Step 2 of 4") // a late "next" of a page left behind pushes nothing
	})
	var texts []string
	for _, msg := range f.pages["one"].got {
		if l, ok := msg.(late); ok {
			texts = append(texts, l.text)
		}
	}
	if got := fmt.Sprint(texts); got != "[facts more]" {
		t.Errorf("page one got %v, want [facts more]", got)
	}
	if len(f.pages["two"].got) != 0 {
		t.Errorf("page two got %v, which page one had asked for", f.pages["two"].got)
	}
}

func TestHeaderSaysWhereWhatAndHowLong(t *testing.T) {
	f := newFlow()
	build := func(t *testing.T) *tui.Shell {
		f.status = tui.Status{
			Host: "kvm1", Console: "serial console ttyS0", Badge: tui.Real,
			Deadline: time.Now().Add(10 * time.Minute), Doing: "rolls back in",
		}
		return f.shell(t)
	}
	tuitest.Run(t, 80, 24, build, func(d *tuitest.Driver) {
		d.Want("Bridgehead on kvm1", "serial console ttyS0", "[REAL: this host]", "rolls back in 10:00")
		d.Wait(90 * time.Second)
		d.Want("rolls back in 08:30")
		d.Wait(20 * time.Minute)
		d.Want("rolls back in 00:00")
	})
}

func TestLongHeaderLosesNoWord(t *testing.T) {
	f := newFlow()
	f.status = tui.Status{
		Host: "kvm-with-a-rather-long-name.datacentre.example.net", Badge: tui.Rehearse,
		Console: "SSH from 2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff through enp129s0f0np0",
	}
	tuitest.Run(t, tui.MinWidth, tui.MinHeight, f.shell, func(d *tuitest.Driver) {
		d.Want(f.status.Host, string(f.status.Badge), f.status.Console, "This is page one.", "[")
	})
}

// The names of the steps are there on every screen: all where they fit, else those around the one shown, never cut.
func TestRailNamesTheSteps(t *testing.T) {
	names := []string{"Survey", "NIC", "Uplink", "Bridge", "Address", "libvirt network", "Safety net", "Review", "Risk", "Apply", "Check and confirm", "Done"}
	f := newFlow()
	build := func(t *testing.T) *tui.Shell {
		s := f.shell(t)
		page := s.Steps[0].Page
		s.Steps = nil
		for _, name := range names {
			s.Steps = append(s.Steps, tui.Step{ID: name, Title: name, Page: page})
		}
		return s
	}
	for width, least := range map[int]int{60: 3, 80: 5, 140: len(names)} {
		tuitest.Run(t, width, 24, build, func(d *tuitest.Driver) {
			for at, name := range names {
				rail := strings.Split(d.Screen(), "\n")[2]
				seen := strings.FieldsFunc(strings.TrimRight(rail, "─ "), func(r rune) bool { return r == '─' })
				shown := 0
				for _, s := range seen {
					switch s = strings.TrimSpace(s); {
					case slices.Contains(names, strings.Trim(s, "[]")):
						shown++
					case s != "...":
						t.Errorf("%d columns, %q: %q is no step", width, rail, s)
					}
				}
				if !strings.Contains(rail, "["+name+"]") || shown < least ||
					at > 0 && !strings.Contains(rail, names[at-1]) || at < len(names)-1 && !strings.Contains(rail, names[at+1]) {
					t.Errorf("%d columns, at %s: %q", width, name, rail)
				}
				if at < len(names)-1 {
					d.Press("ctrl+n")
				}
			}
		})
	}
}

func TestTooSmallScreenSaysSoAndWaits(t *testing.T) {
	f := newFlow()
	drive(t, f, func(d *tuitest.Driver) {
		d.Resize(59, 24)
		d.Want("This screen is 59 x 24. Bridgehead needs 60 x 16")
		d.Type("abc")
		d.Press("enter")
		d.Resize(60, 16)
		d.Want("Step 1 of 4")
		if f.values[0] != "" {
			t.Errorf("keys typed blindly changed the field: %q", f.values[0])
		}
		d.Resize(10, 3)
		d.Resize(0, 0)
		d.Resize(80, 24)
		d.Want("Step 1 of 4")
	})
}

func TestPasteGoesToTextOnly(t *testing.T) {
	f := newFlow()
	drive(t, f, func(d *tuitest.Driver) {
		d.Paste(" examplebr0\n")
		d.Want("Step 1 of 4")
		if f.values[0] != "examplebr0" {
			t.Errorf("pasted examplebr0, the field holds %q", f.values[0])
		}
	})
}

func TestASCIIDrawsWithASCIIOnly(t *testing.T) {
	f := newFlow()
	build := func(t *testing.T) *tui.Shell { s := f.shell(t); s.ASCII = true; return s }
	tuitest.Run(t, 80, 24, build, func(d *tuitest.Driver) {
		for _, r := range d.Screen() {
			if r > 0x7e {
				t.Fatalf("%q is on an ASCII screen", r)
			}
		}
	})
}
