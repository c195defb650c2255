package op

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"bridgehead/backend"
)

// WriteFile replaces one file, whole and durable. It undoes to the same bytes, mode, owner and time.
type WriteFile struct {
	Path   string       `json:"path"`
	Before backend.File `json:"before"`
	After  backend.File `json:"after"`
}

func (o *WriteFile) Kind() string { return "write-file" }

func (o *WriteFile) Lasts() Lasts { return OnDisk }

func (o *WriteFile) Describe() Note {
	return Note{
		Text:     "Write " + o.Path,
		Commands: heredoc(o.Path, o.After),
		Undo:     heredoc(o.Path, o.Before),
		Changes:  []FileChange{{Path: o.Path, Before: string(o.Before.Data), After: string(o.After.Data), Created: !o.Before.Exists, Removed: !o.After.Exists}},
	}
}

// heredoc writes f with the shell, beside its place and then renamed into it.
func heredoc(path string, f backend.File) []string {
	if !f.Exists {
		return []string{"rm -f " + quote(path)}
	}
	end := "EOF"
	for strings.Contains(string(f.Data), end) {
		end += "_"
	}
	body := string(f.Data)
	tail := ""
	if !strings.HasSuffix(body, "\n") && body != "" { // a here-document always ends in a newline
		body += "\n"
		tail = fmt.Sprintf("truncate -s -1 %s", quote(path+".new"))
	}
	out := []string{fmt.Sprintf("cat > %s <<'%s'\n%s%s", quote(path+".new"), end, body, end)}
	if tail != "" {
		out = append(out, tail)
	}
	return append(out,
		fmt.Sprintf("chown %d:%d %s && chmod %04o %s", f.UID, f.GID, quote(path+".new"), f.Mode, quote(path+".new")),
		fmt.Sprintf("mv %s %s && sync", quote(path+".new"), quote(path)))
}

func (o *WriteFile) Check(ctx context.Context, h backend.Host) error {
	now, err := h.Files.Read(o.Path)
	if err != nil {
		return err
	}
	if !sameFile(now, o.Before) {
		return fmt.Errorf("%s has been changed since the plan was made; look at it, then start again", o.Path)
	}
	return h.Files.Room(o.Path, len(o.After.Data))
}

func (o *WriteFile) Do(ctx context.Context, h backend.Host) error {
	if now, err := h.Files.Read(o.Path); err == nil && sameFile(now, o.After) && (o.After.ModTime.IsZero() || now.ModTime.Equal(o.After.ModTime)) {
		return nil
	}
	return h.Files.Write(o.Path, o.After)
}

func (o *WriteFile) Verify(ctx context.Context, h backend.Host) error {
	now, err := h.Files.Read(o.Path)
	if err == nil && !sameFile(now, o.After) {
		err = fmt.Errorf("%s does not hold what was written to it", o.Path)
	}
	return err
}

// Undo never overwrites what somebody else wrote meanwhile.
func (o *WriteFile) Undo(ctx context.Context, h backend.Host) error {
	now, err := h.Files.Read(o.Path)
	if err != nil {
		return err
	}
	switch {
	case sameFile(now, o.Before) && now.ModTime.Equal(o.Before.ModTime):
		return nil
	case sameFile(now, o.Before), sameFile(now, o.After):
		return h.Files.Write(o.Path, o.Before)
	}
	return fmt.Errorf("%s has been changed by somebody else since, and is left alone", o.Path)
}

func sameFile(a, b backend.File) bool {
	return a.Exists == b.Exists && bytes.Equal(a.Data, b.Data) && a.Mode == b.Mode && a.UID == b.UID && a.GID == b.GID
}
