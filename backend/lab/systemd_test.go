package lab

import (
	"strings"
	"testing"
)

func TestSystemdBootsAndRebootsAndKeepsFiles(t *testing.T) {
	l := up(t, Spec{Systemd: true, Hostname: "sdhost"})
	sh(t, l.Host, "systemctl is-active networking openvswitch-switch ovs-vswitchd")
	if failed := sh(t, l.Host, "systemctl list-units --no-legend --failed"); failed != "" {
		t.Errorf("failed units:\n%s", failed)
	}
	before := snapshot(t, l)
	bootID := sh(t, l.Host, "cat /proc/sys/kernel/random/boot_id")
	sh(t, l.Host, `
		echo kept > /etc/kept
		echo gone > /run/gone
		ovs-vsctl add-br br7 -- set bridge br7 datapath_type=netdev -- add-port br7 eth1
		ip addr add 10.78.0.1/24 dev eth0`)
	if err := l.Reboot(t.Context()); err != nil {
		t.Fatal(err)
	}
	sh(t, l.Client, "ping -c1 -W1 "+HostAddr)
	if now := sh(t, l.Host, "cat /proc/sys/kernel/random/boot_id"); now == bootID {
		t.Errorf("the boot id is the same after the reboot")
	}
	if got := sh(t, l.Host, "cat /etc/kept; ls /run; ovs-vsctl list-ports br7"); !strings.HasPrefix(got, "kept\n") || strings.Contains(got, "gone") || !strings.HasSuffix(got, "\neth1") {
		t.Errorf("after the reboot the host has\n%s", got)
	}
	sh(t, l.Host, "ovs-vsctl del-br br7")
	if diff := before.Diff(snapshot(t, l)); diff != "" {
		t.Errorf("the host is not what it was before the reboot:\n%s", diff)
	}
}
