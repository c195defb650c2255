package interfaces

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// disk is the real file system as a Source.
type disk struct{}

func (disk) Read(path string) ([]byte, error)      { return os.ReadFile(path) }
func (disk) Glob(pattern string) ([]string, error) { return filepath.Glob(pattern) }

// tree is a Source of files in memory.
type tree map[string]string

func (t tree) Read(path string) ([]byte, error) {
	if text, ok := t[path]; ok {
		return []byte(text), nil
	}
	return nil, fs.ErrNotExist
}

func (t tree) Glob(pattern string) ([]string, error) {
	var names []string
	for name := range maps.Keys(t) {
		if ok, err := filepath.Match(pattern, name); err != nil {
			return nil, err
		} else if ok {
			names = append(names, name)
		}
	}
	return names, nil
}

const top = "/etc/network/interfaces"

func load(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Load(tree{top: text}, top)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// corpus returns the main file of each configuration in testdata/corpus.
func corpus(t testing.TB) []string {
	t.Helper()
	dir, err := filepath.Abs("testdata/corpus")
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*", "interfaces"))
	if err != nil || len(names) == 0 {
		t.Fatal("no corpus", err)
	}
	return names
}

func TestCorpusIsReadLosslesslyAndAsIfqueryReadsIt(t *testing.T) {
	for _, path := range corpus(t) {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			c, err := Load(disk{}, path)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range c.Files() {
				want, err := os.ReadFile(f.Path)
				if err != nil || !bytes.Equal(f.Bytes(), want) || !bytes.Equal(f.Original(), want) {
					t.Errorf("%s is not read losslessly: %v", f.Path, err)
				}
			}
			if len(c.Changed()) != 0 {
				t.Error("reading changed something")
			}
			if err := sameAsIfquery(t, path, c); err != nil {
				t.Error(err)
			}
		})
	}
}

// ifquery runs ifquery(8) on path, without mapping scripts and the machine's state.
func ifquery(t testing.TB, path string, args ...string) (string, error) {
	t.Helper()
	command := exec.Command("ifquery", append([]string{"-i", path, "--state-dir", t.TempDir(), "--no-mappings"}, args...)...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("ifupdown is needed for this test: %v", err)
	}
	if err != nil {
		err = fmt.Errorf("%w: %s", err, &stderr)
	}
	return string(out), err
}

var anyMAC = regexp.MustCompile(`hwaddress: (..:){5}..`)

// sameAsIfquery compares every option of every interface, and the classes.
func sameAsIfquery(t testing.TB, path string, c *Config) error {
	want := map[string]string{}
	for _, s := range c.Stanzas() {
		for _, o := range s.Query() {
			want[s.Name] += o.Name + ": " + o.Value + "\n"
		}
		want[s.Name] += "" // even without options
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		got, err := ifquery(t, path, "--", name)
		if strings.Contains(want[name], "hwaddress: random\n") {
			got = anyMAC.ReplaceAllString(got, "hwaddress: random")
		}
		if err != nil || got != want[name] {
			return fmt.Errorf("%s: %w\nifquery: %q\nwe:      %q", name, err, got, want[name])
		}
	}
	if slices.ContainsFunc(c.classes, func(m mention) bool { return strings.ContainsAny(m.word, "=/") }) {
		return nil // ifquery lists what this machine has
	}
	for _, class := range []string{"auto", "hotplug"} {
		out, err := ifquery(t, path, "--list", "--allow", class)
		if err != nil && !strings.Contains(err.Error(), "unknown interface") {
			return err
		}
		listed := strings.Split(out, "\n")
		for _, s := range c.Stanzas() {
			if s.Name != "lo" && slices.Contains(listed, s.Name) != slices.Contains(s.Allow, class) {
				return fmt.Errorf("%s in class %s: ifquery lists %q, we say %q", s.Name, class, listed, s.Allow)
			}
		}
	}
	return nil
}

func TestWhatIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		line int
	}{
		"option outside of a stanza":      {"auto eth0\n  address 10.0.0.1\n", 2},
		"option without a value":          {"iface eth0 inet static\n# one\n  address\n", 3},
		"unknown family":                  {"iface eth0 inet7 static\n", 1},
		"unknown method":                  {"\niface eth0 inet statics\n", 2},
		"iface without a name":            {"iface\n", 1},
		"inherits without a name":         {"iface eth0 inet static inherits\n", 1},
		"inherits from nothing":           {"iface eth0 inet static inherits lan\n", 1},
		"inherits from another family":    {"iface lan inet6 manual\niface eth0 inet static inherits lan\n", 2},
		"option in a mapping":             {"mapping eth0\n script /x\n address 10.0.0.1\n", 3},
		"two scripts in a mapping":        {"mapping eth0\n script /x\n script /y\n", 3},
		"after a mapping and a source":    {"mapping eth0\nsource /none/*\n script /y\n", 3},
		"NUL byte":                        {"auto eth0\nauto \x00\n", 2},
		"word that overflows":             {"auto " + strings.Repeat("x", 80) + "\n", 1},
		"line that begins in a blank one": {"iface eth0 inet static\n\\\n  address 10.0.0.1\n", 2},
		"allow without a class":           {"allow- eth0\n", 1},
		"shell syntax in source":          {"source /etc/network/$(hostname)\n", 1},
		"file that sources itself anew":   {"source ../network/interfaces\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(tree{top: test.text}, top)
			var refused *Error
			if !errors.As(err, &refused) || refused.Line != test.line || refused.File != top {
				t.Errorf("got %v, want a refusal at line %d", err, test.line)
			}
		})
	}
	if _, err := Load(tree{}, top); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestFilesAreSourcedInIfupdownsOrder(t *testing.T) {
	c, err := Load(tree{
		top:                              "iface first inet manual\nsource interfaces.d/* /etc/extra/[!ab]\nsource-directory dir\nsource interfaces\niface last inet manual\n",
		"/etc/network/interfaces.d/20":   "iface c inet manual\n",
		"/etc/network/interfaces.d/10":   "iface a inet manual\nsource more\n",
		"/etc/network/interfaces.d/.x":   "iface hidden inet manual\n",
		"/etc/network/interfaces.d/x~":   "iface d inet manual\n",
		"/etc/network/interfaces.d/more": "iface b inet manual\n",
		"/etc/extra/a":                   "iface no inet manual\n",
		"/etc/extra/c":                   "iface e inet manual\n",
		"/etc/network/dir/ok-1":          "iface f inet manual\n",
		"/etc/network/dir/not.this":      "iface no inet manual\n",
	}, top)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range c.Stanzas() {
		names = append(names, s.Name)
	}
	if got, want := strings.Join(names, " "), "first a b c d e f last"; got != want {
		t.Errorf("read %s, want %s", got, want)
	}
	if s := c.Stanzas()[2]; s.File != "/etc/network/interfaces.d/more" || s.Line != 1 {
		t.Errorf("b is at %s:%d", s.File, s.Line)
	}
}

func TestInterfaceFollowsWhatCanBeDecided(t *testing.T) {
	const stanzas = "iface eth0 inet manual\niface eth0 inet6 manual\niface lan inet manual\n"
	for name, test := range map[string]struct{ text, want string }{
		"literal":                {"auto eth0\n", "eth0 eth0"},
		"pattern":                {"auto /eth?\n", "eth0 eth0"},
		"literal to logical":     {"auto eth0=lan\n", "lan"},
		"pattern to logical":     {"allow-hotplug /e*=lan\n", "lan"},
		"pattern of others":      {"auto /wl*=lan\n", "eth0 eth0"},
		"hardware":               {"auto mac/52:54:*\n", "eth0 eth0"},
		"hardware to logical":    {"auto mac/52:54:*=lan\n", ""},
		"n-th to logical":        {"auto /eth*/2=lan\n", ""},
		"both":                   {"auto eth0\nallow-hotplug /eth*=lan\n", ""},
		"mapping":                {"mapping eth*\n script /x\n", ""},
		"mapping of the logical": {"auto eth0=lan\nmapping lan\n script /x\n", ""},
		"mapping of others":      {"mapping wl*\n script /x\n", "eth0 eth0"},
		"renamed":                {"rename eth0=lan\n", ""},
		"renamed to it":          {"rename mac/52:54:*=eth0\n", "eth0 eth0"},
		"perhaps renamed":        {"rename mac/52:54:*=lan\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := load(t, test.text+stanzas).Interface("eth0")
			var names []string
			for _, s := range found {
				names = append(names, s.Name)
			}
			if got := strings.Join(names, " "); got != test.want || (err == nil) != (test.want != "") {
				t.Errorf("got %q (%v), want %q", got, err, test.want)
			}
		})
	}
}

