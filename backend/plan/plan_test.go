package plan_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/check"
	"bridgehead/backend/lab"
	"bridgehead/backend/op"
	"bridgehead/backend/plan"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/real"
	"bridgehead/backend/sim"
	"bridgehead/backend/survey"
)

// On the host of a lab this test is a program that prints a plan.
func TestMain(m *testing.M) {
	lab.Main()
	if len(os.Args) == 3 && os.Args[1] == "plan" {
		if err := printPlan(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0")
	os.Exit(m.Run())
}

func printPlan(format string) error {
	h, err := real.Host(real.Options{})
	if err != nil {
		return err
	}
	in, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	a, err := answers.Parse("stdin", in)
	if err != nil {
		return err
	}
	p, err := plantest.Build(h, a)
	if err != nil {
		return err
	}
	return plan.Render(os.Stdout, p, format)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func facts(t *testing.T, s sim.Spec) survey.Facts {
	t.Helper()
	f, err := survey.Take(context.Background(), sim.New(s).Host(), survey.Options{Root: true})
	must(t, err)
	return f
}

func render(t *testing.T, p plan.Plan, format string) string {
	t.Helper()
	var b bytes.Buffer
	must(t, plan.Render(&b, p, format))
	return b.String()
}

var formats = []string{plan.FormatText, plan.FormatJSON, plan.FormatScript, plan.FormatUndoScript}

// Build is pure: it changes neither facts nor answers, gives the same each time, and its plan
// survives JSON.
func TestBuildIsPure(t *testing.T) {
	for _, c := range plantest.Cases() {
		f := facts(t, c.Spec())
		same := facts(t, c.Spec())
		given, err := answers.Encode(c.Answers)
		must(t, err)
		first, err := plan.Build(f, c.Answers)
		must(t, err)
		if !reflect.DeepEqual(f.Links, same.Links) || !reflect.DeepEqual(f.Routes, same.Routes) || !reflect.DeepEqual(f.Files, same.Files) || !reflect.DeepEqual(f.NICs, same.NICs) {
			t.Errorf("%s: Build changed the facts", c.Name)
		}
		if now, _ := answers.Encode(c.Answers); string(now) != string(given) {
			t.Errorf("%s: Build changed the answers", c.Name)
		}
		data, err := json.Marshal(first)
		must(t, err)
		decoded, err := plan.Decode(data)
		must(t, err)
		for range 20 {
			again, err := plan.Build(f, c.Answers)
			must(t, err)
			for _, format := range formats {
				if a, b := render(t, first, format), render(t, again, format); a != b {
					t.Fatalf("%s: built twice, it is\n%s", c.Name, plantest.Diff(a, b))
				}
			}
		}
		for _, format := range formats {
			if a, b := render(t, first, format), render(t, decoded, format); a != b {
				t.Errorf("%s: decoded, it is\n%s", c.Name, plantest.Diff(a, b))
			}
		}
		if again, err := json.Marshal(decoded); err != nil || string(again) != string(data) {
			t.Errorf("%s: encoded again, it is other JSON, %v", c.Name, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for data, says := range map[string]string{
		"{":              "cannot read the plan",
		`{"version": 2}`: "version 2",
		`{"version": 1, "operations": [{"phase": "trial", "operation": {"kind": "format-disk", "op": {}}}]}`: `"format-disk" is unknown`,
		`{"version": 1, "operations": [{"phase": "trial", "operation": {"kind": "add-bridge", "op": []}}]}`:  "cannot read operation add-bridge",
	} {
		if _, err := plan.Decode([]byte(data)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", data, err)
		}
	}
}

// find returns the operation of type T.
func find[T op.Op](t *testing.T, p plan.Plan) T {
	t.Helper()
	for _, i := range p.Items {
		if o, ok := i.Op.(T); ok {
			return o
		}
	}
	var none T
	t.Fatalf("there is no %T", none)
	return none
}

func kinds(p plan.Plan) string {
	var out []string
	for _, i := range p.Items {
		out = append(out, string(i.Phase)+":"+i.Op.Kind())
	}
	return strings.Join(out, " ")
}

func TestWhatIsPlanned(t *testing.T) {
	build := func(s sim.Spec, with ...func(*answers.Answers)) plan.Plan {
		t.Helper()
		p, err := plan.Build(facts(t, s), plantest.Answers(with...))
		must(t, err)
		return p
	}
	const trial = "trial:add-bridge trial:stage-address trial:attach-nic trial:move-address"
	const persist = "persist:write-file persist:mark-ifstate"
	for _, x := range []struct {
		name, want string
		p          plan.Plan
	}{
		{"keep", trial + " " + persist, build(plantest.Tutorial())},
		{"libvirt", trial + " trial:define-network " + persist, build(plantest.Tutorial(), plantest.Libvirt("keep"))},
		{"default removed", trial + " trial:define-network trial:retire-network " + persist, build(plantest.WithoutGuest(), plantest.Libvirt("remove"))},
		{"DHCP kept", "trial:stop-dhcp " + trial + " trial:start-dhcp " + persist, build(plantest.Leased())},
		{"static to DHCP", trial + " trial:start-dhcp " + persist, build(plantest.Tutorial(), plantest.DHCP)},
		{"DHCP to static", "trial:stop-dhcp " + trial + " " + persist, build(plantest.Leased(), plantest.Static("192.168.1.1", "192.168.1.9/24"))},
	} {
		if got := kinds(x.p); got != x.want {
			t.Errorf("%s: %s, want %s", x.name, got, x.want)
		}
	}

	p := build(plantest.Tutorial(), func(a *answers.Answers) { a.Uplink.NICs = []string{"enp2s0f0"} })
	if nic := find[*op.AttachNIC](t, p).NIC; nic != "eth0" || p.Answers.Uplink.NICs[0] != "eth0" {
		t.Errorf("an altname becomes %s", nic)
	}
	if !p.Risk.OwnSession || !p.Risk.LoseSSH() || p.Risk.Safe != "" {
		t.Errorf("the session on the NIC: %+v", p.Risk)
	}
	p = build(plantest.Tutorial(), func(a *answers.Answers) { a.Uplink.NICs = []string{"eth1"} })
	if p.Risk.OwnSession || p.Risk.LoseSSH() || p.Risk.Safe == "" {
		t.Errorf("a session on another NIC: %+v", p.Risk)
	}

	p = build(plantest.Rich())
	if b := find[*op.AddBridge](t, p); b.MTU != 9000 || b.MAC != "00:1b:21:3a:4f:10" {
		t.Errorf("MTU %d, MAC %s", b.MTU, b.MAC)
	}
	move := find[*op.MoveAddress](t, p)
	var addrs, routes []string
	for _, a := range move.To.Addrs {
		addrs = append(addrs, a.Prefix.String()+" "+a.Label)
	}
	for _, r := range move.To.Routes {
		routes = append(routes, fmt.Sprintf("%s %s %d %s", r.Dst, r.Dev, r.Table, r.Src))
	}
	if got, want := strings.Join(addrs, ", "), "192.168.1.100/24 examplebr0p1, 10.9.0.5/24 examplebr0p1:1, 192.168.1.101/24 examplebr0p1, 2001:db8::100/64 "; got != want {
		t.Errorf("addresses %s, want %s", got, want)
	}
	if len(routes) != 6 || !slices.Contains(routes, "10.50.0.0/16 examplebr0p1 254 10.9.0.5") || !slices.Contains(routes, "0.0.0.0/0 examplebr0p1 100 invalid IP") {
		t.Errorf("routes %q", routes)
	}
	if len(move.To.Rules) != 2 || move.To.Rules[0].IIF != "examplebr0p1" {
		t.Errorf("rules %+v", move.To.Rules)
	}

	p = build(plantest.OnLink())
	move = find[*op.MoveAddress](t, p)
	if len(move.To.Routes) != 2 || move.To.Routes[0].Dst.Bits() != 32 || move.To.Routes[1].Dst.Bits() != 0 {
		t.Errorf("the on-link route comes first: %+v", move.To.Routes)
	}
	p = build(plantest.Tutorial(), plantest.Static("192.168.5.1", "203.0.113.9/32"))
	move = find[*op.MoveAddress](t, p)
	if len(move.To.Routes) != 2 || move.To.Routes[0].Dst.String() != "192.168.5.1/32" || !p.Risk.NewAddress {
		t.Errorf("a typed gateway beside a /32: %+v", move.To.Routes)
	}
	p = build(plantest.Leased(), func(a *answers.Answers) { a.Bridge.Tag = 10 })
	if find[*op.AddBridge](t, p).Tag != 10 {
		t.Error("the tag")
	}
}

// What does not fit the answers is told by field (exit code 2), what does not fit the host is a refusal (exit code 3).
func TestRefusals(t *testing.T) {
	spec := func(change func(*sim.Spec)) sim.Spec { s := plantest.Tutorial(); change(&s); return s }
	vlan := func(change func(*sim.Spec)) sim.Spec { s := plantest.Tagged(); change(&s); return s }
	tagged := func(a *answers.Answers) { a.Bridge.Tag = 10 }
	none := func(*sim.Spec) {}
	for _, x := range []struct {
		name, field, says string // field "" is a refusal
		spec              sim.Spec
		answers           func(*answers.Answers)
	}{
		{"no such NIC", "uplink.nics[0]", "it has eth0, eth1", spec(none), func(a *answers.Answers) { a.Uplink.NICs = []string{"eth9"} }},
		{"bridge is a link", "bridge.name", "network link eth2", spec(none), func(a *answers.Answers) { a.Bridge.Name = "eth2" }},
		{"bridge is an altname", "bridge.name", "network link enp2s0f1", spec(none), func(a *answers.Answers) { a.Bridge.Name = "enp2s0f1" }},
		{"bridge is a bridge", "bridge.name", "already has a bridge", spec(func(s *sim.Spec) { s.OVS.Setup = [][]string{{"add-br", "examplebr0"}} }), nil},
		{"port is a port", "bridge.port", "already a port", spec(func(s *sim.Spec) {
			s.OVS.Setup = [][]string{{"add-br", "b", "--", "add-port", "b", "examplebr0p1", "--", "set", "Interface", "examplebr0p1", "type=internal"}}
		}), nil},
		{"MTU too large", "bridge.mtu", "1500", spec(none), func(a *answers.Answers) { a.Bridge.MTU = 9000 }},
		{"network in use", "libvirt.network", "example1", spec(none), func(a *answers.Answers) { a.Libvirt = &answers.Libvirt{Network: "default", Default: "keep"} }},
		{"VM whose emulator is gone", "vms.attach[0]", "its emulator /usr/bin/qemu-old cannot be run", spec(func(s *sim.Spec) {
			d := &s.Virt.Domains[1]
			d.XML = strings.Replace(sim.DomainXML(*d), "qemu-system-x86_64", "qemu-old", 1)
		}), plantest.VMs},
		{"VM of an unknown machine type", "vms.attach[0]", "machine type pc-q35-99.0", spec(func(s *sim.Spec) {
			d := &s.Virt.Domains[1]
			d.XML = strings.Replace(sim.DomainXML(*d), "pc-q35-7.2", "pc-q35-99.0", 1)
		}), plantest.VMs},
		{"a NIC plugged in without ACPI", "vms.attach[0]", "without ACPI", spec(func(s *sim.Spec) {
			d := &s.Virt.Domains[0]
			d.XML = strings.Replace(sim.DomainXML(*d), "pc-q35-7.2", "pc-i440fx-7.2", 1)
		}), func(a *answers.Answers) {
			a.VMs = &answers.VMs{Attach: []answers.AttachVM{{Name: "example1", NIC: answers.NewNIC}}}
		}},
		{"bad answers", "bridge.tag", "VLAN", spec(none), func(a *answers.Answers) { a.Bridge.Tag = -1 }},
		{"no kernel datapath", "", "openvswitch", spec(func(s *sim.Spec) { s.OVS.KernelModule = false }), nil},
		{"Open vSwitch stopped", "", "Open vSwitch", spec(func(s *sim.Spec) { s.OVS.Stopped = true }), nil},
		{"Open vSwitch not installed", "", "Open vSwitch", spec(func(s *sim.Spec) { s.OVS = nil }), nil},
		{"libvirt missing", "", "libvirt", spec(func(s *sim.Spec) { s.Virt = nil }), plantest.Libvirt("keep")},
		{"default in use", "", "example1", spec(none), plantest.Libvirt("remove")},
		{"NIC in a bridge", "", "cannot be the uplink", spec(func(s *sim.Spec) { s.OVS.Setup = [][]string{{"add-br", "b", "--", "add-port", "b", "eth1"}} }),
			func(a *answers.Answers) { a.Uplink.NICs = []string{"eth1"} }},
		{"stanza not understood", "", "eth0", spec(func(s *sim.Spec) {
			s.Files["/etc/network/interfaces"] = backend.File{Data: []byte("auto eth0\niface eth0 inet static\n\taddress 192.168.1.100/24\n\tbridge_ports eth1\n"), Mode: 0o644}
		}), nil},
		{"a route that cannot be made again", "", "10.9.0.0/16", spec(func(s *sim.Spec) {
			s.Routes = append(s.Routes, backend.Route{Dst: netip.MustParsePrefix("10.9.0.0/16"), Gateway: netip.MustParseAddr("192.168.1.1"), Dev: "eth0", Foreign: "encap"})
		}), nil},
		{"the address is in a VLAN, and no tag", "bridge.tag", "give the tag 10", vlan(none), nil},
		{"another tag", "bridge.tag", "give the tag 10", vlan(none), func(a *answers.Answers) { a.Bridge.Tag = 20 }},
		{"a VLAN link made by hand", "", "no stanza", vlan(func(s *sim.Spec) {
			s.Files["/etc/network/interfaces"] = backend.File{Data: []byte("auto lo\niface lo inet loopback\n"), Mode: 0o644}
		}), tagged},
		{"a VLAN link with priorities", "", "egress-qos-map 0:5", vlan(func(s *sim.Spec) { s.Links[0].VLANOptions = "egress-qos-map 0:5" }), tagged},
		{"NIC and VLAN link have addresses", "", "eth0 has an address of its own", vlan(func(s *sim.Spec) {
			s.NICs[0].Addrs = []backend.Addr{{Prefix: netip.MustParsePrefix("10.1.1.1/24"), Scope: "global"}}
		}), tagged},
		{"another VLAN link stays with its address", "", "eth0 would keep the address of eth0.10", spec(func(s *sim.Spec) {
			s.Links = []backend.Link{{Name: "eth0.10", Kind: "vlan", Parent: "eth0", VLAN: 10, Up: true,
				Addrs: []backend.Addr{{Prefix: netip.MustParsePrefix("10.1.1.1/24"), Scope: "global"}}}}
		}), nil},
		{"a VLAN link and a kernel bond", "", "kernel bond", vlan(none), func(a *answers.Answers) {
			tagged(a)
			plantest.KernelBonded(answers.Bond{Name: "examplebond0", Mode: "active-backup"})(a)
		}},
		{"a rule that cannot be made again", "", "rule 1000", spec(func(s *sim.Spec) {
			s.Rules = append(s.Rules, backend.Rule{Priority: 1000, IIF: "eth0", Table: 100, Foreign: "uidrange"})
		}), nil},
	} {
		a := plantest.Answers()
		if x.answers != nil {
			x.answers(&a)
		}
		_, err := plan.Build(facts(t, x.spec), a)
		var bad *answers.Error
		var refusal *plan.Refusal
		switch {
		case err == nil || !strings.Contains(err.Error(), x.says):
			t.Errorf("%s: %v", x.name, err)
		case x.field != "" && (!errors.As(err, &bad) || bad.Field != x.field):
			t.Errorf("%s: not about %s: %v", x.name, x.field, err)
		case x.field == "" && !errors.As(err, &refusal):
			t.Errorf("%s: no refusal: %v", x.name, err)
		}
	}
}

func TestScriptsAreShell(t *testing.T) {
	for _, c := range plantest.Cases() {
		p := c.Plan(t, c.Machine())
		for _, format := range []string{plan.FormatScript, plan.FormatUndoScript} {
			cmd := exec.Command("sh", "-n")
			cmd.Stdin = strings.NewReader(render(t, p, format))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s, %s: %v %s", c.Name, format, err, out)
			}
		}
	}
}

// The script of a plan, run on a host of a lab, converts it as the trial would, and its undo script brings everything back.
func TestScriptsInLab(t *testing.T) {
	self, err := os.Executable()
	must(t, err)
	const ask = "version: 1\nuplink: {nics: [eth0], kind: nic}\nbridge: {name: examplebr0, datapath: netdev}\n"
	for name, x := range map[string]struct {
		spec    lab.Spec
		answers string
	}{
		"dual stack": {lab.Spec{IPv6: true, Libvirt: true, Sysctls: map[string]string{"ipv4/conf/default/rp_filter": "1"}}, ask + "libvirt: {network: examplebr0}\n"},
		"dhcp":       {lab.Spec{DHCP: true, Interfaces: "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet dhcp\n"}, ask},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x.spec.Bind = map[string]string{"/opt/plan.test": self}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			l, err := lab.Up(ctx, x.spec)
			must(t, err)
			defer func() {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			}()
			sh := func(stdin string, argv ...string) string {
				t.Helper()
				cmd := l.Host(argv...)
				cmd.Stdin = strings.NewReader(stdin)
				var stdout, stderr bytes.Buffer
				cmd.Stdout, cmd.Stderr = &stdout, &stderr
				cmd.WaitDelay = time.Second // a daemon that a script starts keeps the pipe
				if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
					t.Fatalf("%v: %v\n%s%s\n%s", argv, err, &stdout, &stderr, stdin)
				}
				return stdout.String()
			}
			snapshot := func() string {
				s, err := l.Snapshot()
				must(t, err)
				return lifetimes.ReplaceAllString(s.String(), "")
			}
			before := snapshot()
			do := sh(x.answers, "/opt/plan.test", "plan", plan.FormatScript)
			undo := sh(x.answers, "/opt/plan.test", "plan", plan.FormatUndoScript)
			sh(do, "sh")
			sh("", "ping", "-qc1", "-W2", lab.GatewayAddr)
			if out, err := l.Client("ping", "-qc1", "-W2", lab.HostAddr).CombinedOutput(); err != nil {
				t.Errorf("the client does not reach the converted host: %s", out)
			}
			if got := sh("", "ovs-vsctl", "iface-to-br", "eth0"); got != "examplebr0\n" {
				t.Errorf("eth0 is in %q", got)
			}
			if file := sh("", "cat", "/etc/network/interfaces"); !strings.Contains(file, "iface examplebr0p1 inet") {
				t.Errorf("the file:\n%s", file)
			}
			sh(undo, "sh")
			if d := plantest.Diff(before, snapshot()); d != "" {
				t.Error(d)
			}
			if out, err := l.Client("ping", "-qc1", "-W2", lab.HostAddr).CombinedOutput(); err != nil {
				t.Errorf("the client does not reach the host: %s", out)
			}
		})
	}
}

var lifetimes = regexp.MustCompile(` dynamic=true`)

// The port of a VM has to have the VLANs of the port group that its NIC names, or of the network's default one.
func TestPortGroupVLANs(t *testing.T) {
	for _, x := range []struct {
		vm     answers.AttachVM
		tag    int
		trunks []int
	}{
		{answers.AttachVM{PortGroup: "office"}, 10, nil},
		{answers.AttachVM{PortGroup: "all"}, 1, []int{1, 20}},
		{answers.AttachVM{}, 7, nil},
		{answers.AttachVM{Tag: 5}, 5, nil},
		{answers.AttachVM{Via: answers.ViaBridge}, 0, nil},
	} {
		p, err := plantest.Build(sim.New(plantest.WithNetwork()).Host(), plantest.Answers(plantest.Libvirt(answers.DefaultKeep), plantest.PortGroups, func(a *answers.Answers) {
			a.Libvirt.PortGroups = append(a.Libvirt.PortGroups, answers.PortGroup{Name: "usual", VLANs: []int{7}, Default: true})
			x.vm.Name = "example2"
			a.VMs = &answers.VMs{Attach: []answers.AttachVM{x.vm}}
		}))
		must(t, err)
		i := slices.IndexFunc(p.Checks, func(s check.Spec) bool { return s.Kind == check.VMPort })
		if got := p.Checks[i]; got.Tag != x.tag || !slices.Equal(got.Trunks, x.trunks) {
			t.Errorf("%+v: %+v", x.vm, got)
		}
	}
}
