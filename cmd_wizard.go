package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/trial"
	"bridgehead/steps"
	"bridgehead/tui"
)

// wizard opens the wizard: on this host, on the simulated one, or inside a rehearsal.
func (a *app) wizard(ctx context.Context) error {
	given, err := a.given()
	if err != nil {
		return err
	}
	return a.open(given, "")
}

// open opens the wizard with answers, if any, at a step; "": the first.
func (a *app) open(given *answers.Answers, at string) error {
	t, err := a.trial()
	if err != nil {
		return err
	}
	w := &steps.Wizard{Host: t.Host, Trial: t, Given: given, Badge: tui.Real, At: at, Look: a.look(), Save: saveFile}
	switch {
	case a.demo:
		defer a.demoTime(t)()
		w.Badge, w.Save = tui.Demo, saveNowhere(t.Host)
	case os.Getenv(rehearsalEnv) != "":
		w.Badge, w.Look.Rehearsal = tui.Rehearse, true
	}
	err = a.show(w.Shell())
	if err != nil && w.Pending() {
		fmt.Fprintln(a.err, "The change is still active and waits: bridgehead confirm keeps it; otherwise it is taken back by itself.")
		return err
	}
	if outcome := w.Outcome(); outcome != nil && (err == nil || errors.Is(err, tui.ErrLeft)) {
		return outcome
	}
	return err
}

// show shows the wizard as screens, or line by line where that is asked for or nothing else is possible. What is typed
// at its end is held until the process's last act.
func (a *app) show(shell *tui.Shell) error {
	unsuitable := tui.Suitable(os.Stdin, os.Stdout, os.Getenv("TERM"))
	if !a.plain && unsuitable == nil {
		a.release = tui.Hold(os.Stdin)
		err := tui.Run(shell, os.Stdin, os.Stdout)
		a.lastWords()
		return err
	}
	if !a.plain {
		fmt.Fprintf(a.err, "Line by line, since %v.\n", unsuitable)
	}
	err := tui.RunPlain(shell, os.Stdin, os.Stdout)
	a.release = tui.Hold(os.Stdin)
	a.lastWords()
	return err
}

// lastWords gives the process two seconds to say its last words: a line that takes no bytes must not keep the keyboard.
func (a *app) lastWords() {
	time.AfterFunc(2*time.Second, func() { a.release(); signal.Reset() })
}

// demoTime lets the simulated host's time pass with the real one, and its guard run, until stop is called.
func (a *app) demoTime(t *trial.Trial) (stop func()) {
	watch := &trial.Trial{Host: a.machine.Host(), Dir: t.Dir}
	a.machine.OnTick(func() {
		if a.machine.Armed(t.Dir) {
			_, _ = watch.Look(context.Background()) // what came of it is in the journal
		}
	})
	const step = 100 * time.Millisecond
	beat := time.NewTicker(step)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-beat.C:
				a.machine.Advance(step)
			case <-done:
				return
			}
		}
	}()
	return func() { beat.Stop(); close(done) }
}

// saveFile writes an exported file into the working directory.
func saveFile(name string, data []byte, mode uint32) (dir string, err error) {
	dir, err = os.Getwd()
	if err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, name), data, os.FileMode(mode))
}

// saveNowhere keeps exported files on the simulated host.
func saveNowhere(h backend.Host) func(string, []byte, uint32) (string, error) {
	return func(name string, data []byte, mode uint32) (string, error) {
		return "/root of the simulated host", h.Files.Write("/root/"+name, backend.File{Exists: true, Data: data, Mode: mode})
	}
}
