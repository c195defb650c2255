package tui

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
)

// output is the terminal as Bubble Tea writes to it. It lets through text and
// the sequences that every console knows (ECMA-48 and VT102) and drops the
// rest: mode queries, keyboard protocols, titles. A console that does not know
// them prints them, or answers when nobody listens any more.
type output struct {
	f    *os.File
	w    io.Writer // f, or a buffer in tests
	rich bool      // it has an alternate screen and bracketed paste
	rest []byte    // the beginning of a sequence, kept for the next Write
}

func newOutput(f *os.File, rich bool) *output { return &output{f: f, w: f, rich: rich} }

// Fd, Read and Close make it a terminal in Bubble Tea's eyes.
func (o *output) Fd() uintptr                { return o.f.Fd() }
func (o *output) Read(p []byte) (int, error) { return o.f.Read(p) }
func (o *output) Close() error               { return o.f.Close() }

// Write filters p. A sequence split across writes is kept whole.
func (o *output) Write(p []byte) (int, error) {
	kept, rest := o.filter(append(o.rest, p...))
	o.rest = bytes.Clone(rest)
	if len(kept) == 0 {
		return len(p), nil
	}
	if _, err := o.w.Write(kept); err != nil {
		return 0, err
	}
	return len(p), nil
}

const esc = 0x1b

// longest is how long a sequence may get before it is taken for garbage.
const longest = 4096

// filter returns what of p may pass, and an unfinished sequence at its end.
func (o *output) filter(p []byte) (kept, rest []byte) {
	for len(p) > 0 {
		i := bytes.IndexByte(p, esc)
		if i < 0 {
			return append(kept, p...), nil
		}
		kept = append(kept, p[:i]...)
		p = p[i:]
		n := sequence(p)
		switch {
		case n == 0 && len(p) < longest:
			return kept, p
		case n == 0: // endless
			n = 1
		case o.known(p[:n]):
			kept = append(kept, p[:n]...)
		}
		p = p[n:]
	}
	return kept, nil
}

// sequence is the length of the escape sequence at the start of p, 0 when its
// end is not there yet. A byte that cannot belong to it ends it before.
func sequence(p []byte) int {
	if len(p) < 2 {
		return 0
	}
	switch p[1] {
	case '[':
		return span(p, 2, 0x20, 0x3f, 0x40, 0x7e)
	case ']', 'P', '_', '^', 'X':
		for i := 2; i < len(p); i++ {
			switch {
			case p[i] == '\a':
				return i + 1
			case p[i] == esc && i+1 < len(p) && p[i+1] == '\\':
				return i + 2
			case p[i] == esc && i+1 < len(p):
				return i
			}
		}
		return 0
	}
	return span(p, 1, 0x20, 0x2f, 0x30, 0x7e)
}

// span is the length of a sequence which from i on has bytes of the range lo
// to hi and ends with one of the range first to last.
func span(p []byte, i int, lo, hi, first, last byte) int {
	for ; i < len(p); i++ {
		switch {
		case p[i] >= first && p[i] <= last:
			return i + 1
		case p[i] < lo || p[i] > hi:
			return i
		}
	}
	return 0
}

// known reports whether a complete sequence may pass.
func (o *output) known(seq []byte) bool {
	if len(seq) == 2 {
		return strings.IndexByte("78DEM", seq[1]) >= 0
	}
	if len(seq) < 3 || seq[1] != '[' {
		return false
	}
	params, final := string(seq[2:len(seq)-1]), seq[len(seq)-1]
	if private, ok := strings.CutPrefix(params, "?"); ok {
		return (final == 'h' || final == 'l') && o.modes(private)
	}
	if strings.Trim(params, "0123456789;:") != "" {
		return false
	}
	switch final {
	case 'h', 'l':
		return params == "4" // insert mode
	case 'n', 'c', 't', 'q', 'u', 's', 'W', 'p', 'x', 'y':
		return false // reports and what few consoles know
	}
	return final < 0x7f && strings.IndexByte("@ABCDEFGHJKLMPSTXZ`abdefgmr", final) >= 0
}

// modes reports whether all DEC private modes in the list may be switched:
// line wrap and the cursor anywhere, the alternate screen and bracketed paste
// where they exist.
func (o *output) modes(list string) bool {
	known := []string{"7", "25"}
	if o.rich {
		known = append(known, "1049", "2004")
	}
	for mode := range strings.SplitSeq(list, ";") {
		if !slices.Contains(known, mode) {
			return false
		}
	}
	return true
}
