package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aymanbagabas/go-udiff"

	"bridgehead/backend/answers"
	"bridgehead/backend/op"
)

// Formats of `bridgehead plan --format`.
const (
	FormatText       = "text"
	FormatJSON       = "json"
	FormatScript     = "script"
	FormatUndoScript = "undo-script"
)

// textWidth is that of the text format, in columns.
const textWidth = 100

// Render writes p in one of the formats.
func Render(w io.Writer, p Plan, format string) error {
	switch format {
	case FormatText:
		return p.text(w)
	case FormatJSON:
		return p.json(w)
	case FormatScript:
		return p.script(w)
	case FormatUndoScript:
		return p.undoScript(w)
	}
	return fmt.Errorf("%q is no format; use text, json, script or undo-script", format)
}

func (p Plan) json(w io.Writer) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(p); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// Changes lists what the plan changes, before and after: the host's own files first, then what Open vSwitch and
// libvirt keep, in the order in which it is done.
func (p Plan) Changes() []op.FileChange {
	var files, kept []op.FileChange
	for _, i := range p.Items {
		for _, c := range i.Op.Describe().Changes {
			if filepath.IsAbs(c.Path) {
				files = append(files, c)
			} else {
				kept = append(kept, c)
			}
		}
	}
	return append(files, kept...)
}

// Diff is a unified diff of c.
func Diff(c op.FileChange) string {
	return udiff.Unified(c.Path, c.Path, c.Before, c.After)
}

func (p Plan) text(w io.Writer) error {
	var b strings.Builder
	if p.Answers.Existing() {
		fmt.Fprintf(&b, "Plan for %s: on bridge %s, which is there; the host's own network stays as it is.\n\n", p.Host, p.Answers.Bridge.Name)
	} else {
		fmt.Fprintf(&b, "Plan for %s: %s becomes the uplink of bridge %s; the host's address moves to %s.\n\n",
			p.Host, p.Answers.UplinkName(), p.Answers.Bridge.Name, p.Answers.Bridge.Port)
	}
	b.WriteString(p.Picture.Text() + "\n")
	for _, phase := range []Phase{Trial, Persist} {
		if phase == Trial {
			fmt.Fprintf(&b, "At apply, taken back after %s unless you confirm:\n", answers.Duration(p.Window(time.Duration(p.Answers.Apply.ConfirmWithin))))
		} else {
			b.WriteString("\nWhen you confirm:\n")
		}
		n := 0
		for _, i := range p.Items {
			if i.Phase != phase {
				continue
			}
			n++
			note := i.Op.Describe()
			fmt.Fprintf(&b, " %2d. %s\n", n, note.Text)
			if _, file := i.Op.(*op.WriteFile); file {
				continue // shown as a diff below
			}
			for _, c := range note.Commands {
				fmt.Fprintf(&b, "       %s\n", strings.ReplaceAll(c, "\n", "\n       "))
			}
		}
		if n == 0 {
			b.WriteString("     nothing\n")
		}
	}
	if changes := p.Changes(); len(changes) > 0 {
		b.WriteString("\nChanges:\n")
		for _, c := range changes {
			b.WriteString(Diff(c))
		}
	}
	p.riskText(&b)
	b.WriteString("\nBefore you can confirm:\n")
	for _, c := range p.Checks {
		fmt.Fprintf(&b, "  - %s\n", c)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (p Plan) riskText(b *strings.Builder) {
	b.WriteString("\nRisk:\n")
	for _, line := range p.Risk.Lines() {
		fmt.Fprintf(b, "  - %s\n", line)
	}
	for _, n := range p.Notes {
		fmt.Fprintf(b, "  - %s\n", n)
	}
}

// Lines says in sentences what is at risk.
func (r Risk) Lines() []string {
	var out []string
	if r.Safe != "" {
		out = append(out, "Safe: "+r.Safe)
	}
	if r.OwnSession {
		out = append(out, "THIS session goes through the NIC that is moved")
	}
	if r.Unknown != "" {
		out = append(out, "It cannot be known which NIC carries this session: "+r.Unknown)
	}
	out = append(out, r.Sessions...)
	for _, u := range r.Uses {
		out = append(out, "In use through this NIC: "+u)
	}
	for _, v := range r.VMs {
		out = append(out, "Running VM on a network that changes: "+v)
	}
	for _, f := range r.Rules {
		out = append(out, "Firewall rule that will no longer match: "+f)
	}
	if r.NewAddress {
		out = append(out, "The host gets another address: logins to the old one end, and you log in to the new one")
	}
	return out
}

const scriptHead = `#!/bin/sh
# %s
# Written by bridgehead for host %s. Run it as root at the console: unlike
# bridgehead it has no guard, and nothing takes it back but you.
set -eu
# Without ovs-vswitchd, ovs-vsctl would wait for ever.
alias ovs-vsctl='ovs-vsctl --timeout=30'

`

func (p Plan) script(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, scriptHead, p.title("Move "+p.Host+" onto Open vSwitch", "Connect VMs of "+p.Host), p.Host)
	for _, i := range p.Items {
		note := i.Op.Describe()
		fmt.Fprintf(&b, "# %s\n%s\n\n", note.Text, strings.Join(note.Commands, "\n"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (p Plan) undoScript(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, scriptHead, p.title("Take the move of "+p.Host+" onto Open vSwitch back", "Take back how VMs of "+p.Host+" were connected"), p.Host)
	items := slices.Clone(p.Items)
	slices.Reverse(items)
	for _, i := range items {
		note := i.Op.Describe()
		fmt.Fprintf(&b, "# Undo: %s\n%s\n\n", note.Text, strings.Join(note.Undo, "\n"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// title is that of a script, for a host that is moved or one that has been.
func (p Plan) title(moves, later string) string {
	if p.Answers.Existing() {
		return later + " to bridge " + p.Answers.Bridge.Name
	}
	return moves
}
