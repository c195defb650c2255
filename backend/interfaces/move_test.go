package interfaces

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// scene is one file of testdata/move: a first line that says what to move
// ("move NIC PORT METHOD [address|gateway=|dns=|on= …]"), the files before, the files that
// change as they are afterwards (want/…), and the notes.
type scene struct {
	move   Move
	before tree
	want   map[string]string
	notes  string
}

func readScene(t testing.TB, name string) scene {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s := scene{before: tree{}, want: map[string]string{}}
	first, _, _ := strings.Cut(string(archive.Comment), "\n")
	s.move = parseMove(t, first)
	for _, f := range archive.Files {
		text := string(f.Data)
		if crlf := strings.Contains(string(archive.Comment), "CRLF"); crlf && f.Name != "notes" {
			text = strings.ReplaceAll(text, "\n", "\r\n")
		}
		if strings.Contains(string(archive.Comment), "no newline at the end") && f.Name != "notes" {
			text = strings.TrimSuffix(text, "\n")
		}
		switch after, want := strings.CutPrefix(f.Name, "want/"); {
		case want:
			s.want["/etc/network/"+after] = text
		case f.Name == "notes":
			s.notes = text
		default:
			s.before["/etc/network/"+f.Name] = text
		}
	}
	return s
}

func parseMove(t testing.TB, text string) Move {
	t.Helper()
	w := strings.Fields(text)
	if len(w) < 4 || w[0] != "move" {
		t.Fatalf("not understood: %s", text)
	}
	m := Move{NIC: w[1], Port: w[2], Address: Address{Method: Method(w[3])}}
	for _, word := range w[4:] {
		switch kind, value, _ := strings.Cut(word, "="); {
		case value == "":
			m.Address.Addresses = append(m.Address.Addresses, netip.MustParsePrefix(word))
		case kind == "on":
			m.On = value
		case kind == "gateway":
			m.Address.Gateways = append(m.Address.Gateways, netip.MustParseAddr(value))
		case kind == "dns":
			m.Address.DNS = append(m.Address.DNS, netip.MustParseAddr(value))
		}
	}
	return m
}

// show is what came of a move: the changed files, the notes or the refusal.
func show(c *Config, notes []Note, err error) (map[string]string, string) {
	files := map[string]string{}
	for _, f := range c.Changed() {
		files[f.Path] = string(f.Bytes())
	}
	var b strings.Builder
	if err != nil {
		fmt.Fprintln(&b, err)
	}
	for _, n := range notes {
		mark := "note"
		if n.Warn {
			mark = "warning"
		}
		fmt.Fprintf(&b, "%s:%d: %s: %s\n", n.File, n.Line, mark, n.Text)
	}
	return files, b.String()
}

func TestMove(t *testing.T) {
	names, err := filepath.Glob("testdata/move/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatal("no scenes", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			s := readScene(t, name)
			c, err := Load(s.before, top)
			if err != nil {
				t.Fatal(err)
			}
			notes, moveErr := c.Move(s.move)
			files, said := show(c, notes, moveErr)
			if said != s.notes {
				t.Errorf("notes:\n%swant:\n%s", said, s.notes)
			}
			for name, text := range files {
				if text != s.want[name] {
					t.Errorf("%s is now\n%q\nwant\n%q", name, text, s.want[name])
				}
			}
			if len(files) != len(s.want) {
				t.Errorf("%d files changed, want %d", len(files), len(s.want))
			}
			if moveErr != nil {
				return
			}
			accepted(t, c, s.move)
			if _, err := c.Move(s.move); err == nil {
				t.Error("moved a second time")
			}
		})
	}
}

// accepted has ifquery and ifup take the configuration, on disk.
func accepted(t testing.TB, c *Config, m Move) {
	t.Helper()
	dir := t.TempDir()
	for _, f := range c.Files() {
		name := filepath.Join(dir, f.Path)
		if err := os.MkdirAll(path.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(f.Bytes()), "source /etc", "source "+dir+"/etc")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	main := filepath.Join(dir, top)
	onDisk, err := Load(disk{}, main)
	if err != nil {
		t.Fatal(err)
	}
	if err := sameAsIfquery(t, main, onDisk); err != nil {
		t.Error(err)
	}
	for _, name := range []string{m.uplink(), m.Port} {
		if out, err := ifup(t, main, name); err != nil {
			t.Errorf("ifup --no-act %s: %v\n%s", name, err, out)
		}
	}
}

// ifup asks ifup(8) what it would run.
func ifup(t testing.TB, path, name string) (string, error) {
	t.Helper()
	out, err := exec.Command("ifup", "--no-act", "--no-mappings", "--no-scripts", "--force", "-i", path, "--state-dir", t.TempDir(), name).CombinedOutput()
	if err == nil && strings.Contains(string(out), "missing required") {
		err = fmt.Errorf("incomplete")
	}
	return string(out), err
}

// A bond that is taken over whole stays what it is, without the address: however its stanza makes it.
func TestMoveOfABond(t *testing.T) {
	for name, makes := range map[string]string{
		"ifenslave": "  bond-slaves eth0 eth1\n  bond-mode 802.3ad\n  bond-miimon 100\n",
		"by hand":   "  pre-up ip link add $IFACE type bond mode active-backup || true\n  pre-up ip link set eth0 down && ip link set eth0 master $IFACE\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := load(t, "auto bond0\niface bond0 inet static\n  address 10.0.0.2/24\n  gateway 10.0.0.1\n"+makes)
			if _, err := c.Move(Move{NIC: "bond0", Port: "br0p1", Bond: true, Address: Address{Method: Keep}}); err != nil {
				t.Fatal(err)
			}
			want := "auto bond0\niface bond0 inet manual\n" + makes + "  up ip link set $IFACE up\n  down ip link set $IFACE down\n\nauto br0p1\niface br0p1 inet static\n  address 10.0.0.2/24\n  gateway 10.0.0.1\n"
			if got := string(c.Files()[0].Bytes()); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if _, err := load(t, "iface bond0 inet static\n  address 10.0.0.2/24\n"+makes).Move(Move{NIC: "bond0", Port: "br0p1", Address: Address{Method: Keep}}); err == nil {
				t.Error("what is no bond was moved with a bond's options")
			}
		})
	}
}
