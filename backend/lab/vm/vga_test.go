//go:build vm

package vm

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The wizard on the screen that a KVM switch shows: 80x25, TERM=linux, a font of 256 glyphs, and a locale with which it
// draws lines and blocks. Run with -artifacts to look at the pictures.
func TestWizardOnTheScreen(t *testing.T) {
	g := resume(t)
	shows := func(text string) {
		t.Helper()
		var screen string
		for end := time.Now().Add(patience); time.Now().Before(end); {
			screen = g.sh("fold -w80 /dev/vcs1")
			if strings.Contains(words(screen), text) {
				return
			}
		}
		t.Fatalf("the screen does not show %q:\n%s", text, screen)
	}
	picture := func(name string) {
		t.Helper()
		path := filepath.Join(t.ArtifactDir(), name+".png")
		must(t, g.Screendump(path))
		t.Log(path)
	}
	typeIn := func(text string) {
		t.Helper()
		for _, r := range text {
			must(t, g.Type(string(r)))
		}
		must(t, g.Type("ret"))
	}
	must(t, g.Put("/usr/local/bin/wizard", "#!/bin/sh\nLC_ALL=C.UTF-8 exec bridgehead\n"))
	g.sh("chmod +x /usr/local/bin/wizard")
	typeIn("root")
	shows("Password:")
	typeIn("root")
	shows("root@bh-host")
	typeIn("wizard")
	shows("Logins") // the survey has ended
	for here := ""; here != "Risk"; {
		var screen string
		title := func() string {
			screen = g.sh("fold -w80 /dev/vcs1")
			if m := position.FindStringSubmatch(screen); m != nil {
				return m[1]
			}
			return ""
		}
		for end := time.Now().Add(patience); title() == "" || title() == here; {
			if time.Now().After(end) {
				t.Fatalf("there is no way on from %s:\n%s", here, screen)
			}
		}
		here = title()
		picture(strings.ReplaceAll(here, " ", "-"))
		t.Logf("%s\n%s", here, screen)
		if here == "Review" {
			must(t, g.Type("2"))
			shows("After:")
			picture("Picture")
		}
		if here != "Risk" {
			must(t, g.Type("ctrl-n"))
		}
	}
	g.untouched()
}
