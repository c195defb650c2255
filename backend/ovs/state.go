package ovs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"bridgehead/backend"
)

// The columns that are read, in the order in which they are scanned
// (ovs-vswitchd.conf.db(5)). All exist since Open vSwitch 2.13 at least.
var (
	rootColumns      = []string{"datapath_types", "bridges"}
	bridgeColumns    = []string{"_uuid", "name", "datapath_type", "fail_mode", "stp_enable", "rstp_enable", "controller", "other_config", "external_ids", "ports"}
	portColumns      = []string{"_uuid", "name", "tag", "trunks", "vlan_mode", "bond_mode", "lacp", "other_config", "external_ids", "interfaces"}
	interfaceColumns = []string{"_uuid", "name", "type", "mac", "mtu_request", "other_config", "external_ids", "options",
		"ofport", "error", "mac_in_use", "mtu", "admin_state", "link_state"}
)

// listArgs is one ovs-vsctl command line that prints four tables: one snapshot of
// the database, without the statistics. --dry-run and --no-wait keep ovs-vsctl from
// initialising a new database, and from waiting for ovs-vswitchd to notice.
func listArgs() []string {
	list := func(table string, columns []string) []string {
		return []string{"--", "--columns=" + strings.Join(columns, ","), "list", table}
	}
	return slices.Concat([]string{"--dry-run", "--no-wait", "--format=json"},
		list("Open_vSwitch", rootColumns), list("Bridge", bridgeColumns), list("Port", portColumns), list("Interface", interfaceColumns))
}

// decode fills the configuration of st from what listArgs prints. Bridges, ports
// and interfaces come sorted by name.
func decode(r io.Reader, st *backend.SwitchState) error {
	d := json.NewDecoder(r)
	root, err := readTable(d, rootColumns)
	if err != nil {
		return fmt.Errorf("table Open_vSwitch: %w", err)
	}
	bridges, err := readTable(d, bridgeColumns)
	if err != nil {
		return fmt.Errorf("table Bridge: %w", err)
	}
	ports, err := readTable(d, portColumns)
	if err != nil {
		return fmt.Errorf("table Port: %w", err)
	}
	interfaces, err := readTable(d, interfaceColumns)
	if err != nil {
		return fmt.Errorf("table Interface: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more output than four tables")
	}

	interfaceByID, err := readInterfaces(interfaces)
	if err != nil {
		return err
	}
	portByID, err := readPorts(ports, interfaceByID)
	if err != nil {
		return err
	}
	bridgeByID, err := readBridges(bridges, portByID)
	if err != nil {
		return err
	}
	return readRoot(root, bridgeByID, st)
}

func readRoot(t table, bridges map[uuid]backend.Bridge, st *backend.SwitchState) error {
	if len(t.Data) == 0 { // a new database
		return nil
	}
	if len(t.Data) > 1 {
		return fmt.Errorf("table Open_vSwitch has %d rows instead of one", len(t.Data))
	}
	var types set[string]
	var ids set[uuid]
	if err := t.scan(0, &types, &ids); err != nil {
		return fmt.Errorf("table Open_vSwitch: %w", err)
	}
	var err error
	st.DatapathTypes = slices.Sorted(slices.Values(types))
	st.Bridges, err = follow(ids, bridges, func(b backend.Bridge) string { return b.Name })
	return err
}

func readBridges(t table, ports map[uuid]backend.Port) (map[uuid]backend.Bridge, error) {
	out := map[uuid]backend.Bridge{}
	for i := range t.Data {
		var (
			b              backend.Bridge
			id             uuid
			failMode       optional[string]
			controllers    set[uuid]
			other, foreign dict
			ids            set[uuid]
		)
		err := t.scan(i, &id, &b.Name, &b.Datapath, &failMode, &b.STP, &b.RSTP, &controllers, &other, &foreign, &ids)
		if err != nil {
			return nil, fmt.Errorf("table Bridge: %w", err)
		}
		b.FailMode, b.Controllers, b.OtherConfig, b.ExternalIDs = failMode.value, len(controllers), other, foreign
		if b.Ports, err = follow(ids, ports, func(p backend.Port) string { return p.Name }); err != nil {
			return nil, fmt.Errorf("bridge %s: %w", b.Name, err)
		}
		out[id] = b
	}
	return out, nil
}

func readPorts(t table, interfaces map[uuid]backend.Interface) (map[uuid]backend.Port, error) {
	out := map[uuid]backend.Port{}
	for i := range t.Data {
		var (
			p                        backend.Port
			id                       uuid
			tag                      optional[int]
			trunks                   set[int]
			vlanMode, bondMode, lacp optional[string]
			other, foreign           dict
			ids                      set[uuid]
		)
		err := t.scan(i, &id, &p.Name, &tag, &trunks, &vlanMode, &bondMode, &lacp, &other, &foreign, &ids)
		if err != nil {
			return nil, fmt.Errorf("table Port: %w", err)
		}
		p.Tag, p.Trunks, p.VLANMode = tag.value, slices.Sorted(slices.Values(trunks)), vlanMode.value
		p.BondMode, p.LACP, p.OtherConfig, p.ExternalIDs = bondMode.value, lacp.value, other, foreign
		if p.Interfaces, err = follow(ids, interfaces, func(i backend.Interface) string { return i.Name }); err != nil {
			return nil, fmt.Errorf("port %s: %w", p.Name, err)
		}
		out[id] = p
	}
	return out, nil
}

func readInterfaces(t table) (map[uuid]backend.Interface, error) {
	out := map[uuid]backend.Interface{}
	for i := range t.Data {
		var (
			f                       backend.Interface
			id                      uuid
			mac, fault, macInUse    optional[string]
			admin, link             optional[string]
			mtuRequest, ofport, mtu optional[int]
			other, foreign, options dict
		)
		err := t.scan(i, &id, &f.Name, &f.Type, &mac, &mtuRequest, &other, &foreign, &options,
			&ofport, &fault, &macInUse, &mtu, &admin, &link)
		if err != nil {
			return nil, fmt.Errorf("table Interface: %w", err)
		}
		f.MAC, f.MTURequest, f.OtherConfig, f.ExternalIDs, f.Options = mac.value, mtuRequest.value, other, foreign, options
		f.OfPort, f.Error, f.MACInUse, f.MTU = ofport.value, fault.value, macInUse.value, mtu.value
		f.AdminState, f.LinkState = admin.value, link.value
		out[id] = f
	}
	return out, nil
}

// follow returns the rows that ids refer to, sorted by name.
func follow[T any](ids []uuid, rows map[uuid]T, name func(T) string) ([]T, error) {
	var out []T
	for _, id := range ids {
		row, ok := rows[id]
		if !ok {
			return nil, fmt.Errorf("refers to row %s, which is not there", id)
		}
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b T) int { return cmp.Compare(name(a), name(b)) })
	return out, nil
}
