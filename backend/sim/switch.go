package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bridgehead/backend"
)

// switchOf is backend.Switch as one process has it.
type switchOf struct{ p *process }

// vsctlTimeout is how long ovs-vsctl waits for ovs-vswitchd.
const vsctlTimeout = 10 * time.Second

func (h switchOf) Transact(ctx context.Context, args ...string) error {
	what := "ovs-vsctl " + strings.Join(args, " ")
	return h.p.change(ctx, what, func() error {
		if err := h.commit(what, args); err != nil {
			return err
		}
		if o := &h.p.m.ovs; !o.daemon || o.hung {
			return h.p.m.timeout(what)
		}
		return nil
	})
}

// Record commits, and leaves it to ovs-vswitchd when to take it up: at once where it runs.
func (h switchOf) Record(ctx context.Context, args ...string) error {
	what := "ovs-vsctl --no-wait " + strings.Join(args, " ")
	return h.p.change(ctx, what, func() error { return h.commit(what, args) })
}

func (h switchOf) commit(what string, args []string) error {
	o := &h.p.m.ovs
	switch {
	case !o.installed:
		return errors.New(`exec: "ovs-vsctl": executable file not found in $PATH`)
	case !o.server:
		return errors.New("ovs-vsctl: unix:/var/run/openvswitch/db.sock: database connection failed (No such file or directory)")
	case o.serverHung:
		return h.p.m.timeout(what)
	}
	d := o.db.clone()
	if err := transact(d, args); err != nil {
		return fmt.Errorf("ovs-vsctl: %w", err)
	}
	h.p.m.commit(d)
	return nil
}

// timeout is the end of a wait in vain, which takes its time.
func (m *Machine) timeout(what string) error {
	m.pass(vsctlTimeout)
	return &backend.TimeoutError{What: what, After: vsctlTimeout}
}

// Release takes a NIC, or an internal port, out of the kernel's datapath; ovs-vswitchd takes it again when it next looks at the database.
func (h switchOf) Release(ctx context.Context, nic string) error {
	return h.p.change(ctx, "ovs-dpctl del-if ovs-system "+nic, func() error {
		m := h.p.m
		l := m.link(nic)
		if l != nil && l.internal && l.Kind == "openvswitch" {
			m.removeLink(l)
			return nil
		}
		if l == nil || l.Master != "ovs-system" {
			return nil
		}
		l.Master, l.Promisc = "", false
		if st := m.ovs.status[nic]; st != nil {
			st.ofport = 0
		}
		return nil
	})
}

func (h switchOf) Sync(ctx context.Context) error {
	return h.p.change(ctx, "fsync conf.db", func() error {
		if !h.p.m.ovs.installed {
			return fmt.Errorf("open /var/lib/openvswitch/conf.db: %w", errNotExist)
		}
		h.p.m.ovs.log = nil
		return nil
	})
}

func (h switchOf) State(ctx context.Context) (backend.SwitchState, error) {
	return ask(ctx, h.p, func() (backend.SwitchState, error) { return h.p.m.switchState(), nil })
}

func (m *Machine) switchState() backend.SwitchState {
	o := &m.ovs
	s := backend.SwitchState{Installed: o.installed, KernelModule: o.module}
	switch {
	case !o.installed:
		s.Reason = "Open vSwitch is not installed"
		return s
	case !o.server:
		s.Reason = "ovsdb-server does not run"
		return s
	case o.serverHung:
		s.Reason = "ovsdb-server does not answer"
		return s
	case !o.daemon:
		s.Reason = "ovs-vswitchd does not run"
	case o.hung:
		s.Reason = "ovs-vswitchd does not answer"
	default:
		s.Running, s.Version = true, o.version
	}
	s.Database, s.DatapathTypes = true, []string{"netdev", "system"}
	for _, b := range sorted(o.db.tables[bridgeTable]) {
		s.Bridges = append(s.Bridges, m.bridgeState(b))
	}
	return s
}

