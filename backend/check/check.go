// Package check asks whether a host works: before a change, to learn what
// answered, and after it, to see that the same answers again.
package check

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/bond"
	"bridgehead/backend/ovs"
)

// Kinds of check.
const (
	GatewayARP  = "gateway-arp"  // the gateway answers ARP, or neighbour discovery
	GatewayPing = "gateway-ping" // and ICMP
	Target      = "target"       // an address that the operator named answers ICMP
	Command     = "command"      // the operator's own command exits 0
	Address     = "address"      // the link has its address
	Duplicate   = "duplicate"    // nobody else claims the address
	Port        = "port"         // Open vSwitch reports the port without error
	NoDHCP      = "no-dhcp"      // no DHCP client runs on the NIC
	Network     = "network"      // the libvirt network is active, autostarted and persistent
	VMPort      = "vm-port"      // the VM's NIC is a port of the bridge, with its tag and no error
	Bond        = "bond"         // the bond carries traffic, on all its members
)

// Spec is one check, as plain data.
type Spec struct {
	Kind    string     `json:"kind"`
	Link    string     `json:"link,omitempty"`    // link to ask through, or that is looked at
	Addr    netip.Addr `json:"addr,omitzero"`     // what must answer, or be there; not valid: any address
	Command string     `json:"command,omitempty"` // of kind command
	Name    string     `json:"name,omitempty"`    // libvirt network, or VM
	MAC     string     `json:"mac,omitempty"`     // of the VM's NIC
	Tag     int        `json:"tag,omitempty"`     // VLAN that its port must have: of an access port, or a trunk's native one
	Trunks  []int      `json:"trunks,omitempty"`  // VLANs of a trunk
	// Before is the link through which the same was asked before the change; ""
	// for checks that only make sense after it.
	Before string `json:"before,omitempty"`
	// Since is when the change was made, since boot, for what takes its time; 0: long ago.
	Since time.Duration `json:"-"`
}

// State of a check.
type State string

// States of a check. A Silent one did not answer before the change either and is not counted.
const (
	OK     State = "ok"
	Failed State = "failed"
	Silent State = "silent"
	// Waiting did not work yet and may still; Degraded works, and something is wrong all the same.
	Waiting  State = "waiting"
	Degraded State = "degraded"
)

// Result is the outcome of a check.
type Result struct {
	Spec  Spec   `json:"check"`
	State State  `json:"state"`
	Text  string `json:"text"`          // what was asked, in words
	Why   string `json:"why,omitempty"` // what is wrong
	Do    string `json:"do,omitempty"`  // what to do about it

	On       bool           `json:"on,omitempty"`       // of kind vm-port: the VM runs on the bridge
	Bond     *bond.State    `json:"bond,omitempty"`     // of kind bond
	Findings []bond.Finding `json:"findings,omitempty"` // and what is wrong with it, the first to tell first
}

// Each probe of the network has this long to answer.
const probeTime = time.Second

// String says what is asked.
func (s Spec) String() string {
	switch s.Kind {
	case GatewayARP:
		if s.Addr.Is6() {
			return fmt.Sprintf("gateway %s answers neighbour discovery through %s", s.Addr, s.Link)
		}
		return fmt.Sprintf("gateway %s answers ARP through %s", s.Addr, s.Link)
	case GatewayPing:
		return fmt.Sprintf("gateway %s answers ping through %s", s.Addr, s.Link)
	case Target:
		return fmt.Sprintf("%s answers ping", s.Addr)
	case Command:
		return "your command: " + s.Command
	case Address:
		if !s.Addr.IsValid() {
			return s.Link + " has an address"
		}
		return fmt.Sprintf("%s has the address %s", s.Link, s.Addr)
	case Duplicate:
		return fmt.Sprintf("no other machine uses %s", s.Addr)
	case Port:
		return fmt.Sprintf("Open vSwitch port %s works", s.Link)
	case NoDHCP:
		return fmt.Sprintf("no DHCP client runs on %s", s.Link)
	case Network:
		return fmt.Sprintf("libvirt network %s is active, autostarted and persistent", s.Name)
	case VMPort:
		return fmt.Sprintf("VM %s: its NIC %s, once on %s, has a working port", s.Name, s.MAC, s.Link)
	case Bond:
		return fmt.Sprintf("bond %s works on all its members", s.Link)
	}
	return s.Kind
}

// advice is what to do when a check fails.
func (s Spec) advice() string {
	switch s.Kind {
	case GatewayARP, GatewayPing, Target:
		return "look at the cable, the switch port (VLAN, MAC filter; spanning tree takes up to 50 s), and ovs-vsctl show"
	case Command:
		return "run the command by hand on another login and look at what it says"
	case Address:
		return "look at ip addr show dev " + s.Link
	case Duplicate:
		return "find that machine by its MAC address in the switch, or choose another address"
	case Port:
		return "look at ovs-vsctl show and /var/log/openvswitch/ovs-vswitchd.log"
	case NoDHCP:
		return "stop the client: it would take the address away when the lease is renewed"
	case Network:
		return "look at virsh net-list --all"
	case VMPort:
		return "look at virsh domiflist and ovs-vsctl show"
	case Bond:
		return "look at ovs-appctl bond/show and ovs-appctl lacp/show"
	}
	return ""
}

