package main

import (
	"slices"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"bridgehead/backend/lab"
	"bridgehead/backend/trial"
)

// stopped is a terminal on which Ctrl-S was pressed: whoever writes to it stands still.
func stopped(t *testing.T) (path string) {
	t.Helper()
	ours, theirs, err := pty.Open()
	must(t, err)
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	must(t, unix.IoctlSetInt(int(theirs.Fd()), unix.TCXONC, unix.TCOOFF))
	return theirs.Name()
}

// A console that takes no bytes does not hold up who tells it something.
func TestConsoleThatStandsStill(t *testing.T) {
	told := make(chan struct{})
	go func() {
		defer close(told)
		tellConsole(stopped(t), "the change was taken back")
	}()
	select {
	case <-told:
	case <-time.After(patience):
		t.Fatal("it waits for the console")
	}
}

// What is said is said in its order; when somebody cannot be told, nobody waits for that.
func TestTeller(t *testing.T) {
	to, said := newTeller(), []int(nil)
	for i := range 1000 {
		to.tell(func() { said = append(said, i) })
	}
	to.heard(patience)
	if len(said) != 1000 || !slices.IsSorted(said) {
		t.Errorf("said: %d, in order: %t", len(said), slices.IsSorted(said))
	}
	never := make(chan struct{})
	defer close(never)
	to.tell(func() { <-never })
	began := time.Now()
	for range 10000 {
		to.tell(func() {})
	}
	to.heard(time.Millisecond)
	if took := time.Since(began); took > patience/2 {
		t.Errorf("it waits %s", took)
	}
}

// The terminal from which a change is applied stands still, by Ctrl-S or a line that nobody reads, or is told to stop the
// program, by Ctrl-Z: the change goes on, and is taken back in its time.
func TestApplyAtATerminalThatStandsStill(t *testing.T) {
	h := up(t, lab.Spec{})
	before := h.snapshot()
	s := onTerminal(t, h.Start, "linux", programPath, "apply", "--answers", answersPath, "--accept-risk", "lose-ssh")
	s.press("\x13") // Ctrl-S
	h.await(trial.Waiting)
	s.press("\x1a") // Ctrl-Z
	h.timeIsUp()
	h.over()
	h.same(before)
	s.press("\x11") // Ctrl-Q
	s.want("nobody confirmed in time")
	s.exits(4)
	h.unguarded()
}

// Signals that end a program by default, and not only those of a lost terminal, do not end the watch.
func TestSignalsDoNotEndTheWatch(t *testing.T) {
	h := up(t, lab.Spec{})
	before := h.snapshot()
	r := h.apply("--accept-risk", "lose-ssh")
	watch := h.sh(`pgrep -f 'bridgehead [w]atch'`)
	h.sh("for s in HUP INT PIPE TSTP TTIN TTOU; do kill -$s " + watch + "; done")
	if got := h.status(); got.Phase != trial.Waiting || got.Guard != "process" {
		t.Fatalf("after the signals the change is %+v", got)
	}
	h.timeIsUp()
	r.wait().want(t, 4, "nobody confirmed in time")
	h.same(before)
	h.unguarded()
}
