package op_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/op"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/sim"
)

// clients are the processes of a host without a DHCP client, on which one that is started does what start does.
type clients struct {
	backend.Processes
	start func(context.Context) error
}

func (clients) List(context.Context) ([]backend.Process, error) { return nil, nil }

func (c clients) Start(ctx context.Context, _ ...string) error { return c.start(ctx) }

// starts are the two operations that start a DHCP client on eth0 of a host that has its address by DHCP.
func starts() map[string]func(context.Context, backend.Host) error {
	client := []string{"/sbin/dhclient", "eth0"}
	return map[string]func(context.Context, backend.Host) error{
		"start": (&op.StartDHCP{Port: "eth0", Client: client}).Do,
		"again": (&op.StopDHCP{NIC: "eth0", Clients: [][]string{client}}).Undo,
	}
}

func leased() (*sim.Machine, backend.Host) {
	m := plantest.One("dhcp-kept").Machine()
	return m, m.Host()
}

// A DHCP client that gets nowhere holds up neither a change nor its rollback for ever.
func TestDHCPClientIsNotWaitedForForEver(t *testing.T) {
	for name, start := range starts() {
		synctest.Test(t, func(t *testing.T) {
			_, h := leased()
			h.Processes = clients{h.Processes, func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			}}
			err := start(t.Context(), h)
			if late := (*backend.TimeoutError)(nil); !errors.As(err, &late) {
				t.Errorf("%s: %v, want a TimeoutError", name, err)
			}
		})
	}
}

// Where /etc is read-only, dhclient would decline the host's address, and every one that it gets instead.
func TestNoDHCPClientThatWouldDecline(t *testing.T) {
	for name, start := range starts() {
		m, h := leased()
		h.Processes = clients{h.Processes, func(context.Context) error {
			t.Errorf("%s: it is started", name)
			return nil
		}}
		m.MountReadOnly("/etc")
		if err := start(t.Context(), h); err == nil || !strings.Contains(err.Error(), "/etc/resolv.conf: read-only file system") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// It is ended before it does so where /etc becomes read-only while it waits for an answer.
func TestDHCPClientEndsWhenItWouldDecline(t *testing.T) {
	for name, start := range starts() {
		synctest.Test(t, func(t *testing.T) {
			m, h := leased()
			h.Processes = clients{h.Processes, func(ctx context.Context) error {
				m.MountReadOnly("/etc")
				<-ctx.Done()
				return ctx.Err()
			}}
			began := time.Now()
			err := start(t.Context(), h)
			if err == nil || !strings.Contains(err.Error(), "/etc/resolv.conf: read-only file system") || time.Since(began) > 100*time.Millisecond {
				t.Errorf("%s: after %v: %v", name, time.Since(began), err)
			}
		})
	}
}

// On a full disk it keeps its address.
func TestDHCPClientOnAFullDisk(t *testing.T) {
	for name, start := range starts() {
		m, h := leased()
		begun := false
		h.Processes = clients{h.Processes, func(context.Context) error { begun = true; return nil }}
		m.FillDisk(true)
		if err := start(t.Context(), h); err != nil || !begun {
			t.Errorf("%s: started %t, %v", name, begun, err)
		}
	}
}

// A DHCP client that fails takes no address with it and leaves none.
func TestDHCPClientThatFailsLeavesTheAddress(t *testing.T) {
	for name, start := range starts() {
		m, h := leased()
		before := m.Snapshot()
		h.Processes = clients{h.Processes, func(ctx context.Context) error {
			must(t, h.Links.DelAddr(ctx, "eth0", backend.Addr{Prefix: netip.MustParsePrefix("192.168.1.100/24")}))
			must(t, h.Links.SetAddr(ctx, "eth0", backend.Addr{Prefix: netip.MustParsePrefix("192.168.1.216/24"), Scope: "global", ValidSec: 120}))
			return errors.New("exit status 2")
		}}
		if start(t.Context(), h) == nil {
			t.Errorf("%s: no error", name)
		}
		if d := plantest.Diff(before, m.Snapshot()); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}

// An internal port passes nothing while ovs-vswitchd is dead: a client there would wait for a minute, and take the address off.
func TestNoDHCPClientWithoutVswitchd(t *testing.T) {
	m, h := leased()
	h.Processes = clients{h.Processes, func(context.Context) error {
		t.Error("it is started")
		return nil
	}}
	m.Stop(sim.Vswitchd)
	if err := starts()["start"](t.Context(), h); err == nil || !strings.Contains(err.Error(), "Open vSwitch does not answer") {
		t.Error(err)
	}
}