// Baseline asks, before the change, everything that can be asked then, and says for
// each of specs whether it must answer afterwards.
func Baseline(ctx context.Context, h backend.Host, specs []Spec) []bool {
	must := make([]bool, len(specs))
	for i, s := range specs {
		must[i] = true
		if s.Before != "" {
			s.Link = s.Before
			must[i] = probe(ctx, h, s, nil) == nil
		}
	}
	return must
}

// Run asks each of specs once. must comes from Baseline; nil counts every check.
func Run(ctx context.Context, h backend.Host, specs []Spec, must []bool) []Result {
	out := make([]Result, 0, len(specs))
	for i, s := range specs {
		r := Result{Spec: s, State: OK, Text: s.String()}
		if s.Kind == Bond { // below: it is judged by what the others say
			out = append(out, r)
			continue
		}
		if err := probe(ctx, h, s, &r.On); err != nil {
			r.State, r.Why, r.Do = Failed, err.Error(), s.advice()
			if must != nil && i < len(must) && !must[i] {
				r.State, r.Do = Silent, ""
				r.Why = "did not answer before the change either; not counted"
			}
		}
		out = append(out, r)
	}
	for i := range out {
		if out[i].Spec.Kind == Bond {
			out[i].diagnose(ctx, h, reached(out))
			excuse(out, out[i].State == Waiting)
		}
	}
	return out
}

// Passed says that nothing that counts has failed, and nothing has to be waited for.
func Passed(results []Result) bool {
	return !slices.ContainsFunc(results, func(r Result) bool { return r.State == Failed || r.State == Waiting })
}

// probe asks once. Of a VM's port it also says whether the VM runs on the bridge, unless vm is nil.
func probe(ctx context.Context, h backend.Host, s Spec, vm *bool) error {
	limit := probeTime
	if s.Kind == Command {
		limit = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	switch s.Kind {
	case GatewayARP:
		_, err := h.Prober.ARP(ctx, s.Link, s.Addr)
		return err
	case GatewayPing:
		_, err := h.Prober.Ping(ctx, s.Link, s.Addr)
		return err
	case Target:
		_, err := h.Prober.Ping(ctx, "", s.Addr)
		return err
	case Command:
		return h.Prober.Command(ctx, s.Command)
	case Address:
		return hasAddress(ctx, h, s)
	case Duplicate:
		mac, err := h.Prober.Duplicate(ctx, s.Link, s.Addr)
		if err == nil && mac != "" {
			err = fmt.Errorf("the machine with MAC %s uses it too", mac)
		}
		return err
	case Port:
		return portWorks(ctx, h, s.Link)
	case NoDHCP:
		return noDHCP(ctx, h, s.Link)
	case Network:
		return networkUp(ctx, h, s.Name)
	case VMPort:
		on, err := onBridge(ctx, h, s)
		if vm != nil {
			*vm = on
		}
		return err
	}
	return fmt.Errorf("this version of bridgehead does not know the check %q", s.Kind)
}

func hasAddress(ctx context.Context, h backend.Host, s Spec) error {
	links, err := h.Links.List(ctx)
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.Name != s.Link {
			continue
		}
		for _, a := range l.Addrs {
			if s.Addr.IsValid() && a.Prefix.Addr() != s.Addr || !s.Addr.IsValid() && a.Scope == "link" {
				continue
			}
			if a.DADFailed {
				return fmt.Errorf("another machine already has it")
			}
			if a.Tentative {
				return fmt.Errorf("the kernel still checks that nobody else has it")
			}
			return nil
		}
		return fmt.Errorf("it does not")
	}
	return fmt.Errorf("there is no link %s", s.Link)
}

func portWorks(ctx context.Context, h backend.Host, port string) error {
	sw, err := h.Switch.State(ctx)
	if err != nil {
		return err
	}
	if !sw.Running {
		return fmt.Errorf("Open vSwitch does not answer: %s", sw.Reason)
	}
	if problem, bad := ovs.PortProblem(sw, port); bad {
		return fmt.Errorf("%s", problem)
	}
	return nil
}

func noDHCP(ctx context.Context, h backend.Host, nic string) error {
	procs, err := h.Processes.List(ctx)
	if err != nil {
		return err
	}
	for _, p := range procs {
		if IsDHCPClient(p) && slices.Contains(p.Args, nic) {
			return fmt.Errorf("process %d does: %s", p.PID, strings.Join(p.Args, " "))
		}
	}
	return nil
}

// IsDHCPClient says whether p is one of the DHCP clients that ifupdown runs.
func IsDHCPClient(p backend.Process) bool {
	return slices.Contains([]string{"dhclient", "dhcpcd", "udhcpc"}, p.Name)
}

func networkUp(ctx context.Context, h backend.Host, name string) error {
	st, err := h.Virt.State(ctx)
	if err != nil {
		return err
	}
	if !st.Available {
		return fmt.Errorf("libvirt does not answer: %s", st.Reason)
	}
	for _, n := range st.Networks {
		if n.Name != name {
			continue
		}
		var missing []string
		for _, x := range []struct {
			ok   bool
			text string
		}{{n.Active, "not active"}, {n.Autostart, "not autostarted"}, {n.Persistent, "not persistent"}} {
			if !x.ok {
				missing = append(missing, x.text)
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("it is %s", strings.Join(missing, ", "))
		}
		return nil
	}
	return fmt.Errorf("libvirt does not know it")
}
