package link

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"unicode"

	"bridgehead/backend"
)

// Types of an LLDP element (IEEE 802.1AB 8.4).
const (
	tlvEnd = iota
	tlvChassis
	tlvPort
	_ // time to live
	tlvPortText
	tlvName
)

// takeLLDP reads a whole frame into n, and says whether it is a good one: with
// chassis and port, which each has to have.
func takeLLDP(n *backend.Neighbour, frame []byte) bool {
	if len(frame) < etherHeader {
		return false
	}
	var chassis, port, portText, name string
	for b := frame[etherHeader:]; len(b) >= 2; {
		head := binary.BigEndian.Uint16(b)
		kind, size := head>>9, int(head&0x1ff)
		if kind == tlvEnd || len(b) < 2+size {
			break
		}
		value := b[2 : 2+size]
		b = b[2+size:]
		switch kind {
		case tlvChassis:
			chassis = identity(value, 4, 5)
		case tlvPort:
			port = identity(value, 3, 4)
		case tlvPortText:
			portText = printable(value)
		case tlvName:
			name = printable(value)
		}
	}
	if chassis == "" || port == "" {
		return false
	}
	n.Switch, n.Port, n.PortText = chassis, port, portText
	if name != "" {
		n.Switch = name
	}
	return true
}

// identity reads a chassis or port id: its subtype says whether it is a MAC, an address or text.
func identity(value []byte, mac, address byte) string {
	if len(value) < 2 {
		return ""
	}
	switch id := value[1:]; {
	case value[0] == mac && len(id) == 6:
		return net.HardwareAddr(id).String()
	case value[0] == address:
		if a, ok := netip.AddrFromSlice(id[1:]); ok { // after its family
			return a.String()
		}
		return fmt.Sprintf("%x", id)
	default:
		return printable(id)
	}
}

// printable is text from the network as a terminal may show it.
func printable(b []byte) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return -1
	}, string(b)))
}

// takeLACP reads a whole frame into n, and says whether it is a LACPDU, version 1 or later (IEEE 802.1AX 6.4.2.3).
func takeLACP(n *backend.Neighbour, frame []byte) bool {
	const (
		lacp      = 1  // subtype of the slow protocols
		actorInfo = 1  // its first element
		actorSize = 20 // and its length
	)
	if len(frame) < etherHeader+2+actorSize {
		return false
	}
	b := frame[etherHeader:]
	if b[0] != lacp || b[1] == 0 || b[2] != actorInfo || b[3] != actorSize {
		return false
	}
	n.LACP = &backend.Partner{
		System: net.HardwareAddr(b[6:12]).String(),
		Key:    int(binary.BigEndian.Uint16(b[12:])),
		Port:   int(binary.BigEndian.Uint16(b[16:])),
	}
	return true
}
