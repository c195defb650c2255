package golden_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/sim"
	"bridgehead/steps/stepstest"
	"bridgehead/tui"
)

type (
	operator = stepstest.Operator
	setup    = stepstest.Setup
)

// screen compares what is on the screen with its golden.
func screen(t *testing.T, op *operator, name string) {
	t.Helper()
	name = "screens/" + name + ".txt"
	plain(t, name, op.Screen())
	golden(t, name, op.Screen())
}

// play is one run of the wizard that stops at the screen to be compared.
type play struct {
	name string
	on   setup
	keys func(*testing.T, *operator)
}

func playAll(t *testing.T, plays []play) {
	for _, p := range plays {
		t.Run(p.name, func(t *testing.T) {
			stepstest.Run(t, p.on, func(op *operator) {
				if p.keys != nil {
					p.keys(t, op)
				}
				screen(t, op, p.name)
			})
		})
	}
}

// to presses on to a step, and then these keys.
func to(step string, keys ...string) func(*testing.T, *operator) {
	return func(t *testing.T, op *operator) {
		op.Go(t, step)
		op.Press(keys...)
	}
}

// fill goes to a step and types into its fields; "tab" and the like are keys, all else is typed over what is there.
func fill(step string, input ...string) func(*testing.T, *operator) {
	return func(t *testing.T, op *operator) {
		op.Go(t, step)
		for _, s := range input {
			switch s {
			case "tab", "down", "up", "enter", "space":
				op.Press(s)
			default:
				op.Press("ctrl+u")
				op.Type(s)
			}
		}
	}
}

func TestSurvey(t *testing.T) {
	playAll(t, []play{
		{"survey", setup{}, nil},
		{"survey-end", setup{}, to("survey", "end")},
		{"survey-console", setup{Spec: stepstest.Console, Badge: tui.Real}, nil},
		{"survey-rehearsal", setup{Badge: tui.Rehearse}, nil},
		{"survey-not-root", setup{NotRoot: true, Badge: tui.Real}, nil},
		{"survey-packages-missing", setup{Spec: stepstest.NoPackages}, nil},
		{"survey-netplan", setup{Spec: stepstest.Netplan}, nil},
		{"survey-networkmanager", setup{Spec: stepstest.NetworkManager}, nil},
		{"survey-networkd", setup{Spec: stepstest.Networkd}, nil},
		{"survey-ifupdown2", setup{Spec: stepstest.Ifupdown2}, nil},
		{"survey-proxmox", setup{Spec: stepstest.Proxmox}, nil},
		{"survey-refused-enter", setup{Spec: stepstest.Proxmox}, to("survey", "enter")},
		{"survey-vswitchd-dead", setup{Before: func(m *sim.Machine) { m.Stop(sim.Vswitchd) }}, nil},
		{"survey-disk-full", setup{Before: func(m *sim.Machine) { m.FillDisk(true) }}, nil},
		{"survey-esc", setup{}, to("survey", "esc")},
	})
}

// unlit is a host whose NICs have no LED that the driver knows of.
type unlit struct{ backend.Links }

func (unlit) Blink(_ context.Context, name string, _ time.Duration) error {
	return fmt.Errorf("cannot blink the port LED of %s: its driver does not offer that; look for MAC 00:1b:21:3a:4f:10 on the card, or in the address table of the switch: operation not supported", name)
}

// apt installs slowly, and fails with err.
type apt struct {
	backend.Packages
	err error
}

func (a apt) Install(ctx context.Context, names []string, line func(string)) error {
	line("Get:3 http://deb.debian.org/debian bookworm/main amd64 openvswitch-switch amd64 3.1.0-2+deb12u1 [1,605 kB]")
	select {
	case <-ctx.Done():
		return fmt.Errorf("cannot install openvswitch-switch: %w", ctx.Err())
	case <-time.After(5 * time.Second):
	}
	line("Unpacking openvswitch-switch (3.1.0-2+deb12u1) ...")
	<-time.After(5 * time.Second)
	if a.err != nil {
		return a.err
	}
	return a.Packages.Install(ctx, names, line)
}

func slowly(err error) func(backend.Host) backend.Host {
	return func(h backend.Host) backend.Host { h.Packages = apt{h.Packages, err}; return h }
}

func TestPackages(t *testing.T) {
	bare := stepstest.NoPackages
	locked := errors.New("cannot install openvswitch-switch: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1234 (apt-get): another package program is at work (often apt-daily or unattended-upgrades): wait until it has ended, then try again")
	install := func(d time.Duration) func(*testing.T, *operator) {
		return func(t *testing.T, op *operator) {
			op.Go(t, "packages")
			op.Press("i")
			op.Wait(d)
		}
	}
	playAll(t, []play{
		{"packages", setup{Spec: bare}, to("packages")},
		{"packages-needed", setup{Spec: bare}, to("packages", "enter")},
		{"packages-running", setup{Spec: bare, Host: slowly(nil)}, install(3 * time.Second)},
		{"packages-unpacking", setup{Spec: bare, Host: slowly(nil)}, func(t *testing.T, op *operator) { install(7*time.Second)(t, op); op.Press("c") }},
		{"packages-stopped", setup{Spec: bare, Host: slowly(nil)}, func(t *testing.T, op *operator) { install(3*time.Second)(t, op); op.Press("c") }},
		{"packages-installed", setup{Spec: bare, Host: slowly(nil)}, install(12 * time.Second)},
		{"packages-failed", setup{Spec: bare, Host: slowly(locked)}, install(12 * time.Second)},
		{"packages-optional", setup{Spec: func(s *sim.Spec) { delete(s.Packages, "virtinst") }}, to("packages")},
	})
}

