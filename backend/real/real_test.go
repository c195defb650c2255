package real

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"bridgehead/backend"
	"bridgehead/backend/file"
)

func TestHostIsWhole(t *testing.T) {
	h, err := Host(Options{})
	if err != nil {
		t.Fatal(err)
	}
	v := reflect.ValueOf(h)
	for i := range v.NumField() {
		if v.Field(i).IsNil() {
			t.Errorf("the host has no %s", v.Type().Field(i).Name)
		}
	}
}

func TestRootIsOnlyRead(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "hostname"), []byte("example\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(root))
	for _, name := range []string{root, filepath.Base(root)} {
		h, err := Host(Options{Root: name})
		if err != nil {
			t.Fatal(err)
		}
		if f, err := h.Files.Read("/hostname"); err != nil || string(f.Data) != "example\n" {
			t.Errorf("%s: %q, %v", name, f.Data, err)
		}
		if err := h.Files.Write("/hostname", backend.File{}); !errors.Is(err, file.ErrReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{filepath.Join(root, "hostname"), filepath.Join(root, "missing")} {
		if _, err := Host(Options{Root: name}); err == nil {
			t.Errorf("%s passed for a root", name)
		}
	}
}
