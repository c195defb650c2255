package backend

import (
	"errors"
	"fmt"
	"time"
)

// ErrLocked is returned by Files.Lock when another process holds the lock.
var ErrLocked = errors.New("another bridgehead holds the lock")

// TimeoutError says that a command did not come back in time. What it was to
// change may have changed: read the state before deciding (field notes: ovs-vsctl
// exit 142).
type TimeoutError struct {
	What  string
	After time.Duration
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("%s: no answer within %s", e.What, e.After)
}

// ErrNoLink is what a Links or Prober method fails with where no link has that name.
var ErrNoLink = errors.New("there is no such link")

// ErrNoBonding is what Links.AddBond fails with where the kernel has no bonding driver.
var ErrNoBonding = errors.New("this kernel has no module bonding")
