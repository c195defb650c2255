package op_test

import (
	"context"
	"testing"

	"bridgehead/backend"
	"bridgehead/backend/domain"
	"bridgehead/backend/op"
	"bridgehead/backend/sim"
)

func guest(t *testing.T, m *sim.Machine, name string) backend.Domain {
	t.Helper()
	st, err := m.Host().Virt.State(context.Background())
	must(t, err)
	for _, d := range st.Domains {
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("there is no VM %s", name)
	return backend.Domain{}
}

// Whether a VM is started or stopped in between, taking it back leaves it as it was defined, and connected as it is defined.
func TestAttachVMWhateverHappensMeanwhile(t *testing.T) {
	start := func(m *sim.Machine, vm string) { m.StartDomain(vm) }
	stop := func(m *sim.Machine, vm string) { m.StopDomain(vm) }
	none := func(*sim.Machine, string) {}
	for name, x := range map[string]struct {
		vm            string
		new           bool
		before, after func(*sim.Machine, string) // before and after it is done
	}{
		"off":                             {"example2", false, none, none},
		"off, started":                    {"example2", false, none, start},
		"off, started and stopped":        {"example2", false, none, func(m *sim.Machine, vm string) { start(m, vm); stop(m, vm) }},
		"running":                         {"example1", false, none, none},
		"running, stopped":                {"example1", false, none, stop},
		"running, stopped and started":    {"example1", false, none, func(m *sim.Machine, vm string) { stop(m, vm); start(m, vm) }},
		"new, off":                        {"example2", true, none, none},
		"new, off, started":               {"example2", true, none, start},
		"new, running":                    {"example1", true, none, none},
		"new, running, stopped":           {"example1", true, none, stop},
		"new, running, started again":     {"example1", true, none, func(m *sim.Machine, vm string) { stop(m, vm); start(m, vm) }},
		"started between plan and change": {"example2", true, start, none},
		"stopped between plan and change": {"example1", true, stop, none},
	} {
		t.Run(name, func(t *testing.T) {
			m := sim.Demo()
			was := guest(t, m, x.vm)
			o := &op.AttachVM{Domain: x.vm, MAC: was.NICs[0].MAC, To: domain.Source{Network: "default", Tag: 7}, Before: was.XML}
			if x.new {
				o.New, o.MAC, o.Model = true, "52:54:00:00:00:77", "virtio"
			}
			ctx, h := context.Background(), m.Host()
			x.before(m, x.vm)
			for range 2 {
				must(t, o.Check(ctx, m.Host()))
				must(t, o.Do(ctx, h))
				must(t, o.Verify(ctx, h))
				if on, err := domain.On(guest(t, m, x.vm).XML, o.MAC, o.To); !on || err != nil {
					t.Fatalf("not connected (%v):\n%s", err, guest(t, m, x.vm).XML)
				}
				x.after(m, x.vm)
				for range 2 {
					must(t, o.Undo(ctx, h))
				}
				now := guest(t, m, x.vm)
				if now.XML != was.XML {
					t.Errorf("the definition is\n%s\nwant\n%s", now.XML, was.XML)
				}
				if len(now.NICs) != len(was.NICs) {
					t.Errorf("the NICs are %+v", now.NICs)
				}
			}
		})
	}
}

// A VM that has been undefined meanwhile stays so, and one that was changed by somebody else is not touched beforehand.
func TestAttachVMOfOthers(t *testing.T) {
	ctx, m := context.Background(), sim.Demo()
	was := guest(t, m, "example2")
	o := &op.AttachVM{Domain: "example2", MAC: was.NICs[0].MAC, To: domain.Source{Bridge: "br0"}, Before: was.XML}
	other, err := domain.Move(was.XML, o.MAC, domain.Source{Bridge: "br9"})
	must(t, err)
	must(t, m.Host().Virt.DefineDomain(ctx, other))
	if err := o.Check(ctx, m.Host()); err == nil {
		t.Error("a VM that was changed since the plan was made is accepted")
	}
	must(t, m.Host().Virt.DefineDomain(ctx, was.XML))
	must(t, o.Do(ctx, m.Host()))
	m.UndefineDomain("example2")
	must(t, o.Undo(ctx, m.Host()))
}
