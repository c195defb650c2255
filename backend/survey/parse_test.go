package survey

import (
	"strings"
	"testing"

	"bridgehead/backend"
)

var card = backend.Link{Name: "enp1s0", AltNames: []string{"enx00163e000001"}, MAC: "00:16:3e:00:00:01", PermMAC: "00:16:3e:00:00:01", Driver: "igb"}

func TestNetworkdMatch(t *testing.T) {
	cases := []struct {
		match string
		line  int // 0: does not match
	}{
		{"Name=enp1s0", 2},
		{"Name=en*", 2},
		{"Name=eth0 en*", 2},
		{"Name=!en*", 0},
		{"Name=!eth*", 2},
		{"Name=enx*", 2}, // an altname
		{"Name=eth0\nName=", 3},
		{"Name=e\\\n# not this\nx", 0},
		{"Name=eth0 \\\n; not this\n  en*", 2},
		{"MACAddress=00:16:3E:00:00:01", 2},
		{"MACAddress=00-16-3e-00-00-01", 2},
		{"MACAddress=00:16:3e:00:00:02", 0},
		{"Type=ether\nName=en*", 3},
		{"Type=wlan", 0},
		{"Kind=veth", 0},
		{"Driver=igb e1000", 2},
		{"Driver=e1000", 0},
		{"Name=en*\nPath=pci-0000:01:00.0", 2}, // cannot be told: taken to match
		{"Name=eth0\nPath=pci-*", 0},
		{"WLANInterfaceType=ad-hoc", 0},
	}
	for _, c := range cases {
		f := networkFile{"x.network", parseINI("[Match]\n" + c.match + "\n[Network]\nName=enp1s0\n")}
		if line, ok := f.matches(card); ok != (c.line != 0) || ok && line != c.line {
			t.Errorf("%q: line %d, %v; want line %d", c.match, line, ok, c.line)
		}
	}
}

func fileSetOf(files map[string]string) fileSet {
	s := fileSet{read: map[string]backend.File{}}
	for name, text := range files {
		s.read[name] = backend.File{Exists: true, Data: []byte(text)}
	}
	return s
}

// The first file that matches decides, whatever the directory; /etc hides the
// vendor's file of the same name, and an empty file masks it.
func TestNetworkdPrecedence(t *testing.T) {
	const match = "[Match]\nName=en*\n"
	cases := []struct {
		name  string
		files map[string]string
		file  string
	}{
		{"first by name", map[string]string{"/etc/systemd/network/50-b.network": match, "/usr/lib/systemd/network/10-a.network": match}, "/usr/lib/systemd/network/10-a.network"},
		{"/etc first", map[string]string{"/etc/systemd/network/a.network": match, "/usr/lib/systemd/network/a.network": match}, "/etc/systemd/network/a.network"},
		{"masked", map[string]string{"/etc/systemd/network/a.network": "", "/usr/lib/systemd/network/a.network": match}, ""},
		{"unmanaged", map[string]string{"/etc/systemd/network/a.network": match + "[Link]\nUnmanaged=yes\n", "/etc/systemd/network/b.network": match}, ""},
		{"drop-in", map[string]string{"/etc/systemd/network/a.network": match, "/run/systemd/network/a.network.d/x.conf": "[Match]\nDriver=e1000\n"}, ""},
	}
	for _, c := range cases {
		if o, _ := networkd(fileSetOf(c.files).networkFiles(), card); o.File != c.file {
			t.Errorf("%s: %q, want %q", c.name, o.File, c.file)
		}
	}
}

func TestNetworkManagerDevices(t *testing.T) {
	for list, want := range map[string]bool{
		"":                                   false,
		"*":                                  true,
		"*,except:type:wifi,except:type:gsm": true,
		"*;except:interface-name:en*":        false,
		"interface-name:en*;mac:0":           true,
		"interface-name:=enp1s0":             true,
		"interface-name:=en*":                false,
		"mac:00:16:3E:00:00:01":              true,
		"00:16:3e:00:00:01":                  true,
		"type:ethernet":                      true,
		"type:wifi":                          false,
		"driver:igb":                         true,
		"enp1s0":                             true,
	} {
		if got := nmMatches(list, card); got != want {
			t.Errorf("%q: %v", list, got)
		}
	}
}

