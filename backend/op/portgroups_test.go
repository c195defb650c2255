package op_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"bridgehead/backend/domain"
	"bridgehead/backend/op"
	"bridgehead/backend/plan/plantest"
)

// A port group that others use by now is not taken away without a word; the plan's own VMs go with it.
func TestPortGroupUsedSince(t *testing.T) {
	c := plantest.One("port-groups")
	m := c.Machine()
	ctx, h := context.Background(), m.Host()
	var set *op.SetPortGroups
	for _, i := range c.Plan(t, m).Items {
		if o, ok := i.Op.(*op.SetPortGroups); ok {
			set = o
		}
	}
	must(t, set.Do(ctx, h))
	if _, err := op.Reverse(ctx, h, set); err != nil {
		t.Error(err)
	}
	for _, group := range []string{"office", "all"} { // office was there before
		vm := guest(t, m, "example2")
		moved, err := domain.Move(vm.XML, vm.NICs[0].MAC, domain.Source{Network: "examplebr0", PortGroup: group})
		must(t, err)
		must(t, h.Virt.DefineDomain(ctx, moved))
		_, err = op.Reverse(ctx, h, set)
		var changed *op.ChangedError
		if errors.As(err, &changed) != (group == "all") || err != nil && !strings.Contains(err.Error(), "VM example2 by port group all") {
			t.Errorf("with a VM by %s: %v", group, err)
		}
	}
	set.VMs = []string{"example2"}
	if _, err := op.Reverse(ctx, h, set); err != nil {
		t.Error(err)
	}
}
