package virt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/digitalocean/go-libvirt"
	"golang.org/x/sys/unix"

	"bridgehead/backend"
	"bridgehead/backend/domain"
	"bridgehead/backend/hosttest"
	"bridgehead/backend/ovs"
)

func TestMain(m *testing.M) { hosttest.Main(m) }

func state(t testing.TB, v *Libvirt) backend.VirtState {
	t.Helper()
	st, err := v.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestVirt(t *testing.T) {
	hosttest.StartLibvirtd(t)
	hosttest.Virt(t, New(Options{}))
}

func TestDomains(t *testing.T) {
	hosttest.StartLibvirtd(t)
	v := New(Options{Timeout: time.Minute})
	if err := v.StartNetwork(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	with := func(do func(connection, libvirt.Domain) error) func(string) {
		return func(name string) {
			t.Helper()
			if err := v.onDomain(context.Background(), "change", name, do); err != nil {
				t.Fatal(err)
			}
		}
	}
	hosttest.Domains(t, v, hosttest.DomainEnv{Deaf: true,
		Start:    with(func(c connection, d libvirt.Domain) error { return c.DomainCreate(d) }),
		Stop:     with(func(c connection, d libvirt.Domain) error { return c.DomainDestroy(d) }),
		Undefine: with(func(c connection, d libvirt.Domain) error { return c.DomainUndefine(d) })})
	if err := v.StopNetwork(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
}

// The network that libvirt brings along: NAT, with a bridge and dnsmasq.
func TestDefaultNetwork(t *testing.T) {
	hosttest.StartLibvirtd(t)
	v := New(Options{})
	before := state(t, v)
	if n := before.Networks; len(n) != 1 || n[0].Name != "default" || n[0].Bridge != "virbr0" || !n[0].Persistent || n[0].Active {
		t.Fatalf("networks %+v", n)
	}
	for range 2 {
		if err := v.StartNetwork(t.Context(), "default"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := net.InterfaceByName("virbr0"); err != nil {
		t.Errorf("virbr0: %v", err)
	}
	running := state(t, v)
	if n := running.Networks[0]; !n.Active || n.XML != before.Networks[0].XML {
		t.Errorf("after start: %+v", n)
	}
	for range 2 {
		if err := v.StopNetwork(t.Context(), "default"); err != nil {
			t.Fatal(err)
		}
	}
	if after := state(t, v); !reflect.DeepEqual(after, before) {
		t.Errorf("after stop:\n%+v\nwant\n%+v", after, before)
	}
}

// A network that could not be undefined, since /etc was read-only, still starts with the host when that is asked for again.
func TestAutostartAfterReadOnly(t *testing.T) {
	hosttest.StartLibvirtd(t)
	v := New(Options{})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(v.DefineNetwork(t.Context(), "<network><name>br9</name><forward mode='bridge'/><bridge name='br9'/></network>"))
	must(v.AutostartNetwork(t.Context(), "br9", true))
	const files = "/etc/libvirt"
	must(unix.Mount(files, files, "", unix.MS_BIND, ""))
	must(unix.Mount("", files, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	err := v.UndefineNetwork(t.Context(), "br9")
	must(unix.Mount("", files, "", unix.MS_BIND|unix.MS_REMOUNT, ""))
	defer func() {
		must(v.UndefineNetwork(t.Context(), "br9"))
		must(unix.Unmount(files, unix.MNT_DETACH))
	}()
	if err == nil {
		t.Fatal("a network was undefined on a read-only file system")
	}
	must(v.AutostartNetwork(t.Context(), "br9", true))
	if _, err := os.Stat(files + "/qemu/networks/autostart/br9.xml"); err != nil {
		t.Error(err)
	}
	for _, n := range state(t, v).Networks {
		if n.Name == "br9" && !n.Autostart {
			t.Error("br9 does not start with the host")
		}
	}
}

func TestNobodyThere(t *testing.T) {
	dir := t.TempDir()
	v := New(Options{Dir: dir})
	gone := func(words string) {
		t.Helper()
		if st := state(t, v); st.Available || !strings.Contains(st.Reason, words) {
			t.Errorf("%+v; want unavailable because %q", st, words)
		}
		if err := v.StartNetwork(t.Context(), "default"); err == nil || !strings.Contains(err.Error(), "cannot start the network default: libvirt ") {
			t.Errorf("StartNetwork: %v", err)
		}
	}
	gone("libvirt is not installed or not running: there is no " + dir + "/libvirt-sock")
	abandon(t, filepath.Join(dir, "libvirt-sock"))
	gone("libvirt is not running: nobody answers on " + dir + "/libvirt-sock; start it")
}

// abandon makes a socket on which nobody listens any more.
func abandon(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func TestModularDaemons(t *testing.T) {
	hosttest.StartLibvirtd(t) // knows the modular daemons' addresses too
	dir := t.TempDir()
	v := New(Options{Dir: dir})
	serve := func(name string) {
		t.Helper()
		if err := os.Symlink(hosttest.LibvirtSocket, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	abandon(t, filepath.Join(dir, "libvirt-sock"))
	serve("virtnetworkd-sock")
	if st := state(t, v); st.Available || len(st.Networks) != 0 || !strings.Contains(st.Reason, "nobody answers") {
		t.Errorf("with virtnetworkd alone: %+v", st)
	}
	serve("virtqemud-sock")
	if st := state(t, v); !st.Available || len(st.Networks) != 1 {
		t.Errorf("with both: %+v", st)
	}
}

func TestDaemonHangs(t *testing.T) {
	daemon := hosttest.StartLibvirtd(t)
	v := New(Options{Timeout: 300 * time.Millisecond})
	state(t, New(Options{}))
	daemon.Signal(t, syscall.SIGSTOP)

	late := func(err error) {
		t.Helper()
		var timeout *backend.TimeoutError
		if !errors.As(err, &timeout) || timeout.After > 2*time.Second {
			t.Errorf("%v, want a TimeoutError", err)
		}
	}
	_, err := v.State(t.Context())
	late(err)
	late(v.StartNetwork(t.Context(), "default"))
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	late(New(Options{}).StopNetwork(short, "default"))

	daemon.Signal(t, syscall.SIGCONT)
	hosttest.Eventually(t, "libvirtd answers again", func() bool {
		st, err := v.State(t.Context())
		return err == nil && st.Available
	})
}

// What hangs is waited for once: a rollback of a hundred VMs is not held up a hundred times.
func TestHangingDaemonIsWaitedForOnce(t *testing.T) {
	daemon := hosttest.StartLibvirtd(t)
	v := New(Options{Timeout: 3 * time.Second})
	state(t, v)
	daemon.Signal(t, syscall.SIGSTOP)
	began := time.Now()
	for range 8 {
		if _, err := v.State(t.Context()); err == nil {
			t.Fatal("a daemon that hangs answers")
		}
	}
	if took := time.Since(began); took < 3*time.Second || took > 16*time.Second { // 3 s and 7 times 1 s
		t.Errorf("8 calls took %v", took)
	}
	daemon.Signal(t, syscall.SIGCONT)
	hosttest.Eventually(t, "libvirtd answers again", func() bool {
		st, err := v.State(t.Context())
		return err == nil && st.Available
	})
	if v.patience() != 3*time.Second {
		t.Error("it is not waited for as before")
	}
}

func TestDaemonDiesDuringACall(t *testing.T) {
	daemon := hosttest.StartLibvirtd(t)
	v := New(Options{Timeout: 5 * time.Second})
	err := v.with(t.Context(), "try", v.networkDaemons(), func(c connection) error {
		daemon.Signal(t, syscall.SIGSTOP)
		go daemon.Kill()
		_, err := c.version()
		return err
	})
	if err == nil || errors.As(err, new(*backend.TimeoutError)) {
		t.Errorf("%v, want an error before the deadline", err)
	}
}

const guest = `<domain type='qemu'>
  <name>%s</name>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <interface type='network'><mac address='52:54:00:00:%02x:%02x'/><source network='default'/><model type='virtio'/></interface>
    <interface type='bridge'><source bridge='br0'/><virtualport type='openvswitch'/><model type='e1000'/></interface>
    <interface type='user'/>
  </devices>
</domain>`

// define defines n domains vm000, vm001 …
func define(t testing.TB, v *Libvirt, n int) {
	t.Helper()
	err := New(Options{Timeout: time.Minute}).with(t.Context(), "define domains", v.domainDaemons(), func(c connection) error {
		for i := range n {
			if _, err := c.DomainDefineXML(fmt.Sprintf(guest, fmt.Sprintf("vm%03d", i), i/256, i%256)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := New(Options{Timeout: time.Minute}).with(context.Background(), "undefine domains", v.domainDaemons(), func(c connection) error {
			list, _, err := c.ConnectListAllDomains(1, 0)
			for _, d := range list {
				if d.ID >= 0 {
					err = errors.Join(err, c.DomainDestroy(d))
				}
				err = errors.Join(err, c.DomainUndefine(d))
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// A running guest tells its live NICs, and its port is in Open vSwitch.
func TestRunningGuest(t *testing.T) {
	hosttest.StartOpenvSwitch(t)
	hosttest.StartLibvirtd(t)
	sw := ovs.New(ovs.Options{})
	if err := sw.Transact(t.Context(), "add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev"); err != nil {
		t.Fatal(err)
	}
	v := New(Options{Timeout: time.Minute})
	text, err := NetworkXML(NetworkSpec{Name: "default", Bridge: "br0"})
	if err != nil {
		t.Fatal(err)
	}
	before := state(t, v).Networks[0].XML
	if err := v.DefineNetwork(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := errors.Join(v.StopNetwork(ctx, "default"), v.DefineNetwork(ctx, before)); err != nil {
			t.Error(err)
		}
	})
	if err := v.StartNetwork(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	define(t, v, 2)
	err = v.with(t.Context(), "start vm000", v.domainDaemons(), func(c connection) error {
		d, err := c.DomainLookupByName("vm000")
		if err != nil {
			return err
		}
		return c.DomainCreate(d)
	})
	if err != nil {
		t.Fatal(err)
	}

	st := state(t, v)
	if len(st.Domains) != 2 || !st.Domains[0].Running || st.Domains[1].Running || !st.Domains[0].Persistent {
		t.Fatalf("domains %+v", st.Domains)
	}
	nics := st.Domains[0].NICs
	want := []backend.DomainNIC{
		{MAC: "52:54:00:00:00:00", Type: "network", Source: "default", Target: "vnet0", Model: "virtio"},
		{MAC: nics[1].MAC, Type: "bridge", Source: "br0", Target: "vnet1", Model: "e1000"},
		{MAC: nics[2].MAC, Type: "user", Model: nics[2].Model},
	}
	if !reflect.DeepEqual(nics, want) {
		t.Errorf("NICs\n got %+v\nwant %+v", nics, want)
	}
	if n := st.Domains[1].NICs; len(n) != 3 || n[0].Target != "" || n[0].MAC != "52:54:00:00:00:01" {
		t.Errorf("NICs of the stopped domain %+v", n)
	}
	ports, err := sw.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, vnet := range []string{"vnet0", "vnet1"} {
		if problem, bad := ovs.PortProblem(ports, vnet); bad {
			t.Error(problem)
		}
	}
}

func BenchmarkState300Domains(b *testing.B) {
	hosttest.StartLibvirtd(b)
	v := New(Options{})
	define(b, v, 300)
	b.ResetTimer()
	for b.Loop() {
		if st := state(b, v); len(st.Domains) != 300 || len(st.Domains[299].NICs) != 3 {
			b.Fatalf("%d domains", len(st.Domains))
		}
	}
	b.StopTimer()
}

// A domain's NIC is moved in its definition and back, and the definition is as before.
func TestDomainIsMovedAndBack(t *testing.T) {
	hosttest.StartLibvirtd(t)
	v := New(Options{Timeout: time.Minute})
	define(t, v, 1)
	const mac = "52:54:00:00:00:00"
	before := state(t, v).Domains[0]
	text, err := v.DomainXML(t.Context(), "vm000")
	if err != nil {
		t.Fatal(err)
	}
	was, err := domain.Element(text, mac)
	if err != nil {
		t.Fatal(err)
	}
	change := func(text string, err error) {
		t.Helper()
		if err == nil {
			err = v.DefineDomain(t.Context(), text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	change(domain.Move(text, mac, domain.Source{Bridge: "br0", Tag: 5}))
	if n := state(t, v).Domains[0].NICs[0]; n.Type != "bridge" || n.Source != "br0" || n.Tag != 5 || n.Model != "virtio" {
		t.Errorf("moved: %+v", n)
	}
	if text, err = v.DomainXML(t.Context(), "vm000"); err != nil {
		t.Fatal(err)
	}
	change(domain.Restore(text, mac, was))
	if after := state(t, v).Domains[0]; !reflect.DeepEqual(after, before) {
		t.Errorf("after: %+v\nbefore: %+v", after, before)
	}
	if err := v.DefineDomain(t.Context(), "<domain><name>x</name>"); err == nil {
		t.Error("half a domain is defined")
	}
	if _, err := v.DomainXML(t.Context(), "a 'b' <c>"); err == nil {
		t.Error("a domain that is not there has XML")
	}
}
