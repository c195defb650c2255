package golden_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/sim"
	"bridgehead/steps/stepstest"
	"bridgehead/tui"
)

// odd has one VM of every kind that is not the usual one.
func odd(s *sim.Spec) {
	nic := func(mac, kind, source string) backend.DomainNIC {
		return backend.DomainNIC{MAC: "52:54:00:00:00:" + mac, Type: kind, Source: source, Model: "e1000"}
	}
	add := func(d backend.Domain) {
		d.UUID = fmt.Sprintf("6e6c4e5c-3f4b-4d3a-9b62-%012d", len(s.Virt.Domains))
		s.Virt.Domains = append(s.Virt.Domains, d)
	}
	add(backend.Domain{Name: "bare", Persistent: true, Running: true})
	add(backend.Domain{Name: "router", Persistent: true, NICs: []backend.DomainNIC{nic("01", "network", "default"), nic("02", "direct", "eth1"), nic("03", "user", "")}})
	add(backend.Domain{Name: "asleep", Persistent: true, Saved: true, NICs: []backend.DomainNIC{nic("04", "network", "default")}})
	add(backend.Domain{Name: "passing", Running: true})
	add(backend.Domain{Name: "a \"b\" <c>", Persistent: true, NICs: []backend.DomainNIC{nic("05", "bridge", "br-lan")}})
}

// unfit has a VM whose emulator is gone, and one that runs without ACPI.
func unfit(s *sim.Spec) {
	nic := []backend.DomainNIC{{MAC: "52:54:00:00:00:01", Type: "network", Source: "default", Model: "virtio", Target: "vnet9"}}
	old := backend.Domain{Name: "old", UUID: "6e6c4e5c-3f4b-4d3a-9b62-000000000001", Persistent: true, NICs: nic}
	old.XML = strings.Replace(sim.DomainXML(old), "qemu-system-x86_64", "qemu-old", 1)
	dos := backend.Domain{Name: "dos", UUID: "6e6c4e5c-3f4b-4d3a-9b62-000000000002", Persistent: true, Running: true, NICs: nic}
	dos.XML = strings.Replace(sim.DomainXML(dos), "pc-q35-7.2", "pc-i440fx-7.2", 1)
	s.Virt.Domains = append(s.Virt.Domains, old, dos)
	s.Virt.Domains[0], s.Virt.Domains[3] = s.Virt.Domains[3], s.Virt.Domains[0]
}

func attaching(list ...answers.AttachVM) *answers.Answers {
	return tutorial(func(a *answers.Answers) {
		a.Libvirt = &answers.Libvirt{Network: "examplebr0", Default: answers.DefaultKeep}
		a.VMs = &answers.VMs{Attach: list}
	})
}

func TestVMs(t *testing.T) {
	router := func(keys ...string) func(*testing.T, *operator) {
		return func(t *testing.T, op *operator) {
			op.Go(t, "vms")
			op.Press("/")
			op.Type("router")
			op.Press("enter", "space")
			op.Press(keys...)
		}
	}
	grouped := attaching()
	grouped.Libvirt.PortGroups = []answers.PortGroup{{Name: "office", VLANs: []int{10}, Default: true}, {Name: "all", VLANs: []int{1, 20}, Native: 1}}
	grouped.VMs = nil
	started := setup{Badge: tui.Real, Answers: attaching(answers.AttachVM{Name: "example2"})}
	running := func(t *testing.T, op *operator) {
		trialOf()(t, op)
		op.Machine.StartDomain("example2")
		op.Wait(2 * time.Second)
	}
	narrow := setup{Badge: tui.Real, Width: 60, Height: 16, Spec: odd}
	playAll(t, []play{
		{"vms", setup{}, to("vms")},
		{"vms-chosen", setup{}, to("vms", "a", "down")},
		{"vms-edit", setup{}, to("vms", "e")},
		{"vms-new-nic", setup{}, func(t *testing.T, op *operator) {
			to("vms", "e", "down", "tab", "tab")(t, op)
			op.Type("10")
			op.Press("ctrl+n")
		}},
		{"vms-port-group", setup{Answers: grouped}, to("vms", "e", "tab", "tab", "tab", "down", "ctrl+n", "e")},
		{"vms-port-group-tag", setup{Answers: grouped}, func(t *testing.T, op *operator) {
			to("vms", "e", "tab")(t, op)
			op.Type("10")
			op.Press("tab", "tab", "down", "ctrl+n")
		}},
		{"vms-unfit", setup{Spec: unfit}, to("vms", "down", "down", "down", "space")},
		{"vms-no-acpi", setup{Spec: unfit}, to("vms", "e", "down")},
		{"vms-odd", setup{Spec: odd}, to("vms")},
		{"vms-asleep", setup{Spec: odd}, to("vms", "down", "space")},
		{"vms-several", setup{Spec: odd}, router()},
		{"vms-several-tag", setup{Spec: odd}, func(t *testing.T, op *operator) {
			router("down", "tab")(t, op)
			op.Type("4095")
			op.Press("ctrl+n")
		}},
		{"vms-300", setup{Spec: stepstest.VMs(298)}, to("vms", "down")},
		{"vms-300-filter", setup{Spec: stepstest.VMs(298)}, func(t *testing.T, op *operator) {
			op.Go(t, "vms")
			op.Press("/")
			op.Type("db1")
			op.Press("enter", "a", "pgdown")
		}},
		{"vms-answers-lost", setup{Answers: attaching(answers.AttachVM{Name: "example2"}, answers.AttachVM{Name: "gone"})}, to("vms", "ctrl+n")},
		{"vms-answers-no-nic", setup{Answers: attaching(answers.AttachVM{Name: "example2", NIC: "52:54:00:00:00:99"})}, to("vms", "ctrl+n")},
		{"vms-review", setup{Answers: attaching(answers.AttachVM{Name: "example1", Tag: 10})}, to("review", "end")},
		{"vms-timeline", setup{Answers: attaching(answers.AttachVM{Name: "example1", Tag: 10})}, to("review", "4")},
		{"vms-started-meanwhile", started, func(t *testing.T, op *operator) { running(t, op) }},
		{"vms-started-taken-back", started, func(t *testing.T, op *operator) {
			running(t, op)
			op.Press("r", "enter")
			op.Wait(2 * time.Second)
		}},
		{"60x16-vms-odd", narrow, to("vms", "end")},
		{"60x16-vms-several", narrow, router()},
	})
}

