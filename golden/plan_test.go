package golden_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"bridgehead/backend/answers"
	"bridgehead/backend/op"
	"bridgehead/backend/plan"
	"bridgehead/backend/sim"
	"bridgehead/steps/stepstest"
)

// formats are those of bridgehead plan, with the ends of their goldens' names.
var formats = map[string]string{plan.FormatText: ".txt", plan.FormatJSON: ".json", plan.FormatScript: ".sh", plan.FormatUndoScript: ".undo.sh"}

// hosts are where an answers file is not for the demo host as it is.
var hosts = map[string]func(*sim.Spec){
	"dhcp-lease":      stepstest.DHCP,
	"default-removed": stepstest.DefaultUnused,
	"everything":      everything,
	"vlan":            stepstest.Tagged,
	"vms":             odd,
}

func machine(change func(*sim.Spec)) *sim.Machine {
	spec := sim.DemoSpec()
	if change != nil {
		change(&spec)
	}
	return sim.New(spec)
}

// read is the answers file plans/NAME.yaml.
func read(t *testing.T, name string) answers.Answers {
	t.Helper()
	name = filepath.Join("plans", name+".yaml")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	a, err := answers.Parse(name, data)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Each answers file gives its plan in every format, the diff of the files that
// it edits, and the definitions that libvirt gets.
func TestPlans(t *testing.T) {
	files, err := filepath.Glob("plans/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no answers file", err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".yaml")
		t.Run(name, func(t *testing.T) {
			p, err := stepstest.Plan(machine(hosts[name]), read(t, name))
			if err != nil {
				t.Fatal(err)
			}
			for format, end := range formats {
				golden(t, "plans/"+name+end, rendered(t, p, format))
			}
			var edits, definitions strings.Builder
			for _, i := range p.Items {
				for _, c := range i.Op.Describe().Changes {
					if _, ok := i.Op.(*op.WriteFile); ok {
						edits.WriteString(plan.Diff(c))
					} else if !c.Removed && strings.HasPrefix(c.Path, "libvirt ") {
						definitions.WriteString("<!-- " + c.Path + " -->\n" + c.After)
					}
				}
			}
			golden(t, "interfaces/"+name+".diff", edits.String())
			if definitions.Len() > 0 {
				golden(t, "libvirt/"+name+".xml", definitions.String())
			}
			reread(t, p)
		})
	}
}

func rendered(t *testing.T, p plan.Plan, format string) string {
	t.Helper()
	var b strings.Builder
	if err := plan.Render(&b, p, format); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// reread checks that the plan in JSON is the plan: another process may have to take it back.
func reread(t *testing.T, p plan.Plan) {
	t.Helper()
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	q, err := plan.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := json.Marshal(q); string(again) != string(data) {
		t.Errorf("the plan read back is another:\n%s\n%s", data, again)
	}
	if !reflect.DeepEqual(q.Checks, p.Checks) || len(q.Items) != len(p.Items) {
		t.Error("the plan read back has other checks or operations")
	}
}

// typed are the keys that give the answers of a file on the screens, from the survey to the review.
var typed = map[string]func(*testing.T, *operator){
	"tutorial":   to("review"),
	"dhcp-lease": func(t *testing.T, op *operator) { fill("libvirt", "space")(t, op); fill("safety", "tab", "5m")(t, op) },
	"new-address": func(t *testing.T, op *operator) {
		fill("bridge", "br0", "tab", "mgmt")(t, op)
		fill("address", "down", "tab", "192.168.1.77/24, 2001:db8:1::77/64", "tab", "192.168.1.1,2001:db8:1::1", "tab", "192.168.1.1 9.9.9.9")(t, op)
		fill("libvirt", "space")(t, op)
		fill("safety", "tab", "30m", "tab", "9.9.9.9", "tab", "curl -sf https://example.com/")(t, op)
	},
	"default-removed": func(t *testing.T, op *operator) {
		fill("bridge", "tab", "tab", "down", "tab", "10", "tab", "1400")(t, op)
		fill("address", "down", "down")(t, op)
		fill("libvirt", "tab", "tab", "tab", "down", "down")(t, op)
	},
}

// The same answers give the same plan, whether they are typed, come from a file,
// or from the file that the review saved.
func TestTypedAnswersGiveThePlanOfTheFile(t *testing.T) {
	for _, name := range []string{"tutorial", "dhcp-lease", "new-address", "default-removed", "everything"} {
		given := read(t, name)
		runs := map[string]setup{"from the file": {Spec: hosts[name], Answers: &given}}
		if typed[name] != nil {
			runs["typed"] = setup{Spec: hosts[name]}
		}
		for how, on := range runs {
			t.Run(name+" "+how, func(t *testing.T) {
				stepstest.Run(t, on, func(op *operator) {
					if how == "typed" {
						typed[name](t, op)
					}
					to("review", "s")(t, op)
					saved(t, op, name)
				})
			})
		}
	}
}

// saved checks what the review saved against the goldens of that name.
func saved(t *testing.T, op *operator, name string) {
	t.Helper()
	for file, end := range map[string]string{"bridgehead-apply.sh": ".sh", "bridgehead-undo.sh": ".undo.sh"} {
		want, err := os.ReadFile("plans/" + name + end)
		must(t, err)
		if op.Saved[file] != string(want) {
			t.Errorf("%s is not plans/%s%s:\n%s", file, name, end, op.Saved[file])
		}
	}
	a, err := answers.Parse("bridgehead-answers.yaml", []byte(op.Saved["bridgehead-answers.yaml"]))
	must(t, err)
	p, err := stepstest.Plan(machine(hosts[name]), a)
	must(t, err)
	want, err := os.ReadFile("plans/" + name + ".json")
	must(t, err)
	if got := rendered(t, p, plan.FormatJSON); got != string(want) {
		t.Errorf("the saved answers give another plan than plans/%s.json:\n%s", name, got)
	}
}
