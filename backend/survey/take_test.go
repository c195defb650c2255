package survey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/sim"
)

var calls = []string{"links", "routes", "rules", "files", "switch", "virt", "packages", "services", "processes", "sockets", "guard"}

// A part of the host that fails is a finding, and what the others said is kept.
func TestPartThatFails(t *testing.T) {
	for _, call := range calls {
		if call == "files" { // single files are another matter
			continue
		}
		x := overSSH()
		x.fails = map[string]error{call: errors.New("the disk ate it")}
		f := survey(t, x)
		if !found(f, Refuse, "the disk ate it") && !found(f, Warn, "the disk ate it") {
			t.Errorf("%s: no finding; there are%s", call, show(f))
		}
		if call != "links" && len(f.NICs) != 4 {
			t.Errorf("%s: %d NICs", call, len(f.NICs))
		}
		if (call == "processes") && f.Console.Unknown == "" {
			t.Errorf("%s: the NIC of this session cannot be known", call)
		}
	}
}

// A part that hangs, and does not even heed its context, holds up nobody.
func TestPartThatHangs(t *testing.T) {
	for _, call := range calls {
		x := overSSH()
		x.hangs = map[string]bool{call: true}
		f, err := Take(t.Context(), x.host(), Options{Root: true, Deadline: 20 * time.Millisecond})
		close(x.wake)
		if err != nil {
			t.Fatal(err)
		}
		if !found(f, Refuse, "no answer within 20ms") && !found(f, Warn, "no answer within 20ms") {
			t.Errorf("%s: no finding; there are%s", call, show(f))
		}
	}
}

// What keeps VMs from being started is no reason to know nothing of libvirt.
func TestUnfitIsNotWaitedFor(t *testing.T) {
	x := overSSH()
	x.virt = backend.VirtState{Available: true, Domains: []backend.Domain{{Name: "web"}}}
	x.hangs = map[string]bool{"unfit": true}
	f, err := Take(t.Context(), x.host(), Options{Root: true, Deadline: 20 * time.Millisecond})
	close(x.wake)
	if err != nil || !f.Virt.Available || len(f.Virt.Domains) != 1 {
		t.Errorf("libvirt is %+v, %v", f.Virt, err)
	}
}

