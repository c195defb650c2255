package main

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"bridgehead/backend/lab"
)

// isoWords are what a VM that has booted from tinyISO says on its serial line, again and again.
const isoWords = "the new VM has booted\r\n"

// tinyISO is a CD from which a PC boots (El Torito, without emulation): one sector that writes isoWords to the first serial port.
func tinyISO() []byte {
	const sector = 2048
	iso := make([]byte, 200*sector)
	descriptor := func(n int, kind byte) []byte {
		d := iso[n*sector:]
		d[0], d[6] = kind, 1
		copy(d[1:], "CD001")
		return d
	}
	volume := descriptor(16, 1)
	copy(volume[40:], "TINY                            ")
	binary.LittleEndian.PutUint32(volume[80:], 200)
	binary.BigEndian.PutUint32(volume[84:], 200)
	record := descriptor(17, 0)
	copy(record[7:], "EL TORITO SPECIFICATION")
	binary.LittleEndian.PutUint32(record[71:], 19) // the catalog's sector
	descriptor(18, 255)
	catalog := iso[19*sector:]
	catalog[0], catalog[30], catalog[31], catalog[32], catalog[38] = 1, 0x55, 0xaa, 0x88, 4
	binary.LittleEndian.PutUint16(catalog[28:], 0x55aa) // all words of the entry make 0
	binary.LittleEndian.PutUint32(catalog[40:], 20)
	copy(iso[20*sector:], append([]byte{
		0x0e, 0x1f, // push cs; pop ds
		0xe8, 0, 0, 0x5e, 0x83, 0xc6, 17, // call; pop si; add si, to the text
		0xba, 0xf8, 0x03, // mov dx, 3f8h
		0xac, 0x84, 0xc0, 0x74, 3, 0xee, 0xeb, 0xf8, // lodsb; test al, al; jz; out dx, al; jmp
		0xeb, 0xec, // jmp to the call
	}, isoWords+"\x00"...))
	return iso
}

const newVM = `vms:
  create:
    - name: example1
      memory: 64
      vcpus: 1
      disk: {path: /var/vm/example1/example1.qcow2, size: 1}
      iso: /var/vm/ISO/tiny.iso
      os: generic
      console: serial`

const hostileVM = `vms:
  create:
    - name: "a'\"<b>&$x"
      memory: 64
      vcpus: 1
      disk: {path: "/var/vm/a, b $x/disk.raw", size: 1, format: raw}
      iso: /var/vm/ISO/tiny.iso
      bridge: examplebr0`

// onBridge is a host that has been moved, with an ISO to install from.
func onBridge(t *testing.T, sections ...string) host {
	t.Helper()
	h := up(t, lab.Spec{Libvirt: true})
	h.answers(append([]string{"libvirt: {network: examplebr0, default: keep}"}, sections...)...) // one that is given replaces it
	h.run("apply", "--answers", answersPath, "--accept-risk", "lose-ssh", "--auto-confirm").want(t, 0)
	h.sh("mkdir -p /var/vm/ISO")
	must(t, h.WriteFile("/var/vm/ISO/tiny.iso", tinyISO()))
	return h
}

