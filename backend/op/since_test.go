package op_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"bridgehead/backend"
	"bridgehead/backend/op"
	"bridgehead/backend/plan"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/sim"
)

// done is a host on which the whole plan of a case was carried out.
func done(t *testing.T, host string) (*sim.Machine, []op.Op) {
	c := plantest.One(host)
	m := c.Machine()
	ops := c.Plan(t, m).Ops(plan.Trial)
	for _, o := range ops {
		must(t, o.Do(t.Context(), m.Host()))
	}
	return m, ops
}

// back takes ops back one by one, each in the words of a journal, and returns what differs.
func back(t *testing.T, h backend.Host, ops []op.Op) (inverses []op.Op, said []string, err error) {
	for _, o := range slices.Backward(ops) {
		inverse, err := op.Reverse(t.Context(), h, o)
		if changed := (*op.ChangedError)(nil); errors.As(err, &changed) {
			said = append(said, changed.What)
		} else if err != nil {
			return nil, nil, err
		}
		written, err := op.Encode(inverse)
		must(t, err)
		inverse, err = op.Decode(written)
		must(t, err)
		inverses = append(inverses, inverse)
	}
	return inverses, said, nil
}

// What somebody has set since on bridges, ports and interfaces that an undo deletes is said, and comes back
// with them.
func TestSetSince(t *testing.T) {
	const bridge = "set Bridge examplebr0 stp_enable=true fail_mode=standalone protocols=[OpenFlow10,OpenFlow13] other_config:mac-aging-time=60 external_ids:note=\"a b,c=d\" -- " +
		"set Port examplebr0 tag=7 -- set Interface examplebr0p1 ingress_policing_rate=1000 mtu_request=1400 -- remove Bridge examplebr0 other_config hwaddr -- "
	const says = `bridge examplebr0 has got external_ids:note="a b,c=d", fail_mode=standalone, other_config:mac-aging-time=60, protocols=[OpenFlow10,OpenFlow13], stp_enable=true` +
		` and lost other_config:hwaddr="00:1b:21:3a:4f:10" since; port examplebr0 has got tag=7 since; interface examplebr0p1 has got ingress_policing_rate=1000, mtu_request=1400 since`
	for host, x := range map[string]struct{ set, says string }{
		"static": {"set Port eth0 trunks=[0,10] vlan_mode=trunk -- set Interface eth0 external_ids:a=b",
			"port eth0 has got trunks=[0,10], vlan_mode=trunk since; interface eth0 has got external_ids:a=b since"},
		"lacp": {"set Port examplebond0 bond_updelay=5 -- set Interface eth1 ofport_request=9", // not said: what a remedy may have done
			"port examplebond0 has got bond_updelay=5 since; interface eth1 has got ofport_request=9 since"},
		"active-backup": {"set Port examplebond0 other_config:bond-primary=eth0 protected=true",
			"port examplebond0 has got protected=true since|port examplebond0 has got eth0 as its primary instead of eth1 since"},
		"kernel-bond": {"set Port examplebond0 trunks=0 -- set Interface examplebond0 lldp:enable=true",
			"port examplebond0 has got trunks=0 since; interface examplebond0 has got lldp:enable=true since"},
	} {
		t.Run(host, func(t *testing.T) {
			m, ops := done(t, host)
			h := m.Host()
			_, said, err := back(t, h, ops)
			must(t, err)
			if len(said) > 0 {
				t.Fatalf("before anything was set: %q", said)
			}
			must(t, h.Switch.Transact(t.Context(), fields(bridge+x.set)...))
			if host == "lacp" {
				must(t, h.Switch.Transact(t.Context(), fields("set Port examplebond0 lacp=passive other_config:lacp-fallback-ab=true")...))
			}
			set := m.Snapshot()
			inverses, said, err := back(t, h, ops)
			must(t, err)
			slices.Sort(said)
			want := append(strings.Split(x.says, "|"), says)
			slices.Sort(want)
			if !slices.Equal(said, want) {
				t.Errorf("said\n%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
			}
			for _, o := range inverses {
				must(t, o.Do(t.Context(), h))
			}
			if rows, err := h.Switch.Rows(t.Context()); err != nil || len(rows) > 0 {
				t.Errorf("left over: %v %v", rows, err)
			}
			for _, o := range slices.Backward(inverses) {
				must(t, o.Undo(t.Context(), h))
				must(t, o.Undo(t.Context(), h)) // an interrupted one is repeated
			}
			if d := plantest.Diff(steady(set), steady(m.Snapshot())); d != "" {
				t.Error(d)
			}
		})
	}
}

// fields are the words of a line without quotes around spaces.
func fields(line string) []string {
	words := strings.Fields(strings.ReplaceAll(line, "a b,", "a\x00b,"))
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], "\x00", " ")
	}
	return words
}

