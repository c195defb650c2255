package guard

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnits(t *testing.T) {
	for _, u := range units("/var/lib/bridgehead") {
		want, err := os.ReadFile("testdata/" + u.name)
		must(t, err)
		if u.text != string(want) {
			t.Errorf("got:\n%s\nwant:\n%s", u.text, want)
		}
	}
}

// The state directory is a link to another disk: both have to be there before the units run.
func TestUnitsWaitForTheDiskOfTheState(t *testing.T) {
	disk, link := filepath.Join(t.TempDir(), "bridgehead"), filepath.Join(t.TempDir(), "bridgehead")
	must(t, os.Mkdir(disk, 0o700))
	must(t, os.Symlink(disk, link))
	for _, u := range units(link) {
		if !strings.Contains(u.text, "\nRequiresMountsFor="+link+" "+disk) {
			t.Errorf("%s does not wait for %s:\n%s", u.name, disk, u.text)
		}
	}
}

// systemd itself reads it without a complaint.
func TestUnitsAreValid(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "guard"), 0o755))
	must(t, os.WriteFile(program(dir), []byte("#!/bin/sh\n"), 0o755))
	args := []string{"verify", "--man=no"}
	for _, u := range units(dir) {
		file := filepath.Join(dir, u.name)
		must(t, os.WriteFile(file, []byte(u.text), 0o644))
		args = append(args, file)
	}
	cmd := exec.Command("systemd-analyze", args...)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}
