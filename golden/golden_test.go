package golden_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aymanbagabas/go-udiff"
)

var update = flag.Bool("update", false, "write the goldens instead of comparing with them")

// made are the goldens that this run of the tests made.
var made struct {
	sync.Mutex
	names map[string]bool
}

// dirs are those that hold nothing but goldens.
var dirs = []string{"screens", "lines", "plans", "interfaces", "libvirt", "reports"}

func TestMain(m *testing.M) {
	flag.Parse()
	made.names = map[string]bool{}
	code := m.Run()
	if all := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == ""; all && code == 0 {
		code = orphans()
	}
	os.Exit(code)
}

// orphans finds goldens that no test makes any more: nobody would notice that they are wrong.
func orphans() (code int) {
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || made.names[path] || filepath.Ext(path) == ".yaml" {
				return err
			}
			if *update {
				return os.Remove(path)
			}
			fmt.Printf("--- FAIL: no test makes %s; go test ./golden -update removes it\n", path)
			code = 1
			return nil
		})
		if err != nil {
			fmt.Println("--- FAIL:", err)
			code = 1
		}
	}
	return code
}

// golden compares got with the golden of that name, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	made.Lock()
	again := made.names[name]
	made.names[name] = true
	made.Unlock()
	if again {
		t.Errorf("%s is made twice", name)
	}
	want, err := os.ReadFile(name)
	if err == nil && string(want) == got {
		return
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err != nil {
		t.Fatalf("%v; go test ./golden -update writes it", err)
	}
	t.Errorf("%s has changed; read it, then: go test ./golden -update\n%s", name, udiff.Unified("golden", "now", string(want), got))
}

// plain fails the test where a screen has what the plainest console cannot show.
func plain(t *testing.T, name, screen string) {
	t.Helper()
	for _, r := range screen {
		if r > 0x7e && !strings.ContainsRune("─│┌┐└┘├┤┬┴┼█░↑↓←→•", r) {
			t.Errorf("%s has %q, which the VGA console's font lacks", name, r)
		}
	}
}
