package link

import (
	"context"
	"errors"
	"math"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"bridgehead/backend"
)

// Rules returns the policy routing rules, without the kernel's own three.
func (l *Links) Rules(ctx context.Context) ([]backend.Rule, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed(err, "cannot read the routing rules")
	}
	list, err := whole(func() ([]netlink.Rule, error) { return l.kernel.RuleList(unix.AF_UNSPEC) })
	if err != nil {
		return nil, failed(err, "cannot read the routing rules")
	}
	rules := []backend.Rule{}
	for _, n := range list {
		r := fromNetlink(n)
		if (n.Family == unix.AF_INET || n.Family == unix.AF_INET6) && !builtIn(r) {
			rules = append(rules, r)
		}
	}
	return rules, nil
}

// SetRule adds r; a rule just like it is left alone. A mark without mask is
// matched whole, as ip-rule(8) does.
func (l *Links) SetRule(ctx context.Context, r backend.Rule) error {
	err := ctx.Err()
	if err == nil {
		err = makeable(r.Foreign)
	}
	if err == nil {
		err = l.kernel.RuleAdd(toNetlink(r))
	}
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return failed(err, "cannot add the routing rule %d", r.Priority)
}

// DelRule removes r. It looks before it deletes: to the kernel a field that is
// not given means any.
func (l *Links) DelRule(ctx context.Context, r backend.Rule) error {
	rules, err := l.Rules(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(rules, whole32(r)) {
		return nil
	}
	if err = makeable(r.Foreign); err == nil {
		err = l.kernel.RuleDel(toNetlink(r))
	}
	if errors.Is(err, unix.ENOENT) {
		return nil // gone meanwhile
	}
	return failed(err, "cannot remove the routing rule %d", r.Priority)
}

// builtIn says whether the kernel makes the rule itself (ip-rule(8)).
func builtIn(r backend.Rule) bool {
	for priority, table := range map[int]int{0: unix.RT_TABLE_LOCAL, 32766: unix.RT_TABLE_MAIN, 32767: unix.RT_TABLE_DEFAULT} {
		if r == (backend.Rule{Priority: priority, V6: r.V6, Table: table}) {
			return true
		}
	}
	return false
}

// whole32 gives a mark without a mask the kernel's own, and masks the prefixes.
func whole32(r backend.Rule) backend.Rule {
	if r.Mark != 0 && r.Mask == 0 {
		r.Mask = math.MaxUint32
	}
	r.Src, r.Dst = r.Src.Masked(), r.Dst.Masked()
	return r
}

func fromNetlink(n netlink.Rule) backend.Rule {
	r := backend.Rule{
		Priority: n.Priority, V6: n.Family == unix.AF_INET6, Src: prefixOf(n.Src), Dst: prefixOf(n.Dst),
		IIF: n.IifName, OIF: n.OifName, Mark: n.Mark, Table: n.Table, Invert: n.Invert,
	}
	if n.Mask != nil {
		r.Mask = *n.Mask
	}
	r.Foreign = foreignRule(n)
	return r
}

// foreignRule names what a rule has that toNetlink does not write.
func foreignRule(n netlink.Rule) string {
	var out []string
	for _, x := range []struct {
		has  bool
		name string
	}{
		{n.Tos != 0, "tos"}, {n.TunID != 0, "tun_id"}, {n.Goto >= 0, "goto"}, {n.Flow >= 0, "realms"},
		{n.SuppressIfgroup >= 0, "suppress_ifgroup"}, {n.SuppressPrefixlen >= 0, "suppress_prefixlength"},
		{n.Dport != nil, "dport"}, {n.Sport != nil, "sport"}, {n.IPProto != 0, "ipproto"}, {n.UIDRange != nil, "uidrange"},
		{n.Type != 0 && n.Type != unix.FR_ACT_TO_TBL, "an action of its own"},
	} {
		if x.has {
			out = append(out, x.name)
		}
	}
	return strings.Join(out, ", ")
}

func toNetlink(r backend.Rule) *netlink.Rule {
	r = whole32(r)
	n := netlink.NewRule()
	n.Family = unix.AF_INET
	if r.V6 {
		n.Family = unix.AF_INET6
	}
	n.Priority, n.Table, n.Invert = r.Priority, r.Table, r.Invert
	n.Src, n.Dst, n.IifName, n.OifName = ipNet(r.Src), ipNet(r.Dst), r.IIF, r.OIF
	n.Mark = r.Mark
	if r.Mask != 0 {
		n.Mask = &r.Mask
	}
	return n
}

func prefixOf(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	ip, _ := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(ip, bits)
}

func ipNet(p netip.Prefix) *net.IPNet {
	if !p.IsValid() {
		return nil
	}
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
