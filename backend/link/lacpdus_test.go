package link

import (
	"strings"
	"testing"

	"github.com/vishvananda/netlink/nl"

	"bridgehead/backend/hosttest"
)

// A bond's statistics of a member, as linux/if_link.h nests them; what is cut short is an error.
func TestReadLACPDUs(t *testing.T) {
	stats := nl.NewRtAttr(xstatsSlave, nil)
	ad := stats.AddRtAttr(xstatsBond, nil).AddRtAttr(xstats3AD, nil)
	ad.AddRtAttr(lacpdusRead, nl.Uint64Attr(4))
	ad.AddRtAttr(lacpdusSent, nl.Uint64Attr(9))
	whole := stats.Serialize()
	if sent, received, err := readLACPDUs(whole); sent != 9 || received != 4 || err != nil {
		t.Errorf("%d sent, %d received, %v", sent, received, err)
	}
	for n := range whole {
		if sent, received, err := readLACPDUs(whole[:n]); err == nil {
			t.Errorf("of %d bytes: %d sent, %d received", n, sent, received)
		}
	}
}

// The kernel understands what it is asked, and has none for a NIC that is in no bond.
func TestLACPDUsOfNoMember(t *testing.T) {
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	hosttest.NIC(t, "eth7")
	if _, _, err := l.LACPDUs(t.Context(), "eth7"); err == nil || !strings.Contains(err.Error(), "cannot count the LACPDUs of eth7: the kernel keeps none") {
		t.Errorf("%v", err)
	}
}
