package interfaces

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fragments are what compose builds configurations of.
var fragments = []string{
	"\n", "\n", "\n", "\r\n", "\\\n", " ", "\t", "\\", "#", "?", ":", "/", "=",
	"\niface ", "\niface eth0 inet static\n", "\niface eth0 inet dhcp\n", "\niface eth0 inet manual\n", "\niface eth0 inet6 static\n\t",
	"\niface eth0 inet6 auto\n", "\niface eth0:1 inet static\n", "\niface eth1 inet static\n", "\niface eth1 inherits eth1\n", "\niface lan inet static\n", "\niface eth0 inet static inherits lan\n",
	" inet", " inet6", " static", " manual", " dhcp", " 6to4", " inherits ", "eth0 ", "eth0:1 ", "eth1 ", "eth0", "lan",
	"\nauto ", "\nauto", "\nallow-hotplug ", "\nallow-hotplug\n", "\nno-auto-down eth0", "\nno-scripts\n", "\nallow-x ", "\nmapping ", "\n script /x", "\nrename ",
	"\naddress ", "\n  address 10.0.0.1/24\n", "\n  address 10.0.0.2\n", "10.0.0.1", "300.0.0.1", "/33", "/24", "/255.255.0.0", "2001:db8::1/64", "\n  netmask 24\n", "\ngateway 10.0.0.254\n",
	"\n mtu 9000\n", "\n mtu 1500\n", "\nhwaddress ether 02:00:00:00:00:01", "\n broadcast +", "\n broadcast -", "\nscope", "\n preferred-lifetime 5", "\n local 1.2.3.4", "\n ethernet-wol g\n", "\n dns-nameservers 1.1.1.1\n", "\n foo",
	"\n# comment\n", "\n  # comment\n", "\n\n",
	"\n up ", "\n post-up ", "\n pre-down ", "\n down ", "ip route add default dev eth0", "ip link set $IFACE up", "ip link set dev eth0 down", "ethtool -K eth0 tso off", "iptables -A INPUT -i \"eth0\"",
	" && ", " || true", ";", "'", "\"", "`", "$(", ")", "> /proc/sys/net/ipv4/conf/eth0/x", "sysctl -w net.ipv4.conf.eth0.rp_filter=2", "ip addr add 10.0.0.9/24 dev eth0",
}

// compose makes a text of data: a byte stands for a fragment, or for itself.
func compose(data []byte) string {
	var b strings.Builder
	for _, c := range data {
		if int(c) < len(fragments) {
			b.WriteString(fragments[c])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// seed adds the files of the corpus and of the moves to a fuzz target.
func seed(f *testing.F, add func(data []byte, text string)) {
	f.Helper()
	for _, path := range corpus(f) {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		add(nil, string(text))
	}
	scenes, err := filepath.Glob("testdata/move/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range scenes {
		add(nil, readScene(f, path).before[top])
	}
	add([]byte{36, 31, 14, 47, 59, 75, 64}, "")
}

// FuzzParse: any text is either refused with its place, or read without loss.
func FuzzParse(f *testing.F) {
	seed(f, func(data []byte, text string) { f.Add(data, text) })
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		text = compose(data) + text
		c, err := Load(tree{top: text}, top)
		if err != nil {
			var refused *Error
			if !errors.As(err, &refused) || refused.Line < 1 || refused.Line > 1+strings.Count(text, "\n") {
				t.Fatalf("refused without a place: %v", err)
			}
			return
		}
		if got := c.Files()[0].Bytes(); !bytes.Equal(got, []byte(text)) {
			t.Fatalf("read %q as %q", text, got)
		}
		for _, s := range c.Stanzas() {
			s.Query()
		}
	})
}

// FuzzIfquery: what we read, ifquery(8) reads, and both find the same.
func FuzzIfquery(f *testing.F) {
	seed(f, func(data []byte, text string) { f.Add(data, text) })
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		text = compose(data) + text
		if strings.Contains(text, "source") || strings.Contains(text, "/-1") || len(text) > 4096 {
			return // would read other files, or chance, or an undefined netmask
		}
		c, err := Load(tree{top: text}, top)
		if err != nil {
			return
		}
		for _, s := range c.Stanzas() {
			if _, err := c.Interface(s.Name); err != nil || strings.ContainsAny(s.Name, "=/") {
				return // renamed, or a pattern: ifquery is asked for something else
			}
		}
		path := filepath.Join(t.TempDir(), "interfaces")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := sameAsIfquery(t, path, c); err != nil {
			t.Fatalf("%v\n%q", err, text)
		}
	})
}

// FuzzMove: a move is refused and changes nothing, or changes only what
// concerns the NIC; the port then has what the NIC had, and cannot be moved to again.
func FuzzMove(f *testing.F) {
	seed(f, func(data []byte, text string) {
		for method := range byte(5) {
			f.Add(data, text, method)
		}
	})
	f.Fuzz(func(t *testing.T, data []byte, text string, method byte) {
		checkMove(t, compose(data)+text, wanted(method), false)
	})
}

// TestMovesOfRandomConfigurations is FuzzMove over whole lines, so that many are understood.
func TestMovesOfRandomConfigurations(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	moved := 0
	for i := range randomMoves {
		ending := []string{"\n", "\n", "\n", "\r\n"}[random.IntN(4)]
		var text strings.Builder
		for range 2 + random.IntN(16) {
			text.WriteString(wholeLines[random.IntN(len(wholeLines))] + ending)
		}
		all := text.String()
		if random.IntN(3) == 0 {
			all = strings.TrimSuffix(all, ending)
		}
		if checkMove(t, all, wanted(byte(random.IntN(5))), i%64 == 0) {
			moved++
		}
	}
	if t.Logf("%d of %d were moved", moved, randomMoves); moved < randomMoves/20 {
		t.Error("too few to mean something")
	}
}

