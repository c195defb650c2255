package link

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// routeMetrics are the metrics of a route that are plain numbers, by their names in ip-route(8)
// (linux/rtnetlink.h, RTAX_*), in the order in which ip prints them.
var routeMetrics = []routeMetric{
	{unix.RTAX_MTU, "mtu", ""},
	{unix.RTAX_WINDOW, "window", ""},
	{unix.RTAX_SSTHRESH, "ssthresh", ""},
	{unix.RTAX_CWND, "cwnd", ""},
	{unix.RTAX_ADVMSS, "advmss", ""},
	{unix.RTAX_REORDERING, "reordering", ""},
	{unix.RTAX_HOPLIMIT, "hoplimit", ""},
	{unix.RTAX_INITCWND, "initcwnd", ""},
	{unix.RTAX_RTO_MIN, "rto_min", "ms"},
	{unix.RTAX_INITRWND, "initrwnd", ""},
	{unix.RTAX_QUICKACK, "quickack", ""},
}

type routeMetric struct {
	kind       int
	name, unit string
}

// preferences of an IPv6 route (RFC 4191); medium is the usual one and is not written.
var preferences = map[uint8]string{1: "high", 3: "low"}

// decodeMetrics reads RTA_METRICS: an MTU that is not locked by itself, the others in words; foreign
// names those that cannot be written again.
func decodeMetrics(v []byte) (mtu int, words, foreign []string, err error) {
	list, err := parse(v)
	if err != nil {
		return 0, nil, nil, err
	}
	have := map[int]int{}
	for _, m := range list {
		have[m.kind] = number(m.value)
	}
	lock := have[unix.RTAX_LOCK]
	delete(have, unix.RTAX_LOCK)
	for _, m := range routeMetrics {
		n, ok := have[m.kind]
		delete(have, m.kind)
		locked := lock&(1<<m.kind) != 0
		switch {
		case !ok || n == 0:
		case m.kind == unix.RTAX_MTU && !locked:
			mtu = n
		case locked:
			words = append(words, fmt.Sprintf("%s lock %d%s", m.name, n, m.unit))
		default:
			words = append(words, fmt.Sprintf("%s %d%s", m.name, n, m.unit))
		}
	}
	for kind := range have {
		foreign = append(foreign, fmt.Sprintf("metric %d", kind))
	}
	slices.Sort(foreign)
	return mtu, words, foreign, nil
}

// encodeOptions adds an MTU, and what options says in the words of decodeMetrics.
func encodeOptions(body *attrs, mtu int, options string) error {
	metrics, lock := nl.NewRtAttr(unix.RTA_METRICS, nil), 0
	if mtu != 0 {
		metrics.AddRtAttr(unix.RTAX_MTU, nl.Uint32Attr(uint32(mtu)))
	}
	for words := strings.Fields(options); len(words) > 0; words = words[2:] {
		if len(words) < 2 {
			return fmt.Errorf("route option %q has no value", words[0])
		}
		name := words[0]
		if name == "pref" {
			if err := encodePreference(body, words[1]); err != nil {
				return err
			}
			continue
		}
		at := slices.IndexFunc(routeMetrics, func(m routeMetric) bool { return m.name == name })
		if at < 0 {
			return fmt.Errorf("%q is no route option", name)
		}
		m := routeMetrics[at]
		if words[1] == "lock" && len(words) > 2 {
			lock |= 1 << m.kind
			words = words[1:]
		}
		n, err := strconv.ParseUint(strings.TrimSuffix(words[1], m.unit), 10, 32)
		if err != nil {
			return fmt.Errorf("%q is no value of route option %s", words[1], name)
		}
		metrics.AddRtAttr(m.kind, nl.Uint32Attr(uint32(n)))
	}
	if lock != 0 {
		metrics.AddRtAttr(unix.RTAX_LOCK, nl.Uint32Attr(uint32(lock)))
	}
	if metrics.Len() > unix.SizeofRtAttr {
		*body = append(*body, metrics)
	}
	return nil
}

func encodePreference(body *attrs, value string) error {
	for n, word := range preferences {
		if word == value {
			body.bytes(unix.RTA_PREF, []byte{n})
			return nil
		}
	}
	return fmt.Errorf("%q is no preference of a route", value)
}

// makeable says why a route or a rule could not be made again: for what it has beyond its fields.
func makeable(foreign string) error {
	if foreign == "" {
		return nil
	}
	return fmt.Errorf("it has what cannot be made again: %s", foreign)
}

const nhID = 30 // RTA_NH_ID, which golang.org/x/sys/unix lacks

// foreignAttributes of a route cannot be made again by encodeRoute.
var foreignAttributes = map[int]string{
	unix.RTA_ENCAP: "encap", unix.RTA_FLOW: "realm", nhID: "nexthop object",
	unix.RTA_TTL_PROPAGATE: "ttl propagation", unix.RTA_SRC: "source prefix",
}
