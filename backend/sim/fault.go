package sim

import (
	"context"
	"errors"
	"fmt"
)

// When says on which side of its effect a call is.
type When int

// Before the effect nothing has happened yet; After it everything has, and only
// the caller does not know.
const (
	Before When = iota
	After
)

func (w When) String() string { return [...]string{"before", "after"}[w] }

// Point is a moment at which something can go wrong.
type Point struct {
	N    int // counts the points of this machine from 0
	When When
	PID  int
	What string // "ovs-vsctl add-port br0 eth0", "write /etc/network/interfaces"
}

func (p Point) String() string { return fmt.Sprintf("%d %s %s", p.N, p.When, p.What) }

// Fault is called at each point, with the machine unlocked: it may look at the
// machine, Kill, Reboot or stop daemons. An error makes the call fail with it;
// ErrKilled ends the calling process.
type Fault func(Point) error

// Fault adds f to what is called at each point. Reading calls have no points.
func (m *Machine) Fault(f Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults = append(m.faults, f)
}

// ClearFaults removes all faults.
func (m *Machine) ClearFaults() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults = nil
}

// Points is the number of points passed so far.
func (m *Machine) Points() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

func (m *Machine) strike(ctx context.Context, p *process, what string, when When) error {
	m.mu.Lock()
	if p.dead {
		m.mu.Unlock()
		return ErrKilled
	}
	if err := ctx.Err(); err != nil && when == Before {
		m.mu.Unlock()
		return fmt.Errorf("%s: %w", what, err)
	}
	point := Point{N: m.calls, When: when, PID: p.pid, What: what}
	m.calls++
	faults := m.faults
	m.mu.Unlock()
	var err error
	m.outside(func() {
		for _, f := range faults {
			if err = f(point); err != nil {
				return
			}
		}
	})
	switch {
	case errors.Is(err, ErrKilled):
		m.Kill(p.pid)
	case err == nil && m.isDead(p):
		return ErrKilled
	}
	return err
}

func (m *Machine) isDead(p *process) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return p.dead
}
