package domain

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Source is what a NIC is connected to: a libvirt network, or an Open vSwitch bridge.
type Source struct {
	Network string `json:"network,omitempty"`
	Bridge  string `json:"bridge,omitempty"`
	// PortGroup is the network's, by which the NIC gets its VLANs; "": the one that it has, or else the network's default.
	PortGroup string `json:"portgroup,omitempty"`
	Tag       int    `json:"tag,omitempty"` // VLAN of an access port; 0: none
}

func (s Source) kind() string {
	if s.Network != "" {
		return "network"
	}
	return "bridge"
}

// elements are the children of <interface> that say it, in libvirt's order.
func (s Source) elements() []string {
	group := ""
	if s.PortGroup != "" {
		group = " portgroup='" + quoted(s.PortGroup) + "'"
	}
	out := []string{fmt.Sprintf("<source %s='%s'%s/>", s.kind(), quoted(s.Network+s.Bridge), group)}
	if s.Tag != 0 {
		out = append(out, fmt.Sprintf("<vlan>\n  <tag id='%d'/>\n</vlan>", s.Tag))
	}
	if s.Bridge != "" {
		out = append(out, "<virtualport type='openvswitch'/>")
	}
	return out
}

func quoted(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

// Movable are the types of interface whose source can be changed; the others are hardware or a tunnel.
var Movable = []string{"network", "bridge", "direct"}

// On says whether the NIC with this MAC is connected to s.
func On(text, mac string, s Source) (bool, error) {
	i, err := find(text, mac)
	if err != nil {
		return false, err
	}
	n := i.nic()
	return n.Type == s.kind() && n.Source == s.Network+s.Bridge && n.Tag == s.Tag && (s.PortGroup == "" || s.PortGroup == n.PortGroup), nil
}

// Element is the NIC with this MAC as it stands in the text.
func Element(text, mac string) (string, error) {
	i, err := find(text, mac)
	if err != nil {
		return "", err
	}
	return i.of(text), nil
}

// Move connects the NIC with this MAC to s. Its MAC, model, boot order, PCI address and
// everything else stay.
func Move(text, mac string, s Source) (string, error) {
	i, err := find(text, mac)
	if err != nil {
		return "", err
	}
	if !slices.Contains(Movable, i.Type) {
		return "", fmt.Errorf("its NIC %s is of type %s, which cannot be moved", mac, i.Type)
	}
	indent := indentOf(text, i.from)
	if len(i.children) > 0 {
		indent = indentOf(text, i.children[0].from)
	}
	var b strings.Builder
	start := text[i.from:i.inner]
	b.WriteString(text[:i.from])
	b.WriteString(withType(start, i.Type, s.kind()))
	at, done := i.inner, false
	for _, c := range i.children {
		if c.name != "source" && c.name != "vlan" && c.name != "virtualport" {
			continue
		}
		if c.name == "source" && !done {
			b.WriteString(text[at:c.from] + block(s.elements(), indent))
			done = true
		} else {
			b.WriteString(strings.TrimRight(text[at:c.from], " \t\r\n"))
		}
		at = c.to
	}
	if !done {
		return "", fmt.Errorf("its NIC %s names no source", mac)
	}
	b.WriteString(text[at:])
	return b.String(), nil
}

// withType changes the type attribute of a start tag.
func withType(tag, was, now string) string {
	for _, q := range []string{"'", `"`} {
		if old := "type=" + q + was + q; strings.Contains(tag, old) {
			return strings.Replace(tag, old, "type="+q+now+q, 1)
		}
	}
	return tag
}

// block writes elements one below the other; the first stands where the text is.
func block(elements []string, indent string) string {
	return strings.ReplaceAll(strings.Join(elements, "\n"), "\n", indent)
}

// indentOf is the white space before a place, from its line break on.
func indentOf(text string, at int) string {
	before := text[:at]
	indent := before[len(strings.TrimRight(before, " \t")):]
	if !strings.HasSuffix(before[:len(before)-len(indent)], "\n") {
		return ""
	}
	return "\n" + indent
}

// NIC is a new interface as libvirt takes it.
func NIC(mac, model string, s Source) string {
	lines := append([]string{fmt.Sprintf("<interface type='%s'>", s.kind()), fmt.Sprintf("  <mac address='%s'/>", mac)},
		strings.Split("  "+block(s.elements(), "\n  "), "\n")...)
	return strings.Join(append(lines, fmt.Sprintf("  <model type='%s'/>", quoted(model)), "</interface>"), "\n")
}

// Add gives the domain a NIC, behind those it has.
func Add(text, nic string) (string, error) {
	root, err := parse(text)
	if err != nil {
		return "", err
	}
	all := root.named("devices")
	if len(all) == 0 || all[0].inner == all[0].to {
		return "", errors.New("it has no devices")
	}
	devices := all[0]
	have := devices.named("interface")
	if len(have) == 0 {
		have = devices.children
	}
	if len(have) == 0 {
		return text[:devices.inner] + nic + text[devices.inner:], nil
	}
	last := have[len(have)-1]
	indent := indentOf(text, last.from)
	return text[:last.to] + indent + block([]string{nic}, indent) + text[last.to:], nil
}

// Restore makes the NIC with this MAC what it was: this element.
func Restore(text, mac, element string) (string, error) {
	i, err := find(text, mac)
	if err != nil {
		return "", err
	}
	return text[:i.from] + element + text[i.to:], nil
}

// Remove takes out a NIC that before did not have, and the controllers that libvirt made for it.
func Remove(text, mac, before string) (string, error) {
	i, err := find(text, mac)
	if err != nil {
		return "", err
	}
	text = cut(text, &i.node)
	was, err := parse(before)
	if err != nil {
		return "", err
	}
	var had []string
	for _, d := range was.named("devices") {
		for _, c := range d.named("controller") {
			had = append(had, c.of(before))
		}
	}
	root, err := parse(text)
	if err != nil {
		return "", err
	}
	var made []*node
	for _, d := range root.named("devices") {
		for _, c := range d.named("controller") {
			if !slices.Contains(had, c.of(text)) {
				made = append(made, c)
			}
		}
	}
	slices.Reverse(made)
	for _, c := range made {
		text = cut(text, c)
	}
	return text, nil
}

// cut takes out an element with the white space before it.
func cut(text string, n *node) string {
	return strings.TrimRight(text[:n.from], " \t\r\n") + text[n.to:]
}
