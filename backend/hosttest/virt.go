package hosttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bridgehead/backend"
)

// virtTest drives one libvirt by its interface alone.
type virtTest struct {
	*testing.T
	v backend.Virt
}

// Virt holds what every backend.Virt promises, the real one and the simulated. It
// makes the networks tnet0 and tnet1, and leaves whatever else there is alone. A
// driver that is known to keep other rules is tried without some of them.
func Virt(t *testing.T, v backend.Virt, without ...string) {
	for _, c := range []struct {
		name string
		test func(virtTest)
	}{
		{"life of a network", virtLife},
		{"done twice is done", virtIdempotent},
		{"what is absent", virtAbsent},
		{"a dump defines the same network", virtExact},
		{"a new definition replaces the old", virtReplace},
		{"undefined while active", virtTransient},
		{"port groups of a network that is active", virtPortGroups},
		{"what makes no sense is refused", virtRefusals},
	} {
		if slices.Contains(without, c.name) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			vt := virtTest{t, v}
			before := vt.state()
			c.test(vt)
			for _, name := range []string{"tnet0", "tnet1"} {
				vt.ok(v.StopNetwork(t.Context(), name))
				vt.ok(v.UndefineNetwork(t.Context(), name))
			}
			vt.equal("the state afterwards", vt.state(), before)
		})
	}
}

// ovsNetwork is a network for an OVS bridge, without a UUID.
func ovsNetwork(name, bridge string) string {
	return fmt.Sprintf("<network>\n  <name>%s</name>\n  <forward mode='bridge'/>\n  <bridge name='%s'/>\n  <virtualport type='openvswitch'/>\n</network>\n", name, bridge)
}

func virtLife(t virtTest) {
	st := t.state()
	if !st.Available || st.Reason != "" || st.Version == "" {
		t.Fatalf("libvirt is not there: %+v", st)
	}
	t.ok(t.v.DefineNetwork(t.Context(), ovsNetwork("tnet0", "tbr0")))
	n, _ := t.network("tnet0")
	want := backend.Network{Name: "tnet0", UUID: n.UUID, XML: n.XML, Bridge: "tbr0", Persistent: true}
	t.equal("after define", n, want)
	if len(n.UUID) != 36 || strings.ToLower(n.UUID) != n.UUID {
		t.Errorf("UUID %q", n.UUID)
	}
	for _, part := range []string{"<name>tnet0</name>", "<uuid>" + n.UUID + "</uuid>", "<forward mode='bridge'/>", "<bridge name='tbr0'/>", "<virtualport type='openvswitch'/>"} {
		if !strings.Contains(n.XML, part) {
			t.Errorf("the definition lacks %s:\n%s", part, n.XML)
		}
	}
	step := func(what string, err error) {
		t.Helper()
		t.ok(err)
		n, _ := t.network("tnet0")
		t.equal("after "+what, n, want)
	}
	want.Active = true
	step("start", t.v.StartNetwork(t.Context(), "tnet0"))
	want.Autostart = true
	step("autostart", t.v.AutostartNetwork(t.Context(), "tnet0", true))
	want.Active = false
	step("stop", t.v.StopNetwork(t.Context(), "tnet0"))
	want.Autostart = false
	step("autostart off", t.v.AutostartNetwork(t.Context(), "tnet0", false))

	t.ok(t.v.AutostartNetwork(t.Context(), "tnet0", true))
	t.ok(t.v.UndefineNetwork(t.Context(), "tnet0"))
	if n, ok := t.network("tnet0"); ok {
		t.Errorf("after undefine there is %+v", n)
	}
	// Autostart goes with the definition.
	t.ok(t.v.DefineNetwork(t.Context(), want.XML))
	step("define again", nil)
}

func virtIdempotent(t virtTest) {
	twice := func(do func() error) {
		t.Helper()
		t.ok(do())
		once := t.state()
		t.ok(do())
		t.equal("the state", t.state(), once)
	}
	twice(func() error { return t.v.DefineNetwork(t.Context(), ovsNetwork("tnet0", "tbr0")) })
	twice(func() error { return t.v.StartNetwork(t.Context(), "tnet0") })
	twice(func() error { return t.v.AutostartNetwork(t.Context(), "tnet0", true) })
	twice(func() error { return t.v.DefineNetwork(t.Context(), ovsNetwork("tnet0", "tbr0")) })
	twice(func() error { return t.v.AutostartNetwork(t.Context(), "tnet0", false) })
	twice(func() error { return t.v.StopNetwork(t.Context(), "tnet0") })
	twice(func() error { return t.v.UndefineNetwork(t.Context(), "tnet0") })
}

func virtAbsent(t virtTest) {
	t.ok(t.v.StopNetwork(t.Context(), "tnet0"))
	t.ok(t.v.UndefineNetwork(t.Context(), "tnet0"))
	t.ok(t.v.AutostartNetwork(t.Context(), "tnet0", false))
	t.refused("start of an absent network", t.v.StartNetwork(t.Context(), "tnet0"))
	t.refused("autostart of an absent network", t.v.AutostartNetwork(t.Context(), "tnet0", true))
}

func virtExact(t virtTest) {
	t.ok(t.v.DefineNetwork(t.Context(), ovsNetwork("tnet0", "tbr0")))
	before, _ := t.network("tnet0")
	t.ok(t.v.UndefineNetwork(t.Context(), "tnet0"))
	t.ok(t.v.DefineNetwork(t.Context(), before.XML))
	after, _ := t.network("tnet0")
	t.equal("the network", after, before)
}

