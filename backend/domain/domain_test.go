package domain

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"bridgehead/backend"
)

const guest = `<domain type='kvm'>
  <name>a &quot;b&quot; &lt;c&gt;</name>
  <metadata><x:interface xmlns:x='urn:x'><x:mac address='52:54:00:00:00:01'/></x:interface></metadata>
  <devices>
    <controller type='pci' index='0' model='pcie-root'/>
    <interface type='network'>
      <mac address='52:54:00:00:00:01'/>
      <!-- <source network='x'/> -->
      <source network='default' portgroup='g'/>
      <vlan><tag id='4'/></vlan>
      <virtualport type='802.1Qbh'>
        <parameters profileid='p'/>
      </virtualport>
      <bandwidth><inbound average='1'/></bandwidth>
      <model type='e1000'/>
      <boot order='1'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </interface>
    <interface type="hostdev"><mac address="52:54:00:00:00:02"/><source><address type='pci'/></source></interface>
    <of-the-future size='many'/>
  </devices>
</domain>
`

// A NIC is moved and nothing else is touched.
func TestMove(t *testing.T) {
	got, err := Move(guest, "52:54:00:00:00:01", Source{Bridge: "br0", Tag: 10})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(guest, "<interface type='network'>", "<interface type='bridge'>", 1)
	want = strings.Replace(want, `<source network='default' portgroup='g'/>
      <vlan><tag id='4'/></vlan>
      <virtualport type='802.1Qbh'>
        <parameters profileid='p'/>
      </virtualport>`, `<source bridge='br0'/>
      <vlan>
        <tag id='10'/>
      </vlan>
      <virtualport type='openvswitch'/>`, 1)
	if got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	was, _ := Element(guest, "52:54:00:00:00:01")
	if back, err := Restore(got, "52:54:00:00:00:01", was); err != nil || back != guest {
		t.Errorf("%v; and back:\n%s", err, back)
	}
	nics, _ := NICs(got)
	if nics[0] != (backend.DomainNIC{MAC: "52:54:00:00:00:01", Type: "bridge", Source: "br0", Model: "e1000", Tag: 10}) {
		t.Errorf("%+v", nics[0])
	}
}

// A NIC that is added goes again, and with it the controller that libvirt made.
func TestAddAndRemove(t *testing.T) {
	const mac = "52:54:00:00:00:03"
	got, err := Add(guest, NIC(mac, "virtio", Source{Network: "n<'>"}))
	if err != nil {
		t.Fatal(err)
	}
	if on, err := On(got, mac, Source{Network: "n<'>"}); !on || err != nil {
		t.Errorf("%v %v\n%s", on, err, got)
	}
	got = strings.Replace(got, "model='pcie-root'/>", "model='pcie-root'/>\n    <controller type='pci' index='1' model='pcie-root-port'/>", 1)
	if back, err := Remove(got, mac, guest); err != nil || back != guest {
		t.Errorf("%v\n%s", err, back)
	}
}

func TestRefusals(t *testing.T) {
	move := func(text, mac string) error {
		_, err := Move(text, mac, Source{Bridge: "br0"})
		return err
	}
	if err := move(guest, "52:54:00:00:00:09"); !errors.Is(err, ErrNoNIC) {
		t.Error(err)
	}
	for what, text := range map[string]string{
		"hardware": guest, "half of it": guest[:700], "no domain": "<network/>", "nothing": "",
		"a MAC twice": strings.Replace(guest, "hostdev\"><mac address=\"52:54:00:00:00:02", "bridge\"><mac address=\"52:54:00:00:00:01", 1),
	} {
		mac := "52:54:00:00:00:02"
		if what != "hardware" {
			mac = "52:54:00:00:00:01"
		}
		if err := move(text, mac); err == nil {
			t.Errorf("%s is moved", what)
		}
	}
}

func TestNICs(t *testing.T) {
	const text = `<domain type='kvm' id='3'><devices>
  <interface type='bridge'><mac address='52:54:00:00:00:01'/><source network='lan' portid='x' bridge='br0'/><target dev='vnet0'/><model type='virtio'/></interface>
  <interface type='bridge'><source bridge='br1'/></interface>
  <interface type='direct'><source dev='eth0' mode='bridge'/><target dev='macvtap0'/></interface>
  <interface type='hostdev' managed='yes'><source><address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x0'/></source></interface>
  <interface type='of-the-future'><source name='x'/></interface>
  <disk type='file' device='of-the-future' size='many'/>
</devices></domain>`
	want := []backend.DomainNIC{
		{MAC: "52:54:00:00:00:01", Type: "network", Source: "lan", Target: "vnet0", Model: "virtio"},
		{Type: "bridge", Source: "br1"},
		{Type: "direct", Source: "eth0", Target: "macvtap0"},
		{Type: "hostdev"},
		{Type: "of-the-future", Source: "x"},
	}
	got, err := NICs(text)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, want)
	}
	if _, err := NICs(text[:300]); err == nil {
		t.Error("half a domain is accepted")
	}
}

// Moved and restored is as before, whatever the domain is like.
func FuzzMove(f *testing.F) {
	f.Add(guest)
	f.Add("<domain><devices><interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='b'/></interface></devices></domain>")
	f.Fuzz(func(t *testing.T, text string) {
		const mac = "52:54:00:00:00:01"
		was, err := Element(text, mac)
		if err != nil {
			return
		}
		got, err := Move(text, mac, Source{Bridge: "br0", Tag: 7})
		if err != nil {
			return
		}
		if back, err := Restore(got, mac, was); err != nil || back != text {
			t.Errorf("%q became %q and then %q (%v)", text, got, back, err)
		}
	})
}
