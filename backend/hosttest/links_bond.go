package hosttest

import (
	"errors"

	"bridgehead/backend"
)

// linksBond: a bond takes NICs with their MAC and MTU, and gives them back as they were. A kernel
// without bonding says so, and nothing is there afterwards.
func linksBond(t linksTest) {
	ctx, name := t.Context(), "bond7"
	t.ok(t.l.DelBond(ctx, name))
	before := []backend.Link{t.link(t.a), t.link(t.b)}
	make := func() error {
		return t.l.AddBond(ctx, name, backend.KernelBond{Mode: "active-backup", MAC: before[0].MAC, MTU: 1400})
	}
	if !t.bonding {
		if err := make(); !errors.Is(err, backend.ErrNoBonding) {
			t.Errorf("a bond without the module: %v, want ErrNoBonding", err)
		}
		t.ok(t.l.DelBond(ctx, name))
		return
	}
	for range 2 {
		t.ok(make())
	}
	b := t.link(name)
	t.equal("kind, MAC, MTU", []any{b.Kind, b.MAC, b.MTU, b.Up}, []any{"bond", before[0].MAC, 1400, false})
	if err := t.l.SetMaster(ctx, t.a, name); err == nil {
		t.Error("a bond took a NIC that is up")
	}
	for _, nic := range []string{t.a, t.b} {
		t.up(nic, false)
		for range 2 {
			t.ok(t.l.SetMaster(ctx, nic, name))
		}
		in := t.link(nic)
		t.equal("a member", []any{in.Master, in.MAC, in.MTU, in.Up}, []any{name, before[0].MAC, 1400, true})
	}
	for range 2 {
		t.ok(t.l.SetMaster(ctx, t.a, ""))
	}
	for range 2 {
		t.ok(t.l.DelBond(ctx, name))
	}
	for i, nic := range []string{t.a, t.b} {
		out := t.link(nic)
		t.equal("a released NIC", []any{out.Master, out.MAC, out.MTU, out.Up}, []any{"", before[i].MAC, before[i].MTU, false})
		t.up(nic, true)
	}
	if err := t.l.DelBond(ctx, t.a); err == nil {
		t.Error("a NIC was removed as a bond")
	}
}
