package newvm_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/newvm"
	"bridgehead/backend/sim"
)

func example() answers.CreateVM {
	return answers.CreateVM{Name: "example3", Memory: 2048, VCPUs: 2, ISO: "/var/vm/ISO/debian-12.8.0-amd64-netinst.iso", OS: "debian12", Console: answers.ConsoleVNC,
		Disk: answers.Disk{Path: "/var/vm/example3/example3.qcow2", Size: 20, Format: answers.FormatQCOW2}, Bridge: "br0"}
}

// host is the demo with the bridge br0.
func host(t *testing.T) (*sim.Machine, backend.Host) {
	t.Helper()
	m := sim.Demo()
	h := m.Host()
	if err := h.Switch.Transact(t.Context(), "add-br", "br0"); err != nil {
		t.Fatal(err)
	}
	return m, h
}

func look(t *testing.T, h backend.Host, c answers.CreateVM) newvm.Facts {
	t.Helper()
	f, err := newvm.Look(t.Context(), h, c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The shell, and then virt-install's own reading of options, give back what was meant.
func TestCommandIsQuoted(t *testing.T) {
	c := example()
	c.Name, c.Disk.Path, c.Network, c.PortGroup = `a'"<b>&$x;`, `/d/x,y"z'\w.qcow2`, "net", "vlan10"
	got := newvm.Script(c)[1]
	for _, want := range []string{
		`--name 'a'\''"<b>&$x;'`, `--disk 'path=/d/x\,y\"z\'\''\\w.qcow2,size=20,format=qcow2'`,
		"--network network=net,portgroup=vlan10,model=virtio", "--os-variant debian12", "--noautoconsole",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	c.OS, c.Network, c.Console = "", "", answers.ConsoleSerial
	if got = newvm.Script(c)[1]; !strings.Contains(got, "bridge=br0,virtualport_type=openvswitch,model=virtio --graphics none --serial pty") || !strings.Contains(got, "detect=on,require=off") {
		t.Error(got)
	}
}

// Each thing that stands in the way is told, with what to do; what is only to be known refuses nothing.
func TestProblems(t *testing.T) {
	_, h := host(t)
	good := look(t, h, example())
	if p := newvm.Problems(good, example()); len(p) > 0 {
		t.Fatalf("of a VM that can be made: %v", p)
	}
	for _, x := range []struct {
		change func(*newvm.Facts, *answers.CreateVM)
		refuse bool
		says   string
	}{
		{func(f *newvm.Facts, _ *answers.CreateVM) { f.Room.Missing = "it is not installed" }, true, "apt-get install virtinst"},
		{func(f *newvm.Facts, _ *answers.CreateVM) { f.Virt = backend.VirtState{Reason: "dead."} }, true, "libvirt does not answer: dead. What"},
		{func(_ *newvm.Facts, c *answers.CreateVM) { c.Name = "example1" }, true, "there is a VM example1 already"},
		{func(_ *newvm.Facts, c *answers.CreateVM) { c.Memory = 100 << 10 }, true, "65536 MiB"},
		{func(_ *newvm.Facts, c *answers.CreateVM) { c.Memory = 60 << 10 }, false, "are free now"},
		{func(_ *newvm.Facts, c *answers.CreateVM) { c.VCPUs = 17 }, false, "16 processors"},
		{func(_ *newvm.Facts, c *answers.CreateVM) { c.OS = "debian14" }, true, "choose debian13"},
		{func(_ *newvm.Facts, c *answers.CreateVM) { c.Bridge = "br9" }, true, "no bridge br9"},
		{func(_ *newvm.Facts, c *answers.CreateVM) { c.Network = "nowhere" }, true, "no network nowhere"},
		{func(f *newvm.Facts, c *answers.CreateVM) { c.Network, f.Virt.Networks[0].Active = "default", false }, true, "net-start default"},
		{func(_ *newvm.Facts, c *answers.CreateVM) { c.Network, c.PortGroup = "default", "vlan10" }, true, "no port group vlan10"},
		{func(f *newvm.Facts, _ *answers.CreateVM) { f.Room.Places[0].Exists = true }, true, "nothing is overwritten"},
		{func(f *newvm.Facts, _ *answers.CreateVM) { f.Room.Places[0].NoDir = "/var/vm" }, true, "no directory"},
		{func(f *newvm.Facts, _ *answers.CreateVM) { f.Room.Places[0].Closed = "/root" }, true, "may not enter /root"},
		{func(f *newvm.Facts, _ *answers.CreateVM) { f.Room.Places[0].Room = 0 }, true, "no room"},
		{func(f *newvm.Facts, _ *answers.CreateVM) { f.Room.Places[0].Room = 2 << 30 }, false, "may grow to 20 GiB"},
		{func(f *newvm.Facts, c *answers.CreateVM) { f.Room.Places[0].Room, c.Disk.Format = 2<<30, "raw" }, true, "2 GiB are free"},
		{func(f *newvm.Facts, _ *answers.CreateVM) { f.Room.Places[1].Exists = false }, true, "there is no /var/vm/ISO"},
		{func(f *newvm.Facts, _ *answers.CreateVM) { f.Room.Places[1].Regular = false }, true, "is no file"},
		{func(f *newvm.Facts, _ *answers.CreateVM) { f.Room.Places[1].Bytes = 0 }, true, "is empty"},
		{func(f *newvm.Facts, _ *answers.CreateVM) { f.Room.Places[1].Closed = "/root" }, true, "may not read /root"},
	} {
		f, c := look(t, h, example()), example()
		x.change(&f, &c)
		p := newvm.Problems(f, c)
		if len(p) != 1 || p[0].Refuse != x.refuse || !strings.Contains(p[0].String(), x.says) {
			t.Errorf("want %q, refused %v: %v", x.says, x.refuse, p)
		}
	}
}

// What was made is told, and removed without a trace; what somebody else made stays.
func TestMadeAndRemoved(t *testing.T) {
	m, h := host(t)
	f := look(t, h, example())
	before := m.Snapshot()
	var said []string
	made, err := newvm.Make(t.Context(), h, f, example(), func(l string) { said = append(said, l) })
	if err != nil || len(said) < 2 {
		t.Fatal(err, said)
	}
	want := []string{"VM example3", "disk /var/vm/example3/example3.qcow2", "directory /var/vm/example3",
		"libvirt's storage pool example3, which virt-install makes", "libvirt's storage pool ISO, which virt-install makes"}
	if got := newvm.Listed(made); !reflect.DeepEqual(got, want) {
		t.Errorf("made %q", got)
	}
	if port, bridge, err := newvm.Tap(t.Context(), h, made.UUID, time.Second); err != nil || port != "vnet1" || bridge != "br0" {
		t.Error(port, bridge, err)
	}
	if _, err := newvm.Make(t.Context(), h, f, example(), func(string) {}); err == nil || !strings.Contains(err.Error(), "already in use") {
		t.Errorf("twice: %v", err)
	}
	for range 2 {
		if err := h.Guests.Remove(t.Context(), made); err != nil {
			t.Fatal(err)
		}
	}
	if after := m.Snapshot(); !reflect.DeepEqual(before, after) {
		t.Errorf("after: %v\nbefore: %v", after, before)
	}
}

// halfway is a virt-install that is stopped after it has made the disk.
type halfway struct{ backend.Guests }

func (g halfway) Install(ctx context.Context, disk string, args []string, line func(string)) error {
	if err := g.Guests.Install(ctx, disk, args, line); err != nil {
		return err
	}
	return errors.New("stopped")
}

func TestWhatAFailureLeavesIsTold(t *testing.T) {
	_, h := host(t)
	h.Guests = halfway{h.Guests}
	made, err := newvm.Make(t.Context(), h, look(t, h, example()), example(), func(string) {})
	if err == nil || made.Disk == "" || made.Domain == "" {
		t.Errorf("%+v, %v", made, err)
	}
}

func TestLike(t *testing.T) {
	systems := []string{"debian10", "debian11", "debian12", "debian9", "generic", "ubuntu22.04", "ubuntu24.04", "win2k22"}
	for typed, want := range map[string]string{
		"debian13": "debian12 debian11 debian10", "Debian": "debian12 debian11 debian10 debian9", "22": "win2k22 ubuntu22.04",
		"ubuntu": "ubuntu24.04 ubuntu22.04", "debianbookworm": "debian12 debian11 debian10 debian9", "xyz": "", "": "",
	} {
		if got := strings.Join(newvm.Like(systems, typed), " "); got != want {
			t.Errorf("%s: %s", typed, got)
		}
	}
}