// flowing is a switch whose bridge has other flows than usual.
type flowing struct {
	backend.Switch
	out string
	err error
}

func (s flowing) Appctl(context.Context, ...string) (string, error) { return s.out, s.err }

// What an undo could not bring back if it is not kept, it does not take away: it says what to do first.
func TestRefusedSince(t *testing.T) {
	const flow = "duration=5s, n_packets=0, n_bytes=0, priority=0,actions=NORMAL\n"
	const hidden = "duration=5s, n_packets=0, n_bytes=0, priority=180008,tcp,tp_dst=6640,actions=NORMAL\ntable_id=254, duration=1s, n_packets=0, n_bytes=0, priority=2,recirc_id=0,actions=drop\n"
	with := func(out string, err error) func(*backend.Host) {
		return func(h *backend.Host) { h.Switch = flowing{h.Switch, out, err} }
	}
	vsctl := func(line string) func(*backend.Host) {
		return func(h *backend.Host) { must(t, h.Switch.Transact(t.Context(), strings.Fields(line)...)) }
	}
	for name, x := range map[string]struct {
		host, says string
		change     func(*backend.Host)
	}{
		"a controller":  {"static", "bridge examplebr0 has got controller by now", vsctl("set-controller examplebr0 tcp:192.0.2.1:6653")},
		"not marked":    {"static", "ovs-vsctl set Bridge examplebr0 external_ids:created-by=bridgehead", vsctl("remove Bridge examplebr0 external_ids created-by")},
		"usual flows":   {"static", "", with(flow+hidden, nil)},
		"another flow":  {"static", "flows of its own by now (1)", with(flow+hidden+strings.Replace(flow, "priority=0", "in_port=1", 1), nil)},
		"none":          {"static", "", with("", nil)},
		"not opened":    {"static", "", with("", errors.New("ovs-appctl: Unknown bridge"))},
		"hangs":         {"static", "cannot see whether bridge examplebr0 has OpenFlow flows", with("", &backend.TimeoutError{What: "ovs-appctl"})},
		"secure, empty": {"static", "", vsctl("set Bridge examplebr0 fail_mode=secure")},
		"secure, flows": {"static", "ovs-vsctl del-fail-mode examplebr0", func(h *backend.Host) {
			vsctl("set Bridge examplebr0 fail_mode=secure")(h)
			with(flow, nil)(h)
		}},
		"a sampled bridge": {"static", "ovs-vsctl destroy Flow_Sample_Collector_Set 7", func(h *backend.Host) { h.Switch = sampled{h.Switch} }},
		"a member more":    {"lacp", "port examplebond0 has eth3 as a member by now", nil},
	} {
		t.Run(name, func(t *testing.T) {
			m, ops := done(t, x.host)
			h := m.Host()
			if x.change == nil {
				h.Switch = joined{h.Switch}
			} else {
				x.change(&h)
			}
			_, _, err := back(t, h, ops)
			if (err != nil) != (x.says != "") || err != nil && !strings.Contains(err.Error(), x.says) {
				t.Errorf("got %v, want %q", err, x.says)
			}
		})
	}
}

// sampled is a switch of whose bridges flows are sampled.
type sampled struct{ backend.Switch }

func (s sampled) Rows(ctx context.Context) ([]backend.Row, error) {
	rows, err := s.Switch.Rows(ctx)
	for n := range rows {
		if rows[n].Table == "Bridge" {
			rows[n].Kept = []string{"Flow_Sample_Collector_Set 7"}
		}
	}
	return rows, err
}

// joined is a switch whose bonds have got eth3 as a member.
type joined struct{ backend.Switch }

func (s joined) State(ctx context.Context) (backend.SwitchState, error) {
	st, err := s.Switch.State(ctx)
	for _, b := range st.Bridges {
		for n, p := range b.Ports {
			if len(p.Interfaces) > 1 {
				b.Ports[n].Interfaces = append(p.Interfaces, backend.Interface{Name: "eth3", OfPort: 9})
			}
		}
	}
	return st, err
}

// The journal of an older version does not say what was set.
func TestUndoOfAnOlderVersion(t *testing.T) {
	m, ops := done(t, "static")
	before := m.Snapshot()
	for _, o := range ops {
		if strings.HasPrefix(o.Kind(), "a") && o.Lasts() == op.OnDisk {
			old, err := op.Decode(json.RawMessage(`{"kind":"inverse","op":` + string(encoded(t, o)) + `}`))
			must(t, err)
			must(t, old.Undo(t.Context(), m.Host()))
		}
	}
	if d := plantest.Diff(before, m.Snapshot()); d != "" {
		t.Error(d)
	}
}

func encoded(t *testing.T, o op.Op) json.RawMessage {
	t.Helper()
	data, err := op.Encode(o)
	must(t, err)
	return data
}
