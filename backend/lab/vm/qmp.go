package vm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// monitor is a connection to QEMU's machine protocol (qmp-spec in QEMU's documentation).
type monitor struct {
	mu   sync.Mutex
	conn net.Conn
	in   *bufio.Reader
}

func openMonitor(ctx context.Context, path string) (*monitor, error) {
	conn, err := dial(ctx, path)
	if err != nil {
		return nil, err
	}
	q := &monitor{conn: conn, in: bufio.NewReader(conn)}
	if _, err = q.in.ReadBytes('\n'); err == nil { // the greeting
		_, err = q.ask("qmp_capabilities", nil)
	}
	return q, err
}

func (q *monitor) close() {
	if q != nil {
		q.conn.Close()
	}
}

// ask runs a command and returns its answer; events that come between are dropped.
func (q *monitor) ask(command string, args any) (json.RawMessage, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	line, err := json.Marshal(struct {
		Execute string `json:"execute"`
		Args    any    `json:"arguments,omitempty"`
	}{command, args})
	if err != nil {
		return nil, err
	}
	if _, err := q.conn.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	for {
		line, err := q.in.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		var r struct {
			Return json.RawMessage `json:"return"`
			Error  *struct {
				Desc string `json:"desc"`
			} `json:"error"`
		}
		switch err := json.Unmarshal(line, &r); {
		case err != nil:
			return nil, err
		case r.Error != nil:
			return nil, errors.New(r.Error.Desc)
		case r.Return != nil:
			return r.Return, nil
		}
	}
}

// QMP runs one command of QEMU's machine protocol.
func (m *Machine) QMP(command string, args any) (json.RawMessage, error) {
	out, err := m.qmp.ask(command, args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	return out, nil
}

// await waits until the status that command reports is none of these.
func (m *Machine) await(ctx context.Context, command string, not ...string) error {
	for {
		out, err := m.QMP(command, nil)
		if err != nil {
			return err
		}
		var s struct {
			Status string `json:"status"`
			Error  string `json:"error-desc"`
		}
		if err := json.Unmarshal(out, &s); err != nil {
			return err
		}
		busy := s.Status == ""
		for _, n := range not {
			busy = busy || s.Status == n
		}
		if !busy {
			if s.Status == "failed" {
				return errors.New(s.Error)
			}
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Screendump writes a PNG of the guest's VGA screen.
func (m *Machine) Screendump(path string) error {
	_, err := m.QMP("screendump", map[string]any{"filename": path, "format": "png"})
	return err
}

// Type presses keys of the guest's keyboard, one after the other: "r", "ret", "ctrl-c" (QKeyCode in QEMU's documentation).
func (m *Machine) Type(keys ...string) error {
	for _, k := range keys {
		if _, err := m.QMP("human-monitor-command", map[string]any{"command-line": "sendkey " + k + " 30"}); err != nil {
			return err
		}
		<-time.After(100 * time.Millisecond) // the key is held that long; QEMU queues no more than a few
	}
	return nil
}

// dial connects to a socket that QEMU is about to open.
func dial(ctx context.Context, path string) (net.Conn, error) {
	for {
		conn, err := net.Dial("unix", path)
		if err == nil {
			return conn, nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.Join(err, context.Cause(ctx))
		}
	}
}
