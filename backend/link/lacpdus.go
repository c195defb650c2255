package link

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Numbers of linux/rtnetlink.h, linux/if_link.h and linux/if_bonding.h.
const (
	statsSize   = 12 // struct if_stats_msg: family, padding, index, filter mask
	xstatsSlave = 3  // IFLA_STATS_LINK_XSTATS_SLAVE, in which is
	xstatsBond  = 2  // LINK_XSTATS_TYPE_BOND, in which is
	xstats3AD   = 1  // BOND_XSTATS_3AD, in which are
	lacpdusRead = 0  // BOND_3AD_STAT_LACPDU_RX and
	lacpdusSent = 1  // BOND_3AD_STAT_LACPDU_TX
)

// LACPDUs asks for the statistics that a bond keeps of its member (since Linux 5.1).
func (l *Links) LACPDUs(ctx context.Context, member string) (sent, received int, err error) {
	index, err := l.index(ctx, member)
	if err == nil {
		sent, received, err = l.lacpdus(index)
	}
	return sent, received, failed(err, "cannot count the LACPDUs of %s", member)
}

func (l *Links) lacpdus(index int) (sent, received int, err error) {
	ask := make(message, statsSize)
	binary.NativeEndian.PutUint32(ask[4:], uint32(index))
	binary.NativeEndian.PutUint32(ask[8:], 1<<(xstatsSlave-1))
	msgs, err := l.rt.request(unix.RTM_GETSTATS, 0, ask).Execute(unix.NETLINK_ROUTE, unix.RTM_NEWSTATS)
	if err != nil {
		return 0, 0, err
	}
	if len(msgs) != 1 || len(msgs[0]) < statsSize {
		return 0, 0, fmt.Errorf("the kernel sent %d statistics", len(msgs))
	}
	return readLACPDUs(msgs[0][statsSize:])
}

// message is one that goes to the kernel as it is.
type message []byte

func (m message) Len() int          { return len(m) }
func (m message) Serialize() []byte { return m }

var _ nl.NetlinkRequestData = message(nil)

// readLACPDUs reads the statistics of a member.
func readLACPDUs(stats []byte) (sent, received int, err error) {
	for _, kind := range []int{xstatsSlave, xstatsBond, xstats3AD} {
		if stats, err = nested(stats, kind); err != nil {
			return 0, 0, err
		}
	}
	read, err := nested(stats, lacpdusRead)
	if err != nil {
		return 0, 0, err
	}
	wrote, err := nested(stats, lacpdusSent)
	if err != nil {
		return 0, 0, err
	}
	if len(read) < 8 || len(wrote) < 8 {
		return 0, 0, fmt.Errorf("the kernel sent a count of %d bytes", min(len(read), len(wrote)))
	}
	return int(binary.NativeEndian.Uint64(wrote)), int(binary.NativeEndian.Uint64(read)), nil
}

// nested is what the attribute of this kind holds.
func nested(list []byte, kind int) ([]byte, error) {
	attrs, err := parse(list)
	if err != nil {
		return nil, err
	}
	for _, a := range attrs {
		if a.kind == kind {
			return a.value, nil
		}
	}
	return nil, fmt.Errorf("the kernel keeps none")
}
