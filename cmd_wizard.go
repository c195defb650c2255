package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"bridgehead/backend"
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
	t, err := a.trial()
	if err != nil {
		return err
	}
	w := &steps.Wizard{Host: t.Host, Trial: t, Given: given, Badge: tui.Real, Look: a.look(), Save: saveFile}
	switch {
	case a.demo:
		a.demoTime(t)
		w.Badge, w.Save = tui.Demo, saveNowhere(t.Host)
		w.Tick = a.machine.Advance
	case os.Getenv(rehearsalEnv) != "":
		w.Badge = tui.Rehearse
	}
	if err := tui.Run(w.Shell(), os.Stdin, os.Stdout); err != nil {
		if w.Pending() {
			fmt.Fprintln(a.err, "The change is still active and waits: bridgehead confirm keeps it; otherwise it is taken back by itself.")
		}
		return err
	}
	return w.Outcome()
}

// demoTime lets the simulated host's guard run as its time passes.
func (a *app) demoTime(t *trial.Trial) {
	watch := &trial.Trial{Host: a.machine.Host(), Dir: t.Dir}
	a.machine.OnTick(func() {
		if a.machine.Armed(t.Dir) {
			_, _ = watch.Look(context.Background()) // what came of it is in the journal
		}
	})
}

// saveFile writes an exported file into the working directory.
func saveFile(name string, data []byte, mode uint32) (string, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, data, os.FileMode(mode))
}

// saveNowhere keeps exported files on the simulated host.
func saveNowhere(h backend.Host) func(string, []byte, uint32) (string, error) {
	return func(name string, data []byte, mode uint32) (string, error) {
		path := "/root/" + name
		err := h.Files.Write(path, backend.File{Exists: true, Data: data, Mode: mode, ModTime: time.Time{}})
		return path + " (of the simulated host)", err
	}
}
