package sim

import (
	"fmt"
	"strings"
	"testing"
)

// A database in which the refusals below were taken down from ovs-vsctl 3.1.0.
var fixture = [][]string{
	{"add-br", "br0", "--", "add-port", "br0", "br0p1", "--", "set", "Interface", "br0p1", "type=internal"},
	{"add-br", "br1"},
	{"add-bond", "br0", "bond0", "eth0", "eth1", "lacp=active"},
}

func fixtureDB(t testing.TB) *database {
	d := &database{}
	for _, line := range fixture {
		if err := transact(d, line); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func TestRefusalsInTheWordsOfOvsVsctl(t *testing.T) {
	for line, want := range map[string]string{
		"add-br br0":                     "cannot create a bridge named br0 because a bridge named br0 already exists",
		"add-br bond0":                   "cannot create a bridge named bond0 because a port named bond0 already exists on bridge br0",
		"add-br eth0":                    "cannot create a bridge named eth0 because an interface named eth0 already exists on bridge br0",
		"add-port brX eth3":              "no bridge named brX",
		"add-port br0 br0":               "cannot create a port named br0 because a bridge named br0 already exists",
		"add-port br0 eth0":              "cannot create a port named eth0 because an interface named eth0 already exists on bridge br0",
		"add-port br1 br0p1":             "cannot create a port named br0p1 because a port named br0p1 already exists on bridge br0",
		"--may-exist add-port br1 br0p1": `"--may-exist add-port br1 br0p1" but br0p1 is actually attached to bridge br0`,
		"--may-exist add-bond br0 bond0 eth0 p1 lacp=passive": `"--may-exist add-bond br0 bond0 eth0 p1 lacp=passive" but bond0 actually has interface(s) eth0, eth1`,
		"add-bond br0 bond1 eth2":                             "'add-bond' command requires at least 4 arguments",
		"del-br brX":                                          "no bridge named brX",
		"del-port br0 nonesuch":                               "no port named nonesuch",
		"del-port br1 br0p1":                                  "bridge br1 does not have a port br0p1",
		"del-port br0 br0":                                    "cannot delete port br0 because it is the local port for bridge br0 (deleting this port requires deleting the entire bridge)",
		"del-port eth0":                                       "no port named eth0",
		"frob br0":                                            "unknown command 'frob'; use --help for help",
		"add-br":                                              "'add-br' command requires at least 1 arguments",
		"clear Bridge br1":                                    "'clear' command requires at least 3 arguments",
		"br-set-external-id br0 a b c":                        "'br-set-external-id' command takes at most 3 arguments",
		"--if-exists add-br r":                                "'add-br' command has no '--if-exists' option",
		"--may-exist del-br r":                                "'del-br' command has no '--may-exist' option",
		"":                                                    "missing command name (use --help for help)",
		"--":                                                  "missing command name (use --help for help)",
		"set Interface nope type=internal":                    `no row "nope" in table Interface`,
		"set Interface br0p1 typo=internal":                   `Interface does not contain a column whose name matches "typo"`,
		"set Interface br0p1 mac=52:54:00:00:00:01":              `52:54:00:00:00:01: unexpected ":" parsing set of up to 1 strings`,
		"set Interface br0p1 external_ids:q=":                    `external_ids:q=: argument does not end in "=" followed by a value.`,
		"set Interface br0p1 options":                            `options: argument does not end in "=" followed by a value.`,
		"set Bridge br0 fail_mode=foo":                           "constraint violation: foo is not one of the allowed values ([secure, standalone])",
		"set Port br0p1 tag=5000":                                "constraint violation: 5000 is not in the valid range 0 to 4095 (inclusive)",
		"set Port br0p1 tag=abc":                                 `"abc" is not a valid integer or range`,
		"set Port br0p1 tag=1,2":                                 "1,2: 2 value(s) specified but the maximum number is 1",
		"set Port br0p1 name=foo":                                "cannot modify read-only column name in table Port",
		"set Port bond0 bond_mode=foo":                           "constraint violation: foo is not one of the allowed values ([active-backup, balance-slb, balance-tcp])",
		"set Port bond0 lacp=foo":                                "constraint violation: foo is not one of the allowed values ([active, off, passive])",
		"add-port br1 bb =3":                                     "=3: missing column name",
		"add-port br1 bb tag:a=3":                                "cannot specify key to set for non-map column tag",
		"clear Port br0p1 nosuch":                                `Port does not contain a column whose name matches "nosuch"`,
		"set Bridge br1 external_ids:a=b -- add-port br0 x -- x": "unknown command 'x'; use --help for help",
	} {
		err := transact(fixtureDB(t), strings.Fields(line))
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", line, err, want)
		}
	}
}

func TestValues(t *testing.T) {
	d := fixtureDB(t)
	for _, line := range [][]string{
		{"--", "set", "interface", "br0p1", `external_ids:a="x y"`, "external_ids:b=c,d=e", "external_ids:f=g:h", "--"},
		{"set", "Port", "br0p1", "trunks=[7,3]"},
		{"add", "Port", "br0p1", "trunks", "5"},
		{"remove", "Port", "br0p1", "trunks", "3", "4"},
		{"remove", "Interface", "br0p1", "external_ids", "f=zz", "b"},
		{"set", "Bridge", "br0", "other_config=a=3,b=4", "rstp_enable=yes"},
		{"br-set-external-id", "br0", "bridgehead-id", "x"},
		{"set-fail-mode", "br0", "standalone"},
		{"--if-exists", "set", "Bridge", "brX", "other_config:a=b"},
		{"set", "Port", "bond0", "lacp=[]"},
	} {
		if err := transact(d, line); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
	got := strings.Join(append(append(d.row(bridgeTable, "br0").columnLines(""), d.row(portTable, "br0p1").columnLines("")...),
		append(d.row(ifaceTable, "br0p1").columnLines(""), d.row(portTable, "bond0").columnLines("")...)...), "\n")
	want := `fail_mode: standalone
rstp_enable: true
external_ids: {bridgehead-id=x}
other_config: {a=3, b=4}
trunks: 5, 7
type: internal
external_ids: {a=x y, f=g:h}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Whatever is typed: no panic, and the rows refer to each other.
func FuzzTransact(f *testing.F) {
	for _, line := range fixture {
		f.Add(strings.Join(line, " "))
	}
	f.Add(`--if-exists del-port br0 bond0 -- add-port br0 eth0 tag=5 trunks=[1,2] -- set Interface eth0 external_ids:a="b c"`)
	f.Add(`set Bridge br0 other_config={a=b,c="d -- remove Bridge br0 other_config a -- clear Port bond0 tag`)
	f.Fuzz(func(t *testing.T, line string) {
		d := fixtureDB(t)
		before := fmt.Sprint(len(d.tables[0]), len(d.tables[1]), len(d.tables[2]))
		c := d.clone()
		err := transact(c, strings.Fields(line))
		if after := fmt.Sprint(len(d.tables[0]), len(d.tables[1]), len(d.tables[2])); after != before {
			t.Fatalf("%q changed the original of a clone", line)
		}
		if err != nil {
			return
		}
		for _, above := range []int{bridgeTable, portTable} {
			for _, r := range c.tables[above] {
				for _, m := range r.members {
					if c.row(above+1, m) == nil {
						t.Fatalf("%q: %s refers to %s, which is not there", line, r.name, m)
					}
				}
			}
			for _, r := range c.tables[above+1] {
				if c.parent(above+1, r.name) == nil {
					t.Fatalf("%q: %s belongs to nothing", line, r.name)
				}
			}
		}
	})
}
