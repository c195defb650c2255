// Package virt is libvirt's system connection, spoken over its unix sockets without
// libvirt's C library: the real backend.Virt.
package virt

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"bridgehead/backend"
)

// Options say where libvirt is and how long it may take. A zero field is the place
// and time of an ordinary host.
type Options struct {
	Timeout time.Duration // of one operation, State included; 15 s
	Dir     string        // the daemons' sockets: /run/libvirt
	Config  string        // their definitions: /etc/libvirt
}

// Libvirt is the libvirt of this host. It connects anew for each operation, which
// costs milliseconds and survives a restart of the daemon, and may be used by
// several goroutines at once.
type Libvirt struct {
	opts Options
	uri  string       // of the driver, where one daemon serves all
	owes sync.Map     // changes without an answer: owed, by its channel
	hung atomic.Int64 // when State ran out of time last (Unix, ns); 0 where it has succeeded since
}

var _ backend.Virt = (*Libvirt)(nil)

// New returns the libvirt of this host. Nothing is connected or looked at yet.
func New(opts Options) *Libvirt {
	if opts.Timeout == 0 {
		opts.Timeout = 15 * time.Second
	}
	if opts.Dir == "" {
		opts.Dir = "/run/libvirt"
	}
	if opts.Config == "" {
		opts.Config = "/etc/libvirt"
	}
	return &Libvirt{opts: opts, uri: "qemu:///system"}
}

// A daemon that has just not listed what it has is asked for its list for no longer than this, so that a rollback
// with hundreds of VMs in it is not held up by each of them: each looks first.
const (
	hangPatience = time.Second
	hangMemory   = time.Minute
)

func (v *Libvirt) patience() time.Duration {
	if hung := v.hung.Load(); hung != 0 && time.Since(time.Unix(0, hung)) < hangMemory {
		return min(v.opts.Timeout, hangPatience)
	}
	return v.opts.Timeout
}

// endpoint is a daemon's socket, and the driver to ask for there.
type endpoint struct{ socket, uri string }

// One libvirtd (or virtproxyd in its place) serves everything. Where there is none,
// each driver has a daemon of its own (https://libvirt.org/daemons.html).
func (v *Libvirt) networkDaemons() []endpoint {
	return []endpoint{
		{filepath.Join(v.opts.Dir, "libvirt-sock"), v.uri},
		{filepath.Join(v.opts.Dir, "virtnetworkd-sock"), "network:///system"},
	}
}

func (v *Libvirt) domainDaemons() []endpoint {
	return []endpoint{
		{filepath.Join(v.opts.Dir, "libvirt-sock"), v.uri},
		{filepath.Join(v.opts.Dir, "virtqemud-sock"), "qemu:///system"},
	}
}

// State implements backend.Virt. Networks and domains are sorted by name. Where only
// one of the two can be had, libvirt counts as unavailable. An error, of type
// *backend.TimeoutError, means a daemon that hangs, or one that still owes the answer to a change that was given up.
func (v *Libvirt) State(ctx context.Context) (backend.VirtState, error) {
	began, patience := time.Now(), v.patience()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var st backend.VirtState
	err := v.settled(ctx)
	if err == nil {
		err = v.with(ctx, "list libvirt's networks", v.networkDaemons(), func(c connection) (err error) {
			if st.Version, err = c.version(); err == nil {
				st.Networks, err = c.networks()
			}
			return err
		})
	}
	if err == nil {
		err = v.with(ctx, "list libvirt's domains", v.domainDaemons(), func(c connection) (err error) {
			st.Domains, err = c.domains()
			return err
		})
	}
	if late := (*backend.TimeoutError)(nil); !errors.As(err, &late) {
		v.hung.Store(0)
	} else if time.Since(began) >= patience { // else it is the caller who had no time
		v.hung.Store(time.Now().UnixNano())
	}
	if gone := (*unavailable)(nil); errors.As(err, &gone) {
		return backend.VirtState{Reason: gone.reason}, nil
	}
	if err != nil {
		return backend.VirtState{}, err
	}
	st.Available = true
	return st, nil
}
