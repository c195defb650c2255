package trial_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"bridgehead/backend/plan"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/sim"
	"bridgehead/backend/trial"
)

// world is a host on which several bridgeheads, operators and accidents meet.
type world struct {
	r       *rand.Rand
	c       plantest.Case
	m       *sim.Machine
	plan    plan.Plan
	log     []string
	depth   int                    // of accidents within actions
	told    map[string]trial.Phase // what somebody was told of a run
	boots   int
	booting bool
	broken  bool // a daemon or the disk
}

// TestModel plays random stories and looks at the host when they are over: it runs what was
// confirmed, complete, or is exactly as it was, and nobody was told otherwise.
// BRIDGEHEAD_SEED repeats one story, BRIDGEHEAD_STORIES says how many.
func TestModel(t *testing.T) {
	t.Parallel()
	stories := 100
	if n, err := strconv.Atoi(os.Getenv("BRIDGEHEAD_STORIES")); err == nil {
		stories = n
	}
	first := uint64(time.Now().UnixNano())
	if seed, err := strconv.ParseUint(os.Getenv("BRIDGEHEAD_SEED"), 10, 64); err == nil {
		first, stories = seed, 1
	}
	var cases []plantest.Case
	for _, name := range []string{"static", "default-removed", "dhcp-kept", "static-to-dhcp", "active-backup", "lacp"} {
		cases = append(cases, plantest.One(name))
	}
	refs := references(t, cases)
	ends, actions := map[string]int{}, 0
	for i := range stories {
		seed := first + uint64(i)
		w := &world{r: rand.New(rand.NewPCG(seed, 0)), told: map[string]trial.Phase{}}
		w.c = cases[w.r.IntN(len(cases))]
		end, why := w.story(refs)
		ends[end]++
		actions += len(w.log)
		if why != "" {
			t.Errorf("BRIDGEHEAD_SEED=%d, host %s: %s\n  %s", seed, w.c.Name, why, strings.Join(w.log, "\n  "))
		}
		if t.Failed() && i > 20 {
			break
		}
	}
	t.Logf("%d stories from seed %d, %d actions and accidents, ends: %v", stories, first, actions, ends)
}

// references are the states in which a story may end: by host, end, and whether it was restarted.
func references(t *testing.T, cases []plantest.Case) map[string]string {
	refs := map[string]string{}
	for _, c := range cases {
		for _, end := range []string{"original", "converted"} {
			for _, booted := range []bool{false, true} {
				m := c.Machine()
				if end == "converted" {
					p := c.Plan(t, m)
					_, err := on(m).Apply(tctx, p, window)
					must(t, err)
					must(t, on(m).Confirm(tctx))
				}
				if booted {
					m.Reboot()
				}
				refs[fmt.Sprint(c.Name, end, booted)] = compared(m.Snapshot())
			}
		}
	}
	return refs
}

var uuidLine = regexp.MustCompile(`(?m)^.*<uuid>.*$`)

// compared leaves out of a snapshot what a second definition of a network makes anew.
func compared(snapshot string) string {
	return uuidLine.ReplaceAllString((&scene{}).settle(snapshot), "")
}

// story plays one, and returns how it ended and what is wrong with that.
func (w *world) story(refs map[string]string) (end, why string) {
	w.m = w.c.Machine()
	p, err := plantest.Build(w.m.Host(), w.c.Answers)
	if err != nil {
		return "", err.Error()
	}
	w.plan = p
	w.m.OnBoot(func() {
		if w.r.IntN(4) > 0 || w.boots%2 == 0 { // else there is no boot unit
			_ = on(w.m).Boot(tctx)
		}
	})
	w.m.Fault(w.accident)
	for range 3 + w.r.IntN(10) {
		if why := w.act(); why != "" {
			return "", why
		}
	}
	heal(w.m)
	if why := guard(w.m); why != "" {
		return "", why
	}
	return w.judge(refs)
}

