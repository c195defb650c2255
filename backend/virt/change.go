package virt

import (
	"context"
	"net"
	"time"

	"bridgehead/backend"
)

// owed is a change that was given up, and that libvirt may carry out all the same.
type owed struct {
	what string
	over chan struct{} // closed when libvirt has answered or the connection has ended
}

// change is with for a do that changes something. Nobody can call back what has been sent, and closing the connection
// does not keep the daemon from doing it. So when the time is over nothing more is sent, the answer is waited for
// behind the caller's back, and State does not look before it has come.
func (v *Libvirt) change(ctx context.Context, what string, daemons []endpoint, do func(connection) error) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, v.opts.Timeout)
	defer cancel()
	var err error
	o := owed{what, make(chan struct{})}
	go func() {
		defer close(o.over)
		err = try(ctx, daemons, sendNoMore, do)
	}()
	select {
	case <-o.over:
		return told(ctx, what, began, err)
	case <-ctx.Done():
		v.owes.Store(o.over, o)
		return told(ctx, what, began, ctx.Err())
	}
}

func sendNoMore(c net.Conn) { _ = c.SetWriteDeadline(time.Unix(1, 0)) }

// settled waits for the answers that libvirt still owes, until ctx ends.
func (v *Libvirt) settled(ctx context.Context) (err error) {
	began := time.Now()
	v.owes.Range(func(key, value any) bool {
		o := value.(owed)
		select {
		case <-o.over:
			v.owes.Delete(key)
		case <-ctx.Done():
			err = &backend.TimeoutError{What: "cannot tell whether libvirt will yet " + o.what, After: time.Since(began).Round(100 * time.Millisecond)}
		}
		return err == nil
	})
	return err
}
