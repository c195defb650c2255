package lab

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"bridgehead/backend"
)

func addr(s string) backend.Addr {
	return backend.Addr{Prefix: netip.MustParsePrefix(s), Scope: "global"}
}

func route(dst, via, dev string) backend.Route {
	r := backend.Route{Dst: netip.MustParsePrefix(dst), Dev: dev, Table: 254, Type: "unicast"}
	if via != "" {
		r.Gateway = netip.MustParseAddr(via)
	}
	return r
}

func strs(list []netip.Prefix) []string {
	if list == nil {
		return nil
	}
	out := []string{}
	for _, p := range list {
		out = append(out, p.String())
	}
	return out
}

func TestSpecFromFindsRouterAndFreeAddresses(t *testing.T) {
	for _, c := range []struct {
		what            string
		addrs           []string
		routes          []backend.Route
		gateway, client []string
	}{
		{"static", []string{"192.168.1.100/24"}, []backend.Route{route("0.0.0.0/0", "192.168.1.1", "enp1s0")}, []string{"192.168.1.1/24"}, []string{"192.168.1.2/24"}},
		{"lowest addresses taken", []string{"192.168.1.2/24", "192.168.1.3/24"}, []backend.Route{route("0.0.0.0/0", "192.168.1.1", "enp1s0")}, []string{"192.168.1.1/24"}, []string{"192.168.1.4/24"}},
		{"on-link gateway", []string{"203.0.113.7/32"}, []backend.Route{route("0.0.0.0/0", "203.0.113.1", "enp1s0")}, []string{"203.0.113.1/32"}, []string{}},
		{"a small network with no room", []string{"192.0.2.1/31"}, []backend.Route{route("0.0.0.0/0", "192.0.2.0", "enp1s0")}, []string{"192.0.2.0/31"}, []string{}},
		{"both families", []string{"192.168.1.100/24", "2001:db8::5/64"}, []backend.Route{route("0.0.0.0/0", "192.168.1.1", "enp1s0"), route("::/0", "fe80::1", "enp1s0"), route("2001:db8:7::/48", "2001:db8::9", "enp1s0")},
			[]string{"192.168.1.1/24", "fe80::1/64", "2001:db8::9/64"}, []string{"192.168.1.2/24", "2001:db8::1/64"}},
		{"no gateway", []string{"10.0.0.5/30"}, nil, []string{"10.0.0.6/30"}, []string{}},
		{"two networks, no gateway", []string{"10.0.0.5/24", "10.0.1.5/24"}, nil, []string{"10.0.0.1/24", "10.0.1.1/24"}, []string{"10.0.0.2/24", "10.0.1.2/24"}},
		{"no address", nil, nil, nil, nil},
	} {
		nic := backend.Link{Name: "enp1s0", MAC: "02:00:00:00:00:01", MTU: 1500, Up: true, Carrier: true}
		for _, a := range c.addrs {
			nic.Addrs = append(nic.Addrs, addr(a))
		}
		s, err := SpecFrom("h", []backend.Link{nic}, c.routes, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		if got := strs(s.Gateways); !reflect.DeepEqual(got, c.gateway) {
			t.Errorf("%s: gateways %v, not %v", c.what, got, c.gateway)
		}
		if got := strs(s.Client); !reflect.DeepEqual(got, c.client) {
			t.Errorf("%s: client %v, not %v", c.what, got, c.client)
		}
	}
	if _, err := SpecFrom("h", []backend.Link{{Name: "lo", Loopback: true}}, nil, nil); err == nil {
		t.Error("a host without NICs gives a replica")
	}
}

func TestReplicaOfAHost(t *testing.T) {
	links := []backend.Link{
		{Name: "lo", Loopback: true},
		{Name: "eno1", MAC: "02:00:00:00:00:01", MTU: 9000, Up: true, Carrier: true, Addrs: []backend.Addr{addr("192.168.1.100/24"), addr("192.168.1.101/24"), addr("2001:db8::5/64")}},
		{Name: "eno2", MAC: "02:00:00:00:00:02", MTU: 1500, Up: true},
		{Name: "eno3", MAC: "02:00:00:00:00:03", MTU: 1500, Up: true, Carrier: true, Addrs: []backend.Addr{addr("172.16.0.9/16")}},
		{Name: "virbr0", Kind: "bridge", MAC: "52:54:00:00:00:01", MTU: 1500},
	}
	routes := []backend.Route{route("0.0.0.0/0", "192.168.1.1", "eno1"), route("::/0", "fe80::1", "eno1"), route("192.168.1.0/24", "", "eno1")}
	spec, err := SpecFrom("kvm7", links, routes, map[string]string{
		"/etc/network/interfaces": "source /etc/network/interfaces.d/*\nauto lo\niface lo inet loopback\n",
		"/etc/network/interfaces.d/eno1": "auto eno1\niface eno1 inet static\n  address 192.168.1.100/24\n  gateway 192.168.1.1\n  mtu 9000\n" +
			"iface eno1 inet6 static\n  address 2001:db8::5/64\n  gateway fe80::1\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	l := up(t, spec)
	got := sh(t, l.Host, "hostname; ip -o link show eno1; ip -br link show eno2; ip -br addr; ip -6 route show default; ls /sys/class/net | tr '\\n' ' '")
	for _, want := range []string{"kvm7", "mtu 9000", "02:00:00:00:00:01", "192.168.1.100/24 192.168.1.101/24", "172.16.0.9/16", "NO-CARRIER", "via fe80::1", "eno1 eno2 eno3 lo"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	sh(t, l.Host, "ping -qc1 -W2 192.168.1.1; ping -qc1 -W2 "+FarAddr+"; ping -qc1 -W2 "+FarAddr6+"; ping -qc1 -W2 -Mdo -s8900 192.168.1.1")
	sh(t, l.Client, "ping -qc1 -W2 192.168.1.101; ping -qc1 -W2 2001:db8::5")
}

func TestReplicaOfAHostWithOnLinkGateway(t *testing.T) {
	links := []backend.Link{{Name: "eth0", MAC: "02:00:00:00:00:01", MTU: 1500, Up: true, Carrier: true, Addrs: []backend.Addr{addr("203.0.113.7/32")}}}
	spec, err := SpecFrom("vps", links, []backend.Route{route("0.0.0.0/0", "10.0.0.1", "eth0")}, map[string]string{
		"/etc/network/interfaces": "auto lo eth0\niface lo inet loopback\niface eth0 inet static\n  address 203.0.113.7/32\n" +
			"  up ip route add 10.0.0.1/32 dev eth0\n  up ip route add default via 10.0.0.1 dev eth0\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	l := up(t, spec)
	sh(t, l.Host, "ping -qc1 -W2 "+FarAddr)
}

func TestReplicaOfAHostWithDHCP(t *testing.T) {
	leased := addr("192.168.5.77/24")
	leased.Dynamic = true
	links := []backend.Link{{Name: "ens3", MAC: "02:00:00:00:00:01", MTU: 1500, Up: true, Carrier: true, Addrs: []backend.Addr{leased}}}
	spec, err := SpecFrom("d", links, []backend.Route{route("0.0.0.0/0", "192.168.5.254", "ens3")}, map[string]string{
		"/etc/network/interfaces": "auto lo\niface lo inet loopback\nallow-hotplug ens3\nauto ens3\niface ens3 inet dhcp\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	l := up(t, spec)
	if got := sh(t, l.Host, "ip -o -4 addr show ens3"); !strings.Contains(got, "192.168.5.77/24") || !strings.Contains(got, "dynamic") {
		t.Errorf("the lease: %s", got)
	}
	sh(t, l.Host, "ping -qc1 -W2 "+FarAddr)
}
