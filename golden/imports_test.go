package golden_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// may says which of the module's packages those of a folder may import, beside their own.
// Tests may drive a wizard on a simulated host; nothing else may.
var may = map[string][]string{
	"tui":             {},
	"backend":         {},
	"steps":           {"tui", "backend"},
	"steps/stepstest": {"tui", "backend", "steps"},
	"golden":          {},
	".":               {"tui", "backend", "steps"},
}

// Imports point one way: main to steps to tui, steps to backend. The backend
// knows no screen, the wizard's shell no host and no step.
func TestImportsPointOneWay(t *testing.T) {
	seen := map[string]int{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != "..":
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		path, _ = filepath.Rel("..", path)
		folder := folderOf(filepath.Dir(path))
		seen[folder]++
		for _, to := range imports(t, filepath.Join("..", path)) {
			if !allowed(folder, to) {
				t.Errorf("%s imports %s: %s may import %q of this module, and its own", path, to, folder, may[folder])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for folder := range may {
		if seen[folder] == 0 {
			t.Errorf("no file of %s was looked at", folder)
		}
	}
}

// folderOf is the entry of may that a directory belongs to.
func folderOf(dir string) string {
	for d := dir; d != "."; d = filepath.Dir(d) {
		if _, ok := may[d]; ok {
			return d
		}
	}
	return "."
}

func allowed(folder, to string) bool {
	top, _, _ := strings.Cut(to, "/")
	own, _, _ := strings.Cut(folder, "/")
	if strings.HasSuffix(to, "test") && !strings.HasSuffix(folder, "test") && own != "backend" {
		return false // the tests' own tools
	}
	return top == own && folder != "." || slices.Contains(may[folder], top)
}

// imports are the module's own packages that a file imports, without the module's name.
func imports(t *testing.T, file string) (out []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range f.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		if to, ok := strings.CutPrefix(path, "bridgehead/"); ok {
			out = append(out, to)
		}
	}
	return out
}
