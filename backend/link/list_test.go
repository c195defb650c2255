package link

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"

	"bridgehead/backend"
	"bridgehead/backend/hosttest"
)

func find(t testing.TB, l *Links, name string) backend.Link {
	t.Helper()
	links, err := l.List(t.Context())
	ok(t, err)
	if !slices.IsSortedFunc(links, func(a, b backend.Link) int { return a.Index - b.Index }) {
		t.Error("List is not in the order of indexes")
	}
	i := slices.IndexFunc(links, func(k backend.Link) bool { return k.Name == name })
	if i < 0 {
		t.Fatalf("List lacks %s", name)
	}
	return links[i]
}

func TestList(t *testing.T) {
	hosttest.NIC(t, "eth0")
	l := open(t)
	ip(t, "link set eth0 address 52:54:00:AB:cd:0e mtu 1400 up")
	ip(t, "link set eth0-far up promisc on")
	ip(t, "link property add dev eth0 altname enp3s0f0np0-a-long-one")
	ip(t, "link add br0 type bridge")
	defer ip(t, "link del br0")
	ip(t, "link set eth0 master br0")
	ip(t, "link add link br0 name mac0 type macvlan")
	ip(t, "tuntap add tap0 mode tap")
	defer ip(t, "tuntap del tap0 mode tap")

	eth0 := find(t, l, "eth0")
	if eth0.MAC != "52:54:00:ab:cd:0e" || eth0.MTU != 1400 || !eth0.Up || !eth0.Carrier || eth0.Master != "br0" ||
		eth0.Kind != "veth" || eth0.Driver != "veth" || !eth0.Virtual || eth0.SpeedMbps != 10000 || eth0.Duplex != "full" ||
		fmt.Sprint(eth0.AltNames) != "[enp3s0f0np0-a-long-one]" || eth0.Parent != "" || eth0.Bus != "" || eth0.Addrs == nil {
		t.Errorf("eth0: %+v", eth0)
	}
	if far := find(t, l, "eth0-far"); !far.Promisc {
		t.Errorf("eth0-far: %+v", far)
	}
	if mac := find(t, l, "mac0"); mac.Kind != "macvlan" || mac.Parent != "br0" {
		t.Errorf("mac0: %+v", mac)
	}
	if tap := find(t, l, "tap0"); tap.Kind != "tun" || tap.Up || tap.Carrier || tap.Driver != "tun" {
		t.Errorf("tap0: %+v", tap)
	}
	if lo := find(t, l, "lo"); !lo.Loopback || lo.MAC != "" || lo.Kind != "" || !lo.Virtual || len(lo.Addrs) == 0 || lo.Addrs[0].Scope != "host" {
		t.Errorf("lo: %+v", lo)
	}
	ok(t, l.SetMTU(t.Context(), "enp3s0f0np0-a-long-one", 1500)) // by its altname
	if got := find(t, l, "eth0").MTU; got != 1500 {
		t.Errorf("MTU %d", got)
	}
}

// What sysfs says about cards that no test machine has.
func TestHardware(t *testing.T) {
	l := open(t)
	l.sys = t.TempDir()
	for path, content := range map[string]string{
		"class/net/nosuch1/speed":            "25000\n",
		"class/net/nosuch1/duplex":           "full\n",
		"class/net/nosuch1/device/physfn/x":  "",
		"class/net/nosuch2/speed":            "-1\n",
		"class/net/nosuch2/duplex":           "unknown\n",
		"class/net/nosuch2/phy80211/x":       "",
		"devices/pci/0000:01:00.1/x":         "",
		"bus/pci/drivers/iwlwifi/x":          "",
		"class/net/nosuch3/addr_assign_type": "0",
	} {
		path = filepath.Join(l.sys, path)
		ok(t, os.MkdirAll(filepath.Dir(path), 0o755))
		ok(t, os.WriteFile(path, []byte(content), 0o644))
	}
	ok(t, os.Symlink(l.sys+"/devices/pci/0000:01:00.1", l.sys+"/class/net/nosuch2/device"))
	ok(t, os.Symlink(l.sys+"/bus/pci/drivers/iwlwifi", l.sys+"/devices/pci/0000:01:00.1/driver"))
	for _, c := range []struct {
		link, want backend.Link
		attrs      netlink.LinkAttrs
	}{
		{want: backend.Link{Name: "nosuch1", SpeedMbps: 25000, Duplex: "full", VF: true, Bus: "0000:02:00.0"}, attrs: netlink.LinkAttrs{ParentDev: "0000:02:00.0"}},
		{want: backend.Link{Name: "nosuch2", Wireless: true, Driver: "iwlwifi", Bus: "0000:01:00.1"}},
		{want: backend.Link{Name: "nosuch3", Virtual: true}},
		// Not in this sysfs at all: the kernel's word on the device behind it.
		{want: backend.Link{Name: "nosuch4", Bus: "0000:03:00.0"}, attrs: netlink.LinkAttrs{ParentDev: "0000:03:00.0"}},
		{want: backend.Link{Name: "nosuch5", Virtual: true}},
	} {
		got := backend.Link{Name: c.want.Name}
		l.addHardware(&got, &c.attrs)
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("got  %+v\nwant %+v", got, c.want)
		}
	}
}

// BenchmarkList lists a host with 256 links.
func BenchmarkList(b *testing.B) {
	l := crowded(b)
	for b.Loop() {
		links, err := l.List(b.Context())
		if err != nil || len(links) < 256 {
			b.Fatal(len(links), err)
		}
	}
}

// BenchmarkSetRoute moves a route on such a host: part of the cut.
func BenchmarkSetRoute(b *testing.B) {
	l := crowded(b)
	ip(b, "link set lo up")
	r := backend.Route{Dst: any4, Dev: "lo"}
	for i := 0; b.Loop(); i++ {
		r.MTU = 1400 + i%2
		ok(b, l.SetRoute(b.Context(), r))
	}
}

func crowded(b *testing.B) *Links {
	for i := range 128 {
		hosttest.NIC(b, fmt.Sprintf("eth%d", i))
	}
	return open(b)
}
