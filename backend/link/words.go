package link

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// The kernel's numbers in the words of ip-route(8) and ip-address(8).
var (
	scopes = map[uint8]string{
		unix.RT_SCOPE_UNIVERSE: "global", unix.RT_SCOPE_SITE: "site",
		unix.RT_SCOPE_LINK: "link", unix.RT_SCOPE_HOST: "host", unix.RT_SCOPE_NOWHERE: "nowhere",
	}
	protocols = map[uint8]string{
		unix.RTPROT_KERNEL: "kernel", unix.RTPROT_BOOT: "boot", unix.RTPROT_STATIC: "static",
		unix.RTPROT_RA: "ra", unix.RTPROT_DHCP: "dhcp",
	}
	routeTypes = map[uint8]string{
		unix.RTN_UNICAST: "unicast", unix.RTN_BLACKHOLE: "blackhole",
		unix.RTN_UNREACHABLE: "unreachable", unix.RTN_PROHIBIT: "prohibit",
	}
)

func scopeName(n uint8) string    { return word(scopes, n) }
func protocolName(n uint8) string { return word(protocols, n) }

func scopeNumber(s string, empty uint8) (uint8, error) { return meaning("scope", scopes, s, empty) }
func protocolNumber(s string, empty uint8) (uint8, error) {
	return meaning("protocol", protocols, s, empty)
}
func routeTypeNumber(s string, empty uint8) (uint8, error) {
	return meaning("route type", routeTypes, s, empty)
}

func word(words map[uint8]string, n uint8) string {
	if s, ok := words[n]; ok {
		return s
	}
	return strconv.Itoa(int(n))
}

// meaning is the number of a word, or of the decimal number that it is; empty for "".
func meaning(what string, words map[uint8]string, s string, empty uint8) (uint8, error) {
	if s == "" {
		return empty, nil
	}
	for n, w := range words {
		if w == s {
			return n, nil
		}
	}
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil {
		return 0, fmt.Errorf("%q is no %s", s, what)
	}
	return uint8(n), nil
}
