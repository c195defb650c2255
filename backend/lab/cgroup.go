package lab

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

const cgroupPrefix = "bridgehead-lab-"

var cgroupCount atomic.Int64

// newCgroup returns a free path for a lab's cgroup in the machine's version 2
// hierarchy, and clears away what labs that were killed have left there.
func newCgroup() (string, error) {
	root, err := cgroupRoot()
	if err != nil {
		return "", err
	}
	sweepCgroups(root)
	return filepath.Join(root, fmt.Sprintf("%s%d-%d", cgroupPrefix, os.Getpid(), cgroupCount.Add(1))), nil
}

// cgroupRoot finds where the version 2 hierarchy is mounted (cgroups(7)).
func cgroupRoot() (string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		left, right, _ := strings.Cut(sc.Text(), " - ")
		if fields := strings.Fields(left); strings.HasPrefix(right, "cgroup2 ") && len(fields) > 4 {
			return fields[4], nil
		}
	}
	return "", errors.New("cannot run systemd in the lab: this machine has no cgroup version 2 mounted")
}

// sweepCgroups removes the empty cgroups of labs whose process is gone.
func sweepCgroups(root string) {
	dirs, _ := filepath.Glob(filepath.Join(root, cgroupPrefix+"*"))
	for _, dir := range dirs {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), cgroupPrefix), "-")
		if _, err := os.Stat("/proc/" + pid); errors.Is(err, os.ErrNotExist) {
			_ = removeDirs(dir) // busy: another's business
		}
	}
}