// On a host that has been moved already the wizard opens at the VMs, and everything else can be reached.
func TestAttachLater(t *testing.T) {
	later := setup{Before: stepstest.Converted, Badge: tui.Real}
	opened := func(keys ...string) func(*testing.T, *operator) {
		return func(t *testing.T, op *operator) {
			if op.On() != "vms" {
				t.Fatalf("it opens at %s:\n%s", op.On(), op.Screen())
			}
			op.Press(keys...)
		}
	}
	kept := func(keys ...string) func(*testing.T, *operator) {
		return func(t *testing.T, op *operator) {
			opened("a")(t, op)
			op.Go(t, "risk")
			op.Apply()
			op.Wait(2 * time.Second)
			op.Press(keys...)
		}
	}
	one := setup{Before: stepstest.Converted, Badge: tui.Real, Spec: func(s *sim.Spec) { s.NICs = s.NICs[:1] }}
	playAll(t, []play{
		{"later-vms", later, opened()},
		{"later-survey", later, opened("ctrl+p", "ctrl+p", "ctrl+p")},
		{"later-task", later, opened("ctrl+p", "ctrl+p")},
		{"later-task-one-nic", one, opened("ctrl+p", "ctrl+p")},
		{"later-libvirt", later, opened("ctrl+p")},
		{"later-port-groups", later, func(t *testing.T, op *operator) {
			opened("ctrl+p", "tab", "tab")(t, op)
			op.Type("office=10")
		}},
		{"later-new-bridge", later, func(t *testing.T, op *operator) { opened("ctrl+p", "ctrl+p", "down")(t, op); op.Go(t, "bridge") }},
		{"later-new-vm", later, opened("v")},
		{"later-new-vm-back", later, opened("a", "v", "esc")},
		{"later-no-vm", setup{Before: stepstest.Converted, Badge: tui.Real, Spec: func(s *sim.Spec) { s.Virt.Domains = nil }}, opened("ctrl+n")},
		{"later-safety", later, opened("a", "ctrl+n")},
		{"later-review", later, opened("a", "ctrl+n", "ctrl+n")},
		{"later-timeline", later, opened("a", "ctrl+n", "ctrl+n", "4")},
		{"later-picture", later, opened("a", "ctrl+n", "ctrl+n", "2")},
		{"later-nothing", later, opened("ctrl+n")},
		{"later-risk", later, opened("a", "ctrl+n", "ctrl+n", "ctrl+n")},
		{"later-confirm", later, kept()},
		{"later-done", later, kept("k", "enter")},
		{"later-rolled-back", later, kept("r", "enter")},
	})
}

// The plan of a later attachment, in every format.
func TestAttachPlan(t *testing.T) {
	m := machine(odd)
	stepstest.Converted(m)
	given := answers.Answers{Version: 1, Uplink: answers.Uplink{Kind: answers.KindExisting}, Bridge: answers.Bridge{Name: "examplebr0"},
		Address: answers.Address{Method: answers.MethodKeep}, Libvirt: &answers.Libvirt{Network: "examplebr0", Default: answers.DefaultKeep},
		VMs:   &answers.VMs{Attach: []answers.AttachVM{{Name: "example1"}, {Name: "bare", Tag: 20}}},
		Apply: answers.Apply{When: answers.WhenNow, ConfirmWithin: answers.Duration(answers.DefaultWindow)}}
	grouped := given
	grouped.Libvirt = &answers.Libvirt{Network: "examplebr0", Default: answers.DefaultKeep, PortGroups: []answers.PortGroup{{Name: "office", VLANs: []int{10}}}}
	grouped.VMs = &answers.VMs{Attach: []answers.AttachVM{{Name: "example2", PortGroup: "office"}}}
	for name, a := range map[string]answers.Answers{"attach-later": given, "attach-port-group": grouped} {
		p, err := stepstest.Plan(m, a)
		if err != nil {
			t.Fatal(err)
		}
		for format, end := range formats {
			golden(t, "plans/"+name+end, rendered(t, p, format))
		}
		reread(t, p)
	}
}