func TestTakeEndsWithItsContext(t *testing.T) {
	x := console()
	x.hangs = map[string]bool{"virt": true}
	defer close(x.wake)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Take(ctx, x.host(), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// Without privilege the survey works and says what that means; it does not try the disk.
func TestNotRoot(t *testing.T) {
	x := console()
	x.room = errors.New("permission denied")
	f, err := Take(t.Context(), x.host(), Options{})
	if err != nil || len(f.Refused()) > 0 || !found(f, Warn, "not run as root", "sudo") {
		t.Error(err, show(f))
	}
}

// Under another root only its files speak about it: what is installed or runs here does not.
func TestForeignRoot(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		owner string
	}{
		"ifupdown":       {map[string]string{interfacesFile: eth0Stanza}, "ifupdown"},
		"netplan":        {map[string]string{"/etc/netplan/a.yaml": eth0Netplan}, "netplan"},
		"networkmanager": {map[string]string{"/etc/NetworkManager/system-connections/w": "[connection]\ninterface-name=eth0\n"}, "networkmanager"},
		"networkd":       {map[string]string{"/etc/systemd/network/a.network": "[Match]\nName=eth0\n"}, "networkd"},
		"networkd, not enabled": {map[string]string{"/etc/systemd/network/a.network": "[Match]\nName=eth0\n",
			"/etc/systemd/system/multi-user.target.wants/ssh.service": ""}, "none"},
	} {
		x := console()
		x.pkgs["ifupdown2"], x.sw.Running = "3.0", false
		x.files = c.files
		f, err := Take(t.Context(), x.host(), Options{Root: true, Foreign: true})
		if err != nil || f.Config.Owner != c.owner {
			t.Errorf("%s: owner %s (%s), %v", name, f.Config.Owner, f.Config.Reason, err)
		}
		if refused := len(f.Refused()) > 0; refused != (c.owner != "ifupdown") {
			t.Errorf("%s: %s", name, show(f))
		}
	}
}

// The simulated host that the wizard shows is the tutorial's, and sound.
func TestDemoHost(t *testing.T) {
	f, err := Take(t.Context(), sim.Demo().Host(), Options{Root: true})
	if err != nil || len(f.Refused()) > 0 || len(f.NICs) != 4 {
		t.Errorf("%v, %d NICs%s", err, len(f.NICs), show(f))
	}
	if n, _ := f.NIC("eth0"); !n.Usable || strings.Join(n.SessionOf, "|") != "ssh from 192.168.1.50 (this session)" {
		t.Errorf("%+v", n)
	}
}

// The JSON that others read: the names, and arrays that are never null.
func TestJSON(t *testing.T) {
	for name, x := range map[string]*fake{"ssh": overSSH(), "nothing": {wake: make(chan struct{})}} {
		x.bridge(backend.Bridge{Name: "br0"})
		if x.files != nil {
			x.files[interfacesFile] += "\tpost-up ip link\n\tpost-up true\n"
		}
		data, err := json.Marshal(survey(t, x))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "null") {
			t.Errorf("%s: a null in %s", name, data)
		}
		if name != "ssh" {
			continue
		}
		for _, want := range []string{
			`"name":"eth0"`, `"mac":"00:16:3e:00:00:00"`, `"driver":"igb"`, `"speed_mbps":1000`, `"carrier":true`, `"addresses":["192.168.1.100/24"]`,
			`"owner":{"kind":"ifupdown","file":"/etc/network/interfaces","line":5}`, `"sessions":["ssh from 192.168.1.50 (this session)"]`, `"problems":[]`,
			`"network_config":{"owner":"ifupdown"`, `"files":["/etc/network/interfaces"]`,
			`{"name":"eth0","family":"inet","method":"static","auto":true,"options":[["address","192.168.1.100/24"],["gateway","192.168.1.1"],["post-up","ip link"],["post-up","true"]],"file":"/etc/network/interfaces","line":5}`,
			`"ovs":{`, `"libvirt":{`, `"findings":[{"level":"warn","what":"This session`,
		} {
			if !strings.Contains(string(data), want) {
				t.Errorf("no %s in %s", want, data)
			}
		}
	}
}

// 256 NICs, each with a VLAN, a neighbour's session and a rule, take no noticeable time.
func TestManyNICs(t *testing.T) {
	x := many()
	start := time.Now()
	f := survey(t, x)
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
	if len(f.NICs) != 512 || len(f.Firewall) != 256 {
		t.Errorf("%d NICs, %d rules", len(f.NICs), len(f.Firewall))
	}
}

func many() *fake {
	x := overSSH()
	x.files["/etc/nftables.conf"] = ""
	for i := range 252 {
		name := fmt.Sprintf("ens%d", i)
		x.links = append(x.links, backend.Link{Name: name, MAC: "00:16:3e:00:01:00", Up: true, Addrs: addrs(fmt.Sprintf("10.0.%d.1/24", i))})
	}
	for _, l := range x.links[1:] {
		x.links = append(x.links, backend.Link{Name: l.Name + ".5", Kind: "vlan", Parent: l.Name, VLAN: 5, Virtual: true, Up: true})
		x.files["/etc/nftables.conf"] += "iifname " + l.Name + " accept\n"
	}
	for i := range 252 {
		x.routes = append(x.routes, route(fmt.Sprintf("10.0.%d.0/24", i), "", fmt.Sprintf("ens%d", i)))
		x.connect(fmt.Sprintf("10.0.%d.1:22", i), fmt.Sprintf("10.0.%d.9:3333", i), 400)
	}
	return x
}

func BenchmarkManyNICs(b *testing.B) {
	x := many()
	for b.Loop() {
		survey(b, x)
	}
}
