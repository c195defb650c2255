// Package sim is a simulated host: the whole of backend.Host in memory, with
// the semantics of a Linux kernel, Open vSwitch, libvirt and apt that matter to
// moving a host onto a bridge, and a world around it (gateway, clients, switch
// ports) that answers exactly when the state lets a frame through.
//
// It is deterministic: a clock that only Advance moves, no goroutines, no wall
// time, no randomness. It refuses what a real host would refuse, in its words.
package sim

import (
	"context"
	"errors"
	"sync"
	"time"

	"bridgehead/backend"
)

// Machine is one simulated host. It is safe for use by several goroutines.
type Machine struct {
	mu   sync.Mutex
	spec Spec

	now    time.Duration // since the machine was made
	booted time.Duration // value of now at the last boot
	boots  int
	timers []timer
	jump   time.Duration // of the wall clock
	hurry  bool
	inside int // functions of others that are running: faults, ticks, boot units

	links     []*link
	nextIndex int
	routes    []backend.Route // every table but local
	rules     []backend.Rule
	sysctls   map[string]string
	world     world

	files files
	ovs   vswitch
	virt  libvirt

	packages map[string]string
	units    map[string]*backend.Unit
	procs    []*process
	nextPID  int
	guards   map[string]*process // watches by state directory

	faults    []Fault
	ticks     []func()
	bootUnits []func()
	bootLog   []string
	calls     int
}

// ErrKilled is what every call of a killed process returns. A real process would
// not see it: it would be gone. The caller unwinds and leaves everything as it is.
var ErrKilled = errors.New("killed")

// New makes a machine in its state after boot. It panics on a Spec that
// contradicts itself, which is a mistake in the test that made it.
func New(spec Spec) *Machine {
	m := &Machine{
		spec:     spec,
		packages: map[string]string{},
		units:    map[string]*backend.Unit{},
		guards:   map[string]*process{},
		nextPID:  1000,
		boots:    1,
		booted:   -time.Hour, // it has been up for a while
	}
	m.ovs.db, m.ovs.applied, m.ovs.status, m.ovs.nextOF = &database{}, &database{}, map[string]*status{}, 1
	m.world.init()
	m.makeFiles()
	m.makeKernel()
	m.makeServices()
	m.makeSwitch()
	m.makeVirt()
	m.makeProcesses()
	m.traffic()
	return m
}

func must(err error) {
	if err != nil {
		panic("sim: " + err.Error())
	}
}

// Host starts a bridgehead process on the machine, as a child of Spec.Shell, and
// returns the host as that process sees it. Its pid is Host.Processes.Self().
func (m *Machine) Host() backend.Host { return m.Spawn(m.spec.Shell, "bridgehead") }

// Spawn starts a process below ppid and returns the host as it sees it.
func (m *Machine) Spawn(ppid int, argv ...string) backend.Host {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.spawn(ppid, argv...)
	return backend.Host{
		Links:     links{p},
		Files:     filesOf{p},
		Switch:    switchOf{p},
		Virt:      virtOf{p},
		Guests:    guests{p},
		Packages:  packages{p},
		Services:  services{p},
		Processes: processes{p},
		Prober:    prober{p},
		Listener:  listener{p},
		Clock:     clock{p},
		Guard:     guard{p},
	}
}

// change runs one mutating call of p: faults strike before and after the effect.
// The description reads like the command that would do it.
func (p *process) change(ctx context.Context, what string, effect func() error) error {
	if err := p.m.strike(ctx, p, what, Before); err != nil {
		return err
	}
	p.m.mu.Lock()
	var err error
	if p.dead {
		err = ErrKilled
	} else {
		err = effect()
	}
	p.m.mu.Unlock()
	if err != nil {
		return err
	}
	return p.m.strike(ctx, p, what, After)
}

// ask runs one reading call of p.
func ask[T any](ctx context.Context, p *process, read func() (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	if p.dead {
		return none, ErrKilled
	}
	return read()
}
