// Package virt is libvirt's system connection, spoken over its unix sockets without
// libvirt's C library: the real backend.Virt.
package virt

import (
	"context"
	"errors"
	"path/filepath"
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
type Libvirt struct{ opts Options }

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
	return &Libvirt{opts}
}

// endpoint is a daemon's socket, and the driver to ask for there.
type endpoint struct{ socket, uri string }

// One libvirtd (or virtproxyd in its place) serves everything. Where there is none,
// each driver has a daemon of its own (https://libvirt.org/daemons.html).
func (v *Libvirt) networkDaemons() []endpoint {
	return []endpoint{
		{filepath.Join(v.opts.Dir, "libvirt-sock"), "qemu:///system"},
		{filepath.Join(v.opts.Dir, "virtnetworkd-sock"), "network:///system"},
	}
}

func (v *Libvirt) domainDaemons() []endpoint {
	return []endpoint{
		{filepath.Join(v.opts.Dir, "libvirt-sock"), "qemu:///system"},
		{filepath.Join(v.opts.Dir, "virtqemud-sock"), "qemu:///system"},
	}
}

// State implements backend.Virt. Networks and domains are sorted by name. Where only
// one of the two can be had, libvirt counts as unavailable. An error, of type
// *backend.TimeoutError, means a daemon that hangs.
func (v *Libvirt) State(ctx context.Context) (backend.VirtState, error) {
	ctx, cancel := context.WithTimeout(ctx, v.opts.Timeout)
	defer cancel()
	var st backend.VirtState
	err := v.with(ctx, "list libvirt's networks", v.networkDaemons(), func(c connection) (err error) {
		if st.Version, err = c.version(); err == nil {
			st.Networks, err = c.networks()
		}
		return err
	})
	if err == nil {
		err = v.with(ctx, "list libvirt's domains", v.domainDaemons(), func(c connection) (err error) {
			st.Domains, err = c.domains()
			return err
		})
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
