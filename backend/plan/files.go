package plan

import (
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/interfaces"
	"bridgehead/backend/op"
)

// Where ifupdown reads its configuration, and where it notes what is up.
const (
	interfacesPath = "/etc/network/interfaces"
	ifstatePath    = "/run/network/ifstate"
)

// files adds the edits of /etc/network/interfaces and what it sources.
func (b *builder) files() error {
	cfg, err := interfaces.Load(source(b.facts.Files), interfacesPath)
	if err != nil {
		return refuse("the network configuration is not understood", err.Error(), "correct that line, or write the stanza in a plainer way, then start again")
	}
	before := cfg.Stanzas()
	notes, err := cfg.Move(b.move())
	if err != nil {
		return refuse("the network configuration cannot be edited safely", err.Error(), "change that stanza by hand, then start again")
	}
	for _, m := range b.others() {
		more, err := cfg.Uplink(m.Name, b.kernelBonds())
		if err != nil {
			return refuse("the network configuration cannot be edited safely", err.Error(), "take the address off that stanza by hand, or leave that NIC out, then start again")
		}
		notes = append(notes, more...)
	}
	if b.kernelBonds() {
		if err := cfg.AddBond(b.bondStanza()); err != nil {
			return refuse("the network configuration cannot be edited safely", err.Error(), "change that stanza by hand, then start again")
		}
	}
	for _, n := range notes {
		b.out.Notes = append(b.out.Notes, fmt.Sprintf("%s:%d: %s", n.File, n.Line, n.Text))
	}
	for _, f := range cfg.Changed() {
		old := b.facts.Files[f.Path]
		now := old
		now.Data, now.ModTime = slices.Clone(f.Bytes()), time.Time{}
		b.out.Scope.Files = append(b.out.Scope.Files, f.Path)
		b.add(Persist, &op.WriteFile{Path: f.Path, Before: old, After: now})
	}
	b.ifstate(before, cfg.Stanzas())
	return nil
}

func (b *builder) move() interfaces.Move {
	a := b.answers.Address
	m := interfaces.Move{NIC: b.source.Name, Port: b.answers.Bridge.Port, Member: b.kernelBonds(), Bond: nicBond(b.nic), Address: interfaces.Address{Method: interfaces.Method(a.Method)}}
	if b.stacked() {
		m.On = b.nic.Name
	}
	for _, s := range a.Addresses {
		p, _ := netip.ParsePrefix(s) // validated
		m.Address.Addresses = append(m.Address.Addresses, p)
	}
	for _, s := range a.Gateway {
		g, _ := netip.ParseAddr(s)
		m.Address.Gateways = append(m.Address.Gateways, g)
	}
	for _, s := range a.DNS {
		d, _ := netip.ParseAddr(s)
		m.Address.DNS = append(m.Address.DNS, d)
	}
	if a.Method == answers.MethodKeep {
		// For a NIC that no stanza names, what it has now is what to write.
		for _, x := range b.from.Addrs {
			m.Address.Addresses = append(m.Address.Addresses, x.Prefix)
		}
		for _, r := range b.from.Routes {
			if r.Dst.Bits() == 0 && r.Gateway.IsValid() && r.Table == mainTable {
				m.Address.Gateways = append(m.Address.Gateways, r.Gateway)
			}
		}
	}
	return m
}

// ifstate tells ifupdown about the port, and about aliases that changed their name with it.
func (b *builder) ifstate(before, now []interfaces.Stanza) {
	f := b.facts.Files[ifstatePath]
	if !f.Exists {
		return
	}
	mark := &op.MarkIfState{}
	had := strings.Split(string(f.Data), "\n")
	names := func(list []interfaces.Stanza) (out []string) {
		for _, s := range list {
			out = append(out, s.Name+"="+s.Name)
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	old, new := names(before), names(now)
	for _, line := range new {
		if !slices.Contains(old, line) && !slices.Contains(had, line) {
			mark.Add = append(mark.Add, line)
		}
	}
	for _, line := range old {
		if !slices.Contains(new, line) && slices.Contains(had, line) {
			mark.Remove = append(mark.Remove, line)
		}
	}
	if len(mark.Add)+len(mark.Remove) > 0 {
		b.add(Persist, mark)
	}
}

// source serves the parser from the files that the survey read.
type source map[string]backend.File

func (s source) Read(path string) ([]byte, error) {
	f, ok := s[path]
	if !ok || !f.Exists {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return f.Data, nil
}

func (s source) Glob(pattern string) ([]string, error) {
	var out []string
	for path, f := range s {
		ok, err := filepath.Match(pattern, path)
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		if ok && f.Exists {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return out, nil
}

// bondStanza is the kernel bond for ifup to make.
func (b *builder) bondStanza() interfaces.Bond {
	k := b.kernelBond()
	out := interfaces.Bond{Name: b.answers.Bond.Name, Mode: k.Mode, MAC: k.MAC, MTU: k.MTU, Rate: k.Rate}
	for _, n := range b.members {
		out.Members = append(out.Members, n.Name)
	}
	return out
}
