package lab

import (
	"strings"
	"testing"
)

func TestRebootKeepsFilesAndNothingElse(t *testing.T) {
	for _, systemd := range []bool{false, true} {
		l := up(t, Spec{Systemd: systemd, Hostname: "kvm1"})
		if systemd {
			sh(t, l.Host, "systemctl is-active networking openvswitch-switch ovs-vswitchd")
			if failed := sh(t, l.Host, "systemctl list-units --no-legend --failed"); failed != "" {
				t.Errorf("failed units:\n%s", failed)
			}
		}
		before := snapshot(t, l)
		const bootID = "cat /proc/sys/kernel/random/boot_id"
		first := sh(t, l.Host, bootID)
		sh(t, l.Host, `
			echo kept > /etc/kept
			echo gone > /run/gone
			ovs-vsctl add-br br7 -- set bridge br7 datapath_type=netdev -- add-port br7 eth1
			ip addr add 10.78.0.1/24 dev eth0`)
		if err := l.PowerOff(); err != nil {
			t.Fatal(err)
		}
		if l.Client("ping", "-qc1", "-W0.3", HostAddr).Run() == nil {
			t.Error("the host answers while it is off")
		}
		if err := l.PowerOn(t.Context()); err != nil {
			t.Fatal(err)
		}
		if sh(t, l.Host, bootID) == first {
			t.Error("the boot id is the same after the reboot")
		}
		if got := sh(t, l.Host, "cat /etc/kept; ls /run; ovs-vsctl list-ports br7"); !strings.HasPrefix(got, "kept\n") || strings.Contains(got, "gone") || !strings.HasSuffix(got, "\neth1") {
			t.Errorf("after the reboot the host has\n%s", got)
		}
		eventually(t, "eth1 is taken again", func() bool { return strings.Contains(sh(t, l.Host, "ip link show eth1"), "master ovs-system") })
		sh(t, l.Host, "ovs-vsctl del-br br7")
		eventually(t, "eth1 is let go", func() bool { return !strings.Contains(sh(t, l.Host, "ip link"), "ovs-system") })
		if diff := before.Diff(snapshot(t, l)); diff != "" {
			t.Errorf("the host is not what it was before the reboot:\n%s", diff)
		}
	}
}

func TestConsoleIsHeard(t *testing.T) {
	for _, systemd := range []bool{false, true} {
		l := up(t, Spec{Systemd: systemd})
		sh(t, l.Host, "echo rolled back > /dev/console")
		eventually(t, "it is on the console", func() bool { return strings.Contains(l.Console(), "rolled back") })
	}
}
