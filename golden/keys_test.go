package golden_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bridgehead/steps/stepstest"
	"bridgehead/tui"
)

// scene is a screen of the wizard, and what Ctrl-C has to say there about the host.
type scene struct {
	play
	state string
}

const untouched = "Nothing has been changed on this host."

// scenes are a screen of every kind that an operator meets on the way and after it.
func scenes() []scene {
	second := func(t *testing.T, op *operator) { op.Go(t, "uplink"); op.Press("down"); op.Go(t, "members") }
	bonds := func(t *testing.T, op *operator) { second(t, op); op.Press("down", "space"); op.Go(t, "bond") }
	kept := func(t *testing.T, op *operator) { trialOf("k", "enter")(t, op); op.Wait(2 * time.Second) }
	many := setup{Badge: tui.Real, Spec: stepstest.All(stepstest.NICs(60), stepstest.VMs(60))}
	all := []scene{
		{play{"packages", setup{Badge: tui.Real, Spec: stepstest.NoPackages}, to("packages")}, untouched},
		{play{"nic of many", many, to("nic")}, untouched},
		{play{"nic filter", many, func(t *testing.T, op *operator) { to("nic", "/")(t, op); op.Type("eth25") }}, untouched},
		{play{"vms of many", many, to("vms")}, untouched},
		{play{"vm", real, to("vms", "e")}, untouched},
		{play{"members", real, second}, untouched},
		{play{"bond", real, bonds}, untouched},
		{play{"address static", real, to("address", "down", "tab")}, untouched},
		{play{"review end", real, to("review", "end")}, untouched},
		{play{"review picture", real, to("review", "2")}, untouched},
		{play{"review commands", real, to("review", "3")}, untouched},
		{play{"review search", real, func(t *testing.T, op *operator) { to("review", "/")(t, op); op.Type("mac") }}, untouched},
		{play{"risk", real, func(t *testing.T, op *operator) { op.Go(t, "risk"); op.Wait(time.Second) }}, untouched},
		{play{"applying", setup{Badge: tui.Real, Host: slowSwitch}, func(t *testing.T, op *operator) { op.Go(t, "risk"); op.Apply() }}, "The change is being applied. If you leave now, it is taken back."},
		{play{"confirm", real, trialOf()}, "The change is active. It is taken back in 09:5"},
		{play{"done", real, kept}, "The change is confirmed. Nothing is pending."},
		{play{"new VM", real, toNewVM}, "The change is confirmed. Nothing is pending."},
		{play{"rolled back", real, func(t *testing.T, op *operator) { trialOf("r", "enter")(t, op); op.Wait(10 * time.Second) }}, "Everything has been taken back. Nothing is pending."},
		{play{"earlier", setup{Badge: tui.Real, Before: earlier(nil)}, func(_ *testing.T, op *operator) { op.Wait(time.Second) }}, "The change is active. It is taken back in 06:5"},
	}
	for _, step := range []string{"survey", "nic", "uplink", "bridge", "address", "libvirt", "vms", "safety", "review"} {
		all = append(all, scene{play{step, real, to(step)}, untouched})
	}
	return all
}

func (s scene) run(t *testing.T, then func(*operator)) {
	t.Helper()
	stepstest.Run(t, s.on, func(op *operator) {
		s.keys(t, op)
		then(op)
	})
}

// binding is a key as the screen offers it: each of its names does the same, some of them in the other direction.
type binding struct {
	desc  string
	names []string
}

// offered are the keys of the footer, or with all of them those that only the ? page lists, too.
func offered(op *operator, all bool) (list []binding) {
	keys := op.Shell.Page().Keys()
	for _, k := range keys {
		if k.Off != "" || k.Desc == "" || k.Quiet && !all {
			continue
		}
		var names []string
		for _, name := range k.Keys {
			if name == tui.AnyText {
				name = "x"
			}
			names = append(names, name)
		}
		list = append(list, binding{k.Desc, names})
	}
	footer := strings.Split(strings.TrimSuffix(op.Screen(), "\n"), "\n")
	for _, k := range []struct {
		label string
		binding
	}{{"Enter ", binding{"continue", []string{"enter"}}}, {"^N ", binding{"continue", []string{"ctrl+n"}}}, {"Esc ", binding{"back", []string{"esc"}}},
		{"^P ", binding{"back", []string{"ctrl+p"}}}, {"? ", binding{"help", []string{"?"}}}, {"^G ", binding{"help", []string{"ctrl+g"}}}, {"^C ", binding{"leave", []string{"ctrl+c"}}}} {
		if strings.Contains("   "+footer[len(footer)-1], "   "+k.label) {
			list = append(list, k.binding)
		}
	}
	return list
}

// seconds are those that pass by themselves.
var seconds = regexp.MustCompile(`\d\d:\d\d|\[[█░]*\]|\d+\s+seconds`)

func still(op *operator) string { return op.On() + "\n" + seconds.ReplaceAllString(op.Screen(), "") }

// Every key that a footer offers does something on that screen, and no single key, whether the footer has room for it or
// not, changes the host, but for i of the packages, which installs them, and e of a trial, which gives it more time.
func TestKeysOfTheFooter(t *testing.T) {
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			var footer, all []binding
			s.run(t, func(op *operator) { footer, all = offered(op, false), offered(op, true) })
			if len(footer) < 2 {
				t.Fatalf("the footer offers only %v", footer)
			}
			for _, b := range all {
				does := false
				press := func(name string, before ...string) {
					s.run(t, func(op *operator) {
						op.Press(before...)
						if b.desc == "look again" { // which finds what is new
							op.Machine.Plug("eth0", false)
						}
						screen, host := still(op), op.Machine.Snapshot()
						op.Press(name)
						op.Wait(300 * time.Millisecond)
						does = does || op.Ended() || still(op) != screen
						if s.name == "applying" || s.name == "packages" && name == "i" || s.name != "new VM" && name == "e" {
							return
						}
						op.Wait(time.Second)
						if got := op.Machine.Snapshot(); got != host {
							t.Errorf("%s (%s) changes the host on a single key", name, b.desc)
						}
					})
				}
				for _, name := range b.names {
					press(name)
				}
				if !does && slices.Contains(b.names, "space") { // what is chosen already can be chosen on another row only
					press("space", "down")
				}
				if !does && slices.ContainsFunc(footer, func(f binding) bool { return f.desc == b.desc }) {
					t.Errorf("the footer offers %s (%s), which does nothing", b.names, b.desc)
				}
			}
		})
	}
}

// On every screen Ctrl-C asks, once, and says in which state the host is left; any other key stays, with nothing changed.
func TestLeavingAsksEverywhere(t *testing.T) {
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(t, func(op *operator) {
				screen := still(op)
				op.Press("ctrl+c")
				op.Want("Leave Bridgehead?", s.state, "y leave", "Any other key stay")
				op.Wait(time.Second)
				op.Press("n")
				op.WantNot("Leave Bridgehead?")
				if got := still(op); got != screen && s.name != "applying" {
					t.Errorf("after staying the screen is\n%s\nand was\n%s", got, screen)
				}
			})
			s.run(t, func(op *operator) {
				op.Press("ctrl+c", "y")
				if op.Ended() {
					t.Fatal("a key that was typed ahead has left")
				}
				op.Wait(time.Second)
				op.Press("y")
				if !op.Ended() {
					t.Errorf("the wizard has not ended:\n%s", op.Screen())
				}
			})
		})
	}
}
