package process

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"bridgehead/backend"
)

// Clock returns the host's clock.
func Clock() backend.Clock { return clock{} }

type clock struct{}

// Now is the time of day, for the eyes only: it may jump.
func (clock) Now() time.Time { return time.Now() }

// Boottime is CLOCK_BOOTTIME (clock_gettime(2)): no setting of the time of day
// moves it, and it counts while the host is suspended. It is 0 only where the
// kernel lacks it (before 2.6.39).
func (clock) Boottime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// BootID is the random id that the kernel gives each boot (random(4)).
func (clock) BootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// After is time.After: a monotonic timer, which setting the time of day does not
// move. It stands still while the host is suspended, so whoever waits for a
// deadline wakes now and then and compares Boottime.
func (clock) After(d time.Duration) <-chan time.Time { return time.After(d) }
