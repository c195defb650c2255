package sim

import (
	"fmt"
	"slices"
	"strings"
)

// command is one ovs-vsctl command that is simulated.
type command struct {
	min, max int // arguments
	options  []string
	run      func(d *database, a []string, option func(string) bool) error
}

const unlimited = 1 << 20

var commands = map[string]command{
	"init":               {0, 0, nil, func(*database, []string, func(string) bool) error { return nil }},
	"add-br":             {1, 1, []string{"--may-exist"}, addBridge},
	"del-br":             {1, 1, []string{"--if-exists"}, delBridge},
	"br-set-external-id": {2, 3, nil, setExternalID},
	"set-fail-mode": {2, 2, nil, func(d *database, a []string, _ func(string) bool) error {
		return setColumn(d, bridgeTable, a[0], "fail_mode="+a[1])
	}},
	"del-fail-mode": {1, 1, nil, func(d *database, a []string, _ func(string) bool) error {
		return clearColumns(d, bridgeTable, a[0], "fail_mode")
	}},
	"set-controller": {2, unlimited, nil, setController},
	"add-port":       {2, unlimited, []string{"--may-exist"}, addPort},
	"add-bond":       {4, unlimited, []string{"--may-exist", "--fake-iface"}, addBond},
	"del-port":       {1, 2, []string{"--if-exists"}, delPort},
	"get":            {2, 2, nil, getRow},
	"set":            {3, unlimited, []string{"--if-exists"}, setColumns},
	"add":            {4, unlimited, []string{"--if-exists"}, addValues},
	"remove":         {4, unlimited, []string{"--if-exists"}, removeValues},
	"clear":          {3, unlimited, []string{"--if-exists"}, clearRow},
}

// transact runs one ovs-vsctl command line on d, whose state after an error is undefined.
func transact(d *database, line []string) error {
	var lines [][]string
	for {
		end := slices.Index(line, "--")
		if end < 0 {
			lines = append(lines, line)
			break
		}
		lines, line = append(lines, line[:end]), line[end+1:]
	}
	if len(lines) > 1 && len(lines[0]) == 0 {
		lines = lines[1:]
	}
	if n := len(lines) - 1; n > 0 && len(lines[n]) == 0 {
		lines = lines[:n]
	}
	ids := map[string]string{} // "@name": name of the row
	for _, words := range lines {
		if id, row, ok := rowID(words); ok {
			ids[id] = row
			words = words[1:]
		}
		for i, w := range words {
			if row, ok := ids[w]; ok {
				words = slices.Clone(words)
				words[i] = row
			}
		}
		if err := runCommand(d, words); err != nil {
			return err
		}
	}
	return nil
}

// rowID reads "--id=@name get TABLE ROW", which names a row for the commands that follow.
func rowID(words []string) (id, row string, ok bool) {
	if len(words) != 4 || words[1] != "get" {
		return "", "", false
	}
	id, ok = strings.CutPrefix(words[0], "--id=")
	return id, words[3], ok
}

// getRow is "get" without columns: it says that the row is there.
func getRow(d *database, a []string, _ func(string) bool) error {
	if !strings.EqualFold(a[0], "Interface") {
		return fmt.Errorf("sim: get %s is not simulated", a[0])
	}
	if d.row(ifaceTable, a[1]) == nil {
		return fmt.Errorf("no row %q in table Interface", a[1])
	}
	return nil
}

func runCommand(d *database, words []string) error {
	var options []string
	for len(words) > 0 && strings.HasPrefix(words[0], "--") {
		options, words = append(options, words[0]), words[1:]
	}
	if len(words) == 0 {
		return fmt.Errorf("missing command name (use --help for help)")
	}
	name, args := words[0], words[1:]
	c, ok := commands[name]
	switch {
	case !ok:
		return fmt.Errorf("unknown command '%s'; use --help for help", name)
	case len(args) < c.min:
		return fmt.Errorf("'%s' command requires at least %d arguments", name, c.min)
	case len(args) > c.max:
		return fmt.Errorf("'%s' command takes at most %d arguments", name, c.max)
	}
	for _, o := range options {
		if !slices.Contains(c.options, o) {
			return fmt.Errorf("'%s' command has no '%s' option", name, o)
		}
	}
	return c.run(d, args, func(o string) bool { return slices.Contains(options, o) })
}

// conflict says what already has a name that a bridge, port or bond wants.
func conflict(d *database, kind, name string) error {
	cannot := fmt.Sprintf("cannot create a %s named %s because ", kind, name)
	if d.row(bridgeTable, name) != nil {
		return fmt.Errorf("%sa bridge named %s already exists", cannot, name)
	}
	if d.row(portTable, name) != nil {
		return fmt.Errorf("%sa port named %s already exists on bridge %s", cannot, name, d.parent(portTable, name).name)
	}
	if d.row(ifaceTable, name) != nil {
		b, _ := d.bridgeOf(name)
		return fmt.Errorf("%san interface named %s already exists on bridge %s", cannot, name, b.name)
	}
	return nil
}

