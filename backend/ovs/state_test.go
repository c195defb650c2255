package ovs

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"bridgehead/backend"
)

// tables is what ovs-vsctl 3.1 prints for a bridge with a VLAN port, a NIC that is
// not there and two trunks.
const tables = `{"data":[[["set",["netdev","system"]],["uuid","45df"]]],"headings":["datapath_types","bridges"]}
{"data":[[["uuid","45df"],"br0","netdev",["set",[]],true,false,["uuid","c1"],["map",[["hwaddr","52:54:00:11:22:33"]]],["map",[]],["set",[["uuid","p2"],["uuid","p1"]]]]],"headings":["_uuid","name","datapath_type","fail_mode","stp_enable","rstp_enable","controller","other_config","external_ids","ports"]}
{"data":[[["uuid","p1"],"nix0",["set",[]],["set",[20,10]],"trunk",["set",[]],["set",[]],["map",[]],["map",[]],["uuid","i1"]],[["uuid","p2"],"br0",10,["set",[]],["set",[]],["set",[]],"active",["map",[]],["map",[["a b","c\"d"],["e","ü"]]],["uuid","i2"]]],"headings":["_uuid","name","tag","trunks","vlan_mode","bond_mode","lacp","other_config","external_ids","interfaces"]}
{"data":[[["uuid","i1"],"nix0","",["set",[]],["set",[]],["map",[]],["map",[]],["map",[]],-1,"could not open network device nix0 (No such device)",["set",[]],["set",[]],["set",[]],["set",[]]],[["uuid","i2"],"br0","internal","52:54:00:11:22:33",9000,["map",[]],["map",[]],["map",[]],65534,["set",[]],"52:54:00:11:22:33",9000,"up","down"]],"headings":["_uuid","name","type","mac","mtu_request","other_config","external_ids","options","ofport","error","mac_in_use","mtu","admin_state","link_state"]}
`

func TestDecode(t *testing.T) {
	var got backend.SwitchState
	if err := decode(strings.NewReader(tables), &got); err != nil {
		t.Fatal(err)
	}
	mac := "52:54:00:11:22:33"
	want := backend.SwitchState{
		DatapathTypes: []string{"netdev", "system"},
		Bridges: []backend.Bridge{{
			Name: "br0", Datapath: "netdev", STP: true, Controllers: 1, OtherConfig: map[string]string{"hwaddr": mac},
			Ports: []backend.Port{
				{Name: "br0", Tag: 10, LACP: "active", ExternalIDs: map[string]string{"a b": `c"d`, "e": "ü"}, Interfaces: []backend.Interface{{
					Name: "br0", Type: "internal", MAC: mac, MTURequest: 9000, OfPort: 65534, MACInUse: mac, MTU: 9000, AdminState: "up", LinkState: "down"}}},
				{Name: "nix0", Trunks: []int{10, 20}, VLANMode: "trunk", Interfaces: []backend.Interface{{
					Name: "nix0", OfPort: -1, Error: "could not open network device nix0 (No such device)"}}},
			},
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	lines := strings.SplitAfter(tables, "\n")
	for name, in := range map[string]string{
		"nothing":                "",
		"a missing table":        strings.Join(lines[:3], ""),
		"a table too many":       tables + lines[3],
		"rubbish after it":       tables + "}",
		"another column":         strings.Replace(tables, `"stp_enable"`, `"x"`, 1),
		"a short row":            strings.Replace(tables, `"br0","netdev",`, `"br0",`, 1),
		"two tags":               strings.Replace(tables, `"br0",10,`, `"br0",["set",[10,11]],`, 1),
		"a tag that is a word":   strings.Replace(tables, `"br0",10,`, `"br0","10",`, 1),
		"a fraction":             strings.Replace(tables, `"br0",10,`, `"br0",1.5,`, 1),
		"null":                   strings.Replace(tables, `"br0",10,`, `null,10,`, 1),
		"null in a set":          strings.Replace(tables, `[20,10]`, `[20,null]`, 1),
		"a map of threes":        strings.Replace(tables, `["e","ü"]`, `["e","ü","x"]`, 1),
		"a map that is a set":    strings.Replace(tables, `["map",[]]`, `["set",[]]`, 1),
		"an unknown tag":         strings.Replace(tables, `["set",[]]`, `["named-uuid","x"]`, 1),
		"a port that is nowhere": strings.Replace(tables, `[["uuid","p1"],"nix0"`, `[["uuid","p9"],"nix0"`, 1),
		"two roots":              strings.Replace(tables, `["uuid","45df"]]]`, `["uuid","45df"]],[["set",[]],["set",[]]]]`, 1),
	} {
		if in == tables {
			t.Fatalf("%s: the case changes nothing", name)
		}
		var st backend.SwitchState
		if err := decode(strings.NewReader(in), &st); err == nil {
			t.Errorf("%s is accepted: %+v", name, st)
		}
	}
}

// Whatever ovs-vsctl prints is decoded to a state in order, or refused.
func FuzzDecode(f *testing.F) {
	f.Add(tables)
	for _, word := range []string{"netdev", "internal", `["set",[]]`, "10", "[", "uuid"} {
		f.Add(strings.ReplaceAll(tables, word, "x"))
	}
	f.Fuzz(func(t *testing.T, in string) {
		var st backend.SwitchState
		if decode(strings.NewReader(in), &st) != nil {
			return
		}
		sorted := slices.IsSortedFunc(st.Bridges, func(a, b backend.Bridge) int { return strings.Compare(a.Name, b.Name) })
		if !sorted || !slices.IsSorted(st.DatapathTypes) {
			t.Errorf("not sorted: %+v", st)
		}
	})
}
