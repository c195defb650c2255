package answers_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"bridgehead/backend/answers"
)

const good = `version: 1
uplink: {nics: [eth0], kind: nic}
bridge: {name: examplebr0, port: examplebr0p1}
address:
  method: static
  addresses: [192.168.1.100/24, "2001:db8::5/64"]
  gateway: 192.168.1.1
  dns: [192.168.1.1]
libvirt: {network: examplebr0, default: keep}
apply: {when: now, confirm_within: 10m}
verify: {targets: [192.0.2.1], command: "true"}
`

func TestGood(t *testing.T) {
	a, err := answers.Parse("f", []byte(good))
	if err != nil || a.Address.Gateway[0] != "192.168.1.1" || time.Duration(a.Apply.ConfirmWithin) != 10*time.Minute {
		t.Errorf("%+v, %v", a, err)
	}
	a, err = answers.Parse("f", []byte("version: 1\nuplink: {nics: [eth0], kind: nic}\nbridge: {name: br0}\nlibvirt: {network: x}\n"))
	if err != nil || a.Bridge.Port != "br0p1" || a.Address.Method != "keep" || a.Libvirt.Default != "keep" || time.Duration(a.Apply.ConfirmWithin) != answers.DefaultWindow {
		t.Errorf("defaults: %+v, %v", a, err)
	}
}

// vmWith is a section vms that creates a VM; each line replaces that of its key.
func vmWith(lines ...string) string {
	vm := []string{"name: example1", "memory: 2048", "vcpus: 2", "disk: {path: /var/vm/example1.qcow2, size: 20}", "iso: /var/vm/a.iso", "os: debian12", "console: vnc", "network: examplebr0"}
	for _, l := range lines {
		key, _, _ := strings.Cut(l, ":")
		for i := range vm {
			if strings.HasPrefix(vm[i], key+":") || key == "bridge" && strings.HasPrefix(vm[i], "network:") {
				vm[i] = l
			}
		}
	}
	return "vms:\n  create:\n    - " + strings.Join(vm, "\n      ") + "\n"
}

