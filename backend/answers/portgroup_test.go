package answers_test

import (
	"reflect"
	"strings"
	"testing"

	"bridgehead/backend/answers"
)

// Port groups are read as they are written, and every mistake is told.
func TestPortGroups(t *testing.T) {
	for text, want := range map[string][]answers.PortGroup{
		"":                             nil,
		"office=10":                    {{Name: "office", VLANs: []int{10}}},
		"office=10 default, all=1n+20": {{Name: "office", VLANs: []int{10}, Default: true}, {Name: "all", VLANs: []int{1, 20}, Native: 1}},
	} {
		got, err := answers.ParsePortGroups(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		var again []string
		for _, g := range got {
			again = append(again, g.String())
		}
		if back := strings.Join(again, ", "); back != text {
			t.Errorf("%q is written as %q", text, back)
		}
	}
	for text, words := range map[string]string{
		"office":                   "office=10",
		"office=":                  "no VLAN",
		"office=x":                 "\"x\" is no VLAN",
		"office=0":                 "1 to 4094",
		"office=4095":              "1 to 4094",
		"a=10+10":                  "twice",
		"a=10n":                    "access port",
		"a=1n+2n":                  "only one",
		"a b=10":                   "letters",
		"=10":                      "letters",
		"a=1, a=2":                 "two port groups a",
		"a=1 default, b=2 default": "both",
	} {
		if _, err := answers.ParsePortGroups(text); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v, want %q", text, err, words)
		}
	}
}
