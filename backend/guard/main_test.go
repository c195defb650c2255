package guard

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"bridgehead/backend"
	"bridgehead/backend/lab"
)

// The guard runs a copy of the program that arms it, in a test the test itself.
// As "watch" it does what the file STATE/part says; the other words are for a
// host in a lab.
func TestMain(m *testing.M) {
	lab.Main()
	roles := map[string]func(dir string) error{
		"watch":  watch,
		"arm":    func(dir string) error { return New().Arm(context.Background(), dir) },
		"disarm": func(dir string) error { return New().Disarm(context.Background(), dir) },
		"armed": func(dir string) error {
			on, err := New().Armed(context.Background(), dir)
			fmt.Println(New().Kind(), on)
			return err
		},
		"left": func(dir string) error {
			for _, what := range New().Left(context.Background(), dir) {
				fmt.Println(what)
			}
			return nil
		},
		"wizard": func(dir string) error { // of the process kind; goes on until it is killed
			if err := (processGuard{}).Arm(context.Background(), dir); err != nil {
				return err
			}
			fmt.Println("armed")
			select {}
		},
	}
	if len(os.Args) > 2 && roles[os.Args[1]] != nil {
		if err := roles[os.Args[1]](os.Args[len(os.Args)-1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func watch(dir string) error {
	part, err := os.ReadFile(filepath.Join(dir, "part"))
	if err != nil {
		return err
	}
	called := make(chan os.Signal, 1)
	signal.Notify(called, syscall.SIGUSR1)
	switch string(part) {
	case "fail":
		return fmt.Errorf("cannot read the journal")
	case "mute": // alive, and never ready
		select {}
	}
	if err := Ready(); err != nil {
		return err
	}
	<-called
	// The time is up: it rolls back, disarms, and still has work to do.
	var guard backend.Guard = processGuard{} // never the systemd of the machine that tests
	if string(part) == "unit" {
		guard = unitGuard{}
	}
	if err := guard.Disarm(context.Background(), dir); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "finished"), nil, 0o600)
}
