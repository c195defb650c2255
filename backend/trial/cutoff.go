package trial

import (
	"context"
	"slices"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/op"
)

// A staged change has its files in place while the host still runs without it. Whatever brings the network up anew before the
// host is restarted (systemctl restart networking, a soft reboot, a NIC that udev sees again) does so out of those files,
// and leaves the host without an address: neither the old configuration nor the new one.

// downTime is how long a network that is brought up anew may be without an address.
const downTime = 5 * time.Second

// unstage takes the staged run id back if the host has lost its addresses, and gives it those back.
func (t *Trial) unstage(ctx context.Context, id string) error {
	release, err := t.lock(ctx, 0)
	if err != nil {
		return err
	}
	defer release()
	r, found, err := load(t.Host, t.current())
	if err != nil || !found || r.meta.ID != id || r.phase() != Staged || !r.cutOff(ctx) {
		return err
	}
	select {
	case <-t.Host.Clock.After(downTime):
	case <-ctx.Done():
		return ctx.Err()
	}
	if !r.cutOff(ctx) {
		return nil
	}
	r.onRecord = t.report
	begun := r.begun()
	for i := range r.plan.Items { // nothing of it was done, but that is how undoing it gives back what it would have taken
		if !slices.Contains(begun, i) && r.plan.Items[i].Op.Lasts() != op.InLibvirt {
			_ = r.write(evDoing, func(rec *record) { rec.Op = i })
		}
	}
	return taken(t.rollback(ctx, r, "the network was brought up anew before the host was restarted, and the host had lost its addresses"))
}

// cutOff says that a NIC has none of the addresses any more that the change is to move.
func (r *run) cutOff(ctx context.Context) bool {
	links, err := r.host.Links.List(ctx)
	if err != nil {
		return false
	}
	own := func(a backend.Addr) bool { return a.Scope != "link" && !a.Temporary }
	for _, i := range r.plan.Items {
		m, ok := i.Op.(*op.MoveAddress)
		if !ok || !slices.ContainsFunc(m.From.Addrs, own) {
			continue
		}
		at := slices.IndexFunc(links, func(l backend.Link) bool { return l.Name == m.NIC })
		if at >= 0 && !slices.ContainsFunc(links[at].Addrs, own) {
			return true
		}
	}
	return false
}