func TestUplink(t *testing.T) {
	const raised = "iface eth1 inet manual\n  up ip link set $IFACE up\n  down ip link set $IFACE down\n"
	for name, test := range map[string]struct{ text, want string }{
		"without a stanza":    {"iface eth0 inet static\n  address 10.0.0.1/24\n", "iface eth0 inet static\n  address 10.0.0.1/24\n\nauto eth1\n" + raised},
		"only named":          {"allow-hotplug eth1\n# x\n  # y\n", "allow-hotplug eth1\n# x\n  # y\n\n" + strings.ReplaceAll(raised, "  ", "    ")},
		"manual":              {"auto eth1\niface eth1 inet manual\n  mtu 9000\n", "auto eth1\niface eth1 inet manual\n  mtu 9000\n" + strings.SplitAfterN(raised, "\n", 2)[1]},
		"complete":            {"auto eth1\n" + raised, "auto eth1\n" + raised},
		"with an address":     {"iface eth1 inet dhcp\n", ""},
		"address by command":  {"iface eth1 inet manual\n  up ip addr add 10.0.0.1/24 dev eth1\n", ""},
		"in a bridge":         {"iface br0 inet dhcp\n  bridge_ports eth1\n", ""},
		"a port in this file": {"iface eth1 inet manual\n  ovs_type OVSPort\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := load(t, test.text)
			_, err := c.Uplink("eth1", false)
			if got := string(c.Files()[0].Bytes()); test.want != "" && (err != nil || got != test.want) {
				t.Errorf("got %v\n%s\nwant\n%s", err, got, test.want)
			}
			if test.want == "" && (err == nil || len(c.Changed()) != 0) {
				t.Errorf("not refused: %v", err)
			}
		})
	}
}