// The tutorial's last lines: virt-install makes a VM that boots from its ISO, and vnet0 is in ovs-vsctl show. The commands that
// are printed do the same, typed into a shell; a name with quotes and markup makes no difference.
func TestVMsCreated(t *testing.T) {
	h := onBridge(t, newVM)
	r := h.run("create", "--answers", answersPath).want(t, 0, "example1 is connected: vnet0 is a port of examplebr0")
	t.Log(r.err + r.out)
	if show := h.sh("ovs-vsctl show"); !strings.Contains(words(show), "Port vnet0 Interface vnet0") {
		t.Errorf("no vnet0 in\n%s", show)
	}
	if got := h.sh("timeout 60 head -c 200 $(virsh ttyconsole example1)"); !strings.Contains(got, strings.TrimSpace(isoWords)) {
		t.Errorf("the VM says %q", got)
	}
	h.run("create", "--answers", answersPath).want(t, 3, "there is a VM example1 already")

	h.answers("libvirt: {network: examplebr0, default: keep}", hostileVM)
	must(t, h.WriteFile("/etc/create.sh", []byte(h.run("create", "--answers", answersPath, "--script").want(t, 0).out)))
	h.sh("sh /etc/create.sh")
	if got := words(h.sh("virsh -q list --name --all; ovs-vsctl list-ports examplebr0")); got != `example1 a'"<b>&$x eth0 examplebr0p1 vnet0 vnet1` {
		t.Errorf("VMs and ports: %s", got)
	}
	if got := h.sh(`virsh -q domblklist --domain "a'\"<b>&\$x"`); !strings.Contains(got, "/var/vm/a, b $x/disk.raw") {
		t.Errorf("its disks are\n%s", got)
	}
	h.run("create", "--answers", answersPath).want(t, 3, `there is a VM a'"<b>&$x already`)
}

// A VM that cannot be made leaves nothing behind: no definition, no disk, no directory, no storage pool.
func TestVMNotCreated(t *testing.T) {
	h := onBridge(t, newVM)
	h.sh("ovs-appctl -t ovsdb-server exit") // libvirt cannot plug the VM in
	h.run("create", "--answers", answersPath).want(t, 1, "cannot create example1: virt-install says")
	if got := h.sh("virsh -q pool-list --all --name; ls /var/vm; virsh -q list --all --name"); got != "ISO" {
		t.Errorf("left: %s", got)
	}
}

// At the wizard of a host that has been moved: a VM is made and removed again, another one is stopped while virt-install works, help is
// there meanwhile, and in the end the host is as it was.
func TestVMCreatedAtTheWizard(t *testing.T) {
	h := onBridge(t)
	before := h.snapshot()
	s := h.wizard()
	s.want("libvirt has no VM.")
	s.press("ctrl+n")
	s.want("There is nothing to do yet: choose a VM, or create one")
	s.press("v")
	s.want("A VM on the bridge, made by virt-install")
	s.press("tab", "ctrl+u", "64", "tab", "ctrl+u", "1", "tab", "tab", "ctrl+u", "1", "tab", "tab", "/var/vm/ISO/tiny.iso", "tab", "tinyos")
	s.want("virt-install knows no tinyos")
	s.press("ctrl+u", "generic", "ctrl+n")
	s.want("Nothing stands in the way. Press c to create it.", "virt-install --connect qemu:///system --name example1 --memory 64 --vcpus 1")
	s.press("c")
	s.want("creating example1")
	for end := time.Now().Add(4 * patience); s.shows("creating example1") && time.Now().Before(end); <-time.After(10 * time.Millisecond) {
		// a busy disk takes its time; the wizard counts the seconds
	}
	s.want("It runs and is connected: vnet0 is a port of examplebr0", "disk /var/lib/libvirt/images/example1.qcow2")
	if got := words(h.sh("virsh -q list --name; ovs-vsctl port-to-br vnet0")); got != "example1 examplebr0" {
		t.Errorf("VM and bridge: %s", got)
	}
	s.press("r")
	s.want("Remove this VM, with what is on its disk?")
	s.press("enter")
	s.want("Removed. Nothing of example1 is left.")
	h.same(before)

	s.press("n")
	s.want("Step 11 of 12: New VM")
	s.press("ctrl+n")
	s.want("Nothing stands in the way. Press c to create it.")
	s.press("c")
	s.want("creating example1")
	s.press("?")
	s.want("virt-install returns as soon as the VM runs")
	s.press("esc") // by itself: before a letter it is Alt
	eventually(t, "the help is closed", func() bool { return !s.shows("virt-install returns as soon as the VM runs") })
	s.press("x")
	s.want("Stopped. The network was not touched.")
	if s.shows("press r to remove it") {
		s.press("r", "enter")
		s.want("Removed. Nothing of example1 is left.")
	}
	h.same(before)
	s.press("enter")
	s.exits(0)
}