// Every mistake is told with its line, its field, and words that help.
func TestMistakes(t *testing.T) {
	replace := func(old, with string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the file", old)
		}
		return strings.Replace(good, old, with, 1)
	}
	for _, x := range []struct {
		file, field string
		line        int
		says        string
	}{
		{"", "", 0, "empty"},
		{"# nothing\n", "", 0, "empty"},
		{"version: 1\n---\nversion: 1\n", "", 0, "one YAML document"},
		{"just words", "", 1, ""},
		{"- a\n- b\n", "", 1, ""},
		{"version: [1\n", "", 1, ""},
		{replace("version: 1", "version: 2"), "version", 1, "reads version 1"},
		{replace("version: 1\n", ""), "", 0, ""}, // the version has its default
		{replace("uplink:", "uplnk:"), "", 2, "uplnk"},
		{replace("kind: nic", "knd: nic"), "", 2, "knd"},
		{replace("kind: nic", "kind: team"), "uplink.kind", 2, "team"},
		{replace("kind: nic", "kind: ovs-bond"), "uplink.nics", 2, "two members"},
		{replace("nics: [eth0]", "nics: []"), "uplink.nics", 2, "exactly one"},
		{replace("nics: [eth0]", "nics: [eth0, eth1]"), "uplink.nics", 2, "loop"},
		{replace("nics: [eth0]", "nics: [\"eth 0\"]"), "uplink.nics[0]", 2, "letters"},
		{replace("nics: [eth0]", "nics: eth0"), "", 2, ""},
		{replace("name: examplebr0, ", ""), "bridge.name", 3, "missing"},
		{replace("name: examplebr0", "name: a-name-that-is-too-long"), "bridge.name", 3, "15"},
		{replace("name: examplebr0", "name: br/0"), "bridge.name", 3, "letters"},
		{replace("name: examplebr0", "name: eth0"), "bridge.name", 3, "uplink"},
		{replace("port: examplebr0p1", "port: examplebr0"), "bridge.port", 3, "own"},
		{replace("port: examplebr0p1", "port: all"), "bridge.port", 3, "system"},
		{replace("port: examplebr0p1", "port: examplebr0p1, tag: 4095"), "bridge.tag", 3, "VLAN"},
		{replace("port: examplebr0p1", "port: examplebr0p1, mtu: 100"), "bridge.mtu", 3, "range"},
		{replace("port: examplebr0p1", "port: examplebr0p1, tag: x"), "", 3, ""},
		{replace("port: examplebr0p1", "port: examplebr0p1, datapath: dpdk"), "bridge.datapath", 3, "netdev"},
		{replace("method: static", "method: auto"), "address.method", 5, "dhcp"},
		{replace("method: static", "method: dhcp"), "address.method", 5, "static"},
		{replace("192.168.1.100/24", "192.168.1.100"), "address.addresses[0]", 6, "/24"},
		{replace("192.168.1.100/24", "192.168.1.0/24"), "address.addresses[0]", 6, "net itself"},
		{replace("192.168.1.100/24", "192.168.1.255/24"), "address.addresses[0]", 6, "broadcast"},
		{replace("192.168.1.100/24", "127.0.0.1/8"), "address.addresses[0]", 6, "not an address"},
		{replace("192.168.1.100/24", "192.168.1.300/24"), "address.addresses[0]", 6, "no address"},
		{replace("192.168.1.100/24", "192.168.1.100/33"), "address.addresses[0]", 6, "no address"},
		{replace("2001:db8::5/64", "::ffff:1.2.3.4/120"), "address.addresses[1]", 6, "IPv4"},
		{replace("2001:db8::5/64", "192.168.1.100/24"), "address.addresses[1]", 6, "twice"},
		{replace("gateway: 192.168.1.1", "gateway: 192.168.2.1"), "address.gateway", 7, "out of reach"},
		{replace("gateway: 192.168.1.1", "gateway: 192.168.1.100"), "address.gateway", 7, "own address"},
		{replace("gateway: 192.168.1.1", "gateway: router"), "address.gateway", 7, "no IP address"},
		{replace("gateway: 192.168.1.1", "gateway: [192.168.1.1, 192.168.1.2]"), "address.gateway[1]", 7, "second"},
		{replace("gateway: 192.168.1.1", "gateway: 192.168.1.0"), "address.gateway", 7, "net itself"},
		{replace("dns: [192.168.1.1]", "dns: [ns1]"), "address.dns[0]", 8, "no IP address"},
		{replace("network: examplebr0,", "network: \"a b\","), "libvirt.network", 9, "letters"},
		{replace("default: keep", "default: keep, existing: drop"), "libvirt.existing", 9, "leave"},
		{replace("default: keep", "default: keep, portgroups: [{name: a, vlans: [1], native: 1}]"), "libvirt.portgroups", 9, "access port"},
		{replace("default: keep", "default: keep, portgroups: [{name: a, vlans: [1, 2], native: 3}]"), "libvirt.portgroups", 9, "none of its VLANs"},
		{replace("default: keep", "default: keep, existing: leave, portgroups: [{name: a, vlans: [1]}]"), "libvirt.portgroups", 9, "left as it is"},
		{replace("default: keep", "default: drop"), "libvirt.default", 9, "remove"},
		{replace("when: now", "when: later"), "apply.when", 10, "now"},
		{replace("confirm_within: 10m", "confirm_within: 5s"), "apply.confirm_within", 10, "range"},
		{replace("confirm_within: 10m", "confirm_within: 2h"), "apply.confirm_within", 10, "range"},
		{replace("confirm_within: 10m", "confirm_within: soon"), "apply.confirm_within", 10, "soon"},
		{replace("targets: [192.0.2.1]", "targets: [www.example.com]"), "verify.targets[0]", 11, "no IP address"},
		{good + "vms: {attach: [a, {name: b, nic: new, tag: 10, via: bridge}, {name: \"c <'\\\"\"}]}\n", "", 0, ""},
		{good + "vms: {attach: [a, {name: a, nic: new}]}\n", "vms.attach[1]", 12, "twice"},
		{good + "vms: {attach: [{name: a, nic: eth0}]}\n", "vms.attach[0]", 12, "MAC"},
		{good + "vms: {attach: [{name: a, tag: 4095}]}\n", "vms.attach[0]", 12, "VLAN"},
		{good + "vms: {attach: [a/b]}\n", "vms.attach[0]", 12, "name of a VM"},
		{good + vmWith(), "", 0, ""},
		{good + vmWith("name: \"a'\\\"<b>&$\""), "", 0, ""},
		{good + vmWith("name: a b"), "vms.create[0].name", 14, "blanks"},
		{good + vmWith("name: a/b"), "vms.create[0].name", 14, "slashes"},
		{good + vmWith("name: -a"), "vms.create[0].name", 14, "begin"},
		{good + vmWith("memory: 4"), "vms.create[0].memory", 15, "16"},
		{good + vmWith("vcpus: 0"), "vms.create[0].vcpus", 16, "range"},
		{good + vmWith("disk: {path: a.qcow2, size: 5}"), "vms.create[0].disk.path", 17, "whole path"},
		{good + vmWith("disk: {path: /a/../b, size: 5}"), "vms.create[0].disk.path", 17, "write /b"},
		{good + vmWith("disk: {path: \"/a/<b>.raw\", size: 5}"), "vms.create[0].disk.path", 17, "another path"},
		{good + vmWith("iso: /a/b'c.iso"), "vms.create[0].iso", 18, "another path"},
		{good + vmWith("disk: {path: /a, size: 0}"), "vms.create[0].disk.size", 17, "range"},
		{good + vmWith("disk: {path: /a, size: 1, format: vmdk}"), "vms.create[0].disk.format", 17, "qcow2 or raw"},
		{good + vmWith("iso: \"\""), "vms.create[0].iso", 18, "missing"},
		{good + vmWith("os: \"debian 12\""), "vms.create[0].os", 19, "debian12"},
		{good + vmWith("console: spice"), "vms.create[0].console", 20, "vnc or serial"},
		{good + vmWith("network: a b"), "vms.create[0].network", 21, "letters"},
		{good + vmWith("network: a\n      bridge: b"), "vms.create[0].network", 21, "not to both"},
		{good + vmWith("bridge: b\n      portgroup: p"), "vms.create[0].portgroup", 22, "network, too"},
		{good + vmWith() + strings.SplitAfterN(vmWith(), "\n", 3)[2], "vms.create[1].name", 22, "two VMs"},
		{good + "version: 1\n", "", 12, "version"},
	} {
		_, err := answers.Parse("f.yaml", []byte(x.file))
		if x.field == "" && x.line == 0 && x.says == "" {
			if err != nil {
				t.Errorf("%q: %v", x.file, err)
			}
			continue
		}
		var bad *answers.Error
		if !errors.As(err, &bad) {
			t.Errorf("%q is taken: %v", x.file, err)
			continue
		}
		if bad.File != "f.yaml" || bad.Line != x.line || bad.Field != x.field || !strings.Contains(bad.Text, x.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("line %d, field %q, %q: want %d, %q, %q in\n%s", bad.Line, bad.Field, bad.Text, x.line, x.field, x.says, x.file)
		}
	}
}

