package vm

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// BootTime is how long a guest may take to boot on a busy machine.
const BootTime = 4 * time.Minute

// Login waits for the prompt on the console and logs root in.
func (m *Machine) Login() error {
	for _, say := range []struct {
		after, text string
	}{{"login: ", "root\n"}, {"Password: ", "root\n"}} {
		if _, err := m.Console.Expect(say.after, BootTime); err != nil {
			return err
		}
		if err := m.Console.Send(say.text); err != nil {
			return err
		}
	}
	_, err := m.Console.Expect("root@.*# ", BootTime)
	return err
}

// ShellUp waits for the shell that Sh speaks to: early in the boot, as soon as there is a console.
func (m *Machine) ShellUp() error {
	_, err := m.shell.Expect("lab-shell\r?\n", BootTime)
	return err
}

// Sh runs a script on the guest, beside the console, and returns what it prints. A script that
// fails is an error, and so is one that takes longer than BootTime.
func (m *Machine) Sh(script string) (string, error) {
	m.asked++
	mark := fmt.Sprintf("@%d@", m.asked)
	// The line of a terminal holds 4095 characters; a script may have more lines.
	text := fmt.Sprintf("( set -e\n%s\n) </dev/null 2>&1; echo \"%s$?@\"\n", script, mark)
	if err := m.shell.Send(text); err != nil {
		return "", err
	}
	out, err := m.shell.Expect(regexp.QuoteMeta(mark)+`\d+@\r?\n`, BootTime)
	if err != nil {
		return "", err
	}
	out = strings.ReplaceAll(out, "\r", "")
	at := strings.LastIndex(out, mark)
	code := strings.Trim(out[at+len(mark):], "@\n")
	out = strings.TrimSpace(out[:at])
	if code != "0" {
		return out, fmt.Errorf("%s: exit code %s\n%s", script, code, out)
	}
	return out, nil
}

// Put writes a file on the guest.
func (m *Machine) Put(path, text string) error {
	code := base64.StdEncoding.EncodeToString([]byte(text))
	var lines strings.Builder
	for len(code) > 1000 {
		lines.WriteString(code[:1000] + "\n")
		code = code[1000:]
	}
	_, err := m.Sh("base64 -d > " + path + " <<'END'\n" + lines.String() + code + "\nEND")
	return err
}

// Install copies a program of this machine into the guest, on a disk that is plugged in
// for the purpose: a serial line would take minutes.
func (m *Machine) Install(ctx context.Context, program, path string) error {
	tmp, err := os.MkdirTemp(m.spec.Dir, "plug-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	tree, disk := filepath.Join(tmp, "tree"), filepath.Join(tmp, "disk")
	if err := os.Mkdir(tree, 0o755); err != nil {
		return err
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tree, "program"), data, 0o755); err != nil {
		return err
	}
	size := fmt.Sprintf("%dM", len(data)>>20+8)
	if err := run(ctx, "mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", tree, disk, size); err != nil {
		return err
	}
	if _, err := m.QMP("blockdev-add", map[string]any{"driver": "raw", "node-name": "plug", "read-only": true,
		"file": map[string]any{"driver": "file", "filename": disk}}); err != nil {
		return err
	}
	if _, err := m.QMP("device_add", map[string]any{"driver": "virtio-blk-pci", "drive": "plug", "id": "plug", "addr": "11"}); err != nil {
		return err
	}
	if _, err := m.Sh("for i in $(seq 300); do test -b /dev/vdb && break; sleep 0.1; done\n" +
		"mount -o ro /dev/vdb /mnt && cp /mnt/program " + path + " && umount /mnt && sync"); err != nil {
		return err
	}
	if _, err := m.QMP("device_del", map[string]any{"id": "plug"}); err != nil {
		return err
	}
	if _, err := m.Sh("for i in $(seq 300); do test -b /dev/vdb || exit 0; sleep 0.1; done; exit 1"); err != nil {
		return err
	}
	for end := time.Now().Add(startTime); ; <-time.After(50 * time.Millisecond) { // QEMU lets go of it a moment later
		if _, err = m.QMP("blockdev-del", map[string]any{"node-name": "plug"}); err == nil || time.Now().After(end) {
			return err
		}
	}
}
