// Command init is the whole initial RAM disk of the lab's guests: it loads the modules
// that the root disk needs, mounts it, and hands over to the init that is on it.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if err := boot(); err != nil {
		fmt.Println("lab initrd:", err)
	}
	select {} // the end of init would be a kernel panic, and the message lost
}

func boot() error {
	if err := unix.Mount("devtmpfs", "/dev", "devtmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("cannot mount /dev: %w", err)
	}
	if err := loadModules(); err != nil {
		return err
	}
	if err := mountRoot("/dev/vda"); err != nil {
		return err
	}
	return switchRoot()
}

// loadModules loads what /modules lists, in its order (finit_module(2)).
func loadModules() error {
	list, err := os.ReadFile("/modules")
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(string(list)) {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("cannot load %s: %w", name, err)
		}
	}
	return nil
}

// mountRoot waits for the disk: its driver finds it in its own time.
func mountRoot(disk string) error {
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if err = unix.Mount(disk, "/root", "ext4", unix.MS_RDONLY, ""); err == nil {
			return nil
		}
	}
	return fmt.Errorf("cannot mount %s: %w", disk, err)
}

// switchRoot makes /root the root and runs its init (switch_root(8)).
func switchRoot() error {
	if err := unix.Mount("/dev", "/root/dev", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("cannot move /dev: %w", err)
	}
	if err := os.Chdir("/root"); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("cannot move the root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("cannot change the root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	return unix.Exec("/sbin/init", []string{"/sbin/init"}, []string{"HOME=/", "TERM=linux"})
}