func TestNIC(t *testing.T) {
	many := setup{Spec: stepstest.NICs(252)}
	playAll(t, []play{
		{"nic", setup{}, to("nic")},
		{"nic-other", setup{}, to("nic", "down", "down", "down")},
		{"nic-256", many, to("nic", "end")},
		{"nic-256-filter", many, func(t *testing.T, op *operator) { op.Go(t, "nic"); op.Press("/"); op.Type("eth25") }},
		{"nic-blink", setup{}, to("nic", "b")},
		{"nic-blink-cannot", setup{Host: func(h backend.Host) backend.Host { h.Links = unlit{h.Links}; return h }}, to("nic", "b")},
		{"nic-in-bridge", setup{Spec: func(s *sim.Spec) {
			s.OVS.Setup = [][]string{{"add-br", "ovsbr9"}, {"add-port", "ovsbr9", "eth1"}}
		}}, to("nic", "down")},
	})
}

func TestQuestions(t *testing.T) {
	playAll(t, []play{
		{"uplink", setup{}, to("uplink")},
		{"bridge", setup{}, to("bridge")},
		{"bridge-errors", setup{}, fill("bridge", "a-name-that-is-too-long", "tab", "eth1", "tab", "tab", "5000", "tab", "9000")},
		{"bridge-refused", setup{}, func(t *testing.T, op *operator) {
			fill("bridge", "eth1")(t, op)
			op.Press("ctrl+n")
		}},
		{"bridge-renamed", setup{}, fill("bridge", "br0")},
		{"bridge-no-kernel-module", setup{Spec: func(s *sim.Spec) { s.OVS.KernelModule = false }}, to("bridge")},
		{"address", setup{}, to("address")},
		{"address-static", setup{}, to("address", "down")},
		{"address-static-errors", setup{}, fill("address", "down", "tab", "192.168.1.0/24", "tab", "10.0.0.1", "tab", "nine")},
		{"address-dhcp", setup{}, to("address", "down", "down")},
		{"address-from-dhcp", setup{Spec: stepstest.DHCP}, to("address")},
		{"address-none", setup{}, func(t *testing.T, op *operator) {
			op.Go(t, "nic")
			op.Press("down", "space")
			op.Go(t, "address")
		}},
		{"bridge-vlan", setup{Spec: stepstest.Tagged}, to("bridge")},
		{"bridge-vlan-untagged", setup{Spec: stepstest.Tagged}, fill("bridge", "tab", "tab", "tab", "20")},
		{"address-vlan", setup{Spec: stepstest.Tagged}, to("address")},
		{"libvirt", setup{}, to("libvirt")},
		{"libvirt-default-unused", setup{Spec: stepstest.DefaultUnused}, to("libvirt", "tab", "tab", "tab", "down")},
		{"libvirt-in-use", setup{}, fill("libvirt", "tab", "default")},
		{"libvirt-exists", setup{Spec: other}, to("libvirt", "tab")},
		{"libvirt-exists-difference", setup{Spec: other}, to("libvirt", "tab", "tab")},
		{"libvirt-exists-left", setup{Spec: other}, to("libvirt", "tab", "tab", "down")},
		{"libvirt-exists-review", setup{Spec: other}, to("review", "end")},
		{"libvirt-portgroups", setup{}, fill("libvirt", "tab", "tab", "office=10, all=1n+20", "tab")},
		{"libvirt-portgroups-wrong", setup{}, fill("libvirt", "tab", "tab", "office=10, all=1n")},
		{"libvirt-portgroups-review", setup{}, func(t *testing.T, op *operator) {
			fill("libvirt", "tab", "tab", "office=10, all=1n+20")(t, op)
			to("review", "end")(t, op)
		}},
		{"libvirt-left-alone", setup{}, to("libvirt", "space")},
		{"safety", setup{}, to("safety")},
		{"safety-errors", setup{}, fill("safety", "tab", "30s", "tab", "gateway")},
	})
}

func TestFrame(t *testing.T) {
	playAll(t, []play{
		{"leave", setup{}, to("bridge", "ctrl+c")},
		{"leave-small", setup{Width: 60, Height: 16}, trialOf("ctrl+c")},
		{"help", setup{}, to("bridge", "f1")},
		{"help-nic", setup{}, to("nic", "?")},
		{"too-small", setup{Width: 50, Height: 12}, nil},
		{"narrow", setup{Width: 60, Height: 16}, to("review")},
		{"wide", setup{Width: 132, Height: 43}, to("review", "4")},
	})
}

// other has a network of the proposed name that leads elsewhere.
func other(s *sim.Spec) {
	s.Virt.Networks = append(s.Virt.Networks, sim.Network{Active: true, XML: "<network>\n  <name>examplebr0</name>\n  <uuid>9a05da11-e96b-47f3-8253-a3a482e445f6</uuid>\n  <forward mode='nat'/>\n  <bridge name='virbr7'/>\n  <ip address='192.168.77.1' netmask='255.255.255.0'/>\n</network>\n"})
}