func addBridge(d *database, a []string, option func(string) bool) error {
	name := a[0]
	if option("--may-exist") && d.row(bridgeTable, name) != nil {
		return nil
	}
	if err := conflict(d, "bridge", name); err != nil {
		return err
	}
	iface := newRow(name)
	iface.set["type"] = []string{"internal"}
	d.add(ifaceTable, iface)
	d.add(portTable, newRow(name, name))
	d.add(bridgeTable, newRow(name, name))
	return nil
}

func needBridge(d *database, name string) (*row, error) {
	if b := d.row(bridgeTable, name); b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("no bridge named %s", name)
}

func delBridge(d *database, a []string, option func(string) bool) error {
	b, err := needBridge(d, a[0])
	if err != nil {
		if option("--if-exists") {
			return nil
		}
		return err
	}
	for _, p := range slices.Clone(b.members) {
		dropPort(d, b, d.row(portTable, p))
	}
	d.drop(bridgeTable, b.name)
	return nil
}

func dropPort(d *database, b, p *row) {
	for _, i := range p.members {
		d.drop(ifaceTable, i)
	}
	b.members = slices.DeleteFunc(b.members, func(x string) bool { return x == p.name })
	d.drop(portTable, p.name)
}

func setExternalID(d *database, a []string, _ func(string) bool) error {
	b, err := needBridge(d, a[0])
	if err != nil {
		return err
	}
	if len(a) == 2 {
		b.removeKeys("external_ids", a[1])
		return nil
	}
	b.setKey("external_ids", a[1], a[2])
	return nil
}

// setController is "set-controller": what is known of its rows is that the bridge refers to them.
func setController(d *database, a []string, _ func(string) bool) error {
	b, err := needBridge(d, a[0])
	if err != nil {
		return err
	}
	b.set["controller"] = nil
	for n := range a[1:] {
		b.set["controller"] = append(b.set["controller"], fmt.Sprintf("00000000-0000-0000-0000-%012d", n+1))
	}
	return nil
}

func addPort(d *database, a []string, option func(string) bool) error {
	return newPort(d, option("--may-exist"), a[0], a[1], a[1:2], a[2:], "add-port "+strings.Join(a, " "))
}

func addBond(d *database, a []string, option func(string) bool) error {
	n := 2
	for n < len(a) && !strings.Contains(a[n], "=") {
		n++
	}
	return newPort(d, option("--may-exist"), a[0], a[1], a[2:n], a[n:], "add-bond "+strings.Join(a, " "))
}

func newPort(d *database, mayExist bool, bridge, name string, members, settings []string, line string) error {
	b, err := needBridge(d, bridge)
	if err != nil {
		return err
	}
	if p := d.row(portTable, name); mayExist && p != nil {
		return samePort(d, b, p, members, line)
	}
	for _, n := range append([]string{name}, members...) {
		if err := conflict(d, "port", n); err != nil {
			return err
		}
	}
	for _, i := range members {
		if d.row(ifaceTable, i) != nil {
			return fmt.Errorf("transaction error: constraint violation: Transaction causes multiple rows in \"Interface\" table to have identical values (%q) for index on column \"name\"", i)
		}
		d.add(ifaceTable, newRow(i))
	}
	d.add(portTable, newRow(name, members...))
	b.members = append(b.members, name)
	for _, s := range settings {
		if err := setColumn(d, portTable, name, s); err != nil {
			return err
		}
	}
	return nil
}

func samePort(d *database, b, p *row, members []string, line string) error {
	if on := d.parent(portTable, p.name); on != b {
		return fmt.Errorf("\"--may-exist %s\" but %s is actually attached to bridge %s", line, p.name, on.name)
	}
	want, have := slices.Sorted(slices.Values(members)), slices.Sorted(slices.Values(p.members))
	if !slices.Equal(want, have) {
		return fmt.Errorf("\"--may-exist %s\" but %s actually has interface(s) %s", line, p.name, strings.Join(have, ", "))
	}
	return nil // the settings are not looked at
}

func delPort(d *database, a []string, option func(string) bool) error {
	name := a[len(a)-1]
	if len(a) == 2 {
		if _, err := needBridge(d, a[0]); err != nil {
			return err
		}
	}
	p := d.row(portTable, name)
	if p == nil {
		if option("--if-exists") {
			return nil
		}
		return fmt.Errorf("no port named %s", name)
	}
	b := d.parent(portTable, name)
	switch {
	case len(a) == 2 && b.name != a[0]:
		return fmt.Errorf("bridge %s does not have a port %s", a[0], name)
	case b.name == name:
		return fmt.Errorf("cannot delete port %s because it is the local port for bridge %s (deleting this port requires deleting the entire bridge)", name, name)
	}
	dropPort(d, b, p)
	return nil
}
