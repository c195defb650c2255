package main

import (
	"strings"
	"testing"

	"bridgehead/backend/lab"
	"bridgehead/backend/plan/plantest"
)

// The network default is kept, stopped or removed as asked, the new one is there; a rollback restores both exactly.
func TestLibvirtNetworks(t *testing.T) {
	lab := up(t, lab.Spec{Libvirt: true})
	lab.sh("virsh -q net-start default 2>/dev/null || true; virsh -q net-autostart default")
	for what, left := range map[string]string{
		"keep":   "default active yes yes\nexamplebr0 active yes yes",
		"stop":   "default inactive no yes\nexamplebr0 active yes yes",
		"remove": "examplebr0 active yes yes",
	} {
		t.Run(what, func(t *testing.T) {
			h := host{lab.Lab, t}
			h.answers("libvirt: {network: examplebr0, default: " + what + "}")
			h.goAndReturn(func() {
				if got := h.sh("virsh -q net-list --all | sed 's/^ *//; s/ *$//' | tr -s ' ' | sort"); got != left {
					t.Errorf("networks:\n%s\nwant:\n%s", got, left)
				}
				if got := h.sh("virsh -q net-dumpxml examplebr0"); !strings.Contains(got, "<virtualport type='openvswitch'/>") {
					t.Errorf("the network is\n%s", got)
				}
			})
		})
	}
}

// A network of that name that leads elsewhere leads to the bridge at once, with the port groups asked for, and is restored exactly.
func TestNetworkUpdated(t *testing.T) {
	h := up(t, lab.Spec{Libvirt: true})
	h.sh(`cat >/run/net.xml <<'EOF'
<network><name>lan</name><forward mode='nat'/><bridge name='virbr7'/><ip address='192.168.77.1' netmask='255.255.255.0'/></network>
EOF
virsh -q net-define /run/net.xml && virsh -q net-start lan`)
	h.answers("libvirt: {network: lan, default: keep, portgroups: [{name: office, vlans: [10]}, {name: all, vlans: [1, 20], native: 1}]}")
	h.goAndReturn(func() {
		got := h.sh("virsh -q net-dumpxml lan")
		for _, part := range []string{"<bridge name='examplebr0'/>", "<virtualport type='openvswitch'/>", "<portgroup name='office'>", "<tag id='10'/>", "<vlan trunk='yes'>", "<tag id='1' nativeMode='untagged'/>"} {
			if !strings.Contains(got, part) {
				t.Errorf("the running network lacks %s:\n%s", part, got)
			}
		}
	})
	h.answers("libvirt: {network: lan, default: keep, existing: leave}\nvms: {attach: [none]}")
	h.run("plan", "--answers", answersPath).want(t, 2, "does not know a VM none")
}

// A network that a running guest uses is never stopped: the guest's connection would not come back.
func TestNetworkInUse(t *testing.T) {
	h := up(t, lab.Spec{Libvirt: true})
	h.guest("guest", "52:54:00:aa:00:01")
	h.sh("virsh -q start guest")
	eventually(t, "the guest's bridge forwards", func() bool { return h.sh("cat /sys/class/net/virbr0/operstate") == "up" })
	before := h.snapshot()
	h.answers("libvirt: {network: examplebr0, default: remove}")
	h.run("apply", "--answers", answersPath).want(t, 3, "libvirt network default is in use", "guest", "default: keep, or shut them down first")
	h.same(before)

	s := h.wizard()
	s.to("libvirt network")
	s.want("stop not possible: guest would be cut off", "remove not possible: guest would be cut off")
	s.to("Risk")
	must(t, s.cmd.Process.Kill())

	h.answers("libvirt: {network: examplebr0, default: keep}")
	h.goAndReturn(func() {
		if got := h.sh("virsh -q domstate guest"); got != "running" {
			t.Errorf("the guest is %s", got)
		}
	})
}

// A VM that is attached starts on the bridge, as itself; a rollback gives its definition back exactly, though it ran meanwhile.
func TestVMAttached(t *testing.T) {
	h := up(t, lab.Spec{Libvirt: true})
	h.guest("example1", "52:54:00:aa:00:01")
	h.answers("libvirt: {network: examplebr0, default: keep}\nvms: {attach: [{name: example1, tag: 7}]}")
	h.goAndReturn(func() {
		h.sh("virsh -q start example1")
		tap := ""
		eventually(t, "the guest's port is in Open vSwitch", func() bool {
			tap = words(h.sh(`ovs-vsctl --bare --columns=name find Interface 'external_ids:attached-mac="52:54:00:aa:00:01"'`))
			return tap != ""
		})
		if got := words(h.sh("ovs-vsctl port-to-br " + tap + "; ovs-vsctl get Port " + tap + " tag")); got != "examplebr0 7" {
			t.Errorf("the guest's port is on bridge and VLAN %s", got)
		}
		h.sh("virsh -q destroy example1")
	})
}

