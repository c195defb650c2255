package survey

import (
	"context"
	"errors"
	"path"
	"sync"
	"time"

	"bridgehead/backend"
)

// Options say how to take a survey.
type Options struct {
	Root      bool          // this process may change the host (effective user id 0)
	Foreign   bool          // Host.Files reads below another root: what runs here says nothing about it
	Rehearsal bool          // the terminal is outside of the host, which is a replica: this session does not depend on it
	StateDir  string        // "": /var/lib/bridgehead
	Deadline  time.Duration // for each part; 0: 5 s
}

const (
	stateDir = backend.StateDir
	deadline = 5 * time.Second
)

// part is one thing to ask the host. Its result is handed over as a function,
// so that a part which overran its deadline can no longer touch the evidence.
type part struct {
	what  string // completes "cannot …"
	level string // of the finding where it fails
	why   string
	read  func(context.Context) (func(*evidence), error)
}

// Take asks the host for everything and draws the conclusions. All parts are
// asked side by side, each within its deadline; one that fails or does not
// answer is a finding. It fails only where ctx ends.
func Take(ctx context.Context, h backend.Host, o Options) (Facts, error) {
	if o.StateDir == "" {
		o.StateDir = stateDir
	}
	if o.Deadline == 0 {
		o.Deadline = deadline
	}
	e := &evidence{Options: o, manager: h.Services.Manager(), cover: h.Guard.Covers(), self: h.Processes.Self()}
	e.ask(ctx, firstParts(h, o))
	e.ask(ctx, laterParts(h, e))
	if err := ctx.Err(); err != nil {
		return Facts{}, err
	}
	return conclude(e), nil
}

func (e *evidence) ask(ctx context.Context, parts []part) {
	take := make([]func(*evidence), len(parts))
	errs := make([]error, len(parts))
	var wg sync.WaitGroup
	for i, p := range parts {
		wg.Go(func() { take[i], errs[i] = within(ctx, e.Deadline, p.read) })
	}
	wg.Wait()
	for i, p := range parts {
		if take[i] != nil {
			take[i](e)
		}
		if errs[i] != nil {
			e.failed = append(e.failed, Finding{
				Level: p.level,
				What:  "The survey cannot " + p.what + ": " + oneLine(errs[i]),
				Why:   p.why,
				Do:    "Find out why, then run the survey again",
			})
		}
	}
}

// within runs read for at most d, even where it does not heed its context.
func within(ctx context.Context, d time.Duration, read func(context.Context) (func(*evidence), error)) (func(*evidence), error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	type answer struct {
		take func(*evidence)
		err  error
	}
	c := make(chan answer, 1)
	go func() {
		defer cancel()
		take, err := read(ctx)
		c <- answer{take, err}
	}()
	select {
	case a := <-c:
		return a.take, a.err
	case <-ctx.Done():
	}
	select {
	case a := <-c: // it ended, and so ended the context
		return a.take, a.err
	default:
		return nil, &backend.TimeoutError{What: "the host", After: d}
	}
}

// get makes a part's reader of a call that returns one value.
func get[T any](read func(context.Context) (T, error), put func(*evidence, T)) func(context.Context) (func(*evidence), error) {
	return func(ctx context.Context) (func(*evidence), error) {
		v, err := read(ctx)
		if err != nil {
			return nil, err
		}
		return func(e *evidence) { put(e, v) }, nil
	}
}

