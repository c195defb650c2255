package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// row is a line of the table in docs/tutorial.md: number, line, what does it, and the commands that must succeed.
var row = regexp.MustCompile(`(?m)^\| (\d+) \| (.*) \| (.*) \| (.*) \|$`)

// Every line of the tutorial works on a host that was moved, with a VM that was created: the table is run, and counted.
func TestTutorialLines(t *testing.T) {
	table, err := os.ReadFile("docs/tutorial.md")
	must(t, err)
	h := onBridge(t, "libvirt: {network: examplebr0, default: remove}", `vms:
  create:
    - name: example1
      memory: 64
      vcpus: 4
      disk: {path: /var/vm/example1/example1.qcow2, size: 1, format: qcow2}
      iso: /var/vm/ISO/tiny.iso
      os: generic
      bridge: examplebr0`)
	h.run("create", "--answers", answersPath).want(t, 0)
	works, elsewhere := 0, 0
	rows := row.FindAllStringSubmatch(string(table), -1)
	for _, r := range rows {
		if strings.HasPrefix(r[4], "`Test") {
			elsewhere++
			continue
		}
		good := true
		for _, command := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(r[4], -1) {
			script := strings.ReplaceAll(command[1], " ; ", " | ") // a bar would end the table's cell
			if ran := h.command("sh", "-c", script); ran.code != 0 {
				good = false
				t.Errorf("line %s, %s: %s: %s%s", r[1], r[2], script, ran.out, ran.err)
			}
		}
		if good {
			works++
		}
	}
	t.Logf("%d of %d lines of the tutorial work, %d more is proved by the test that the table names", works, len(rows), elsewhere)
	if len(rows) != 37 {
		t.Errorf("the table has %d lines", len(rows))
	}
}
