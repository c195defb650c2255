package link

import (
	"context"
	"encoding/hex"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"bridgehead/backend"
	"bridgehead/backend/hosttest"
)

func bytesOf(t testing.TB, words string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(words), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A switch called sw1 on its port "ge-0/0/7", described as "rack 3".
const lldpFrame = `0180c200000e 0200000000fe 88cc
 0207 04 0200000000fe  0409 05 67652d302f302f37  0602 0078  0806 7261636b2033  0a03 737731  0000`

// Its LACPDU: system 02:00:00:00:00:fe, key 7, port 9.
const lacpFrame = `0180c2000002 0200000000fe 8809 01 01
 01 14 8000 0200000000fe 0007 8000 0009 3d 000000
 02 14 ffff 000000000000 0000 0000 0000 00 000000 03 10 0000 000000000000000000000000 0000`

func TestTakeNeighbour(t *testing.T) {
	var n backend.Neighbour
	if !takeLLDP(&n, bytesOf(t, lldpFrame)) || !takeLACP(&n, bytesOf(t, lacpFrame)) {
		t.Fatal("a good frame was not taken")
	}
	want := backend.Neighbour{Switch: "sw1", Port: "ge-0/0/7", PortText: "rack 3", LACP: &backend.Partner{System: peerMAC, Key: 7, Port: 9}}
	if !reflect.DeepEqual(n, want) {
		t.Errorf("got %+v, want %+v", n, want)
	}
	for _, c := range []struct{ what, frame, want string }{
		{"without a name: the chassis", "0180c200000e 0200000000fe 88cc 0207 04 0200000000fe 0207 04 0200000000fe 0404 07 6531 20 0000", "02:00:00:00:00:fe port e1"},
		{"a chassis by address", "0180c200000e 0200000000fe 88cc 0206 05 01 c0000201 0403 07 6531 0000", "192.0.2.1 port e1"},
		{"with escape sequences", "0180c200000e 0200000000fe 88cc 0207 04 0200000000fe 0406 07 1b5b314d31 0a04 73 1b 77 07 0000", "sw port [1M1"},
	} {
		var n backend.Neighbour
		if !takeLLDP(&n, bytesOf(t, c.frame)) || n.Where() != c.want {
			t.Errorf("%s: %q, want %q", c.what, n.Where(), c.want)
		}
	}
	for _, bad := range []string{"", "0180c200000e", "0180c200000e 0200000000fe 88cc 0000", "0180c200000e 0200000000fe 88cc 0207 04 0200000000fe 0000",
		"0180c2000002 0200000000fe 8809 02 01 01 14 8000 0200000000fe 0007 8000 0009 3d 000000"} { // the last is a marker
		var n backend.Neighbour
		if takeLLDP(&n, bytesOf(t, bad)) || takeLACP(&n, bytesOf(t, bad)) || n != (backend.Neighbour{}) {
			t.Errorf("%q was taken as %+v", bad, n)
		}
	}
}

func FuzzNeighbour(f *testing.F) {
	f.Add(bytesOf(f, lldpFrame))
	f.Add(bytesOf(f, lacpFrame))
	f.Fuzz(func(t *testing.T, frame []byte) {
		var n backend.Neighbour
		takeLLDP(&n, frame)
		takeLACP(&n, frame)
		for _, r := range n.Switch + n.Port + n.PortText {
			if !unicode.IsPrint(r) {
				t.Errorf("%q is for a terminal", r)
			}
		}
	})
}

func TestListen(t *testing.T) {
	hosttest.NIC(t, "eth0")
	hosttest.NIC(t, "eth1")
	for _, name := range []string{"eth0", "eth0-far", "eth1", "eth1-far"} {
		ip(t, "link set "+name+" up")
	}
	l := NewListener(open(t))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()

	// The switch speaks on eth0's cable until it has been heard; this host itself speaks on eth1.
	quiet, stop := context.WithTimeout(ctx, 300*time.Millisecond)
	defer stop()
	speakers := map[string]*packet.Conn{}
	for _, name := range []string{"eth0-far", "eth1"} {
		ifi, err := net.InterfaceByName(name)
		ok(t, err)
		conn, err := packet.Listen(ifi, packet.Raw, unix.ETH_P_ALL, nil)
		ok(t, err)
		defer conn.Close()
		speakers[name] = conn
	}
	spoken := make(chan struct{})
	go func() {
		defer close(spoken)
		for tick := time.NewTicker(20 * time.Millisecond); quiet.Err() == nil; <-tick.C {
			for _, conn := range speakers {
				_ = send(conn, [][]byte{bytesOf(t, lacpFrame), bytesOf(t, lldpFrame)})
			}
		}
	}()
	heard, err := l.Listen(quiet, []string{"eth0", "eth1"})
	<-spoken
	ok(t, err)
	want := []backend.Neighbour{{NIC: "eth0", Switch: "sw1", Port: "ge-0/0/7", PortText: "rack 3", LACP: &backend.Partner{System: peerMAC, Key: 7, Port: 9}}, {NIC: "eth1"}}
	if !reflect.DeepEqual(heard, want) {
		t.Errorf("heard %+v, want %+v", heard, want)
	}

	ok(t, l.links.SetUp(t.Context(), "eth1", false))
	silent, stop := context.WithTimeout(ctx, 100*time.Millisecond)
	defer stop()
	if heard, err := l.Listen(silent, []string{"eth1"}); err != nil || len(heard) != 1 || heard[0] != (backend.Neighbour{NIC: "eth1"}) {
		t.Errorf("a NIC that is down: %+v, %v", heard, err)
	}
	if _, err := l.Listen(silent, []string{"eth7"}); err == nil {
		t.Error("a NIC that is not there was listened on")
	}
}
