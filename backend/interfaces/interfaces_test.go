package interfaces

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// disk is the real file system as a Source.
type disk struct{}

func (disk) Read(path string) ([]byte, error)      { return os.ReadFile(path) }
func (disk) Glob(pattern string) ([]string, error) { return filepath.Glob(pattern) }

// tree is a Source of files in memory.
type tree map[string]string

func (t tree) Read(path string) ([]byte, error) {
	if text, ok := t[path]; ok {
		return []byte(text), nil
	}
	return nil, fs.ErrNotExist
}

func (t tree) Glob(pattern string) ([]string, error) {
	var names []string
	for name := range maps.Keys(t) {
		if ok, err := filepath.Match(pattern, name); err != nil {
			return nil, err
		} else if ok {
			names = append(names, name)
		}
	}
	return names, nil
}

const top = "/etc/network/interfaces"

func load(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Load(tree{top: text}, top)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// corpus returns the main file of each configuration in testdata/corpus.
func corpus(t testing.TB) []string {
	t.Helper()
	dir, err := filepath.Abs("testdata/corpus")
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*", "interfaces"))
	if err != nil || len(names) == 0 {
		t.Fatal("no corpus", err)
	}
	return names
}

func TestCorpusIsReadLosslesslyAndAsIfqueryReadsIt(t *testing.T) {
	for _, path := range corpus(t) {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			c, err := Load(disk{}, path)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range c.Files() {
				want, err := os.ReadFile(f.Path)
				if err != nil || !bytes.Equal(f.Bytes(), want) || !bytes.Equal(f.Original(), want) {
					t.Errorf("%s is not read losslessly: %v", f.Path, err)
				}
			}
			if len(c.Changed()) != 0 {
				t.Error("reading changed something")
			}
			if err := sameAsIfquery(t, path, c); err != nil {
				t.Error(err)
			}
		})
	}
}

// ifquery runs ifquery(8) on path, without mapping scripts and the machine's state.
func ifquery(t testing.TB, path string, args ...string) (string, error) {
	t.Helper()
	command := exec.Command("ifquery", append([]string{"-i", path, "--state-dir", t.TempDir(), "--no-mappings"}, args...)...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if _, ran := err.(*exec.ExitError); err != nil && !ran {
		t.Fatalf("ifupdown is needed for this test: %v", err)
	}
	if err != nil {
		err = fmt.Errorf("%w: %s", err, &stderr)
	}
	return string(out), err
}

// sameAsIfquery compares every option of every interface, and the classes.
func sameAsIfquery(t testing.TB, path string, c *Config) error {
	want := map[string]string{}
	for _, s := range c.Stanzas() {
		for _, o := range s.Query() {
			want[s.Name] += o.Name + ": " + o.Value + "\n"
		}
		want[s.Name] += ""
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got, err := ifquery(t, path, "--", name); err != nil || got != want[name] {
			return fmt.Errorf("%s: %v\nifquery: %q\nwe:      %q", name, err, got, want[name])
		}
	}
	for _, class := range []string{"auto", "hotplug"} {
		out, err := ifquery(t, path, "--list", "--allow", class)
		if err != nil && !strings.Contains(err.Error(), "unknown interface") {
			return err
		}
		listed := strings.Split(out, "\n")
		for _, s := range c.Stanzas() {
			if s.Name != "lo" && slices.Contains(listed, s.Name) != slices.Contains(s.Allow, class) {
				return fmt.Errorf("%s in class %s: ifquery lists %q, we say %q", s.Name, class, listed, s.Allow)
			}
		}
	}
	return nil
}
