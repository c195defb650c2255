package survey

import (
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// netplanDirs in the order of their precedence (netplan(5)).
var netplanDirs = []string{"/run/netplan", "/etc/netplan", "/usr/lib/netplan", "/lib/netplan"}

// device is one device that a netplan file defines.
type device struct {
	id      string // the interface name, unless match says otherwise
	kind    string // ethernets, bonds …
	file    string
	line    int
	match   map[string]any // nil: the id is the name
	setName string
}

// netplan returns the devices that netplan's files define, loopback not among
// them, and for each file that cannot be understood why.
func (s fileSet) netplan() (devices []device, broken []error) {
	for _, name := range s.shadowed(".yaml", netplanDirs...) {
		found, err := parseNetplan([]byte(s.text(name)))
		if err != nil {
			broken = append(broken, fmt.Errorf("%s: %w", name, err))
			continue
		}
		for _, d := range found {
			d.file = name
			devices = append(devices, d)
		}
	}
	for name, err := range s.unreadable {
		if strings.Contains(name, "/netplan/") {
			broken = append(broken, fmt.Errorf("cannot read %s: %w", name, err))
		}
	}
	return devices, broken
}

// parseNetplan finds the devices in one file.
func parseNetplan(data []byte) (devices []device, err error) {
	defer func() { // the YAML parser must not take the survey with it
		if r := recover(); r != nil {
			devices, err = nil, fmt.Errorf("not understood: %v", r)
		}
	}()
	var file struct {
		Network yaml.MapSlice `yaml:"network"`
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("not understood: %s", firstLine(err))
	}
	lines := keyLines(data)
	for _, section := range file.Network {
		kind, _ := section.Key.(string)
		entries, ok := section.Value.(map[string]any)
		if !ok || kind == "openvswitch" { // settings, not devices
			continue
		}
		for id, v := range entries {
			d := device{id: id, kind: kind, line: lines["network."+kind+"."+id]}
			if body, ok := v.(map[string]any); ok {
				d.setName, _ = body["set-name"].(string)
				d.match, _ = body["match"].(map[string]any)
			}
			if id != "lo" {
				devices = append(devices, d)
			}
		}
	}
	slices.SortFunc(devices, func(a, b device) int { return strings.Compare(a.kind+" "+a.id, b.kind+" "+b.id) })
	return devices, nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// keyLines maps the paths of keys, three deep, to their lines.
func keyLines(data []byte) map[string]int {
	lines := map[string]int{}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return lines
	}
	var walk func(prefix string, n ast.Node, depth int)
	walk = func(prefix string, n ast.Node, depth int) {
		if anchor, ok := n.(*ast.AnchorNode); ok {
			n = anchor.Value
		}
		m, ok := n.(ast.MapNode)
		if !ok || depth == 0 {
			return
		}
		for it := m.MapRange(); it.Next(); {
			token := it.Key().GetToken()
			if token == nil || token.Position == nil {
				continue
			}
			name := prefix + token.Value
			lines[name] = token.Position.Line
			walk(name+".", it.Value(), depth-1)
		}
	}
	for _, doc := range file.Docs {
		walk("", doc.Body, 3)
	}
	return lines
}

// names says whether a definition is about a link: by name, or by match, of
// which everything must fit.
func (d device) names(l backend.Link) bool {
	names := append([]string{l.Name}, l.AltNames...)
	if d.setName != "" && slices.Contains(names, d.setName) {
		return true
	}
	if d.match == nil {
		return slices.Contains(names, d.id)
	}
	if d.kind == "ethernets" && linkType(l) != "ether" {
		return false
	}
	for key, want := range d.match {
		ok := true
		switch key {
		case "name":
			ok = globs(words(want), names...)
		case "macaddress":
			ok = slices.ContainsFunc(words(want), func(m string) bool {
				return strings.EqualFold(m, l.MAC) || strings.EqualFold(m, l.PermMAC)
			})
		case "driver":
			ok = l.Driver == "" || globs(words(want), l.Driver)
		}
		if !ok {
			return false
		}
	}
	return true
}

// words is a YAML scalar or list as strings.
func words(v any) []string {
	list, ok := v.([]any)
	if !ok {
		return []string{fmt.Sprint(v)}
	}
	var all []string
	for _, x := range list {
		all = append(all, fmt.Sprint(x))
	}
	return all
}
