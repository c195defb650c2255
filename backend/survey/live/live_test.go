// Package live takes the survey on a host made of namespaces, with a real sshd,
// a real tmux and a client on the other end of a wire: what the process table,
// the sockets and the environments of real logins look like is not invented.
// It needs root, openssh-server, openssh-client and tmux.
package live

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"bridgehead/backend"
	"bridgehead/backend/file"
	"bridgehead/backend/hosttest"
	"bridgehead/backend/link"
	"bridgehead/backend/process"
	"bridgehead/backend/survey"
)

// probe is the argument with which this program takes the survey and writes it
// to the file that follows.
const probe = "take-survey"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == probe {
		if err := take(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	hosttest.Main(m)
}

// absent are the parts of the host that do not matter here.
type absent struct {
	backend.Switch
	backend.Packages
	backend.Services
	backend.Guard
}

type (
	noSwitch struct{ backend.Switch }
	noVirt   struct{ backend.Virt }
)

func (noSwitch) State(context.Context) (backend.SwitchState, error) {
	return backend.SwitchState{}, nil
}
func (noVirt) State(context.Context) (backend.VirtState, error)                { return backend.VirtState{}, nil }
func (absent) Installed(context.Context, ...string) (map[string]string, error) { return nil, nil }
func (absent) Manager() string                                                 { return "" }
func (absent) Covers() backend.Cover                                           { return backend.Cover{} }
func (absent) Armed(context.Context, string) (bool, error)                     { return false, nil }

func take(out string) error {
	links, err := link.New()
	if err != nil {
		return err
	}
	defer links.Close()
	h := backend.Host{Links: links, Files: file.ReadOnly("/"), Processes: process.New(),
		Switch: noSwitch{}, Virt: noVirt{}, Packages: absent{}, Services: absent{}, Guard: absent{}}
	f, err := survey.Take(context.Background(), h, survey.Options{Root: true})
	if err != nil {
		return err
	}
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if err := os.WriteFile(out+".part", data, 0o600); err != nil {
		return err
	}
	return os.Rename(out+".part", out)
}

const (
	hostAddr   = "10.77.0.10"
	clientAddr = "10.77.0.2"
)

// site is a host with sshd, and a client from which one logs in to it.
type site struct{ dir string }

func newSite(t *testing.T) site {
	t.Helper()
	s := site{t.TempDir()}
	hosttest.NIC(t, "eth0")
	for _, line := range []string{
		"netns add client",
		"link set eth0-far netns client",
		"addr add " + hostAddr + "/24 dev eth0",
		"link set eth0 up",
		"-n client addr add " + clientAddr + "/24 dev eth0-far",
		"-n client link set eth0-far up",
	} {
		run(t, "ip", strings.Fields(line)...)
	}
	t.Cleanup(func() {
		run(t, "ip", "-n", "client", "link", "set", "eth0-far", "netns", "1") // or the NIC would vanish with the namespace
		run(t, "ip", "netns", "del", "client")
	})
	for _, key := range []string{"host", "user"} {
		run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(s.dir, key))
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	config := "ListenAddress " + hostAddr + "\nHostKey " + s.dir + "/host\nAuthorizedKeysFile " + s.dir + "/user.pub\n" +
		"StrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\nPrintMotd no\n"
	if err := os.WriteFile(s.dir+"/sshd_config", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	hosttest.StartDaemon(t, func() bool {
		return exec.Command("ip", "netns", "exec", "client", "ssh-keyscan", "-T1", hostAddr).Run() == nil && s.login("true").Run() == nil
	}, "/usr/sbin/sshd", "-D", "-e", "-f", s.dir+"/sshd_config")
	return s
}

// login runs a command on the host through SSH from the client, on a terminal.
func (s site) login(command string) *exec.Cmd {
	return exec.Command("ip", "netns", "exec", "client", "ssh", "-tt", "-q", "-i", s.dir+"/user", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "root@"+hostAddr, command)
}

// survey logs in, has the survey taken by way of command, in which PROBE stands
// for taking it, and ends the login once it is there.
func (s site) survey(t *testing.T, command string) survey.Facts {
	t.Helper()
	out := filepath.Join(t.TempDir(), "facts")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := s.login(strings.ReplaceAll(command, "PROBE", exe+" "+probe+" "+out))
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stdin.Close()
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}()
	var f survey.Facts
	hosttest.Eventually(t, "the survey is taken by "+command, func() bool {
		data, err := os.ReadFile(out)
		return err == nil && json.Unmarshal(data, &f) == nil
	})
	return f
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

func ownSession(f survey.Facts) (survey.Session, bool) {
	for _, s := range f.Sessions {
		if s.Own {
			return s, true
		}
	}
	return survey.Session{}, false
}

// tmux starts each server with its own socket and without the user's configuration.
func tmux(socket string) string { return "tmux -f /dev/null -L " + socket }

func TestSessionOfRealLogins(t *testing.T) {
	s := newSite(t)
	t.Setenv("TERM", "vt100")
	cases := []struct {
		name, command string
		found         bool
		unknown       string
	}{
		{"plain", "PROBE", true, ""},
		{"environment stripped, as sudo does", "env -i PROBE", true, ""},
		{"in a shell of a shell", "sh -c 'sh -c \"PROBE; true\"; true'", true, ""},
		{"tmux, attached", tmux("a") + " new-session 'env -i PROBE; sleep 100'", true, ""},
		{"tmux, detached", tmux("b") + " new-session -d 'PROBE; sleep 100'; sleep 100", false, "no terminal is attached"},
		{"sent into the background for ever", "setsid -f PROBE; sleep 100", false, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, socket := range []string{"a", "b"} {
				t.Cleanup(func() { _ = exec.Command("tmux", "-L", socket, "kill-server").Run() })
			}
			f := s.survey(t, c.command)
			own, found := ownSession(f)
			if found != c.found {
				t.Fatalf("own session found: %v; console %+v, sessions %+v", found, f.Console, f.Sessions)
			}
			if found && (own.NIC != "eth0" || own.Via != "eth0" || own.From != clientAddr || own.To != hostAddr) {
				t.Errorf("%+v", own)
			}
			if c.unknown == "" && f.Console.Unknown != "" || !strings.Contains(f.Console.Unknown, c.unknown) {
				t.Errorf("unknown %q, want %q", f.Console.Unknown, c.unknown)
			}
			if n, _ := f.NIC("eth0"); found && strings.Join(n.SessionOf, "|") != "ssh from "+clientAddr+" (this session)" {
				t.Errorf("sessions at eth0: %q", n.SessionOf)
			}
		})
	}
}

// Another's login is seen and not taken for our own.
func TestSessionOfAnother(t *testing.T) {
	s := newSite(t)
	other := s.login("sleep 100")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	}()
	hosttest.Eventually(t, "the other login is there and told apart", func() bool {
		f := s.survey(t, "PROBE")
		n, _ := f.NIC("eth0")
		return strings.Join(n.SessionOf, "|") == "ssh from "+clientAddr+" (this session)|ssh from "+clientAddr
	})
}
