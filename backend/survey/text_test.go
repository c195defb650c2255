package survey

import (
	"os"
	"strings"
	"testing"
	"unicode"

	"bridgehead/backend"
)

func text(t *testing.T, f Facts) string {
	t.Helper()
	var b strings.Builder
	if err := Text(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What `bridgehead survey` prints for the tutorial's host, over SSH.
func TestTextOfTheTutorialsHost(t *testing.T) {
	got := text(t, survey(t, overSSH()))
	want, err := os.ReadFile("testdata/tutorial.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("testdata/tutorial.txt differs; it is now:\n%s", got)
	}
}

// Whatever the host's own names are, lines stay within 80 columns and nothing
// steers the terminal.
func TestTextFitsAnyConsole(t *testing.T) {
	x := many()
	x.files["/proc/sys/kernel/hostname"] = strings.Repeat("long", 30)
	x.virt.Domains = append(x.virt.Domains, backend.Domain{Name: "evil\x1b[2J\r\nname", Running: true})
	x.files["/etc/iptables/rules.v4"] = "-A INPUT -i eth0 \x1b]0;title\x07 -j " + strings.Repeat("X", 200) + "\n"
	x.files["/etc/netplan/x.yaml"] = "network: [\n"
	x.link("eth1").Carrier = false
	for line := range strings.Lines(text(t, survey(t, x))) {
		line = strings.TrimSuffix(line, "\n")
		if len([]rune(line)) > width {
			t.Errorf("%d columns: %s", len(line), line)
		}
		for _, r := range line {
			if r > unicode.MaxASCII || !unicode.IsPrint(r) {
				t.Errorf("%q in %q", r, line)
			}
		}
	}
}