func firstParts(h backend.Host, o Options) []part {
	return []part{
		{"list the network interfaces", Refuse, "Without them nothing can be planned",
			get(h.Links.List, func(e *evidence, v []backend.Link) { e.links = v })},
		{"list the routes", Refuse, "A route that is not known could not be moved or restored",
			get(h.Links.Routes, func(e *evidence, v []backend.Route) { e.routes = v })},
		{"list the policy routing rules", Refuse, "A rule that is not known could not be restored",
			get(h.Links.Rules, func(e *evidence, v []backend.Rule) { e.rules = v })},
		{"read the configuration files", Refuse, "Which program configures the network is not known",
			get(func(context.Context) (fileSet, error) { return readFiles(h.Files, o.StateDir) },
				func(e *evidence, v fileSet) { e.files = v })},
		{"read " + interfacesFile, Refuse, "What cannot be read is not changed",
			get(func(context.Context) (stanzaSet, error) { return readStanzas(h.Files), nil },
				func(e *evidence, v stanzaSet) { e.stanzas = v })},
		{"read the state of Open vSwitch", Refuse, "Whether a NIC is a port already is not known",
			get(h.Switch.State, func(e *evidence, v backend.SwitchState) { e.sw = v })},
		{"read the state of libvirt", Warn, "Networks and guests are not known",
			get(h.Virt.State, func(e *evidence, v backend.VirtState) { e.virt = v })},
		{"ask for the installed packages", Warn, "What is missing is not known",
			get(func(ctx context.Context) (map[string]string, error) {
				return h.Packages.Installed(ctx, packageNames()...)
			}, func(e *evidence, v map[string]string) { e.packages, e.packagesKnown = v, true })},
		{"ask for the services", Warn, "Whether they run, and in which order they start, is not known",
			get(func(ctx context.Context) (map[string]backend.Unit, error) { return readUnits(ctx, h.Services) },
				func(e *evidence, v map[string]backend.Unit) { e.units = v })},
		{"list the processes", Warn, "Which NIC carries this session is not known",
			get(h.Processes.List, func(e *evidence, v []backend.Process) { e.procs = newProcesses(v) })},
		{"list the connections", Warn, "Which sessions the network carries is not known",
			get(h.Processes.Sockets, func(e *evidence, v []backend.Socket) { e.sockets, e.socketsKnown = v, true })},
		{"ask whether a watch runs", Warn, "A trial may be running",
			get(func(ctx context.Context) (bool, error) { return h.Guard.Armed(ctx, o.StateDir) },
				func(e *evidence, v bool) { e.armed = v })},
		{"find out whether there is room on the disk", Warn, "On a full disk a change could not be recorded",
			get(func(context.Context) (error, error) { return room(h.Files, o), nil },
				func(e *evidence, v error) { e.full = v })},
	}
}

// laterParts need the answers of the first.
func laterParts(h backend.Host, e *evidence) []part {
	var links []string
	for _, l := range e.links {
		if looksLikeNIC(l) {
			links = append(links, l.Name)
		}
	}
	pids := e.procs.worthReading(e.self)
	return []part{
		{"read the kernel's network settings", Warn, "Settings such as rp_filter could not be restored",
			get(func(ctx context.Context) (map[string]string, error) { return readSysctls(ctx, h.Links, links) },
				func(e *evidence, v map[string]string) { e.sysctls = v })},
		{"ask what keeps VMs from being started", Warn, "It shows when one is connected",
			get(func(ctx context.Context) (map[string]string, error) {
				return readUnfit(ctx, h.Virt, e.virt.Domains, e.Deadline), nil
			}, func(e *evidence, unfit map[string]string) {
				for i := range e.virt.Domains {
					e.virt.Domains[i].Unfit = unfit[e.virt.Domains[i].Name]
				}
			})},
		{"read the environment of the login processes", Warn, "Which NIC carries this session may not be known",
			get(func(ctx context.Context) (map[int][]string, error) { return readEnviron(ctx, h.Processes, pids), nil },
				func(e *evidence, v map[int][]string) { e.environ = v })},
	}
}

// readUnfit says what keeps VMs from being started. libvirt may have to look at an emulator for the first time, which takes
// its time on a busy host: what is not told soon shows when it is tried.
func readUnfit(ctx context.Context, v backend.Virt, domains []backend.Domain, d time.Duration) map[string]string {
	if len(domains) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, d/2)
	defer cancel()
	unfit, _ := v.Unfit(ctx, domains)
	return unfit
}

func readUnits(ctx context.Context, s backend.Services) (map[string]backend.Unit, error) {
	units := map[string]backend.Unit{}
	if s.Manager() != "systemd" {
		return units, nil
	}
	for _, name := range unitNames {
		u, err := s.Unit(ctx, name)
		if err != nil {
			return nil, err
		}
		if u.Load != "" {
			units[name] = u
		}
	}
	return units, nil
}

func readEnviron(ctx context.Context, p backend.Processes, pids []int) map[int][]string {
	environ := map[int][]string{}
	for _, pid := range pids {
		if env, err := p.Environ(ctx, pid); err == nil { // it may have ended since
			environ[pid] = env
		}
	}
	return environ
}

func readSysctls(ctx context.Context, l backend.Links, links []string) (map[string]string, error) {
	values := map[string]string{}
	for _, name := range append([]string{"all", "default"}, links...) {
		for family, keys := range backend.LinkSettings {
			for _, key := range keys {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				key = family + "/conf/" + name + "/" + key
				if v, err := l.Sysctl(ctx, key); err == nil { // absent where the kernel has no IPv6
					values[key] = v
				}
			}
		}
	}
	return values, nil
}

// How much a change writes: beside a copy of the program its plan, journal and
// the files as they were.
const (
	roomState  = 48 << 20
	roomConfig = 256 << 10
)

// room says why a change could not be written, nil where it could. Without
// privilege there is nothing to find out.
func room(f backend.Files, o Options) error {
	if !o.Root || o.Foreign {
		return nil
	}
	return errors.Join(
		f.Room(path.Join(o.StateDir, "room"), roomState),
		f.Room(interfacesFile, roomConfig),
	)
}