// A VM that is started on the bridge while nobody confirms does not keep the host on the change: all is taken back in time, and it is told
// that the VM has no connection, and what to do. Done so, it has one again.
func TestVMStartedWhileNobodyConfirms(t *testing.T) {
	h := up(t, lab.Spec{Libvirt: true})
	h.guest("example1", "52:54:00:aa:00:01")
	before := h.snapshot()
	h.answers("libvirt: {network: examplebr0, default: keep}\nvms: {attach: [example1]}")
	r := h.apply("--accept-risk", "lose-ssh", "--confirm-within", "20s")
	h.sh("virsh -q start example1")
	const note = "VM example1 was started on examplebr0 and has no connection now; shut it down and start it again"
	r.wait().want(t, 4, note)
	h.run("status").want(t, 0, note)
	h.sh("virsh -q destroy example1")
	h.same(before)
	h.unguarded()
	h.sh("virsh -q start example1")
	if got := words(h.sh("virsh -q domiflist example1 | awk '{print $3}'; cat /sys/class/net/vnet*/master/uevent | grep INTERFACE")); got != "default INTERFACE=virbr0" {
		t.Errorf("the VM is on %s", got)
	}
}

// A running VM keeps its connection: libvirt moves no NIC between a Linux bridge and Open vSwitch while the VM runs.
// Its definition is moved, for the next start, and comes back exactly.
func TestRunningVMAttached(t *testing.T) {
	h := up(t, lab.Spec{Libvirt: true})
	h.guest("example1", "52:54:00:aa:00:01")
	h.sh("virsh -q start example1")
	eventually(t, "the guest's bridge forwards", func() bool { return h.sh("cat /sys/class/net/virbr0/operstate") == "up" })
	h.answers("libvirt: {network: examplebr0, default: keep}\nvms: {attach: [example1]}")
	h.run("plan", "--answers", answersPath).want(t, 0, "next start")
	h.goAndReturn(func() {
		if got := words(h.sh("virsh -q domiflist example1 | awk '{print $3}'; virsh -q domiflist --inactive example1 | awk '{print $3}'")); got != "default examplebr0" {
			t.Errorf("the guest's NIC is on, and will be on, %s", got)
		}
	})
}

// On a host that has been moved, VMs are connected later, under the same guard; what hangs on the bridge already stays there.
func TestAttachLater(t *testing.T) {
	h := up(t, lab.Spec{Libvirt: true})
	h.guest("example1", "52:54:00:aa:00:01")
	h.guest("example2", "52:54:00:aa:00:02")
	h.run("attach", "example1").want(t, 3, "run bridgehead first")
	h.answers("libvirt: {network: examplebr0, default: keep}")
	h.run("apply", "--answers", answersPath, "--accept-risk", "lose-ssh", "--auto-confirm").want(t, 0, "Confirmed")

	h.run("attach", "example1", "--tag", "7", "--auto-confirm").want(t, 0, "Confirmed")
	h.sh("virsh -q start example1")
	ports := func() string { return words(h.sh("ovs-vsctl list-ports examplebr0 | sort")) }
	eventually(t, "the guest's port is on the bridge", func() bool { return strings.Contains(ports(), "vnet") })
	before, had := h.snapshot(), ports()
	for args, says := range map[string]string{"example1 --tag 7": "already", "example3": "it has example1, example2", "example2 --nic 52:54:00:aa:00:09": "has no NIC"} {
		h.run(append([]string{"attach"}, strings.Fields(args)...)...).want(t, 2, says, "nothing was changed")
	}
	h.same(before)

	h.run("attach", "example2", "--via", "bridge", "--auto-confirm").want(t, 0, "Confirmed")
	h.run("undo", "--auto-confirm").want(t, 0, "Confirmed")
	h.same(before)
	h.sh("ifdown --force examplebr0p1; ifup examplebr0p1")
	if now := ports(); now != had {
		t.Errorf("the ports of the bridge were %s, and are %s", had, now)
	}
	if tag := words(h.sh("ovs-vsctl get Port vnet0 tag || ovs-vsctl get Port vnet1 tag")); tag != "7" {
		t.Errorf("the guest is in VLAN %s", tag)
	}

	s := h.wizard()
	s.want("Which VMs are connected to the bridge?")
	s.press("down", " ")
	s.to("Review")
	s.want("libvirt domain example2: 1 added, 1 removed")
	s.to("Risk")
	s.want("the host's own network stays as it is")
	must(t, s.cmd.Process.Kill())
}

