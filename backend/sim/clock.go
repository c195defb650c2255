package sim

import (
	"fmt"
	"time"
)

// epoch is the wall time at which every machine is made.
var epoch = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

type timer struct {
	at time.Duration
	p  *process
	ch chan time.Time
}

type clock struct{ p *process }

func (c clock) Now() time.Time {
	c.p.m.mu.Lock()
	defer c.p.m.mu.Unlock()
	return c.p.m.wall()
}

func (c clock) Boottime() time.Duration {
	c.p.m.mu.Lock()
	defer c.p.m.mu.Unlock()
	return c.p.m.now - c.p.m.booted
}

func (c clock) BootID() string {
	c.p.m.mu.Lock()
	defer c.p.m.mu.Unlock()
	return uuid(fmt.Sprint("boot ", c.p.m.boots))
}

// After fires when Advance has moved the clock by d; at once for d <= 0.
func (c clock) After(d time.Duration) <-chan time.Time {
	m := c.p.m
	m.mu.Lock()
	defer m.mu.Unlock()
	ch := make(chan time.Time, 1)
	if d <= 0 || m.hurry || m.inside > 0 {
		if d > 0 {
			m.pass(d)
		}
		ch <- m.wall()
		return ch
	}
	m.timers = append(m.timers, timer{m.now + d, c.p, ch})
	return ch
}

// wall is the wall clock. Callers hold the lock.
func (m *Machine) wall() time.Time { return epoch.Add(m.now + m.jump) }

// Hurry makes After move the clock by itself and fire at once, for a caller that
// waits in a single thread; ticks are not run on the way. Within faults, ticks and
// boot units After always does so: nobody else could let time pass meanwhile.
func (m *Machine) Hurry(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hurry = on
}

// JumpWallClock moves Now without Boottime, as NTP or an operator does.
func (m *Machine) JumpWallClock(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.jump += d
}

// OnTick adds a function that Advance calls after each second that has passed,
// with the machine unlocked: the place for a watch that a unit would run.
func (m *Machine) OnTick(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ticks = append(m.ticks, f)
}

// Advance lets d pass, in steps of at most one second; after each, timers fire
// and ticks run.
func (m *Machine) Advance(d time.Duration) {
	for d > 0 {
		step := min(d, time.Second)
		d -= step
		m.mu.Lock()
		m.pass(step)
		ticks := m.ticks
		m.mu.Unlock()
		if len(ticks) == 0 {
			continue
		}
		m.outside(func() {
			for _, tick := range ticks {
				tick()
			}
		})
	}
}

// pass moves the clock and fires what is due. Callers hold the lock.
func (m *Machine) pass(d time.Duration) {
	m.now += d
	waiting := m.timers[:0]
	for _, t := range m.timers {
		switch {
		case t.p.dead:
		case t.at <= m.now:
			t.ch <- m.wall()
		default:
			waiting = append(waiting, t)
		}
	}
	m.timers = waiting
	m.traffic()
}

// outside runs somebody else's functions, with the machine unlocked.
func (m *Machine) outside(run func()) {
	m.mu.Lock()
	m.inside++
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		m.inside--
		m.mu.Unlock()
	}()
	run()
}
