package check

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/bond"
)

// diagnose looks at the bond and says what is wrong with it.
func (r *Result) diagnose(ctx context.Context, h backend.Host, reach bond.Reach) {
	ctx, cancel := context.WithTimeout(ctx, probeTime+listenTime)
	defer cancel()
	s, err := ReadBond(ctx, h, r.Spec.Link)
	if err != nil {
		r.State, r.Why, r.Do = Failed, err.Error(), r.Spec.advice()
		return
	}
	running := bond.Patience
	if r.Spec.Since != 0 {
		running = h.Clock.Boottime() - r.Spec.Since
	}
	r.Bond, r.Findings = &s, bond.Diagnose(s, reach, running)
	switch {
	case len(r.Findings) > 0:
		f := r.Findings[0]
		r.State, r.Why, r.Do = states[f.Level], f.What, f.Do
	case len(s.Working()) == 0: // it has just begun, or just ended
		r.State, r.Why, r.Do = Waiting, "no member carries traffic", r.Spec.advice()
		if running >= bond.Patience {
			r.State = Failed
		}
	}
}

var states = map[bond.Level]State{bond.Wait: Waiting, bond.Degraded: Degraded, bond.Broken: Failed}

// excuse has what cannot answer before the bond works wait for it.
func excuse(results []Result, waiting bool) {
	for i := range results {
		r := &results[i]
		if waiting && r.State == Failed && slices.Contains([]string{GatewayARP, GatewayPing, Target, Command}, r.Spec.Kind) {
			r.State, r.Why, r.Do = Waiting, "waits for the bond", ""
		}
	}
}

// reached counts the machines that had to answer and did.
func reached(results []Result) (out bond.Reach) {
	for _, r := range results {
		if (r.Spec.Kind == GatewayARP || r.Spec.Kind == Target) && r.State != Silent {
			out.Asked++
			if r.State == OK {
				out.Answered++
			}
		}
	}
	return out
}

// ReadBond reads a bond as it runs: one of Open vSwitch, or one of the kernel.
func ReadBond(ctx context.Context, h backend.Host, name string) (bond.State, error) {
	s := bond.State{Name: name}
	links, err := h.Links.List(ctx)
	if err != nil {
		return s, err
	}
	if slices.ContainsFunc(links, func(l backend.Link) bool { return l.Name == name && l.Kind == "bond" }) {
		return readKernelBond(ctx, h, name, links)
	}
	sw, err := h.Switch.State(ctx)
	if err != nil {
		return s, err
	}
	if !sw.Running {
		return s, fmt.Errorf("Open vSwitch does not answer: %s", sw.Reason)
	}
	port, ok := findBond(sw, name)
	if !ok {
		return s, fmt.Errorf("there is no bond %s", name)
	}
	s.LACP, s.Mode = port.LACP, port.BondMode
	if s.LACP == "" {
		s.LACP = bond.Off
	}
	for _, i := range port.Interfaces {
		s.Members = append(s.Members, memberOf(i, name, links))
	}
	// Of a port with one interface left Open vSwitch shows no bond, of one without LACP no LACP, and
	// its older releases count no LACPDUs.
	lacp, _ := h.Switch.Appctl(ctx, "lacp/show", name)
	stats, _ := h.Switch.Appctl(ctx, "lacp/show-stats", name)
	show, err := h.Switch.Appctl(ctx, "bond/show", name)
	if len(s.Members) > 1 && err != nil {
		return s, err
	}
	if err := s.ReadOVS(lacp, show, stats); err != nil {
		return s, err
	}
	if len(s.Members) == 1 {
		s.Members[0].Enabled = s.LACP == bond.Off || s.Members[0].Attached
	}
	return s, nil
}

// listenTime is longer than what is between two LACPDUs at fast rate, which is one second (IEEE 802.1AX 6.4.4).
const listenTime = 1200 * time.Millisecond

func readKernelBond(ctx context.Context, h backend.Host, name string, links []backend.Link) (bond.State, error) {
	s, err := kernelBondNow(ctx, h, name, links)
	if err != nil || !slices.ContainsFunc(s.Members, untaken) {
		return s, err
	}
	select {
	case <-h.Clock.After(listenTime):
	case <-ctx.Done():
		return s, ctx.Err()
	}
	before := s.Members
	if s, err = kernelBondNow(ctx, h, name, links); err == nil {
		ownPartners(&s, before)
	}
	return s, err
}

// untaken says that LACPDUs came in on a member, and that it has no partner from them.
func untaken(m bond.Member) bool { return m.Carrier && m.Received > 0 && m.Status != "current" }

// ownPartners finds members that hear this host itself. The driver drops its own LACPDUs (ad_rx_machine in
// bond_3ad.c): they go on being counted and make no partner. Of one that has stopped no more come.
func ownPartners(s *bond.State, before []bond.Member) {
	for i := range s.Members {
		m := &s.Members[i]
		if slices.ContainsFunc(before, func(b bond.Member) bool {
			return b.Name == m.Name && untaken(b) && untaken(*m) && m.Received > b.Received
		}) {
			m.Status, m.Attached, m.Enabled, m.Partner = "current", false, false, bond.Partner{System: s.System}
		}
	}
}

func kernelBondNow(ctx context.Context, h backend.Host, name string, links []backend.Link) (bond.State, error) {
	s := bond.State{Name: name}
	f, err := h.Files.Read("/proc/net/bonding/" + name)
	if err != nil {
		return s, err
	}
	if err := s.ReadKernel(string(f.Data)); err != nil {
		return s, err
	}
	for i, m := range s.Members {
		now := memberOf(backend.Interface{Name: m.Name, OfPort: 1}, name, links)
		s.Members[i].Up, s.Members[i].Carrier, s.Members[i].Configured = now.Up, m.Carrier && now.Carrier, now.Configured
		if s.LACP == bond.Off {
			continue
		}
		if sent, received, err := h.Links.LACPDUs(ctx, m.Name); err == nil { // older kernels count none
			s.Members[i].Sent, s.Members[i].Received, s.Members[i].Counted = sent, received, true
		}
	}
	return s, nil
}

func findBond(sw backend.SwitchState, name string) (backend.Port, bool) {
	for _, b := range sw.Bridges {
		if i := slices.IndexFunc(b.Ports, func(p backend.Port) bool { return p.Name == name }); i >= 0 {
			return b.Ports[i], true
		}
	}
	return backend.Port{}, false
}

func memberOf(i backend.Interface, bondName string, links []backend.Link) bond.Member {
	m := bond.Member{Name: i.Name, Error: i.Error}
	if m.Error == "" && i.OfPort < 0 {
		m.Error = "it could not be opened; see /var/log/openvswitch/ovs-vswitchd.log"
	}
	if m.Error == "" && !slices.ContainsFunc(links, func(l backend.Link) bool { return l.Name == i.Name }) {
		m.Error = "the host has no such NIC any more"
	}
	for _, l := range links {
		if l.Name != i.Name {
			continue
		}
		m.MAC, m.Up, m.Carrier = l.MAC, l.Up, l.Up && l.Carrier
		for _, a := range l.Addrs {
			if a.Scope != "link" {
				m.Configured = "it has the address " + a.Prefix.String()
			}
		}
		if l.Master != "" && l.Master != "ovs-system" && l.Master != bondName {
			m.Configured = "it belongs to " + l.Master
		}
	}
	return m
}

// Remedy is the first finding that Bridgehead itself can do something about.
func (r Result) Remedy() (bond.Finding, bool) {
	for _, f := range r.Findings {
		if f.Remedy != "" {
			return f, true
		}
	}
	return bond.Finding{}, false
}
