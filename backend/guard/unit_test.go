package guard

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestWatchUnit(t *testing.T) {
	want, err := os.ReadFile("testdata/" + unitName)
	must(t, err)
	if got := watchUnit("/var/lib/bridgehead"); got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// systemd itself reads it without a complaint.
func TestWatchUnitIsValid(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "guard"), 0o755))
	must(t, os.WriteFile(program(dir), []byte("#!/bin/sh\n"), 0o755))
	unit := filepath.Join(dir, unitName)
	must(t, os.WriteFile(unit, []byte(watchUnit(dir)), 0o644))
	cmd := exec.Command("systemd-analyze", "verify", "--man=no", unit)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}
