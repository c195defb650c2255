package ovs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend"
)

// configured are the tables whose rows Bridgehead makes, with the columns that an operator configures
// (ovs-vswitchd.conf.db(5) of Open vSwitch 3.5). Not every version has them all.
var configured = []struct {
	name    string
	columns []string
}{
	{"Bridge", []string{"auto_attach", "controller", "datapath_type", "external_ids", "fail_mode", "flood_vlans", "flow_tables", "ipfix",
		"mcast_snooping_enable", "mirrors", "netflow", "other_config", "protocols", "rstp_enable", "sflow", "stp_enable"}},
	{"Port", []string{"bond_downdelay", "bond_fake_iface", "bond_mode", "bond_updelay", "cvlans", "external_ids", "fake_bridge", "lacp", "mac",
		"other_config", "protected", "qos", "tag", "trunks", "vlan_mode"}},
	{"Interface", []string{"bfd", "cfm_mpid", "external_ids", "ingress_policing_burst", "ingress_policing_kpkts_burst", "ingress_policing_kpkts_rate",
		"ingress_policing_rate", "lldp", "mac", "mtu_request", "ofport_request", "options", "other_config", "type"}},
}

// Rows implements backend.Switch. It asks for whole rows, since ovs-vsctl refuses to list a column that its version does not have.
func (s *Switch) Rows(ctx context.Context) ([]backend.Row, error) {
	args := []string{"--dry-run", "--no-wait", "--format=json"}
	for _, t := range configured {
		args = append(args, "--", "list", t.name)
	}
	args = append(args, "--", "--columns=_uuid,bridge", "list", collectors)
	out, err := s.run(ctx, s.readTimeout(), "ovs-vsctl", args...)
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration of Open vSwitch: %w", err)
	}
	rows, err := readAllRows(json.NewDecoder(strings.NewReader(out)))
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration of Open vSwitch: %w", err)
	}
	return rows, nil
}

// collectors is the only table of its own whose rows refer to bridges.
const collectors = "Flow_Sample_Collector_Set"

func readAllRows(d *json.Decoder) ([]backend.Row, error) {
	var rows []backend.Row
	byID := map[uuid]int{}
	for _, t := range configured {
		more, err := readRows(d, t.name, t.columns, func(id uuid, n int) { byID[id] = len(rows) + n })
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	t, err := readTable(d, []string{"_uuid", "bridge"})
	for n := range t.Data {
		var id, bridge uuid
		if err = errors.Join(err, t.scan(n, &id, &bridge)); err != nil {
			break
		}
		if at, ok := byID[bridge]; ok {
			rows[at].Kept = append(rows[at].Kept, collectors+" "+string(id))
		}
	}
	return rows, err
}

// readRows reads the rows of one table, and tells of each its UUID.
func readRows(d *json.Decoder, name string, columns []string, tell func(uuid, int)) ([]backend.Row, error) {
	t, err := readTable(d, nil)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", name, err)
	}
	var rows []backend.Row
	for _, values := range t.Data {
		row := backend.Row{Table: name}
		for n, column := range t.Headings {
			var err error
			switch {
			case column == "_uuid":
				var id uuid
				err = atom(values[n], &id)
				tell(id, len(rows))
			case column == "name":
				err = atom(values[n], &row.Name)
			case slices.Contains(columns, column):
				var set []string
				set, err = settings(column, values[n])
				row.Set = append(row.Set, set...)
			}
			if err != nil {
				return nil, fmt.Errorf("table %s: column %s: %w", name, column, err)
			}
		}
		slices.Sort(row.Set)
		rows = append(rows, row)
	}
	return rows, nil
}

// settings writes the value of a column as ovs-vsctl set takes it, a map key by key. There are none for a default.
func settings(column string, value json.RawMessage) ([]string, error) {
	var pairs [][]json.RawMessage
	if content, err := tagged(value, "map"); err == nil {
		if err := atom(content, &pairs); err != nil {
			return nil, err
		}
		var out []string
		for _, p := range pairs {
			words, err := words(p)
			if err != nil || len(words) != 2 {
				return nil, errors.Join(err, fmt.Errorf("%s is no pair", p))
			}
			out = append(out, column+":"+words[0]+"="+words[1])
		}
		return out, nil
	}
	var items set[json.RawMessage]
	if err := items.UnmarshalJSON(value); err != nil {
		return nil, err
	}
	words, err := words(items)
	switch {
	case err != nil, len(words) == 0, len(words) == 1 && usual(column, words[0]):
		return nil, err
	case len(words) == 1:
		return []string{column + "=" + words[0]}, nil
	}
	return []string{column + "=[" + strings.Join(words, ",") + "]"}, nil
}

// usual says that the single value of a column is what a new row has. Of the columns that may be empty, 0 is a value like others.
func usual(column, word string) bool {
	always := strings.HasPrefix(column, "bond_") || strings.HasPrefix(column, "ingress_") // there is always a number
	return word == "false" || word == `""` || word == "0" && always
}

// words writes strings, numbers, booleans and UUIDs in the notation of ovs-vsctl.
func words(values []json.RawMessage) ([]string, error) {
	var out []string
	for _, v := range values {
		var text string
		if id, err := tagged(v, "uuid"); err == nil {
			if err := atom(id, &text); err != nil {
				return nil, err
			}
		} else if err := atom(v, &text); err == nil {
			text = Word(text)
		} else {
			text = string(v) // a number or a boolean
		}
		out = append(out, text)
	}
	return out, nil
}
