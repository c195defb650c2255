package main

import (
	"strings"
	"testing"
	"time"

	"bridgehead/backend/lab"
	"bridgehead/backend/trial"
)

// A guest's frames reach the network through the bridge, and answers come back: the boot program of its NIC (PXE) gets an
// address from the DHCP server upstream, and the switch has learnt the guest's MAC at eth0's cable.
func TestGuestReachesUpstream(t *testing.T) {
	h := up(t, lab.Spec{Libvirt: true, DHCP: true})
	const mac = "52:54:00:aa:00:42"
	h.guest("pxe", mac)
	h.answers("libvirt: {network: examplebr0, default: keep}\nvms: {attach: [pxe]}")
	h.run("apply", "--answers", answersPath, "--accept-risk", "lose-ssh", "--auto-confirm").want(t, 0)
	h.sh("virsh -q start pxe")
	lease, learnt := "", ""
	eventually(t, "the guest has an address from upstream", func() bool {
		out, _ := h.Switch("cat", "/run/dnsmasq.leases").Output()
		lease = string(out)
		return strings.Contains(lease, mac)
	})
	out, err := h.Switch("bridge", "fdb", "show").Output()
	must(t, err)
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, mac) {
			learnt = line
		}
	}
	if !strings.Contains(learnt, "dev p0 ") {
		t.Errorf("the switch has learnt %q of\n%s", learnt, out)
	}
	t.Logf("lease %s", lease)
}

// hostile defines a VM by name with a disk of its own, on the network default.
func (h host) hostile(xmlName, disk, mac string, more ...string) {
	h.t.Helper()
	must(h.t, h.WriteFile("/run/hostile.xml", []byte(`<domain type='qemu'><name>`+xmlName+`</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os>`+strings.Join(more, "")+`
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='`+disk+`'/><target dev='vda' bus='virtio'/></disk>
<interface type='network'><mac address='`+mac+`'/><source network='default'/><model type='virtio'/><boot order='1'/></interface></devices></domain>`)))
	h.sh("virsh -q define /run/hostile.xml")
}

// dumps are the definitions of all domains, and their snapshots.
func (h host) dumps() string {
	h.t.Helper()
	return h.sh(`for u in $(virsh -q list --all --uuid --persistent); do virsh dumpxml --inactive --security-info $u; virsh -q snapshot-list $u; done`)
}

// Domains with snapshots, with a name of quotes and markup, and with a disk that is gone are attached, and come back exactly.
func TestHostileDomainsAttached(t *testing.T) {
	h := up(t, lab.Spec{Libvirt: true})
	h.sh("virsh -q net-start default 2>/dev/null || true; qemu-img create -q -f qcow2 /var/lib/libvirt/images/snap.qcow2 16M")
	h.hostile("snapshots", "/var/lib/libvirt/images/snap.qcow2", "52:54:00:aa:00:01")
	h.sh("virsh -q snapshot-create-as snapshots first; virsh -q snapshot-create-as snapshots second")
	h.hostile(`a'&quot;&lt;b&gt;&amp;$x`, "/var/lib/libvirt/images/gone.qcow2", "52:54:00:aa:00:02", "<description>it's &lt;b&gt; &amp; $(reboot)</description>")
	h.hostile("broken", "/nowhere/at/all.qcow2", "52:54:00:aa:00:03")
	before := h.dumps()
	h.answers("libvirt: {network: examplebr0, default: keep}\nvms: {attach: [snapshots, \"a'\\\"<b>&$x\", broken]}")
	h.run("plan", "--answers", answersPath).want(t, 0, `a'"<b>&$x`)
	h.goAndReturn(func() {
		if got := words(h.sh(`for u in $(virsh -q list --all --uuid); do virsh -q domiflist --inactive $u | awk '{print $3}'; done`)); got != "examplebr0 examplebr0 examplebr0" {
			t.Errorf("the VMs are on %s", got)
		}
		if got := words(h.sh("virsh -q snapshot-list snapshots --name")); got != "first second" {
			t.Errorf("snapshots: %s", got)
		}
	})
	if after := h.dumps(); after != before {
		t.Errorf("after:\n%s\nbefore:\n%s", after, before)
	}
}

// What the script says of a VM with a name of quotes and markup is what the program does.
func TestHostileDomainByScript(t *testing.T) {
	h := up(t, lab.Spec{Libvirt: true})
	h.sh("virsh -q net-start default 2>/dev/null || true")
	h.hostile(`a'&quot;&lt;b&gt;&amp;$x`, "/var/lib/libvirt/images/gone.qcow2", "52:54:00:aa:00:02")
	before := h.dumps()
	h.answers("libvirt: {network: examplebr0, default: keep}\nvms: {attach: [\"a'\\\"<b>&$x\"]}")
	for _, format := range []string{"script", "undo-script"} {
		must(t, h.WriteFile("/run/"+format, []byte(h.run("plan", "--answers", answersPath, "--format", format).want(t, 0).out)))
	}
	h.sh("sh /run/script")
	if got := words(h.sh(`virsh -q domiflist --inactive "a'\"<b>&\$x" | awk '{print $3}'`)); got != "examplebr0" {
		t.Errorf("the VM is on %s", got)
	}
	h.sh("sh /run/undo-script")
	if after := h.dumps(); after != before {
		t.Errorf("after:\n%s\nbefore:\n%s", after, before)
	}
}

