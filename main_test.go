package main

import (
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"bridgehead/backend/lab"
)

// The test binary is the program, too, when it is called bridgehead: in scripts, in labs, and as
// the guard's copy of itself. So the race detector watches all of it.
func TestMain(m *testing.M) {
	lab.Main()
	testscript.Main(m, map[string]func(){"bridgehead": func() {
		strikes()
		main()
	}})
}

// patience is how long a test waits for something that must happen, on a busy machine.
const patience = 30 * time.Second

// eventually waits until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// self is this test binary.
func self(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
