package bond

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ReadOVS takes into s what ovs-appctl prints: lacp/show, bond/show and
// lacp/show-stats, each for any number of bonds; "" where a command has nothing.
// Both wordings are read, "slave" before Open vSwitch 2.15 and "member" since.
// Members that s does not have yet are added. A text that is none of these is an error.
func (s *State) ReadOVS(lacpShow, bondShow, stats string) error {
	s.Kind = OVS
	for _, x := range []struct {
		text string
		line func(*reader, string, string)
	}{{lacpShow, lacpLine}, {bondShow, bondLine}, {stats, statsLine}} {
		if err := s.read(x.text, x.line); err != nil {
			return err
		}
	}
	return nil
}

// reader goes through one text. Lines before the bond's own heading, and after the next, are not its.
type reader struct {
	s      *State
	member *Member
}

func (s *State) read(text string, line func(*reader, string, string)) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	r, ours, headings := reader{s: s}, false, 0
	for raw := range strings.Lines(text) {
		l := strings.TrimSpace(raw)
		if name, ok := heading(l); ok {
			headings++
			ours, r.member = name == s.Name, nil
			continue
		}
		if !ours || l == "" {
			continue
		}
		key, value, _ := strings.Cut(l, ":")
		line(&r, key, strings.TrimSpace(value))
	}
	if headings == 0 {
		return fmt.Errorf("cannot read the state of bond %s: ovs-appctl said %q", s.Name, firstLine(text))
	}
	return nil
}

// heading reads "---- bond0 ----" and "---- bond0 statistics ----".
func heading(l string) (string, bool) {
	name, ok := strings.CutPrefix(l, "---- ")
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(name, " ----")
	return strings.TrimSuffix(name, " statistics"), ok
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}

func (r *reader) at(name string) {
	i := slices.IndexFunc(r.s.Members, func(m Member) bool { return m.Name == name })
	if i < 0 {
		r.s.Members, i = append(r.s.Members, Member{Name: name}), len(r.s.Members)
	}
	r.member = &r.s.Members[i]
}

func lacpLine(r *reader, key, value string) {
	words := strings.Fields(value)
	switch key {
	case "status":
		r.s.LACP, r.s.Negotiated = first(words), slices.Contains(words, "negotiated")
	case "sys_id":
		r.s.System = value
	case "lacp_time":
		r.s.Rate = value
	case "member", "slave": // "member: eth2: current attached"
		name, state, _ := strings.Cut(value, ":")
		r.at(name)
		words = strings.Fields(state)
		r.member.Status, r.member.Attached = first(words), slices.Contains(words, "attached")
	}
	if r.member == nil {
		return
	}
	p := &r.member.Partner
	switch key {
	case "partner sys_id":
		p.System = value
	case "partner key":
		p.Key = number(value)
	case "partner port_id":
		p.Port = number(value)
	case "partner state":
		p.Synced = slices.Contains(words, "synchronized")
	}
}

func bondLine(r *reader, key, value string) {
	for _, word := range []string{"member ", "slave "} { // "member eth2: enabled"
		if name, ok := strings.CutPrefix(key, word); ok {
			r.at(name)
			r.member.Enabled = value == "enabled"
			r.member.Active = false
		}
	}
	switch key {
	case "bond_mode":
		r.s.Mode = value
	case "lacp_status":
		if value == "off" {
			r.s.LACP = Off
		}
	case "lacp_fallback_ab":
		r.s.Fallback = value == "true"
	case "active member", "active slave":
		if r.member != nil {
			r.member.Active = true
		}
	}
}

func statsLine(r *reader, key, value string) {
	switch key {
	case "member", "slave":
		r.at(strings.TrimSuffix(value, ":"))
		r.member.Counted = true
	}
	if r.member == nil {
		return
	}
	switch key {
	case "TX PDUs":
		r.member.Sent = number(value)
	case "RX PDUs":
		r.member.Received = number(value)
	case "Carrier Status Changed":
		r.member.Flaps = number(value)
	}
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// number is the number that s begins with, 0 without one.
func number(s string) int {
	n, _ := strconv.Atoi(strings.TrimSpace(s))
	return n
}