func TestMoveRefusesWhatMakesNoSense(t *testing.T) {
	four, six := netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("2001:db8::1/64")
	for name, m := range map[string]Move{
		"no NIC":               {NIC: "", Port: "br0p1", Address: Address{Method: Keep}},
		"NIC is the port":      {NIC: "eth0", Port: "eth0", Address: Address{Method: Keep}},
		"a name too long":      {NIC: "eth0", Port: "examplebridge0p1", Address: Address{Method: Keep}},
		"a pattern for a name": {NIC: "eth0", Port: "br*", Address: Address{Method: Keep}},
		"no method":            {NIC: "eth0", Port: "br0p1", Address: Address{}},
		"static with nothing":  {NIC: "eth0", Port: "br0p1", Address: Address{Method: Static}},
		"DHCP with an address": {NIC: "eth0", Port: "br0p1", Address: Address{Method: DHCP, Addresses: []netip.Prefix{four}}},
		"two gateways":         {NIC: "eth0", Port: "br0p1", Address: Address{Method: Static, Addresses: []netip.Prefix{four}, Gateways: []netip.Addr{four.Addr(), four.Addr().Next()}}},
		"gateway of no family": {NIC: "eth0", Port: "br0p1", Address: Address{Method: Static, Addresses: []netip.Prefix{four}, Gateways: []netip.Addr{six.Addr()}}},
	} {
		c := load(t, "auto eth0\niface eth0 inet dhcp\n")
		if _, err := c.Move(m); err == nil || len(c.Changed()) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInspect(t *testing.T) {
	for command, want := range map[string]string{
		"ip route add default via 10.0.0.1 dev eth0":            "port: ip route add default via 10.0.0.1 dev br0p1",
		"-ip -4 ro add 10.0.0.0/8 dev 'eth0'":                   "port: -ip -4 ro add 10.0.0.0/8 dev br0p1",
		"ip rule add from 10.0.0.1 iif eth0 table 5":            "port: ip rule add from 10.0.0.1 iif br0p1 table 5",
		"/sbin/ip a a 10.0.0.2/24 dev eth0 label eth0:3":        "port assigns: /sbin/ip a a 10.0.0.2/24 dev br0p1 label br0p1:3",
		"ip addr del 10.0.0.2/24 dev eth0":                      "port: ip addr del 10.0.0.2/24 dev br0p1",
		"route add -net 10.0.0.0/8 gw 10.0.0.1 eth0":            "port: route add -net 10.0.0.0/8 gw 10.0.0.1 br0p1",
		"iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE":  "port: iptables -t nat -A POSTROUTING -o br0p1 -j MASQUERADE",
		"iptables-restore < /etc/iptables.rules":                "port: iptables-restore < /etc/iptables.rules",
		"sysctl -w net.ipv4.conf.eth0.rp_filter=2":              "port: sysctl -w net.ipv4.conf.br0p1.rp_filter=2",
		"echo 1 > /proc/sys/net/ipv4/conf/eth0/proxy_arp":       "port: echo 1 > /proc/sys/net/ipv4/conf/br0p1/proxy_arp",
		"dhclient -v eth0":                                      "port assigns: dhclient -v br0p1",
		"ifconfig eth0:1 10.0.0.3 netmask 255.0.0.0":            "port assigns: ifconfig br0p1:1 10.0.0.3 netmask 255.0.0.0",
		"/usr/local/sbin/fw eth0":                               "port unclear: /usr/local/sbin/fw eth0",
		"/usr/local/sbin/fw-eth0.sh":                            "port unclear: /usr/local/sbin/fw-eth0.sh",
		"/usr/local/sbin/fw $IFACE veth0 eth01":                 "port: /usr/local/sbin/fw $IFACE veth0 eth01",
		"ip route add default dev eth0.5":                       "port unclear: ip route add default dev eth0.5",
		"nft add rule inet f i 'iifname \"eth0\" drop'":         "port unclear: nft add rule inet f i 'iifname \"eth0\" drop'",
		"ip link set eth0 up && ip route add default dev eth0":  "port unclear: ip link set eth0 up && ip route add default dev br0p1",
		"[ -x /sbin/ethtool ] && ethtool -s eth0 wol g || true": "NIC",
		"if true; then ip link set dev eth0 mtu 9000; fi":       "NIC",
		"ifconfig $IFACE 0.0.0.0 up":                            "NIC",
		"tc qdisc replace dev eth0 root fq":                     "NIC",
		"echo 0 > /sys/class/net/eth0/queues/rx-0/rps_cpus":     "NIC",
		"ip link set dev eth0 master br0":                       "refused",
		"brctl addif br0 $IFACE":                                "refused",
		"ovs-vsctl add-port br0 eth0":                           "refused",
		"vconfig add eth0 5":                                    "refused",
		"ip link add link eth0 name eth0.5 type vlan id 5":      "refused",
		"wpa_supplicant -B -i eth0 -c /etc/wpa.conf":            "refused",
	} {
		h := inspect(command, "eth0", "br0p1")
		got := "port"
		if h.assigns {
			got += " assigns"
		}
		if h.unclear {
			got += " unclear"
		}
		got += ": " + apply(command, h.changes)
		if h.link {
			got = "NIC"
		}
		if h.refuse != "" {
			got = "refused"
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", command, got, want)
		}
	}
}
