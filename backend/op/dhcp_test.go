package op_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"bridgehead/backend"
	"bridgehead/backend/op"
)

// waitsForEver are the processes of a host on which a client that is started does not come to an end.
type waitsForEver struct{ backend.Processes }

func (waitsForEver) List(context.Context) ([]backend.Process, error) { return nil, nil }

func (waitsForEver) Start(ctx context.Context, _ ...string) error {
	<-ctx.Done()
	return ctx.Err()
}

// A DHCP client that gets nowhere, because /etc is read-only for one, holds up neither a change nor its rollback for ever.
func TestDHCPClientIsNotWaitedForForEver(t *testing.T) {
	client := []string{"/sbin/dhclient", "eth0"}
	for name, start := range map[string]func(context.Context, backend.Host) error{
		"start": (&op.StartDHCP{Port: "examplebr0p1", Client: client}).Do,
		"again": (&op.StopDHCP{NIC: "eth0", Clients: [][]string{client}}).Undo,
	} {
		synctest.Test(t, func(t *testing.T) {
			err := start(t.Context(), backend.Host{Processes: waitsForEver{}})
			if late := (*backend.TimeoutError)(nil); !errors.As(err, &late) {
				t.Errorf("%s: %v, want a TimeoutError", name, err)
			}
		})
	}
}
