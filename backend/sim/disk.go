package sim

import (
	"context"
	"fmt"
	"strings"
	"time"

	"bridgehead/backend"
)

// filesOf is backend.Files as one process has it.
type filesOf struct{ p *process }

func failed(verb, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot %s %s: %w", verb, name, err)
}

func (h filesOf) Read(name string) (backend.File, error) {
	return ask(context.Background(), h.p, func() (backend.File, error) {
		if bond, ok := strings.CutPrefix(name, "/proc/net/bonding/"); ok {
			return h.p.m.procBond(bond), nil
		}
		f, err := h.p.m.files.read(name)
		return f, failed("read", name, err)
	})
}

func (h filesOf) Write(name string, f backend.File) error {
	verb := "write"
	if !f.Exists {
		verb = "remove"
	}
	return h.p.change(context.Background(), verb+" "+name, func() error {
		return failed(verb, name, h.p.m.files.write(name, f, h.p.m.wall()))
	})
}

func (h filesOf) Append(name string, data []byte) error {
	return h.p.change(context.Background(), "append "+name, func() error {
		return failed("append to", name, h.p.m.files.append(name, data, h.p.m.wall()))
	})
}

func (h filesOf) Glob(pattern string) ([]string, error) {
	return ask(context.Background(), h.p, func() ([]string, error) {
		names, err := h.p.m.files.glob(pattern)
		if pattern == "/proc/net/bonding/*" {
			for _, l := range h.p.m.links {
				if l.bond {
					names = append(names, "/proc/net/bonding/"+l.Name)
				}
			}
		}
		return names, failed("look for", pattern, err)
	})
}

func (h filesOf) Room(name string, n int) error {
	_, err := ask(context.Background(), h.p, func() (bool, error) {
		real, err := h.p.m.files.resolve(name, true)
		if err == nil {
			err = h.p.m.files.room(real, n)
		}
		return true, failed("write beside", name, err)
	})
	return err
}

func (h filesOf) RemoveAll(name string) error {
	return h.p.change(context.Background(), "rm -r "+name, func() error {
		real, err := h.p.m.files.entry(name)
		if err == nil {
			err = h.p.m.files.room(real, 0)
		}
		if err == nil {
			h.p.m.files.below(real, nil)
		}
		return failed("remove", name, err)
	})
}

func (h filesOf) Rename(from, to string) error {
	return h.p.change(context.Background(), "mv "+from+" "+to, func() error {
		return failed("move "+from+" to", to, h.p.m.files.rename(from, to))
	})
}

func (h filesOf) Lock(name string) (func(), error) {
	m := h.p.m
	return ask(context.Background(), h.p, func() (func(), error) {
		real, err := m.files.resolve(name, true)
		if err != nil {
			return nil, failed("lock", name, err)
		}
		if m.files.nodes[real] == nil {
			if err := m.files.append(name, nil, m.wall()); err != nil {
				return nil, failed("lock", name, err)
			}
		}
		if m.files.locks[real] != nil {
			return nil, backend.ErrLocked
		}
		m.files.locks[real] = h.p
		return func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.files.locks[real] == h.p {
				delete(m.files.locks, real)
			}
		}, nil
	})
}

func (h filesOf) Holder(name string) (int, error) {
	m := h.p.m
	return ask(context.Background(), h.p, func() (int, error) {
		real, err := m.files.resolve(name, true)
		if err != nil || m.files.locks[real] == nil {
			return 0, err
		}
		return m.files.locks[real].pid, nil
	})
}

// FillDisk makes every later write fail with ENOSPC, or ends that. /run has room.
func (m *Machine) FillDisk(full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files.full = full
}

// MountReadOnly makes every later change below the directories fail with EROFS;
// without any, all is writable again.
func (m *Machine) MountReadOnly(dirs ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files.readOnly = dirs
}

// File reads a file as a test looks at it.
func (m *Machine) File(name string) backend.File {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, err := m.files.read(name)
	must(err)
	return f
}

// Edit writes a file as somebody else on the host does: no fault strikes.
func (m *Machine) Edit(name, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, err := m.files.read(name)
	must(err)
	if !f.Exists {
		f = backend.File{Exists: true, Mode: 0o644}
	}
	f.Data, f.ModTime = []byte(text), time.Time{}
	must(m.files.write(name, f, m.wall()))
}
