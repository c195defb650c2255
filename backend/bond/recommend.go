package bond

import (
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend"
)

// Recommendation is how the bridge is best connected, and why.
type Recommendation struct {
	Options // Kind "nic" for a single NIC
	NICs    []string
	Why     string
}

// Single is the kind of uplink that is no bond.
const Single = "nic"

// Recommend says how to use the NICs, the first of which is to carry the host's address. heard is
// what their switches said, where anybody listened; silence is no proof of anything.
func Recommend(nics []backend.Link, heard []backend.Neighbour) Recommendation {
	one := func(format string, args ...any) Recommendation {
		r := Recommendation{Options: Options{Kind: Single}, Why: fmt.Sprintf(format, args...)}
		if len(nics) > 0 {
			r.NICs = []string{nics[0].Name}
		}
		return r
	}
	if len(nics) < 2 {
		return one("one NIC is chosen")
	}
	several := allNames(nics)
	active := Recommendation{Options: Options{Kind: OVS, Mode: ActiveBackup}, NICs: several}
	if bad := active.MemberProblems(nics); len(bad) > 0 {
		return one("%s", bad[0].Text)
	}
	if !slices.ContainsFunc(nics[1:], func(l backend.Link) bool { return l.Up && l.Carrier || !l.Up }) {
		return one("only %s has a link", nics[0].Name)
	}
	tcp := Recommendation{Options: Options{Kind: OVS, Mode: BalanceTCP, LACP: Active, Fallback: true}, NICs: several}
	groups := channels(nics, heard)
	switch bad := tcp.MemberProblems(nics); {
	case len(groups) > 1:
		active.Why = "their switch ports are in different port-channels: " + channelWords(groups)
	case len(groups) == 1 && len(groups[0].nics) > 1 && len(bad) > 0:
		active.Why = bad[0].Text
	case len(groups) == 1 && len(groups[0].nics) > 1:
		tcp.Why = fmt.Sprintf("the switch speaks LACP on %s, in one port-channel", strings.Join(groups[0].nics, ", "))
		return tcp
	case len(groups) == 1:
		active.Why = fmt.Sprintf("LACP was heard on %s only", groups[0].nics[0])
	default:
		active.Why = "it needs nothing on the switch; no LACP was heard, which proves nothing"
	}
	return active
}

type channel struct {
	system string
	key    int
	nics   []string
}

func channels(nics []backend.Link, heard []backend.Neighbour) []channel {
	var out []channel
	for _, l := range nics {
		for _, h := range heard {
			if h.NIC != l.Name || h.LACP == nil {
				continue
			}
			i := slices.IndexFunc(out, func(c channel) bool { return c.system == h.LACP.System && c.key == h.LACP.Key })
			if i < 0 {
				out, i = append(out, channel{system: h.LACP.System, key: h.LACP.Key}), len(out)
			}
			out[i].nics = append(out[i].nics, l.Name)
		}
	}
	return out
}

func channelWords(list []channel) string {
	var out []string
	for _, c := range list {
		out = append(out, fmt.Sprintf("%s to system %s key %d", strings.Join(c.nics, ", "), c.system, c.key))
	}
	return strings.Join(out, "; ")
}

func allNames(links []backend.Link) []string {
	out := make([]string, len(links))
	for i, l := range links {
		out[i] = l.Name
	}
	return out
}

// Apart says which NICs are cabled to different switches by LLDP, in words; "" where they are not, or
// nobody said. Several that speak LACP as one are one, whatever they call themselves.
func Apart(heard []backend.Neighbour) string {
	var words, switches, systems []string
	for _, h := range heard {
		if h.Switch == "" {
			continue
		}
		if h.LACP != nil && slices.Contains(systems, h.LACP.System) {
			continue
		} else if h.LACP != nil {
			systems = append(systems, h.LACP.System)
		}
		words = append(words, h.NIC+" to "+h.Where())
		if !slices.Contains(switches, h.Switch) {
			switches = append(switches, h.Switch)
		}
	}
	if len(switches) < 2 {
		return ""
	}
	return "the NICs are cabled to different switches: " + strings.Join(words, "; ")
}

// ByKernel is the same with a bond of the kernel: where LACP is recommended, 802.3ad.
func (r Recommendation) ByKernel() Recommendation {
	mode := ActiveBackup
	if r.Speaks() {
		mode = LACP8023ad
	}
	if r.Kind == OVS {
		r.Kind = Kernel
	}
	r.Options = Options{Kind: r.Kind, Mode: mode}
	return r
}
