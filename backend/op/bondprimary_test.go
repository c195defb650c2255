package op_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"bridgehead/backend"
	"bridgehead/backend/op"
)

// slow is a switch whose bond goes over to another member some time after it was told, and links that notice when an address is announced.
type slow struct {
	backend.Switch
	backend.Links
	log []string
}

func (s *slow) Appctl(ctx context.Context, args ...string) (string, error) {
	s.log = append(s.log, args[0])
	text, err := s.Switch.Appctl(ctx, args...)
	if args[0] == "bond/show" && len(s.log) < 3 {
		text = strings.Replace(text, "active member\n", "", 1)
	}
	return text, err
}

func (s *slow) Announce(ctx context.Context, name string, addrs []netip.Addr) error {
	s.log = append(s.log, "announce "+name)
	return s.Links.Announce(ctx, name, addrs)
}

// An address that is announced before the bond uses its new primary is looked for behind the old one from then on.
func TestPrimaryIsInUseBeforeItIsAnnounced(t *testing.T) {
	m, ops := done(t, "active-backup")
	i := slices.IndexFunc(ops, func(o op.Op) bool { return o.Kind() == "set-bond-primary" })
	set := ops[i].(*op.SetBondPrimary)
	for name, do := range map[string]func(context.Context, backend.Host) error{"undo": set.Undo, "do": set.Do} {
		h := m.Host()
		s := &slow{Switch: h.Switch, Links: h.Links}
		h.Switch, h.Links = s, s
		must(t, do(t.Context(), h))
		want := []string{"bond/show", "bond/show", "bond/show", "revalidator/wait", "announce examplebr0p1"}
		if !slices.Equal(s.log, want) {
			t.Errorf("%s: %q, want %q", name, s.log, want)
		}
	}
}