// A network that running VMs use gets a port group while it goes on, and a VM starts in its VLAN; taken back, what runs is
// without it again, and nobody's port has gone.
func TestPortGroupOfNetworkInUse(t *testing.T) {
	h := up(t, lab.Spec{Libvirt: true})
	h.guest("example1", "52:54:00:aa:00:01")
	h.guest("example2", "52:54:00:aa:00:02")
	h.answers("libvirt: {network: examplebr0, default: keep}\nvms: {attach: [example1]}")
	h.run("apply", "--answers", answersPath, "--accept-risk", "lose-ssh", "--auto-confirm").want(t, 0, "Confirmed")
	h.sh("virsh -q start example1")
	live := func() string { // libvirt forgets its count of connections at an update
		return h.sh(`virsh net-dumpxml examplebr0 | sed "s/ connections='.*'//"; ovs-vsctl list-ports examplebr0 | sort`)
	}
	before, was := h.snapshot(), live()

	h.run("attach", "example2", "--portgroup", "office=10", "--dry-run").want(t, 0, "Give libvirt network examplebr0 the port group office, while it goes on", "portgroup='office'")
	h.run("attach", "example2", "--portgroup", "office").want(t, 2, "has no port groups")
	h.same(before)
	h.run("attach", "example2", "--portgroup", "office=10", "--auto-confirm").want(t, 0, "Confirmed")
	if !strings.Contains(live(), "<portgroup name='office'>") {
		t.Errorf("the running network has no port group:\n%s", live())
	}
	h.sh("virsh -q start example2")
	tag := func() string {
		return words(h.sh(`for i in $(ovs-vsctl --bare --columns=name find Interface 'external_ids:attached-mac="52:54:00:aa:00:02"'); do ovs-vsctl get Port $i tag; done`))
	}
	eventually(t, "the guest is in VLAN 10", func() bool { return tag() == "10" })
	h.sh("virsh -q destroy example2")
	h.run("undo", "--auto-confirm").want(t, 0, "Confirmed")
	same := func() {
		t.Helper()
		h.same(before)
		if now := live(); now != was {
			t.Errorf("what runs was\n%s\nand is\n%s", was, now)
		}
	}
	same()

	h.run("attach", "example2", "--portgroup", "office=10", "--auto-confirm").want(t, 0, "Confirmed")
	before, was = h.snapshot(), live()
	h.run("attach", "example2", "--portgroup", "office=1n+20", "--nic", "new", "--auto-confirm").want(t, 0, "Confirmed")
	if !strings.Contains(live(), "<tag id='1' nativeMode='untagged'/>") {
		t.Errorf("the running network has the port group as it was:\n%s", live())
	}
	h.run("undo", "--auto-confirm").want(t, 0, "Confirmed")
	same()
}

// A running VM gets a new NIC at once and for good, whose port has its VLAN. The port is there again after Open vSwitch was
// restarted, and after the host's own port was taken down and up.
func TestNewNICOfARunningVM(t *testing.T) {
	h := up(t, lab.Spec{Libvirt: true})
	h.guest("example1", "52:54:00:aa:00:01", "<features><acpi/></features>")
	h.answers("libvirt: {network: examplebr0, default: keep}")
	h.run("apply", "--answers", answersPath, "--accept-risk", "lose-ssh", "--auto-confirm").want(t, 0, "Confirmed")
	look := func() string { return tapState.ReplaceAllString(h.snapshot().String(), "$1$2") }
	before := look()
	h.sh("virsh -q start example1")
	h.run("attach", "example1", "--nic", "new", "--tag", "7", "--dry-run").want(t, 0, "gets its new NIC while it runs")
	h.run("attach", "example1", "--nic", "new", "--tag", "7", "--auto-confirm").want(t, 0, "Confirmed")
	if on := words(h.sh("virsh -q domiflist example1 | awk '{print $3}'; virsh -q domiflist --inactive example1 | awk '{print $3}'")); on != "default examplebr0 default examplebr0" {
		t.Errorf("its NICs are on, and will be on, %s", on)
	}
	port := func() string {
		return words(h.sh(`ovs-vsctl --timeout=10 port-to-br vnet1 2>&1; ovs-vsctl get Port vnet1 tag; ovs-vsctl get Interface vnet1 error link_state`))
	}
	const there = "examplebr0 7 [] up"
	if got := port(); got != there {
		t.Errorf("its port: %s", got)
	}
	h.sh("ovs-appctl exit; ovs-appctl -t ovsdb-server exit")
	eventually(t, "Open vSwitch has ended", func() bool { return h.sh("pidof ovs-vswitchd ovsdb-server || true") == "" })
	must(t, h.StartOVS(t.Context()))
	eventually(t, "the port is there again", func() bool { return port() == there })
	h.sh("ifdown --force examplebr0p1; ifup examplebr0p1")
	if got := port(); got != there {
		t.Errorf("after the host's port was down: %s", got)
	}
	h.sh("virsh -q destroy example1")
	h.run("undo", "--auto-confirm").want(t, 0, "Confirmed")
	if d := plantest.Diff(before, look()); d != "" {
		t.Errorf("the host is not as it was:\n%s", d)
	}
}

// guest defines a VM that only looks for a boot server, on the network default.
func (h host) guest(name, mac string, more ...string) {
	h.t.Helper()
	h.sh(`virsh -q net-start default 2>/dev/null || true
cat >/run/guest.xml <<'EOF'
<domain type='qemu'><name>` + name + `</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type><boot dev='network'/></os>` + strings.Join(more, "") + `
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<interface type='network'><mac address='` + mac + `'/><source network='default'/><model type='virtio'/></interface></devices></domain>
EOF
virsh -q define /run/guest.xml`)
}