func sorted(t table) table {
	t = slices.Clone(t)
	slices.SortFunc(t, func(a, b *row) int { return strings.Compare(a.name, b.name) })
	return t
}

func (m *Machine) bridgeState(b *row) backend.Bridge {
	out := backend.Bridge{
		Name: b.name, Datapath: b.one("datapath_type"), FailMode: b.one("fail_mode"),
		STP: b.one("stp_enable") == "true", RSTP: b.one("rstp_enable") == "true", Controllers: len(b.set["controller"]),
		OtherConfig: stringMap(b.maps["other_config"]), ExternalIDs: stringMap(b.maps["external_ids"]),
	}
	for _, name := range slices.Sorted(slices.Values(b.members)) {
		out.Ports = append(out.Ports, m.portState(m.ovs.db.row(portTable, name)))
	}
	return out
}

func (m *Machine) portState(p *row) backend.Port {
	out := backend.Port{
		Name: p.name, Tag: p.number("tag"), VLANMode: p.one("vlan_mode"), BondMode: p.one("bond_mode"), LACP: p.one("lacp"),
		OtherConfig: stringMap(p.maps["other_config"]), ExternalIDs: stringMap(p.maps["external_ids"]),
	}
	for _, v := range p.set["trunks"] {
		n, _ := strconv.Atoi(v)
		out.Trunks = append(out.Trunks, n)
	}
	for _, name := range slices.Sorted(slices.Values(p.members)) {
		out.Interfaces = append(out.Interfaces, m.interfaceState(m.ovs.db.row(ifaceTable, name)))
	}
	return out
}

func (m *Machine) interfaceState(i *row) backend.Interface {
	out := backend.Interface{
		Name: i.name, Type: i.one("type"), MAC: i.one("mac"), MTURequest: i.number("mtu_request"),
		OtherConfig: stringMap(i.maps["other_config"]), ExternalIDs: stringMap(i.maps["external_ids"]), Options: stringMap(i.maps["options"]),
	}
	st := m.ovs.status[i.name]
	if st == nil {
		return out
	}
	out.OfPort, out.Error = st.ofport, st.err
	if l := m.link(i.name); l != nil && st.ofport > 0 {
		out.MACInUse, out.MTU = l.MAC, l.MTU
		out.AdminState, out.LinkState = upDown(l.Up), upDown(l.Up && l.Carrier)
	}
	return out
}

func (h switchOf) Rows(ctx context.Context) ([]backend.Row, error) {
	return ask(ctx, h.p, func() ([]backend.Row, error) {
		switch o := &h.p.m.ovs; {
		case !o.installed:
			return nil, errors.New(`exec: "ovs-vsctl": executable file not found in $PATH`)
		case !o.server:
			return nil, errors.New("ovs-vsctl: unix:/var/run/openvswitch/db.sock: database connection failed (No such file or directory)")
		case o.serverHung:
			return nil, h.p.m.timeout("ovs-vsctl list")
		default:
			return o.db.rows(), nil
		}
	})
}

func upDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

func (h switchOf) Appctl(ctx context.Context, args ...string) (string, error) {
	return ask(ctx, h.p, func() (string, error) {
		o := &h.p.m.ovs
		what := "ovs-appctl " + strings.Join(args, " ")
		switch {
		case !o.installed:
			return "", errors.New(`exec: "ovs-appctl": executable file not found in $PATH`)
		case !o.daemon:
			return "", errors.New("ovs-appctl: cannot read pidfile \"/var/run/openvswitch/ovs-vswitchd.pid\" (No such file or directory)")
		case o.hung:
			return "", h.p.m.timeout(what)
		case len(args) == 0:
			return "", errors.New("ovs-appctl: at least one non-option argument is required (use --help for help)")
		}
		out, err := h.p.m.appctl(args)
		if err != nil {
			return "", fmt.Errorf("%w\novs-appctl: ovs-vswitchd: server returned an error", err)
		}
		return out, nil
	})
}
