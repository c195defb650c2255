package interfaces

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// defaults are what ifupdown 0.8.41 adds to a stanza that lacks them (the
// "Default value" of interfaces(5)), in its order.
var defaults = map[string][]Option{
	"inet static":    {{Name: "broadcast", Value: "+"}},
	"inet6 auto":     {{Name: "accept_ra", Value: "2"}, {Name: "request_prefix", Value: "0"}, {Name: "ll-attempts", Value: "60"}, {Name: "ll-interval", Value: "0.1"}},
	"inet6 dhcp":     {{Name: "accept_ra", Value: "1"}, {Name: "request_prefix", Value: "0"}, {Name: "ll-attempts", Value: "60"}, {Name: "ll-interval", Value: "0.1"}},
	"inet6 static":   {{Name: "autoconf", Value: "0"}, {Name: "preferred-lifetime"}, {Name: "dad-attempts", Value: "60"}, {Name: "dad-interval", Value: "0.1"}},
	"inet6 v4tunnel": {{Name: "preferred-lifetime"}},
	"inet6 6to4":     {{Name: "preferred-lifetime"}},
}

// Query returns the options as ifquery(8) prints them: inherited options and
// defaults included, post-up as up and pre-down as down, equal names joined by
// newlines, an address split into address and netmask. Line is 0 for what no
// line says. A hwaddress "random" stays so.
func (s Stanza) Query() []Option {
	v := slices.Clone(s.vars)
	kind := s.Family + " " + s.Method
	for _, d := range defaults[kind] {
		v.setNew(d.Name, d.Value)
	}
	switch kind {
	case "inet static":
		v.change("hwaddress", withoutClass)
		v.each("address", func(a string) { v.setNew("netmask", mask4(a)) })
		v.change("address", address4)
		v.change("broadcast", v.broadcast)
	case "inet manual", "inet dhcp", "inet6 manual", "inet6 dhcp":
		v.change("hwaddress", withoutClass)
	case "inet6 static":
		v.change("hwaddress", withoutClass)
		v.change("preferred-lifetime", s.aliasLifetime)
		v.each("address", func(a string) { v.setNew("netmask", token(a, 1)) })
		v.change("address", func(a string) string { return token(a, 0) })
		v.each("gateway", func(string) { v.setNew("accept_ra", "0") })
	case "inet6 v4tunnel":
		v.change("preferred-lifetime", s.aliasLifetime)
	case "inet6 6to4":
		v.each("local", func(a string) { v.set(Option{Name: "hexaddress", Value: hex4(a)}) })
		v.change("preferred-lifetime", s.aliasLifetime)
	}
	return v
}

// variables are options as ifupdown holds them.
type variables []Option

func (v variables) find(name string) int {
	return slices.IndexFunc(v, func(o Option) bool { return o.Name == name })
}

func (v variables) get(name string) string {
	if i := v.find(name); i >= 0 {
		return v[i].Value
	}
	return ""
}

// add takes up an option line: a hook is one more, a known name gets one more
// line. A name with "?" at its end sets only what is not set.
func (v *variables) add(o Option) {
	switch o.Name {
	case "post-up":
		o.Name = "up"
	case "pre-down":
		o.Name = "down"
	}
	if slices.Contains(hooks, o.Name) {
		*v = append(*v, o)
		return
	}
	if i := v.find(o.Name); i >= 0 {
		(*v)[i].Value += "\n" + o.Value
		o.Value = (*v)[i].Value
	}
	name, optional := strings.CutSuffix(o.Name, "?")
	o.Name = name
	if !optional || v.find(name) < 0 {
		v.set(o)
	}
}

func (v *variables) set(o Option) {
	if i := v.find(o.Name); i >= 0 {
		(*v)[i].Value = o.Value
		return
	}
	*v = append(*v, o)
}

func (v *variables) setNew(name, value string) {
	if v.find(name) < 0 {
		*v = append(*v, Option{Name: name, Value: value})
	}
}

