package steps_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"bridgehead/backend/answers"
	"bridgehead/backend/sim"
	"bridgehead/steps/stepstest"
)

type (
	operator = stepstest.Operator
	setup    = stepstest.Setup
)

func encoded(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// visited goes from the first step to the review, and says which steps there are.
func visited(t *testing.T, op *operator) []string {
	t.Helper()
	steps := []string{op.On()}
	for op.On() != "review" {
		before := op.On()
		op.Press("ctrl+n")
		if op.On() == before {
			t.Fatalf("stuck on %s:\n%s", before, op.Screen())
		}
		steps = append(steps, op.On())
	}
	return steps
}

// back is the way from the review to the first step.
func back(op *operator) []string {
	steps := []string{op.On()}
	for op.On() != "survey" {
		op.Press("ctrl+p")
		steps = append(steps, op.On())
	}
	slices.Reverse(steps)
	return steps
}

// A step that does not apply is skipped on the way there and on the way back.
func TestSkippedBothWays(t *testing.T) {
	all := []string{"survey", "nic", "uplink", "bridge", "address", "libvirt", "vms", "safety", "review"}
	without := func(ids ...string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(ids, s) })
	}
	for name, c := range map[string]struct {
		spec func(*sim.Spec)
		want []string
	}{
		"demo":             {nil, all},
		"no libvirt":       {func(s *sim.Spec) { s.Virt = nil }, without("libvirt", "vms")},
		"virtinst missing": {func(s *sim.Spec) { delete(s.Packages, "virtinst") }, slices.Insert(slices.Clone(all), 1, "packages")},
	} {
		t.Run(name, func(t *testing.T) {
			stepstest.Run(t, setup{Spec: c.spec}, func(op *operator) {
				if got := visited(t, op); !slices.Equal(got, c.want) {
					t.Errorf("there: %q, want %q", got, c.want)
				}
				if got := back(op); !slices.Equal(got, c.want) {
					t.Errorf("back: %q, want %q", got, c.want)
				}
			})
		})
	}
}

// typeOver replaces what is in the focused field.
func typeOver(op *operator, text string) {
	op.Press("ctrl+u")
	op.Type(text)
}

// Going back and forth keeps what was typed, valid or not.
func TestBackKeepsWhatWasTyped(t *testing.T) {
	stepstest.Run(t, setup{}, func(op *operator) {
		op.Go(t, "bridge")
		typeOver(op, "br7")
		op.Press("tab")
		typeOver(op, "mgmt0")
		op.Press("tab", "tab")
		op.Type("4095") // no VLAN id
		back(op)
		op.Go(t, "bridge")
		op.Want("[br7 ", "[mgmt0 ", "[4095 ", "give a number from 1 to 4094")
		op.Press("backspace")
		op.Go(t, "address")
		op.Press("down", "tab") // static
		typeOver(op, "192.168.1.55/24")
		op.Go(t, "review")
		first := encoded(t, op.Wizard.Plan())
		back(op)
		op.Go(t, "review")
		if again := encoded(t, op.Wizard.Plan()); again != first {
			t.Errorf("another plan after going back and forth:\n%s\n%s", first, again)
		}
		a := op.Wizard.Plan().Answers
		if a.Bridge != (answers.Bridge{Name: "br7", Port: "mgmt0", Tag: 409}) || a.Libvirt.Network != "br7" || a.Address.Addresses[0] != "192.168.1.55/24" {
			t.Errorf("answers: %+v", a)
		}
	})
}

// What the wizard proposed follows the facts; what was typed stays.
func TestProposalsFollow(t *testing.T) {
	stepstest.Run(t, setup{}, func(op *operator) {
		op.Go(t, "address")
		op.Press("down")
		op.Want("[192.168.1.100/24 ", "Gateway [192.168.1.1 ", "DNS servers [192.168.1.1 ")
		op.Press("up", "esc", "esc", "esc", "down", "space") // eth1, which has nothing
		if op.On() != "nic" {
			t.Fatal(op.On())
		}
		op.Go(t, "address")
		op.Want("eth1 has no address")
		op.Press("down")
		op.WantNot("192.168.1.1")
		op.Press("tab")
		op.Type("10.0.0.5/24")
		op.Press("shift+tab", "esc", "esc", "esc", "up", "space")
		op.Go(t, "address")
		op.Want("eth0 has 192.168.1.100/24", "[10.0.0.5/24 ", "Gateway [192.168.1.1 ")
	})
}

// A survey that found something else brings the pages up to date.
func TestAnotherSurvey(t *testing.T) {
	stepstest.Run(t, setup{}, func(op *operator) {
		op.Go(t, "libvirt")
		op.Want("New network [examplebr0 ")
		back(op)
		op.Machine.Stop(sim.Libvirtd)
		h := op.Machine.Host()
		if err := h.Switch.Transact(context.Background(), "add-br", "examplebr0"); err != nil {
			t.Fatal(err)
		}
		op.Press("r")
		op.Want("bridge examplebr0")
		if got := visited(t, op); slices.Contains(got, "libvirt") {
			t.Errorf("the step libvirt is there without libvirt: %q", got)
		}
		if got := op.Wizard.Plan().Answers; got.Bridge.Name != "examplebr1" || got.Bridge.Port != "examplebr1p1" || got.Libvirt != nil {
			t.Errorf("answers: %+v", got)
		}
	})
}

// The NIC that was chosen is gone: it has to be chosen again.
func TestNICGone(t *testing.T) {
	stepstest.Run(t, setup{}, func(op *operator) {
		op.Go(t, "nic")
		op.Press("down", "space")
		back(op)
		h := op.Machine.Host()
		for _, args := range [][]string{{"add-br", "other"}, {"add-port", "other", "eth1"}} {
			if err := h.Switch.Transact(context.Background(), args...); err != nil {
				t.Fatal(err)
			}
		}
		op.Press("r")
		op.Go(t, "nic")
		op.Press("ctrl+n")
		op.Want("Choose the NIC that is to become the uplink")
	})
}

// Packages that are installed on the way change what the later steps offer, and nothing of what was typed.
func TestInstall(t *testing.T) {
	stepstest.Run(t, setup{Spec: stepstest.NoPackages}, func(op *operator) {
		op.Go(t, "packages")
		op.Press("enter")
		op.Want("Without openvswitch-switch there is no bridge")
		op.Press("i")
		op.Want("Everything that is needed is here")
		if got := visited(t, op); !slices.Contains(got, "libvirt") {
			t.Errorf("libvirt was installed, and there is no step for it: %q", got)
		}
		if l := op.Wizard.Plan().Answers.Libvirt; l == nil || l.Network != "examplebr0" {
			t.Errorf("libvirt: %+v", l)
		}
		op.Press("ctrl+c")
		op.Want("Packages have been installed; they stay.")
	})
}

// The file of --answers asks for libvirt, which is not there: the operator can still say no.
func TestAnswersWantLibvirtThatIsNotThere(t *testing.T) {
	a := answers.Default()
	a.Uplink.NICs = []string{"eth0"}
	a.Libvirt = &answers.Libvirt{Network: "examplebr0", Default: answers.DefaultKeep}
	stepstest.Run(t, setup{Answers: &a, Spec: func(s *sim.Spec) { s.Virt = nil }}, func(op *operator) {
		op.Go(t, "review")
		op.Want("This cannot be done as answered", "libvirt does not answer")
		op.Press("esc", "esc")
		op.Want("libvirt does not answer")
		op.Press("space")
		op.Go(t, "risk")
	})
}