func virtReplace(t virtTest) {
	t.ok(t.v.DefineNetwork(t.Context(), ovsNetwork("tnet0", "tbr0")))
	t.ok(t.v.StartNetwork(t.Context(), "tnet0"))
	before, _ := t.network("tnet0")
	t.ok(t.v.DefineNetwork(t.Context(), ovsNetwork("tnet0", "tbr1")))
	after, _ := t.network("tnet0")
	want := before
	want.Bridge = "tbr1"
	want.XML = strings.Replace(before.XML, "tbr0", "tbr1", 1)
	t.equal("the network", after, want)
}

func virtTransient(t virtTest) {
	t.ok(t.v.DefineNetwork(t.Context(), ovsNetwork("tnet0", "tbr0")))
	t.ok(t.v.StartNetwork(t.Context(), "tnet0"))
	before, _ := t.network("tnet0")
	t.ok(t.v.UndefineNetwork(t.Context(), "tnet0"))
	n, ok := t.network("tnet0")
	if !ok || n.Persistent || !n.Active || n.UUID != before.UUID {
		t.Errorf("after undefine: %+v", n)
	}
	t.ok(t.v.UndefineNetwork(t.Context(), "tnet0"))
	t.refused("autostart of a transient network", t.v.AutostartNetwork(t.Context(), "tnet0", true))
	t.ok(t.v.DefineNetwork(t.Context(), before.XML))
	n, _ = t.network("tnet0")
	t.equal("defined again", n, before)

	t.ok(t.v.UndefineNetwork(t.Context(), "tnet0"))
	t.ok(t.v.StopNetwork(t.Context(), "tnet0"))
	if n, ok := t.network("tnet0"); ok {
		t.Errorf("after undefine and stop there is %+v", n)
	}
}

func virtPortGroups(t virtTest) {
	t.refused("a port group of an absent network", t.v.SetPortGroup(t.Context(), "tnet0", "<portgroup name='office'/>"))
	t.ok(t.v.RemovePortGroup(t.Context(), "tnet0", "office"))
	t.ok(t.v.DefineNetwork(t.Context(), ovsNetwork("tnet0", "tbr0")))
	off, _ := t.network("tnet0")
	for _, active := range []bool{false, true} {
		before := off
		if active {
			t.ok(t.v.StartNetwork(t.Context(), "tnet0"))
			before, _ = t.network("tnet0")
		}
		for _, tag := range []string{"10", "10", "20"} {
			t.ok(t.v.SetPortGroup(t.Context(), "tnet0", "<portgroup name='office'><vlan><tag id='"+tag+"'/></vlan></portgroup>"))
			t.ok(t.v.SetPortGroup(t.Context(), "tnet0", "<portgroup name='all' default='yes'><vlan trunk='yes'><tag id='1' nativeMode='untagged'/><tag id='20'/></vlan></portgroup>"))
			n, _ := t.network("tnet0")
			for _, part := range []string{"<portgroup name='office'>", "<tag id='" + tag + "'/>", "<portgroup name='all' default='yes'>", "<vlan trunk='yes'>", "<tag id='1' nativeMode='untagged'/>"} {
				if !strings.Contains(n.XML, part) {
					t.Errorf("the definition lacks %s:\n%s", part, n.XML)
				}
			}
		}
		t.refused("a second default port group", t.v.SetPortGroup(t.Context(), "tnet0", "<portgroup name='more' default='yes'/>"))
		t.refused("a port group without a name", t.v.SetPortGroup(t.Context(), "tnet0", "<portgroup/>"))
		for range 2 {
			t.ok(t.v.RemovePortGroup(t.Context(), "tnet0", "office"))
			t.ok(t.v.RemovePortGroup(t.Context(), "tnet0", "all"))
			n, _ := t.network("tnet0")
			t.equal("without them", n, before)
		}
	}
}

func virtRefusals(t virtTest) {
	t.ok(t.v.DefineNetwork(t.Context(), ovsNetwork("tnet0", "tbr0")))
	before := t.state()
	n, _ := t.network("tnet0")
	const other = "00000000-1111-2222-3333-444444444444"
	for what, xml := range map[string]string{
		"no XML":                     "tnet1",
		"half of it":                 ovsNetwork("tnet1", "tbr0")[:40],
		"a domain":                   "<domain type='qemu'><name>tnet1</name></domain>",
		"no name":                    strings.Replace(ovsNetwork("tnet1", "tbr0"), "<name>tnet1</name>", "", 1),
		"a slash in the name":        ovsNetwork("tnet1/x", "tbr0"),
		"an unknown forward mode":    strings.Replace(ovsNetwork("tnet1", "tbr0"), "mode='bridge'", "mode='switch'", 1),
		"the UUID of another":        strings.Replace(n.XML, "<name>tnet0", "<name>tnet1", 1),
		"another UUID for this name": strings.Replace(n.XML, n.UUID, other, 1),
	} {
		t.refused("definition with "+what, t.v.DefineNetwork(t.Context(), xml))
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	t.refused("stop with a cancelled context", t.v.StopNetwork(gone, "tnet0"))
	if _, err := t.v.State(gone); err == nil {
		t.Error("State with a cancelled context is no error")
	}
	t.equal("the state", t.state(), before)
}

func (t virtTest) ok(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (t virtTest) refused(what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s is accepted", what)
	}
}

func (t virtTest) state() backend.VirtState {
	t.Helper()
	st, err := t.v.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func (t virtTest) network(name string) (backend.Network, bool) {
	t.Helper()
	for _, n := range t.state().Networks {
		if n.Name == name {
			return n, true
		}
	}
	return backend.Network{}, false
}

func (t virtTest) equal(what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}