func (v *variables) each(name string, do func(value string)) {
	if i := v.find(name); i >= 0 {
		do((*v)[i].Value)
	}
}

func (v *variables) change(name string, to func(string) string) {
	if i := v.find(name); i >= 0 {
		(*v)[i].Value = to((*v)[i].Value)
	}
}

// broadcast computes the values "+" and "-" from address and netmask.
func (v *variables) broadcast(value string) string {
	address, err := netip.ParseAddr(v.get("address"))
	mask, err2 := netip.ParseAddr(v.get("netmask"))
	if value != "+" && value != "-" || err != nil || err2 != nil || !address.Is4() || !mask.Is4() {
		return value
	}
	a, m := address.As4(), mask.As4()
	pair := m == [4]byte{255, 255, 255, 254} // RFC 3021
	for i := range a {
		switch {
		case pair && value == "+":
			a[i] = 255
		case pair:
			a[i] = 0
		case value == "+":
			a[i] |= ^m[i]
		default:
			a[i] &= m[i]
		}
	}
	return netip.AddrFrom4(a).String()
}

// withoutClass takes the deprecated class off a hardware address.
func withoutClass(address string) string {
	class, rest, ok := strings.Cut(address, " ")
	if ok && slices.Contains([]string{"ether", "ax25", "arcnet", "netrom"}, strings.ToLower(class)) {
		return rest
	}
	return address
}

func (s Stanza) aliasLifetime(value string) string {
	if len(strings.FieldsFunc(s.Name, func(r rune) bool { return r == ':' })) > 1 {
		return "0"
	}
	return value
}

// token is the n-th part of s between slashes, "" where there is none.
func token(s string, n int) string {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == '/' })
	if n < len(parts) {
		return parts[n]
	}
	return ""
}

// short is s as far as it fits ifupdown's buffer for an IPv4 address and mask.
func short(s string) string { return s[:min(len(s), 33)] }

func address4(s string) string {
	if a := token(short(s), 0); a != "" {
		return a
	}
	return s
}

// mask4 is the netmask of an IPv4 address with prefix or mask; without either,
// that of the address's old class.
func mask4(s string) string {
	address, err := netip.ParseAddr(token(short(s), 0))
	if err != nil || !address.Is4() {
		return s
	}
	bits := 32
	if t := token(short(s), 1); t == "" {
		switch first := address.As4()[0]; {
		case first < 128:
			bits = 8
		case first < 192:
			bits = 16
		case first < 224:
			bits = 24
		}
	} else if mask, err := netip.ParseAddr(t); err == nil && mask.Is4() {
		return mask.String()
	} else if bits, _, err = leadingInt(t, len(t)+1); err != nil {
		return s
	}
	mask := -(uint64(1) << (uint(32-bits) % 64))
	return fmt.Sprintf("%d.%d.%d.%d", byte(mask>>24), byte(mask>>16), byte(mask>>8), byte(mask))
}

// leadingInt reads a number as sscanf's %d does: after blanks, up to what is no
// digit, at most width characters. It returns what follows.
func leadingInt(s string, width int) (n int, rest string, err error) {
	s = strings.TrimLeft(s, space)
	end := 0
	for end < min(len(s), width) && (s[end] >= '0' && s[end] <= '9' || end == 0 && (s[0] == '-' || s[0] == '+')) {
		end++
	}
	n, err = strconv.Atoi(s[:end])
	return n, s[end:], err
}

// hex4 is an IPv4 address in the form that 6to4 puts into IPv6 addresses,
// read as leniently as sscanf does.
func hex4(address string) string {
	var b [4]byte
	rest := address
	for i := range b {
		dotless, dot := strings.CutPrefix(rest, ".")
		if i > 0 {
			rest = dotless
		}
		n, after, err := leadingInt(rest, 3)
		if err != nil || i > 0 && !dot {
			return address
		}
		b[i], rest = byte(n), after
	}
	return fmt.Sprintf("%02x%02x:%02x%02x", b[0], b[1], b[2], b[3])
}
