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
)

// The guard runs a copy of the program that arms it, in a test the test itself.
// As "watch" it does what the file STATE/part says.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "watch" {
		if err := watch(os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dir := os.Getenv("BRIDGEHEAD_TEST_ARM"); dir != "" {
		if err := (processGuard{}).Arm(context.Background(), dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("armed")
		select {} // until it is killed
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