// A VM whose QEMU is gone or does not have its machine, or that has no definition to change, is refused in words before
// anything is changed.
func TestDomainsThatCannotBeAttached(t *testing.T) {
	h := up(t, lab.Spec{Libvirt: true})
	h.guest("transient", "52:54:00:aa:00:01")
	h.sh("virsh -q start transient; virsh -q undefine transient; ln -s /usr/bin/qemu-system-x86_64 /usr/local/bin/qemu-old")
	h.guest("emulator", "52:54:00:aa:00:02")
	h.guest("machine", "52:54:00:aa:00:03")
	h.guest("fit", "52:54:00:aa:00:04")
	h.sh(`virsh dumpxml emulator | sed s,/usr/bin/qemu-system-x86_64,/usr/local/bin/qemu-old, >/run/old.xml; virsh -q define /run/old.xml; rm /usr/local/bin/qemu-old
kill $(pidof libvirtd); while pidof libvirtd >/dev/null; do :; done; sed -i "s/machine='[^']*'/machine='pc-i440fx-99.0'/" /etc/libvirt/qemu/machine.xml`)
	must(t, h.StartLibvirt(t.Context()))
	eventually(t, "the guest's bridge forwards", func() bool { return h.sh("cat /sys/class/net/virbr0/operstate") == "up" })
	before := h.snapshot()
	for name, says := range map[string]string{
		"transient": "transient: it has no definition that could be changed; define it first",
		"emulator":  "its emulator /usr/local/bin/qemu-old cannot be run: Cannot check QEMU binary /usr/local/bin/qemu-old: No such file or directory; correct it first (virsh edit emulator)",
		"machine":   "libvirt has no QEMU for its machine type pc-i440fx-99.0",
	} {
		h.answers("libvirt: {network: examplebr0, default: keep}\nvms: {attach: [" + name + "]}")
		t.Log(h.run("apply", "--answers", answersPath, "--accept-risk", "lose-ssh").want(t, 2, says).err)
		h.same(before)
	}
	h.sh("! ls /var/lib/bridgehead") // no run was begun
	h.answers("libvirt: {network: examplebr0, default: keep}\nvms: {attach: [fit]}")
	h.run("plan", "--answers", answersPath).want(t, 0)

	h.sh("virsh -q start fit") // which has no ACPI
	h.answers("libvirt: {network: examplebr0, default: keep}\nvms: {attach: [{name: fit, nic: new}]}")
	h.run("plan", "--answers", answersPath).want(t, 2, "fit: it runs without ACPI")
	nic := "<interface type='network'><mac address='52:54:00:aa:00:05'/><source network='default'/></interface>"
	if r := h.command("sh", "-c", `echo "$1" | virsh attach-device fit /dev/stdin --live`, "sh", nic); r.code == 0 || !strings.Contains(r.err, "hotplug") {
		t.Errorf("it would take a NIC: %s%s", r.out, r.err)
	}
}

// libvirtd hangs and is killed in the middle of a change: there is a sentence within the deadline, the network is as it was
// at once, and what of libvirt could not be restored is listed, and is when it runs again.
func TestLibvirtdDiesDuringTheChange(t *testing.T) {
	h := up(t, lab.Spec{Libvirt: true})
	h.guest("example1", "52:54:00:aa:00:01")
	before := h.snapshot()
	h.answers("libvirt: {network: examplebr0, default: keep}\nvms: {attach: [example1]}")
	r := h.apply("--accept-risk", "lose-ssh")
	h.sh("kill -STOP $(pidof libvirtd)")
	began := time.Now()
	h.run("rollback").want(t, 5, "cannot list libvirt's networks: no answer within")
	if took := time.Since(began); took > time.Minute { // it is waited for once, however much of libvirt there is to take back
		t.Errorf("the rollback took %v", took)
	}
	h.sh("kill -KILL $(pidof libvirtd); while pidof libvirtd >/dev/null; do :; done")
	if got := words(h.sh("ip -4 -br address show dev eth0; ovs-vsctl list-br")); !strings.Contains(got, lab.HostAddr) || strings.Contains(got, "examplebr0") {
		t.Errorf("the network: %s", got)
	}
	must(t, h.StartLibvirt(t.Context()))
	eventually(t, "all is taken back", func() bool {
		h.run("rollback") // it may meet the guard at the same work
		phase := h.status().Phase
		return phase != trial.Incomplete && phase != trial.RollingBack
	})
	r.wait()
	h.same(before)
	h.unguarded()
}
