package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// database is the part of the Open_vSwitch database that is simulated. Rows are
// known by name: the schema makes each name unique in its table.
type database struct{ tables [3]table }

const (
	bridgeTable = iota
	portTable
	ifaceTable
)

type table []*row

// row is one row; only columns with a value that is not the default are there.
type row struct {
	name    string
	members []string // ports of a bridge, interfaces of a port
	set     map[string][]string
	maps    map[string]map[string]string
}

func newRow(name string, members ...string) *row {
	return &row{name: name, members: members, set: map[string][]string{}, maps: map[string]map[string]string{}}
}

func (d *database) clone() *database {
	c := &database{}
	for i, t := range d.tables {
		for _, r := range t {
			n := &row{r.name, slices.Clone(r.members), maps.Clone(r.set), make(map[string]map[string]string, len(r.maps))}
			for k, v := range r.maps {
				n.maps[k] = maps.Clone(v)
			}
			c.tables[i] = append(c.tables[i], n)
		}
	}
	return c
}

func (d *database) row(t int, name string) *row {
	for _, r := range d.tables[t] {
		if r.name == name {
			return r
		}
	}
	return nil
}

func (d *database) add(t int, r *row) { d.tables[t] = append(d.tables[t], r) }

func (d *database) drop(t int, name string) {
	d.tables[t] = slices.DeleteFunc(d.tables[t], func(r *row) bool { return r.name == name })
}

// parent is the row of the table above that has name among its members.
func (d *database) parent(t int, name string) *row {
	for _, r := range d.tables[t-1] {
		if slices.Contains(r.members, name) {
			return r
		}
	}
	return nil
}

// bridgeOf is the bridge of an interface.
func (d *database) bridgeOf(iface string) (bridge, port *row) {
	port = d.parent(ifaceTable, iface)
	if port == nil {
		return nil, nil
	}
	return d.parent(portTable, port.name), port
}

