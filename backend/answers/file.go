package answers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Error is what is wrong with an answers file, and where.
type Error struct {
	File  string // name of the file, "" for answers that come from the wizard
	Line  int    // 1 for the first line; 0 where the value is not in the file
	Field string // "bridge.name"
	Text  string
}

func (e *Error) Error() string {
	var b strings.Builder
	switch {
	case e.File != "" && e.Line > 0:
		fmt.Fprintf(&b, "%s:%d: ", e.File, e.Line)
	case e.File != "":
		fmt.Fprintf(&b, "%s: ", e.File)
	}
	if e.Field != "" {
		fmt.Fprintf(&b, "%s: ", e.Field)
	}
	return b.String() + e.Text
}

const empty = "the file is empty; `bridgehead` writes one from its review screen"

// Parse reads an answers file (YAML, version 1) and validates it. name is used in
// errors; each is an *Error with its line. What the file leaves out has its default.
func Parse(name string, data []byte) (Answers, error) {
	a := Default()
	a.Bridge = Bridge{}
	if len(bytes.TrimSpace(data)) == 0 {
		return a, &Error{File: name, Text: empty}
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return a, yamlError(name, err)
	}
	if len(file.Docs) != 1 {
		return a, &Error{File: name, Text: "one YAML document is expected"}
	}
	if file.Docs[0].Body == nil {
		return a, &Error{File: name, Text: empty}
	}
	if err := decode(data, &a); err != nil {
		e := yamlError(name, err)
		var d badDuration
		if errors.As(err, &d) { // the decoder does not say where, but there is only one
			e.Field, e.Text = "apply.confirm_within", d.Error()
			e.Line = lineOf(file, e.Field)
		}
		return a, e
	}
	a.fill()
	for _, e := range a.Problems() {
		e.File, e.Line = name, lineOf(file, e.Field)
		return a, e
	}
	return a, nil
}

// decode reads data into a. goccy/go-yaml 1.19.2 panics at a tag without a value where a list is
// expected ("dns: !x").
func decode(data []byte, a *Answers) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("this is no YAML that can be read; write it plainly, without tags and anchors")
		}
	}()
	err = yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(a)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return err
}

// fill gives what a file may leave out its default.
func (a *Answers) fill() {
	if a.Bridge.Port == "" && a.Bridge.Name != "" && !a.Existing() {
		a.Bridge.Port = a.Bridge.Name + "p1"
	}
	if a.Libvirt != nil && a.Libvirt.Default == "" {
		a.Libvirt.Default = DefaultKeep
	}
	if a.VMs != nil {
		for i := range a.VMs.Create {
			a.VMs.Create[i].fill(a)
		}
	}
}

// yamlError turns a decoder's error into one line with the position that it carries.
func yamlError(name string, err error) *Error {
	e := &Error{File: name, Text: strings.SplitN(err.Error(), "\n", 2)[0]}
	var ye yaml.Error
	if errors.As(err, &ye) {
		e.Text = ye.GetMessage()
		if t := ye.GetToken(); t != nil {
			e.Line = t.Position.Line
		}
	}
	e.Text = strings.TrimPrefix(e.Text, "unexpected ")
	if _, key, ok := strings.Cut(e.Text, "unknown field "); ok {
		e.Text = fmt.Sprintf("unknown key %s; the keys are in the README under \"answers file\"", key)
	}
	return e
}

// lineOf finds the line where field ("address.addresses[1]") stands, or that of the nearest section above it.
func lineOf(file *ast.File, field string) int {
	for field != "" {
		if p, err := yaml.PathString("$." + field); err == nil {
			if n, err := p.FilterFile(file); err == nil && n != nil && n.GetToken() != nil {
				return n.GetToken().Position.Line
			}
		}
		i := strings.LastIndexAny(field, ".[")
		if i < 0 {
			break
		}
		field = field[:i]
	}
	return 0
}

// Encode writes a as an answers file that Parse reads back as the same answers.
func Encode(a Answers) ([]byte, error) {
	out, err := yaml.MarshalWithOptions(a, yaml.Flow(false))
	if err != nil {
		return nil, fmt.Errorf("cannot write the answers: %w", err)
	}
	return append([]byte("# Answers for bridgehead. See what they do: bridgehead plan --answers FILE\n"), out...), nil
}

// Locate adds the place in the file data, called name, to an error about answers that came from it.
func (e *Error) Locate(name string, data []byte) {
	e.File = name
	if file, err := parser.ParseBytes(data, 0); err == nil {
		e.Line = lineOf(file, e.Field)
	}
}
