package hosttest

import (
	"slices"
	"testing"

	"bridgehead/backend"
)

// VLANs holds what a backend.Links promises of VLAN links. It is apart from Links, for not every
// kernel has the module 8021q.
func VLANs(t *testing.T, l backend.Links, env LinksEnv) {
	lt := linksTest{t, l, env.NICs[0], env.NICs[1], env.Bonding}
	lt.clean()
	t.Cleanup(lt.clean)
	v := backend.Link{Name: lt.a + ".10", Parent: lt.a, VLAN: 10, MAC: lt.link(lt.a).MAC, MTU: 1400}
	own := backend.Link{Name: "vlan11", Parent: lt.a, VLAN: 11, MAC: "02:00:00:00:00:11", MTU: 1500, Up: true}
	t.Cleanup(func() {
		for _, x := range []backend.Link{v, own} {
			_ = l.DelVLAN(t.Context(), x.Name)
		}
	})
	for _, x := range []backend.Link{v, own} {
		for range 2 {
			lt.ok(l.AddVLAN(t.Context(), x))
			got := lt.link(x.Name)
			lt.equal("VLAN link", []any{got.Kind, got.Parent, got.VLAN, got.VLANOptions, got.MAC, got.MTU, got.Up, len(lt.global(x.Name))},
				[]any{"vlan", x.Parent, x.VLAN, "", x.MAC, x.MTU, x.Up, 0})
		}
	}
	for what, change := range map[string]func(*backend.Link){
		"another id":        func(x *backend.Link) { x.VLAN = 12 },
		"another parent":    func(x *backend.Link) { x.Parent = lt.b },
		"another MAC":       func(x *backend.Link) { x.MAC = own.MAC },
		"another state":     func(x *backend.Link) { x.Up = true },
		"another MTU":       func(x *backend.Link) { x.MTU = 1300 },
		"a VLAN that is":    func(x *backend.Link) { x.Name = "vlan10" },
		"no VLAN":           func(x *backend.Link) { x.Name, x.VLAN = "vlan4095", 4095 },
		"no parent":         func(x *backend.Link) { x.Name, x.Parent = "vlan12", "nosuch0" },
		"the name of a NIC": func(x *backend.Link) { x.Name = lt.b },
	} {
		other := v
		change(&other)
		lt.refused(what, l.AddVLAN(t.Context(), other))
	}
	lt.up(v.Name, true)
	lt.setAddr(v.Name, v4, v6)
	lt.setRoute(backend.Route{Dst: default4, Gateway: v4Gateway, Dev: v.Name})
	lt.refused("removal of a NIC", l.DelVLAN(t.Context(), lt.a))
	for range 2 {
		lt.ok(l.DelVLAN(t.Context(), v.Name))
		lt.routes(default4)
		lt.routes(v4Net)
		links, err := l.List(t.Context())
		lt.ok(err)
		for _, x := range links {
			if x.Name == v.Name {
				t.Errorf("still there: %+v", x)
			}
		}
	}
	lt.ok(l.AddVLAN(t.Context(), v)) // as new: nothing of the old one sticks
	lt.equal("addresses", len(lt.global(v.Name)), 0)
}

// global are the addresses of a link that the kernel does not make by itself.
func (t linksTest) global(name string) []backend.Addr {
	t.Helper()
	return slices.DeleteFunc(t.link(name).Addrs, func(a backend.Addr) bool { return a.Scope == "link" })
}
