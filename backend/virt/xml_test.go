package virt

import (
	"reflect"
	"strings"
	"testing"

	"libvirt.org/go/libvirtxml"

	"bridgehead/backend/hosttest"
)

func TestNetworkXML(t *testing.T) {
	got, err := NetworkXML(NetworkSpec{Name: "examplebr0", Bridge: "examplebr0"})
	if err != nil {
		t.Fatal(err)
	}
	// As the tutorial has it.
	const want = `<network>
  <name>examplebr0</name>
  <forward mode='bridge'/>
  <bridge name='examplebr0'/>
  <virtualport type='openvswitch'/>
</network>
`
	if got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
}

func TestPortGroupsReachLibvirt(t *testing.T) {
	hosttest.StartLibvirtd(t)
	v := New(Options{})
	text, err := NetworkXML(NetworkSpec{Name: "groups", Bridge: "br0", PortGroups: []PortGroup{
		{Name: "all"}, {Name: "access", VLANs: []int{10}, Default: true}, {Name: "trunk", VLANs: []int{1, 4094}, Native: 4094},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.DefineNetwork(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	defined := state(t, v).Networks[1]
	if err := v.UndefineNetwork(t.Context(), "groups"); err != nil {
		t.Fatal(err)
	}
	var n libvirtxml.Network
	if err := n.Unmarshal(defined.XML); err != nil {
		t.Fatal(err)
	}
	g := n.PortGroups
	if len(g) != 3 || g[0].VLAN != nil || g[0].Default != "" || g[1].Default != "yes" || g[1].VLAN.Trunk != "" || g[2].VLAN.Trunk != "yes" ||
		!reflect.DeepEqual(g[1].VLAN.Tags, []libvirtxml.NetworkVLANTag{{ID: 10}}) || !reflect.DeepEqual(g[2].VLAN.Tags, []libvirtxml.NetworkVLANTag{{ID: 1}, {ID: 4094, NativeMode: "untagged"}}) {
		t.Errorf("libvirt has made of it\n%s", defined.XML)
	}
}

// Port groups are added to what a network has, as libvirt dumps it, and asking for what it has changes nothing.
func TestWithPortGroups(t *testing.T) {
	const text = `<network>
  <name>lan</name>
  <uuid>9a05da11-e96b-47f3-8253-a3a482e445f5</uuid>
  <forward mode='bridge'/>
  <bridge name='br0'/>
  <virtualport type='openvswitch'/>
  <portgroup name='office'>
    <vlan>
      <tag id='10'/>
    </vlan>
  </portgroup>
</network>
`
	if !OnBridge(text, "br0") || OnBridge(text, "br1") || OnBridge(strings.Replace(text, "openvswitch", "802.1Qbg", 1), "br0") || OnBridge(text[:90], "br0") {
		t.Error("OnBridge is wrong")
	}
	same, err := WithPortGroups(text, []PortGroup{{Name: "office", VLANs: []int{10}}})
	if err != nil || same != text {
		t.Errorf("%v\n%s", err, same)
	}
	got, err := WithPortGroups(text, []PortGroup{{Name: "all", VLANs: []int{1, 20}, Native: 1, Default: true}})
	const all = `  <portgroup name='all' default='yes'>
    <vlan trunk='yes'>
      <tag id='1' nativeMode='untagged'/>
      <tag id='20'/>
    </vlan>
  </portgroup>
</network>`
	if want := strings.Replace(text, "</network>", all, 1); err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
	if groups := PortGroups(got); !reflect.DeepEqual(groups, []PortGroup{{Name: "office", VLANs: []int{10}}, {Name: "all", VLANs: []int{1, 20}, Native: 1, Default: true}}) {
		t.Errorf("read as %+v", groups)
	}
	if one := PortGroupXML(got, "all"); one != `<portgroup name="all" default="yes"><vlan trunk="yes"><tag id="1" nativeMode="untagged"/><tag id="20"/></vlan></portgroup>` {
		t.Errorf("one of them is %s", one)
	}
	if _, err := WithPortGroups(got, []PortGroup{{Name: "more", VLANs: []int{3}, Default: true}}); err == nil {
		t.Error("a second default port group is accepted")
	}
}

func TestNetworkXMLRefuses(t *testing.T) {
	group := func(g ...PortGroup) NetworkSpec { return NetworkSpec{Name: "n", Bridge: "b", PortGroups: g} }
	for what, spec := range map[string]NetworkSpec{
		"no name":               {Bridge: "b"},
		"a slash":               {Name: "a/b", Bridge: "b"},
		"dots":                  {Name: "..", Bridge: "b"},
		"markup":                {Name: "n", Bridge: "b'/>"},
		"a newline":             {Name: "n\n", Bridge: "b"},
		"an option":             {Name: "-n", Bridge: "b"},
		"no bridge":             {Name: "n"},
		"a bridge of 16 bytes":  {Name: "n", Bridge: "abcdefghijklmnop"},
		"VLAN 0":                group(PortGroup{Name: "g", VLANs: []int{0}}),
		"VLAN 4095":             group(PortGroup{Name: "g", VLANs: []int{10, 4095}}),
		"a VLAN twice":          group(PortGroup{Name: "g", VLANs: []int{10, 10}}),
		"a group without name":  group(PortGroup{VLANs: []int{1}}),
		"two groups of a name":  group(PortGroup{Name: "g"}, PortGroup{Name: "g"}),
		"two default groups":    group(PortGroup{Name: "g", Default: true}, PortGroup{Name: "h", Default: true}),
		"a group with a markup": group(PortGroup{Name: "<g>"}),
	} {
		if text, err := NetworkXML(spec); err == nil {
			t.Errorf("%s is accepted:\n%s", what, text)
		}
	}
}

// With a UUID put in, a definition is the same but for that.
func FuzzWithUUID(f *testing.F) {
	const id = "6df53148-5a70-41dd-81b9-690904a471c5"
	for _, seed := range []string{
		"<network><name>a</name></network>", "<?xml version='1.0'?>\n<!-- <network> -->\n<network ipv6='yes'>\n<name>a&lt;</name><bridge name='>'/></network>",
		"<network/>", "", "<network", "<!DOCTYPE x [<!ENTITY a '<b>'>]><network><name>&amp;</name></network>",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var before, after libvirtxml.Network
		if before.Unmarshal(text) != nil || before.UUID != "" || before.Name == "" {
			return
		}
		with, err := withUUID(text, id)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if err := after.Unmarshal(with); err != nil {
			t.Fatalf("%q became %q: %v", text, with, err)
		}
		if after.UUID != id || strings.Replace(with, "<uuid>"+id+"</uuid>", "", 1) != text {
			t.Errorf("%q became %q", text, with)
		}
		after.UUID = ""
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%q became %q", text, with)
		}
	})
}