// random returns answers that are valid.
func random(r *rand.Rand) answers.Answers {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	name := func() string {
		const letters = "abcdefghijklmnopqrstuvwxyz0123456789._-ABCXYZ"
		b := []byte{letters[r.IntN(26)]}
		for range r.IntN(14) {
			b = append(b, letters[r.IntN(len(letters))])
		}
		return string(b)
	}
	a := answers.Default()
	a.Uplink.NICs = []string{name()}
	a.Bridge = answers.Bridge{Name: name(), Port: name(), Datapath: pick("", "system", "netdev"), Tag: r.IntN(4095)}
	if r.IntN(2) == 0 {
		a.Bridge.MTU = 576 + r.IntN(9000)
	}
	switch r.IntN(3) {
	case 0:
		a.Address.Method = answers.MethodDHCP
	case 1:
		n := r.IntN(250) + 3
		a.Address = answers.Address{Method: answers.MethodStatic,
			Addresses: []string{fmt.Sprintf("10.%d.0.%d/24", r.IntN(256), n), "2001:db8::5/64"}, DNS: []string{"9.9.9.9"}}
		if r.IntN(2) == 0 {
			a.Address.Gateway = append(a.Address.Gateway, a.Address.Addresses[0][:strings.LastIndex(a.Address.Addresses[0], ".")]+".1")
		}
		if r.IntN(2) == 0 {
			a.Address.Gateway = append(a.Address.Gateway, "fe80::1")
		}
	}
	if r.IntN(2) == 0 {
		a.Libvirt = &answers.Libvirt{Network: pick("", name()), Default: pick("keep", "stop", "remove")}
	}
	if r.IntN(2) == 0 {
		vm := answers.CreateVM{Name: pick("a'b\"<c>&", "vm", "über"), Memory: 16 + r.IntN(9000), VCPUs: 1 + r.IntN(64), ISO: pick("/a b.iso", "/x: y/#z"),
			Disk: answers.Disk{Path: "/d/" + name(), Size: 1 + r.IntN(900), Format: pick("qcow2", "raw")}, OS: pick("", "debian12"), Console: pick("vnc", "serial")}
		if vm.Network = pick("", "n"); vm.Network == "" {
			vm.Bridge = "b0"
		} else {
			vm.PortGroup = pick("", "vlan10")
		}
		a.VMs = &answers.VMs{Create: []answers.CreateVM{vm}}
	}
	a.Apply.When = pick("now", "reboot")
	a.Apply.ConfirmWithin = answers.Duration(answers.MinWindow + time.Duration(r.IntN(3000))*time.Second)
	if r.IntN(2) == 0 {
		a.Verify = answers.Verify{Targets: []string{"192.0.2.1", "::1"}, Command: pick("", "true", "a: b # c", "'x' \"y\"\n\tz", "- yes", "~", " lead and trail ", "ünïcode \\n %s", "|")}
	}
	return a
}

