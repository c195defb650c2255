package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/plan"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/sim"
)

func pictured(t *testing.T, change func(*sim.Spec, *answers.Answers)) plan.Picture {
	t.Helper()
	spec, a := sim.DemoSpec(), answers.Default()
	a.Uplink.NICs, a.Libvirt = []string{"eth0"}, &answers.Libvirt{Network: "examplebr0", Default: answers.DefaultKeep}
	change(&spec, &a)
	p, err := plantest.Build(sim.New(spec).Host(), a)
	if err != nil {
		t.Fatal(err)
	}
	return p.Picture
}

// A host full of VMs still has a picture that can be read: a few are named, the rest counted.
func TestPictureCountsVMs(t *testing.T) {
	p := pictured(t, func(s *sim.Spec, _ *answers.Answers) {
		for i := range 300 {
			d := s.Virt.Domains[1]
			d.Name, d.UUID = fmt.Sprintf("vm%03d", i), fmt.Sprintf("0d2f7f0a-57a1-4c8e-a5c4-%012d", i)
			d.NICs = []backend.DomainNIC{{MAC: fmt.Sprintf("52:54:01:00:%02x:%02x", i/256, i%256), Type: "network", Source: "default"}}
			s.Virt.Domains = append(s.Virt.Domains, d)
		}
	})
	if lines := p.Draw(80); len(lines) > 24 || !slices.Contains(lines, "  └─ and 298 VMs more") {
		t.Errorf("\n%s", strings.Join(lines, "\n"))
	}
}

// What becomes of the network default and of the VMs on it is drawn, not guessed.
func TestPictureOfNetworks(t *testing.T) {
	off := func(s *sim.Spec) {
		for i := range s.Virt.Domains {
			s.Virt.Domains[i].Running = false
		}
	}
	for want, change := range map[string]func(*sim.Spec, *answers.Answers){
		"libvirt network default (stopped)":                           func(s *sim.Spec, a *answers.Answers) { off(s); a.Libvirt.Default = answers.DefaultStop },
		"libvirt network default (removed)":                           func(s *sim.Spec, a *answers.Answers) { off(s); a.Libvirt.Default = answers.DefaultRemove },
		"libvirt network default":                                     func(_ *sim.Spec, a *answers.Answers) { a.Libvirt.Default = answers.DefaultKeep },
		"   ├─ port examplebr0p1, VLAN 7: this host 192.168.1.100/24": func(_ *sim.Spec, a *answers.Answers) { a.Bridge.Tag = 7 },
	} {
		if lines := plan.Tree(pictured(t, change).After); !slices.Contains(lines, want) {
			t.Errorf("no line %q in\n%s", want, strings.Join(lines, "\n"))
		}
	}
	gone := func(s *sim.Spec, a *answers.Answers) { s.Virt.Domains = nil; a.Libvirt.Default = answers.DefaultRemove }
	if lines := strings.Join(plan.Tree(pictured(t, gone).After), "\n"); strings.Contains(lines, "default") {
		t.Errorf("a network that is gone is drawn:\n%s", lines)
	}
}

// Beside each other or below each other, a picture keeps to its width as long as names allow, and Text to ASCII.
func TestPictureFits(t *testing.T) {
	p := pictured(t, func(*sim.Spec, *answers.Answers) {})
	for _, width := range []int{60, 80, 90, 200} {
		for _, l := range p.Draw(width) {
			if n := len([]rune(l)); n > width {
				t.Errorf("%d columns of %d: %s", n, width, l)
			}
		}
	}
	for _, r := range p.Text() {
		if r > 0x7e {
			t.Fatalf("%q in\n%s", r, p.Text())
		}
	}
}