// checkMove says whether the move was made. ask has ifquery(8) read the outcome.
func checkMove(t *testing.T, text string, address Address, ask bool) bool {
	t.Helper()
	c, err := Load(tree{top: text}, top)
	if err != nil {
		return false
	}
	m := Move{NIC: "eth0", Port: "br0p1", Address: address}
	before := untouched(c, m.NIC)
	if _, err := c.Move(m); err != nil {
		if len(c.Changed()) != 0 || errors.Is(err, errEdit) {
			t.Fatalf("refused: %v, changed: %d\n%s", err, len(c.Changed()), text)
		}
		return false
	}
	after := string(c.Files()[0].Bytes())
	if !holds(after, before) {
		t.Fatalf("lines of others changed:\n%s\n%s", text, after)
	}
	if strings.HasSuffix(text, "\n") != strings.HasSuffix(after, "\n") && text != "" && !strings.HasSuffix(strings.TrimRight(after, "\r\n"), `\`) {
		t.Fatalf("the end of the file changed its habit:\n%q\n%q", text, after)
	}
	again, err := Load(tree{top: after}, top)
	if err != nil {
		t.Fatalf("the outcome is refused: %v\n%s", err, after)
	}
	port, err := again.Interface(m.Port)
	if err != nil || len(port) == 0 || !port[0].Auto {
		t.Fatalf("the port is not brought up: %v %v\n%s\n%s", port, err, text, after)
	}
	if _, err := again.Move(m); err == nil {
		t.Fatalf("moved twice:\n%s", after)
	}
	if ask {
		path := filepath.Join(t.TempDir(), "interfaces")
		if err := os.WriteFile(path, []byte(after), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := sameAsIfquery(t, path, again); err != nil {
			t.Fatalf("%v\n%s", err, after)
		}
	}
	return true
}

const randomMoves = 4000

var wholeLines = []string{
	"", "", "# comment", "  # comment", "auto lo eth0", "auto eth0", "auto eth0:1 eth1 eth0:2", "auto", "allow-hotplug", "allow-hotplug eth0 eth0:1", "no-auto-down eth*", "no-scripts", "no-scripts eth0:1", "allow-x eth0 eth1",
	"iface lo inet loopback", "iface eth0 inet static", "iface eth0 inet static", "iface  eth0\tinet  dhcp ", "iface eth0 inet manual", "iface eth0 \\\n inet6 static", "iface eth0 inet6 auto", "iface eth0 inet6 manual",
	"iface eth0:1 inet static", "iface eth0:2 inet static", "iface eth1 inet static", "iface lan inet static", "iface eth0 inet static inherits lan", "iface eth0 inherits lan",
	"  address 10.0.0.1/24", "\taddress 10.0.0.2", "address 2001:db8::1/64", "  netmask 24", "  gateway 10.0.0.254", "  mtu 9000", "\tmtu 1400", "  hwaddress 02:00:00:00:00:01", "  hwaddress random", "  metric 5", "  accept_ra 0", "  hostname x",
	"  dns-nameservers 1.1.1.1", "  ethernet-wol g", "  offload-tso off", "  unknown yes", "  description x", "  broadcast +",
	"  up ip route add default via 10.0.0.9 dev eth0", "  up ip route add 10.0.0.0/8 \\\n    dev eth0 \\\n    via 10.0.0.3", "  post-up ip link set eth0 up", "  up ip link set $IFACE up", "  down ifconfig eth0 down", "  pre-up ethtool -K eth0 tso off",
	"  up iptables -A INPUT -i \"eth0\" -j DROP", "  up ip addr add 10.0.0.9/24 dev eth0 label eth0:7", "  up /usr/local/bin/x eth0", "  up ip link set eth0 up && ip route add default dev eth0", "  -up x", "  up -ip route add default dev eth0", "  up ip ro ad x dev 'eth0' # \\",
}

func wanted(method byte) Address {
	four := netip.MustParsePrefix("192.0.2.7/32")
	six := netip.MustParsePrefix("2001:db8::7/64")
	switch method % 5 {
	case 0:
		return Address{Method: Keep}
	case 1:
		return Address{Method: Keep, Addresses: []netip.Prefix{four, six}}
	case 2:
		return Address{Method: DHCP}
	case 3:
		return Address{Method: Static, Addresses: []netip.Prefix{four}, Gateways: []netip.Addr{four.Addr().Next()}, DNS: []netip.Addr{four.Addr()}}
	}
	return Address{Method: Static, Addresses: []netip.Prefix{four, six, four}}
}

// untouched are the lines that a move has no business with.
func untouched(c *Config, nic string) []string {
	mine := map[int]bool{}
	for _, s := range c.stanzas {
		if own(s.Name, nic) {
			mine[s.head.index] = true
			for i := s.head.index; i <= s.last; i++ {
				mine[i] = true
			}
		}
	}
	for _, m := range c.classes {
		if own(m.word, nic) {
			mine[m.at.index] = true
		}
	}
	var all []string
	for i, l := range c.files[0].lines {
		if !mine[i] && !l.blank() {
			all = append(all, trimEnd(l.raw))
		}
	}
	return all
}

func trimEnd(raw string) string { return strings.TrimRight(raw, "\r\n\\") }

// holds says that text has the lines, in their order.
func holds(text string, lines []string) bool {
	for _, l := range scan(text) {
		if len(lines) > 0 && trimEnd(l.raw) == lines[0] {
			lines = slices.Delete(lines, 0, 1)
		}
	}
	return len(lines) == 0
}