func TestEncodeParseIsIdentity(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	tried := 0
	for range 2000 {
		a := random(r)
		if len(a.Problems()) > 0 { // a name that was made is one of those that may not be
			continue
		}
		tried++
		data, err := answers.Encode(a)
		if err != nil {
			t.Fatal(err)
		}
		b, err := answers.Parse("f", data)
		if err != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %d: %+v\nbecomes %+v, %v, by\n%s", seed, a, b, err, data)
		}
	}
	if tried < 1500 {
		t.Errorf("only %d of 2000 were valid", tried)
	}
	t.Logf("%d answers, seed %d", tried, seed)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("version: 1\nuplink: {nics: [eth0], kind: nic}\nbridge: {name: br0}\naddress: {gateway: [a, b]}\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := answers.Parse("f", data)
		if err != nil {
			var bad *answers.Error
			if !errors.As(err, &bad) || bad.File != "f" || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%T %q", err, err)
			}
			if bad.Line < 0 || bad.Line > strings.Count(string(data), "\n")+1+strings.Count(string(data), "\r") {
				t.Fatalf("line %d of %q", bad.Line, data)
			}
			return
		}
		if bad := a.Problems(); len(bad) > 0 {
			t.Fatalf("taken with problems: %v", bad)
		}
		again, err := answers.Encode(a)
		if err != nil {
			t.Fatal(err)
		}
		b, err := answers.Parse("f", again)
		if err != nil {
			t.Fatalf("%q\n%v in\n%s", data, err, again)
		}
		if third, err := answers.Encode(b); err != nil || string(third) != string(again) { // a list may be empty or not there
			t.Fatalf("%q\n%s\nbecomes\n%s", data, again, third)
		}
	})
}
