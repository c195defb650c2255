package sim

import (
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/ovs"
)

// This file is the database commands of ovs-vsctl: set, add, remove, clear.

// record finds the row that a database command names; nil with --if-exists.
func record(d *database, a []string, option func(string) bool) (int, *row, error) {
	t, err := tableNamed(a[0])
	if err != nil {
		return 0, nil, err
	}
	r := d.row(t, a[1])
	if r == nil && !option("--if-exists") {
		return t, nil, fmt.Errorf("no row %q in table %s", a[1], tableNames[t])
	}
	return t, r, nil
}

func setColumns(d *database, a []string, option func(string) bool) error {
	t, r, err := record(d, a, option)
	if err != nil || r == nil {
		return err
	}
	for _, s := range a[2:] {
		if err := setColumn(d, t, r.name, s); err != nil {
			return err
		}
	}
	return nil
}

// setColumn runs one COLUMN[:KEY]=VALUE.
func setColumn(d *database, t int, name, setting string) error {
	left, value, ok := strings.Cut(setting, "=")
	if !ok || value == "" {
		return fmt.Errorf("%s: argument does not end in \"=\" followed by a value.", setting) //nolint:staticcheck // its own words
	}
	if left == "" {
		return fmt.Errorf("%s: missing column name", setting)
	}
	col, key, keyed := strings.Cut(left, ":")
	col, c, err := writable(t, col)
	if err != nil {
		return err
	}
	r := d.row(t, name)
	if r == nil {
		return fmt.Errorf("no row %q in table %s", name, tableNames[t])
	}
	switch {
	case keyed && !c.isMap:
		return fmt.Errorf("cannot specify key to set for non-map column %s", col)
	case keyed:
		key, err := c.atom(key)
		if err != nil {
			return err
		}
		v, err := c.atom(value)
		if err != nil {
			return err
		}
		r.setKey(col, key, v)
	case c.isMap:
		m, err := pairs(value)
		if err != nil {
			return err
		}
		delete(r.maps, col)
		for k, v := range m {
			r.setKey(col, k, v)
		}
	default:
		v, err := c.values(value)
		if err != nil {
			return err
		}
		r.setValues(col, c, v)
	}
	return nil
}

func addValues(d *database, a []string, option func(string) bool) error {
	t, r, err := record(d, a, option)
	if err != nil || r == nil {
		return err
	}
	col, c, err := writable(t, a[2])
	if err != nil {
		return err
	}
	for _, s := range a[3:] {
		if c.isMap {
			m, err := pairs(s)
			if err != nil {
				return err
			}
			for k, v := range m {
				if _, there := r.maps[col][k]; !there {
					r.setKey(col, k, v)
				}
			}
			continue
		}
		v, err := c.values("[" + strings.Join(append(slices.Clone(r.set[col]), s), ",") + "]")
		if err != nil {
			return err
		}
		r.setValues(col, c, v)
	}
	return nil
}

func removeValues(d *database, a []string, option func(string) bool) error {
	t, r, err := record(d, a, option)
	if err != nil || r == nil {
		return err
	}
	if t == portTable && a[2] == "interfaces" {
		return leaveOut(d, r, a[3:])
	}
	col, c, err := writable(t, a[2])
	if err != nil {
		return err
	}
	for _, s := range a[3:] {
		if c.isMap {
			key, value, paired := strings.Cut(s, "=")
			if !paired || r.maps[col][key] == strings.Trim(value, `"`) {
				r.removeKeys(col, key)
			}
			continue
		}
		gone, err := c.values(s)
		if err != nil {
			return err
		}
		r.setValues(col, c, slices.DeleteFunc(slices.Clone(r.set[col]), func(v string) bool { return slices.Contains(gone, v) }))
	}
	return nil
}

// leaveOut takes members out of a bond. Rows that no port has any more are gone.
func leaveOut(d *database, port *row, members []string) error {
	stay := slices.DeleteFunc(slices.Clone(port.members), func(m string) bool { return slices.Contains(members, m) })
	if len(stay) == 0 {
		return fmt.Errorf("ovs-vsctl: constraint violation: %q: a port has at least one interface", port.name)
	}
	for _, m := range port.members {
		if !slices.Contains(stay, m) {
			d.drop(ifaceTable, m)
		}
	}
	port.members = stay
	return nil
}

func clearRow(d *database, a []string, option func(string) bool) error {
	t, r, err := record(d, a, option)
	if err != nil || r == nil {
		return err
	}
	return clearColumns(d, t, r.name, a[2:]...)
}

func clearColumns(d *database, t int, name string, columns ...string) error {
	r := d.row(t, name)
	if r == nil {
		return fmt.Errorf("no row %q in table %s", name, tableNames[t])
	}
	for _, col := range columns {
		col, c, err := writable(t, col)
		if err != nil {
			return err
		}
		if c.zero != "" {
			return fmt.Errorf("\"clear\" operation cannot be applied to column %s of table %s, which is not allowed to be empty", col, tableNames[t])
		}
		delete(r.maps, col)
		delete(r.set, col)
	}
	return nil
}

// rows is what is set on every row, as ovs-vsctl set takes it.
func (d *database) rows() []backend.Row {
	var out []backend.Row
	for t, rows := range d.tables {
		for _, r := range rows {
			row := backend.Row{Table: tableNames[t], Name: r.name}
			for col, values := range r.set {
				var words []string
				for _, v := range values {
					words = append(words, ovs.Word(v))
				}
				value := strings.Join(words, ",")
				if len(words) > 1 {
					value = "[" + value + "]"
				}
				row.Set = append(row.Set, col+"="+value)
			}
			for col, m := range r.maps {
				for k, v := range m {
					row.Set = append(row.Set, col+":"+ovs.Word(k)+"="+ovs.Word(v))
				}
			}
			slices.Sort(row.Set)
			out = append(out, row)
		}
	}
	return out
}

func (r *row) setKey(col, key, value string) {
	if r.maps[col] == nil {
		r.maps[col] = map[string]string{}
	}
	r.maps[col][key] = value
}

func (r *row) removeKeys(col string, keys ...string) {
	for _, k := range keys {
		delete(r.maps[col], strings.Trim(k, `"`))
	}
	if len(r.maps[col]) == 0 {
		delete(r.maps, col)
	}
}

func (r *row) setValues(col string, c column, v []string) {
	if len(v) == 0 || len(v) == 1 && (v[0] == c.zero || v[0] == "") {
		delete(r.set, col)
		return
	}
	r.set[col] = v
}
