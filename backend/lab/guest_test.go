package lab

import (
	"strings"
	"testing"
)

func TestLibvirtDefinesAndStartsANetwork(t *testing.T) {
	for _, systemd := range []bool{false, true} {
		l := up(t, Spec{Libvirt: true, Systemd: systemd})
		sh(t, l.Host, `
			export LIBVIRT_DEFAULT_URI=qemu:///system
			ovs-vsctl add-br examplebr0 -- set bridge examplebr0 datapath_type=netdev
			cat > /run/n.xml <<-E
				<network><name>examplebr0</name><forward mode='bridge'/><bridge name='examplebr0'/><virtualport type='openvswitch'/></network>
				E
			virsh net-define /run/n.xml
			virsh net-start examplebr0
			virsh net-autostart examplebr0`)
		if got := sh(t, l.Host, "virsh -q -c qemu:///system net-list --all | tr -s ' '"); !strings.Contains(got, "examplebr0 active yes yes") {
			t.Errorf("networks with systemd %v:\n%s", systemd, got)
		}
		if got := sh(t, l.Host, "virsh -q -c qemu:///system list --all"); got != "" {
			t.Errorf("the host has guests of the machine:\n%s", got)
		}
	}
}

func TestAGuestGetsItsPortInOpenVSwitch(t *testing.T) {
	l := up(t, Spec{Libvirt: true})
	sh(t, l.Host, `
		ovs-vsctl add-br examplebr0 -- set bridge examplebr0 datapath_type=netdev
		cat > /run/d.xml <<-E
			<domain type='qemu'><name>example1</name><memory unit='MiB'>32</memory>
			<os><type arch='x86_64'>hvm</type><boot dev='network'/></os>
			<devices><interface type='bridge'><source bridge='examplebr0'/><virtualport type='openvswitch'/></interface></devices></domain>
			E
		virsh -q -c qemu:///system define /run/d.xml
		virsh -q -c qemu:///system start example1`)
	if got := sh(t, l.Host, "ovs-vsctl list-ports examplebr0; ovs-vsctl get interface vnet0 error external_ids"); !strings.Contains(got, "vnet0") || !strings.Contains(got, "vm-id") {
		t.Errorf("the bridge has %s", got)
	}
	before := snapshot(t, l)
	if diff := before.Diff(snapshot(t, l)); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(before.Libvirt, "example1") || !strings.Contains(before.Libvirt, "vnet0") {
		t.Error(before.Libvirt)
	}
}