// judge compares the host at rest with what the history says.
func (w *world) judge(refs map[string]string) (end, why string) {
	tr := on(w.m)
	if s, err := tr.Status(tctx, ""); err != nil || s.Phase != trial.None {
		return "", fmt.Sprintf("at rest a run is %s, %v", s.Phase, err)
	}
	if w.m.Armed(trial.StateDir) {
		return "", "at rest the guard is armed"
	}
	all, err := tr.History(tctx)
	if err != nil {
		return "", err.Error()
	}
	end = "original"
	for _, s := range all {
		if s.Phase != trial.Confirmed && s.Phase != trial.RolledBack {
			return "", fmt.Sprintf("run %s ended as %s", s.ID, s.Phase)
		}
		if told, ok := w.told[s.ID]; ok && told != s.Phase {
			return "", fmt.Sprintf("run %s is %s, and somebody was told %s", s.ID, s.Phase, told)
		}
	}
	for _, s := range all { // the newest that was confirmed says
		if s.Phase == trial.Confirmed {
			if s.Undoes == "" {
				end = "converted"
			}
			break
		}
	}
	if w.boots > 0 { // run-time state that only the first boot had is gone
		w.m.Reboot()
	}
	if d := plantest.Diff(refs[fmt.Sprint(w.c.Name, end, w.boots > 0)], compared(w.m.Snapshot())); d != "" {
		return end, end + ", but\n" + d
	}
	return end, ""
}

// act lets somebody do something, and returns what is wrong with what came of it.
func (w *world) act() string {
	tr := on(w.m)
	id := ""
	if s, err := tr.Status(tctx, ""); err == nil {
		id = s.ID
	}
	var err error
	what := ""
	switch w.r.IntN(9) {
	case 0, 1:
		what = "apply"
		id, err = tr.Apply(tctx, w.plan, window)
	case 2, 3:
		what = "confirm"
		err = tr.Confirm(tctx)
		if err == nil {
			w.told[id] = trial.Confirmed
		}
	case 4:
		what = "rollback"
		err = tr.Rollback(tctx, "the operator asks for it")
		if err == nil {
			w.told[id] = trial.RolledBack
		}
	case 5:
		what = "undo"
		id, err = tr.Undo(tctx, "", window, nil)
	case 6:
		what = "extend"
		_, err = tr.Extend(tctx, time.Duration(w.r.IntN(20))*time.Second)
	case 7:
		what = "look"
		_, err = tr.Look(tctx)
		if err != nil && !errors.Is(err, errInjected) && !errors.Is(err, sim.ErrKilled) && !w.broken {
			return "the watch fails with " + err.Error()
		}
	case 8:
		d := time.Duration(w.r.IntN(15)) * time.Second
		what = fmt.Sprintf("%s pass", d)
		w.m.Hurry(false)
		w.m.Advance(d)
		w.m.Hurry(true)
	}
	w.log = append(w.log, fmt.Sprintf("%s%s %s: %v", strings.Repeat("  ", w.depth), what, id, err))
	var rolledBack *trial.RolledBackError
	if errors.As(err, &rolledBack) {
		w.told[id] = trial.RolledBack
	}
	return ""
}

// accident strikes now and then at a change that somebody makes.
func (w *world) accident(p sim.Point) error {
	if w.depth > 1 || w.r.IntN(60) > 0 {
		return nil
	}
	say := func(what string) {
		w.log = append(w.log, fmt.Sprintf("%s* %s at %s", strings.Repeat("  ", w.depth), what, p))
	}
	switch n := w.r.IntN(12); n {
	case 0, 1:
		say("error")
		return errInjected
	case 2, 3:
		say("killed")
		return sim.ErrKilled
	case 4:
		if w.booting { // one boot at a time
			return nil
		}
		say("power cut")
		w.boots++
		w.booting = true
		w.m.PowerCut(time.Duration(w.r.IntN(10)) * time.Second)
		w.booting = false
	case 5:
		say("clock jumps")
		w.m.JumpWallClock(time.Duration(w.r.IntN(7200)-3600) * time.Second)
	case 6:
		f := faults[3+w.r.IntN(len(faults)-3)]
		say(f.name)
		w.broken = true
		return f.strike(w.m)
	case 7:
		say("repaired")
		w.m.FillDisk(false)
		w.m.MountReadOnly()
		for _, d := range []sim.Daemon{sim.OVSDB, sim.Vswitchd, sim.Libvirtd} {
			w.m.Start(d)
		}
		w.broken = false
	default:
		say("meanwhile")
		w.depth++
		_ = w.act()
		w.depth--
	}
	return nil
}
