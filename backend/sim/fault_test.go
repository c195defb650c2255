package sim_test

import (
	"errors"
	"strings"
	"testing"

	"bridgehead/backend"
	"bridgehead/backend/sim"
)

// Each point of a fault, on both sides of the effect.
func TestFaults(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name    string
		fault   func(*sim.Machine) sim.Fault
		want    error
		effect  bool
		lasting bool // the process can no longer do anything
	}{
		{"fails before", func(*sim.Machine) sim.Fault { return strike(sim.Before, boom) }, boom, false, false},
		{"fails after", func(*sim.Machine) sim.Fault { return strike(sim.After, boom) }, boom, true, false},
		{"killed before", func(*sim.Machine) sim.Fault { return strike(sim.Before, sim.ErrKilled) }, sim.ErrKilled, false, true},
		{"killed after", func(*sim.Machine) sim.Fault { return strike(sim.After, sim.ErrKilled) }, sim.ErrKilled, true, true},
		{"power cut before", func(m *sim.Machine) sim.Fault {
			return func(p sim.Point) error {
				if p.When == sim.Before {
					m.Reboot()
				}
				return nil
			}
		}, sim.ErrKilled, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := sim.Demo()
			h := m.Host()
			m.Fault(c.fault(m))
			err := h.Switch.Transact(tctx, "add-br", "br0")
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			m.ClearFaults()
			st, err := m.Host().Switch.State(tctx)
			must(t, err)
			if got := len(st.Bridges) == 1; got != c.effect {
				t.Errorf("the bridge is there: %v, want %v", got, c.effect)
			}
			if err := h.Links.SetUp(tctx, "eth1", true); errors.Is(err, sim.ErrKilled) != c.lasting {
				t.Errorf("the next call: %v", err)
			}
		})
	}
}

func strike(when sim.When, err error) sim.Fault {
	return func(p sim.Point) error {
		if p.When == when && strings.HasPrefix(p.What, "ovs-vsctl add-br") {
			return err
		}
		return nil
	}
}

func TestDaemons(t *testing.T) {
	m := sim.Demo()
	h := m.Host()
	var timeout *backend.TimeoutError
	for _, stop := range []func(sim.Daemon){m.Stop, m.Hang} {
		stop(sim.Vswitchd)
		if err := h.Switch.Transact(tctx, "--may-exist", "add-br", "br0"); !errors.As(err, &timeout) {
			t.Errorf("without ovs-vswitchd: %v", err)
		}
		st, _ := h.Switch.State(tctx)
		if st.Running || st.Reason == "" || len(st.Bridges) != 1 {
			t.Errorf("the database has changed, and the state says why it does not run: %+v", st)
		}
		links, _ := h.Links.List(tctx)
		for _, l := range links {
			if l.Name == "br0" {
				t.Error("ovs-vswitchd made a link without running")
			}
		}
	}
	m.Start(sim.Vswitchd)
	must(t, h.Links.SetUp(tctx, "br0", true))
	m.Stop(sim.OVSDB)
	if err := h.Switch.Transact(tctx, "add-br", "br1"); err == nil || errors.As(err, &timeout) {
		t.Errorf("without ovsdb-server: %v", err)
	}
	m.Start(sim.OVSDB)

	must(t, h.Switch.Transact(tctx, "add-port", "br0", "eth1"))
	m.Stop(sim.Vswitchd)
	must(t, m.Reachable(host))
	m.Stop(sim.Libvirtd)
	if st, err := h.Virt.State(tctx); err != nil || st.Available || st.Reason == "" {
		t.Errorf("without libvirtd: %+v %v", st, err)
	}
	if err := h.Virt.StartNetwork(tctx, "default"); err == nil {
		t.Error("a dead libvirtd started a network")
	}
}

func TestNoKernelModule(t *testing.T) {
	spec := sim.DemoSpec()
	spec.OVS.KernelModule = false
	m := sim.New(spec)
	h := m.Host()
	must(t, h.Switch.Transact(tctx, "add-br", "br0", "--", "add-port", "br0", "eth0")) // exit status 0, as OVS 3.1
	st, err := h.Switch.State(tctx)
	must(t, err)
	for _, p := range st.Bridges[0].Ports {
		if p.Interfaces[0].OfPort > 0 {
			t.Errorf("%s was opened without a datapath", p.Name)
		}
	}
	must(t, m.Reachable(host))
	if err := h.Links.SetUp(tctx, "br0", true); !errors.Is(err, backend.ErrNoLink) {
		t.Errorf("the bridge has a link: %v", err)
	}
}

// Without ovs-vswitchd the database can be changed and the NIC freed all the same.
func TestPastADeadVswitchd(t *testing.T) {
	m := sim.Demo()
	h := m.Host()
	must(t, h.Switch.Transact(tctx, "add-br", "br0", "--", "add-port", "br0", "eth0"))
	m.Stop(sim.Vswitchd)
	must(t, h.Switch.Record(tctx, "del-br", "br0"))
	if m.Reachable(host) == nil {
		t.Error("the kernel datapath let go of eth0 by itself")
	}
	for range 2 {
		must(t, h.Switch.Release(tctx, "eth0"))
		must(t, m.Reachable(host))
	}
	m.Start(sim.Vswitchd)
	must(t, m.Reachable(host))
	if got, want := m.Snapshot(), sim.Demo().Snapshot(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