func (r *row) one(col string) string {
	if v := r.set[col]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (r *row) number(col string) int {
	n, _ := strconv.Atoi(r.one(col))
	return n
}

// column is the type of a column (ovs-vswitchd.conf.db(5)).
type column struct {
	isMap    bool
	kind     string   // string, integer, boolean
	allowed  []string // values of an enumeration
	min, max int      // of an integer, where max > 0
	many     bool
	fixed    bool // ovs-vswitchd writes it, or it names the row
	zero     string
}

var text, readOnly, mapping = column{kind: "string"}, column{fixed: true}, column{isMap: true}

func flag() column { return column{kind: "boolean", zero: "false"} }
func number(min, max int) column {
	return column{kind: "integer", min: min, max: max}
}
func oneOf(values ...string) column { return column{kind: "string", allowed: values} }

var tableNames = [...]string{"Bridge", "Port", "Interface"}

var schema = [...]map[string]column{
	bridgeTable: {
		"name": readOnly, "ports": readOnly, "datapath_id": readOnly, "datapath_version": readOnly, "status": readOnly, "rstp_status": readOnly,
		"datapath_type": text, "fail_mode": oneOf("secure", "standalone"), "stp_enable": flag(), "rstp_enable": flag(),
		"mcast_snooping_enable": flag(), "protocols": {kind: "string", many: true}, "flood_vlans": {kind: "integer", max: 4095, many: true},
		"controller":   {allowed: []string{}, many: true}, // of references, only that they go
		"other_config": mapping, "external_ids": mapping,
	},
	portTable: {
		"name": readOnly, "interfaces": readOnly, "status": readOnly, "statistics": readOnly, "bond_active_slave": readOnly,
		"tag": number(0, 4095), "trunks": {kind: "integer", max: 4095, many: true}, "cvlans": {kind: "integer", max: 4095, many: true},
		"vlan_mode": oneOf("access", "dot1q-tunnel", "native-tagged", "native-untagged", "trunk"),
		"bond_mode": oneOf("active-backup", "balance-slb", "balance-tcp"), "lacp": oneOf("active", "off", "passive"),
		"bond_updelay": {kind: "integer", zero: "0"}, "bond_downdelay": {kind: "integer", zero: "0"}, "bond_fake_iface": flag(), "protected": flag(), "mac": text,
		"other_config": mapping, "external_ids": mapping,
	},
	ifaceTable: {
		"name": readOnly, "ofport": readOnly, "error": readOnly, "mac_in_use": readOnly, "admin_state": readOnly, "link_state": readOnly,
		"mtu": readOnly, "ifindex": readOnly, "status": readOnly, "statistics": readOnly, "link_speed": readOnly, "duplex": readOnly, "lacp_current": readOnly,
		"type": text, "mac": text, "mtu_request": {kind: "integer", min: 68, max: 65535}, "ofport_request": number(1, 65279),
		"ingress_policing_rate": {kind: "integer", zero: "0"}, "ingress_policing_burst": {kind: "integer", zero: "0"}, "bfd": mapping,
		"options": mapping, "other_config": mapping, "external_ids": mapping, "lldp": mapping,
	},
}

// tableNamed finds a table as ovs-vsctl does: without regard to case.
func tableNamed(name string) (int, error) {
	for i, t := range tableNames {
		if strings.EqualFold(t, name) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("unknown table %q", name)
}

func columnNamed(t int, name string) (string, column, error) {
	key := strings.ReplaceAll(strings.ToLower(name), "-", "_")
	if c, ok := schema[t][key]; ok {
		return key, c, nil
	}
	return "", column{}, fmt.Errorf("%s does not contain a column whose name matches %q", tableNames[t], name)
}

func writable(t int, name string) (string, column, error) {
	key, c, err := columnNamed(t, name)
	if err == nil && c.fixed {
		err = fmt.Errorf("cannot modify read-only column %s in table %s", key, tableNames[t])
	}
	return key, c, err
}

// atom reads one value of the column's type.
func (c column) atom(s string) (string, error) {
	if strings.HasPrefix(s, `"`) {
		var v string
		if err := json.Unmarshal([]byte(s), &v); err != nil {
			return "", fmt.Errorf("%s: missing quote or trailing garbage after quoted string", s)
		}
		s = v
	}
	switch c.kind {
	case "integer":
		n, err := strconv.Atoi(s)
		if err != nil {
			return "", fmt.Errorf("%q is not a valid integer or range", s)
		}
		if c.max > 0 && (n < c.min || n > c.max) {
			return "", fmt.Errorf("constraint violation: %d is not in the valid range %d to %d (inclusive)", n, c.min, c.max)
		}
		return strconv.Itoa(n), nil
	case "boolean":
		switch s {
		case "true", "yes", "on", "1":
			return "true", nil
		case "false", "no", "off", "0":
			return "false", nil
		}
		return "", fmt.Errorf("%q is not a valid boolean (use \"true\" or \"false\")", s)
	}
	if c.allowed != nil && !slices.Contains(c.allowed, s) {
		return "", fmt.Errorf("constraint violation: %s is not one of the allowed values ([%s])", s, strings.Join(c.allowed, ", "))
	}
	return s, nil
}

// tokens splits a value as ovsdb does: words, quoted strings, single delimiters.
func tokens(s string) []string {
	var out []string
	for s != "" {
		n := 1
		switch {
		case s[0] == '"':
			for n < len(s) && s[n] != '"' {
				if s[n] == '\\' {
					n++
				}
				n++
			}
			n = min(n+1, len(s))
		case !isDelimiter(s[0]):
			for n < len(s) && !isDelimiter(s[n]) {
				n++
			}
		}
		if s[0] != ' ' && s[0] != ',' {
			out = append(out, s[:n])
		}
		s = s[n:]
	}
	return out
}

func isDelimiter(b byte) bool { return strings.IndexByte(":=, []{}!<>", b) >= 0 }

// values reads the value of a set column: "5", "[1, 2]", "[]".
func (c column) values(s string) ([]string, error) {
	words := tokens(s)
	if len(words) > 0 && words[0] == "[" {
		if words[len(words)-1] != "]" {
			return nil, fmt.Errorf("%s: missing \"]\" at end of set", s)
		}
		words = words[1 : len(words)-1]
	}
	limit := 1
	if c.many {
		limit = 4096
	}
	var out []string
	for _, w := range words {
		if len(w) == 1 && isDelimiter(w[0]) {
			return nil, fmt.Errorf("%s: unexpected %q parsing set of up to %d %ss", s, w, limit, c.kind)
		}
		v, err := c.atom(w)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	if len(out) > limit {
		return nil, fmt.Errorf("%s: %d value(s) specified but the maximum number is %d", s, len(out), limit)
	}
	if c.many {
		slices.SortFunc(out, func(a, b string) int { x, _ := strconv.Atoi(a); y, _ := strconv.Atoi(b); return x - y })
	}
	return out, nil
}

// pairs reads the value of a map column: "a=b, c=d", "{}".
func pairs(s string) (map[string]string, error) {
	words := tokens(s)
	if len(words) > 0 && words[0] == "{" {
		if words[len(words)-1] != "}" {
			return nil, fmt.Errorf("%s: missing \"}\" at end of map", s)
		}
		words = words[1 : len(words)-1]
	}
	out := map[string]string{}
	for len(words) > 0 {
		if len(words) < 3 || words[1] != "=" || len(words[2]) == 1 && isDelimiter(words[2][0]) {
			return nil, fmt.Errorf("%s: syntax error at %q", s, strings.Join(words, ""))
		}
		k, err := mapping.atom(words[0])
		if err != nil {
			return nil, err
		}
		v, err := mapping.atom(words[2])
		if err != nil {
			return nil, err
		}
		out[k], words = v, words[3:]
	}
	return out, nil
}
