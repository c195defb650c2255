package guard

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// etc is a root with the scripts of sysvinit, networking at number 12.
func etc(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"init.d", "rcS.d", "rc2.d", "rc3.d", "rc4.d", "rc5.d"} {
		must(t, os.MkdirAll(filepath.Join(root, "etc", dir), 0o755))
	}
	must(t, os.WriteFile(filepath.Join(root, "etc/init.d/networking"), nil, 0o755))
	must(t, os.Symlink("../init.d/networking", filepath.Join(root, "etc/rcS.d/S12networking")))
	return root
}

func tree(t *testing.T, root string) (names []string) {
	t.Helper()
	must(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	}))
	return names
}

func TestBootScripts(t *testing.T) {
	root := etc(t)
	must(t, bootScript(root).fits())
	before := tree(t, root)
	for range 2 {
		must(t, installScripts(t.Context(), root, "/nowhere/bridgehead"))
	}
	order, err := filepath.Glob(filepath.Join(root, "etc/rcS.d/*"))
	must(t, err)
	if len(order) != 2 || filepath.Base(order[0]) != "S12bridgehead-boot" {
		t.Errorf("runlevel S is %v", order)
	}
	for _, name := range []string{bootScriptName, watchScriptName} {
		script := filepath.Join(root, "etc/init.d", name)
		if out, err := exec.Command("sh", "-n", script).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", name, out)
		}
		for _, word := range []string{"stop", "start"} { // nothing waits here: it does nothing
			if out, err := exec.Command(script, word).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s %v: %v %s", name, word, err, out)
			}
		}
	}
	for range 2 {
		must(t, removeScripts(t.Context(), root))
	}
	if after := tree(t, root); !slices.Equal(before, after) {
		t.Errorf("left:\n%s", strings.Join(after, "\n"))
	}
	must(t, os.Remove(filepath.Join(root, "etc/rcS.d/S12networking")))
	if bootScript(root).fits() == nil {
		t.Error("it fits where nothing starts the network in runlevel S")
	}
}
