// Package domain reads and edits the XML of libvirt's domains
// (https://libvirt.org/formatdomain.html), and changes nothing in it but what it is asked
// to: an edit is a splice, every other byte stays. Not libvirtxml's Domain: that knows all
// of a domain's devices, and so fails on, or loses, what a newer libvirt adds to any.
package domain

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"bridgehead/backend"
)

// NICs reads the network interfaces of a domain.
// A NIC that names a network is of type network: libvirt writes the live one of a
// running domain as type bridge, with the network beside the bridge.
func NICs(text string) ([]backend.DomainNIC, error) {
	all, err := interfaces(text)
	if err != nil {
		return nil, err
	}
	var out []backend.DomainNIC
	for _, i := range all {
		out = append(out, i.nic())
	}
	return out, nil
}

// iface is an <interface> of a domain, with its place in the text.
type iface struct {
	node
	Type   string `xml:"type,attr"`
	MAC    addr   `xml:"mac"`
	Model  addr   `xml:"model"`
	Target addr   `xml:"target"`
	Source addr   `xml:"source"`
	VLAN   struct {
		Tags []struct {
			ID int `xml:"id,attr"`
		} `xml:"tag"`
	} `xml:"vlan"`
}

// addr holds the attributes that name something.
type addr struct {
	Address string `xml:"address,attr"`
	Type    string `xml:"type,attr"`
	Network string `xml:"network,attr"`
	Group   string `xml:"portgroup,attr"`
	Bridge  string `xml:"bridge,attr"`
	Dev     string `xml:"dev,attr"`
	Name    string `xml:"name,attr"`
}

func (i iface) nic() backend.DomainNIC {
	nic := backend.DomainNIC{MAC: i.MAC.Address, Type: i.Type, Target: i.Target.Dev, Model: i.Model.Type, PortGroup: i.Source.Group}
	if i.Source.Network != "" {
		nic.Type = "network"
	}
	nic.Source = cmp.Or(i.Source.Network, i.Source.Bridge, i.Source.Dev, i.Source.Name)
	if len(i.VLAN.Tags) == 1 {
		nic.Tag = i.VLAN.Tags[0].ID
	}
	return nic
}

// interfaces are the network interfaces of a domain, in its order.
func interfaces(text string) ([]iface, error) {
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	var out []iface
	for _, devices := range root.named("devices") {
		for _, n := range devices.named("interface") {
			i := iface{node: *n}
			if err := xml.Unmarshal([]byte(n.of(text)), &i); err != nil {
				return nil, err
			}
			i.node = *n
			out = append(out, i)
		}
	}
	return out, nil
}

// node is an element and its place in the text: text[from:to], its start tag text[from:inner].
type node struct {
	name            string
	from, inner, to int
	children        []*node
}

func (n *node) of(text string) string { return text[n.from:n.to] }

func (n *node) named(name string) []*node {
	var out []*node
	for _, c := range n.children {
		if c.name == name {
			out = append(out, c)
		}
	}
	return out
}

// parse finds the elements of a document whose root is a domain.
func parse(text string) (*node, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	var open []*node
	var root *node
	for {
		from := int(d.InputOffset())
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{name: token.Name.Local, from: from, inner: int(d.InputOffset())}
			if token.Name.Space != "" { // somebody else's metadata
				n.name = token.Name.Space + " " + n.name
			}
			if len(open) > 0 {
				up := open[len(open)-1]
				up.children = append(up.children, n)
			} else {
				root = n
			}
			open = append(open, n)
		case xml.EndElement:
			open[len(open)-1].to = int(d.InputOffset())
			open = open[:len(open)-1]
		}
	}
	if root == nil || root.name != "domain" {
		return nil, errors.New("it is no domain")
	}
	return root, nil
}

// find returns the NIC with this MAC, which must be the only one.
func find(text, mac string) (iface, error) {
	all, err := interfaces(text)
	if err != nil {
		return iface{}, err
	}
	all = slices.DeleteFunc(all, func(i iface) bool { return !strings.EqualFold(i.MAC.Address, mac) })
	switch len(all) {
	case 0:
		return iface{}, fmt.Errorf("%w %s", ErrNoNIC, mac)
	case 1:
		return all[0], nil
	}
	return iface{}, fmt.Errorf("it has %d NICs %s; give each a MAC address of its own first", len(all), mac)
}

// ErrNoNIC says that a domain has no NIC with that MAC.
var ErrNoNIC = errors.New("it has no NIC")
