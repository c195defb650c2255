package link

import (
	"os/exec"
	"strings"
	"testing"
)

// ip runs ip(8) and returns what it prints.
func ip(t testing.TB, line string) string {
	t.Helper()
	out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v: %s", line, err, out)
	}
	return strings.TrimSpace(string(out))
}
