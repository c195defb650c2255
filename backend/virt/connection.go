package virt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/digitalocean/go-libvirt"
	"github.com/digitalocean/go-libvirt/socket/dialers"

	"bridgehead/backend"
)

// connection is an open connection to one daemon.
type connection struct{ *libvirt.Libvirt }

// unavailable says that there is no libvirt to talk to.
type unavailable struct{ reason string }

func (u *unavailable) Error() string { return u.reason }

// with connects to the first of the daemons that answers and calls do, which only reads. When ctx or the
// time-out ends first the connection is closed under it: the library has no deadline of its own, and a call
// in flight then ends with an error.
func (v *Libvirt) with(ctx context.Context, what string, daemons []endpoint, do func(connection) error) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, v.opts.Timeout)
	defer cancel()
	err := try(ctx, daemons, func(c net.Conn) { c.Close() }, do)
	return told(ctx, what, began, err)
}

// told is the error of a call in words.
func told(ctx context.Context, what string, began time.Time, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &backend.TimeoutError{What: "cannot " + what, After: time.Since(began).Round(100 * time.Millisecond)}
	case ctx.Err() != nil:
		return fmt.Errorf("cannot %s: %w", what, ctx.Err())
	case errors.Is(err, libvirt.ErrInterrupted):
		return fmt.Errorf("cannot %s: the libvirt daemon closed the connection; look at its log: journalctl -u libvirtd", what)
	default:
		return fmt.Errorf("cannot %s: %w", what, err)
	}
}

// try calls late with the connection when ctx ends before do has.
func try(ctx context.Context, daemons []endpoint, late func(net.Conn), do func(connection) error) error {
	conn, daemon, err := dial(ctx, daemons)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { late(conn) })()

	c := connection{libvirt.NewWithDialer(dialers.NewAlreadyConnected(conn))}
	if err := c.ConnectToURI(libvirt.ConnectURI(daemon.uri)); err != nil {
		var refused libvirt.Error
		if errors.As(err, &refused) {
			return &unavailable{fmt.Sprintf("libvirt refuses a connection to %s: %s", daemon.uri, refused.Message)}
		}
		return err
	}
	if err := do(c); err != nil {
		return err
	}
	_ = c.Disconnect() // says good-bye, or the daemon logs an error; do has succeeded all the same
	return nil
}

// dial connects to the first socket that somebody listens on.
func dial(ctx context.Context, daemons []endpoint) (net.Conn, endpoint, error) {
	var stale []string
	for _, d := range daemons {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", d.socket)
		switch {
		case err == nil:
			return conn, d, nil
		case errors.Is(err, os.ErrNotExist):
		case errors.Is(err, syscall.ECONNREFUSED):
			stale = append(stale, d.socket)
		case errors.Is(err, os.ErrPermission):
			return nil, d, &unavailable{fmt.Sprintf("libvirt may not be asked (permission denied on %s); run as root", d.socket)}
		default:
			return nil, d, err
		}
	}
	if len(stale) > 0 {
		return nil, endpoint{}, &unavailable{fmt.Sprintf("libvirt is not running: nobody answers on %s; start it: systemctl start libvirtd", strings.Join(stale, " and "))}
	}
	return nil, endpoint{}, &unavailable{"libvirt is not installed or not running: there is no " + daemons[0].socket}
}

// isError says whether err is libvirt's error of this number (libvirt/virterror.h).
func isError(err error, number libvirt.ErrorNumber) bool {
	var e libvirt.Error
	return errors.As(err, &e) && e.Code == uint32(number)
}
