package op

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"bridgehead/backend"
)

// ifstatePath is where ifupdown keeps what it believes to be configured, one
// "interface=logical" a line (ifup(8), FILES). It outlives edits of interfaces(5).
const ifstatePath = "/run/network/ifstate"

// ifstateOf returns the file that ifup and ifdown look into for one interface, and what it holds while that is configured,
// for a line of ifstatePath, which is only what ifquery --state lists (ifupdown 0.8.41, lock_interface in main.c).
func ifstateOf(line string) (path, logical string) {
	name, logical, _ := strings.Cut(line, "=")
	return ifstatePath + "." + name, logical
}

// MarkIfState tells ifupdown which interfaces are up, so that ifquery --state, ifdown and
// ifup agree with what was moved without them.
type MarkIfState struct {
	Add    []string `json:"add"`              // "examplebr0p1=examplebr0p1"
	Remove []string `json:"remove,omitempty"` // "eth0:1=eth0:1"
}

func (o *MarkIfState) Kind() string { return "mark-ifstate" }

func (o *MarkIfState) Lasts() Lasts { return UntilRestart }

func (o *MarkIfState) Describe() Note {
	n := Note{Text: "Tell ifupdown that " + strings.Join(names(o.Add), " and ") + " is up"}
	if len(o.Add) > 1 {
		n.Text = strings.TrimSuffix(n.Text, "is up") + "are up"
	}
	n.Commands = append(ifstateCommands(o.Remove, "del"), ifstateCommands(o.Add, "add")...)
	n.Undo = append(ifstateCommands(o.Add, "del"), ifstateCommands(o.Remove, "add")...)
	return n
}

func ifstateCommands(lines []string, verb string) []string {
	var out []string
	for _, l := range lines {
		path, logical := ifstateOf(l)
		if verb == "add" {
			out = append(out, fmt.Sprintf("echo %s > %s", quote(logical), quote(path)))
			out = append(out, fmt.Sprintf("grep -qxF %s %s || echo %s >> %s", quote(l), ifstatePath, quote(l), ifstatePath))
		} else {
			out = append(out, "rm -f "+quote(path))
			out = append(out, fmt.Sprintf("sed -i '\\|^%s$|d' %s", l, ifstatePath))
		}
	}
	return out
}

func names(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i], _, _ = strings.Cut(l, "=")
	}
	return out
}

func (o *MarkIfState) Check(context.Context, backend.Host) error { return nil }

func (o *MarkIfState) Do(ctx context.Context, h backend.Host) error {
	return editIfState(h, o.Add, o.Remove)
}

func (o *MarkIfState) Verify(ctx context.Context, h backend.Host) error {
	f, err := h.Files.Read(ifstatePath)
	if err != nil || !f.Exists {
		return err
	}
	have := strings.Split(string(f.Data), "\n")
	for _, l := range o.Add {
		if !slices.Contains(have, l) {
			return fmt.Errorf("%s lacks the line %s", ifstatePath, l)
		}
		path, logical := ifstateOf(l)
		if one, err := h.Files.Read(path); err != nil {
			return err
		} else if strings.TrimSpace(string(one.Data)) != logical {
			return fmt.Errorf("%s is not %s", path, logical)
		}
	}
	return nil
}

func (o *MarkIfState) Undo(ctx context.Context, h backend.Host) error {
	return editIfState(h, o.Remove, o.Add)
}

// editIfState changes single lines, since ifup and ifdown change others at any time.
// Without the file ifupdown has not run since boot, and there is nothing to tell it.
func editIfState(h backend.Host, add, remove []string) error {
	f, err := h.Files.Read(ifstatePath)
	if err != nil || !f.Exists {
		return err
	}
	old := string(f.Data)
	lines := strings.Split(strings.TrimSuffix(old, "\n"), "\n")
	for i, l := range lines {
		if slices.Contains(remove, l) {
			lines[i] = sameAlias(l, add) // in its place, so that the way back leads to the same file
		}
	}
	lines = slices.DeleteFunc(lines, func(l string) bool { return l == "" })
	for _, l := range add {
		if !slices.Contains(lines, l) {
			lines = append(lines, l)
		}
	}
	for _, l := range remove {
		path, _ := ifstateOf(l)
		if err := h.Files.Write(path, backend.File{}); err != nil {
			return err
		}
	}
	for _, l := range add {
		path, logical := ifstateOf(l)
		if err := h.Files.Write(path, backend.File{Exists: true, Data: []byte(logical + "\n"), Mode: 0o644}); err != nil {
			return err
		}
	}
	text := strings.Join(lines, "\n") + "\n"
	if text == old {
		return nil
	}
	f.Data, f.ModTime = []byte(text), time.Time{}
	return h.Files.Write(ifstatePath, f)
}

// sameAlias is the line of lines for the same alias as line ("eth0:1=eth0:1" and
// "examplebr0p1:1=examplebr0p1:1"), or "".
func sameAlias(line string, lines []string) string {
	alias := func(l string) string {
		name, _, _ := strings.Cut(l, "=")
		_, after, _ := strings.Cut(name, ":")
		return after
	}
	if i := slices.IndexFunc(lines, func(l string) bool { return alias(l) == alias(line) }); i >= 0 && alias(line) != "" {
		return lines[i]
	}
	return ""
}