func TestNetworkManagerOwner(t *testing.T) {
	const conf, keys = "/etc/NetworkManager/NetworkManager.conf", "/etc/NetworkManager/system-connections/"
	cases := []struct {
		name   string
		files  map[string]string
		listed bool // in interfaces(5)
		file   string
		owns   bool
	}{
		{"a card without a connection", map[string]string{conf: debianNMConf}, false, "", true},
		{"listed", map[string]string{conf: debianNMConf}, true, "", false},
		{"listed and managed", map[string]string{conf: strings.Replace(debianNMConf, "false", "true", 1)}, true, "", true},
		{"listed, no plugin ifupdown", map[string]string{conf: "[main]\nplugins=keyfile\n"}, true, "", true},
		{"no-auto-default", map[string]string{conf: "[main]\nno-auto-default=*\n"}, false, "", false},
		{"a connection of its own", map[string]string{conf: "[main]\nno-auto-default=*\n", keys + "a": "[connection]\nid=x\ntype=ethernet\ninterface-name=enp1s0\n"}, false, keys + "a", true},
		{"a connection of another card", map[string]string{conf: "[main]\nno-auto-default=*\n", keys + "a": "[connection]\ninterface-name=eth9\n"}, false, "", false},
		{"by MAC", map[string]string{keys + "a": "[connection]\nid=x\n[ethernet]\nmac-address=00:16:3E:00:00:01\n"}, false, keys + "a", true},
		{"Wi-Fi only", map[string]string{conf: "[main]\nno-auto-default=*\n", keys + "a": "[connection]\nid=x\ntype=wifi\n"}, false, "", false},
		{"unmanaged by a device section", map[string]string{conf: "[device-x]\nmatch-device=interface-name:en*\nmanaged=0\n"}, false, "", false},
		{"Ubuntu server's default", map[string]string{"/usr/lib/NetworkManager/conf.d/10-globally-managed-devices.conf": "[keyfile]\nunmanaged-devices=*,except:type:wifi,except:type:gsm,except:type:cdma\n"}, false, "", false},
	}
	for _, c := range cases {
		o, owns := fileSetOf(c.files).networkManager().owns(card, c.listed)
		if owns != c.owns || o.File != c.file {
			t.Errorf("%s: %+v, %v", c.name, o, owns)
		}
	}
}

func TestNetplanNames(t *testing.T) {
	for text, line := range map[string]int{
		"enp1s0: {}":                           3,
		"eth0: {}":                             0,
		"a:\n      match: {name: en*}":         3,
		"a:\n      match: {name: [eth*, en*]}": 3,
		"a:\n      match: {macaddress: \"00:16:3e:00:00:01\"}":  3,
		"a:\n      match: {macaddress: \"00:16:3e:00:00:02\"}":  0,
		"a:\n      match: {driver: e1000*}":                     0,
		"a:\n      match: {}":                                   3,
		"enp1s0:\n      match: {name: eth0}":                    0,
		"a:\n      match: {name: eth7}\n      set-name: enp1s0": 3,
		"\"enp1s0\":\n      dhcp4: true":                        3,
		"enp1s0: &x\n      dhcp4: true":                         3,
	} {
		devices, err := parseNetplan([]byte("network:\n  ethernets:\n    " + text + "\n"))
		if err != nil || len(devices) != 1 {
			t.Errorf("%q: %+v, %v", text, devices, err)
			continue
		}
		if d := devices[0]; d.names(card) != (line != 0) || line != 0 && d.line != line {
			t.Errorf("%q: line %d, %v; want line %d", text, d.line, d.names(card), line)
		}
	}
	for _, text := range []string{"", "network:\n", "network: {version: 2}\n", "network: {version: 2, renderer: NetworkManager}\n", "network: {openvswitch: {protocols: [OpenFlow13]}}\n", "network:\n  ethernets:\n    lo: {}\n", "# nothing\n"} {
		if devices, err := parseNetplan([]byte(text)); len(devices) > 0 || err != nil {
			t.Errorf("%q: %+v, %v", text, devices, err)
		}
	}
	for _, text := range []string{"network: [\n", "network: 1\n", "network:\n\tversion: 2\n"} {
		if _, err := parseNetplan([]byte(text)); err == nil {
			t.Errorf("%q: understood", text)
		}
	}
}

func FuzzNetplan(f *testing.F) {
	f.Add([]byte(eth0Netplan))
	f.Add([]byte("network: {ethernets: {a: &x {match: {name: en*}}, b: *x}, bonds: {c: {<<: *x}}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		devices, err := parseNetplan(data)
		if err != nil && len(devices) > 0 {
			t.Error("devices beside an error")
		}
		for _, d := range devices {
			d.names(card)
			if d.id == "lo" || d.line < 0 {
				t.Errorf("%+v", d)
			}
		}
	})
}

func FuzzINI(f *testing.F) {
	f.Add("[Match]\nName=en* \\\n # x\n eth0\n\n[Network]\nDHCP=yes\n")
	f.Add("[connection]\ninterface-name=eth0\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		entries := parseINI(text)
		for _, x := range entries {
			if x.line < 1 || x.line > lines || strings.Contains(x.key, "=") {
				t.Errorf("%+v", x)
			}
		}
		networkFile{"x", entries}.matches(card)
		fileSetOf(map[string]string{"/etc/NetworkManager/conf.d/x.conf": text, "/etc/NetworkManager/system-connections/x": text}).networkManager().owns(card, false)
	})
}

func FuzzSSHConnection(f *testing.F) {
	f.Add("192.168.1.50 1 192.168.1.100 22")
	f.Add("fe80::1%eth0 1 fe80::2%eth0 22")
	f.Fuzz(func(t *testing.T, value string) {
		c, ok := parseSSHConnection(value)
		if ok && (!c.local.IsValid() || !c.remote.IsValid()) {
			t.Errorf("%+v", c)
		}
	})
}
