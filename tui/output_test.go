package tui

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
)

// through writes parts to an output one after the other.
func through(rich bool, parts ...string) string {
	var got bytes.Buffer
	o := &output{w: &got, rich: rich}
	for _, part := range parts {
		if n, err := o.Write([]byte(part)); n != len(part) || err != nil {
			panic("short write")
		}
	}
	return got.String()
}

func TestOutputDropsWhatConsolesDoNotKnow(t *testing.T) {
	for _, seq := range []string{
		"\x1b[?2026$p", "\x1b[?2027$p", "\x1b[>4m", "\x1b[>4;2m", "\x1b[>1u", "\x1b[<1u", "\x1b[=1;1u", "\x1b[?u",
		"\x1b[?5W", "\x1b[6n", "\x1b[c", "\x1b[>c", "\x1b[>0q", "\x1b[18t", "\x1b[?1000h", "\x1b[?1;1000h", "\x1b[2 q",
		"\x1b]2;title\a", "\x1b]11;?\x1b\\", "\x1bP+q524742\x1b\\", "\x1b_Gi=1\x1b\\", "\x1b(0", "\x1b=", "\x1bc",
	} {
		for _, rich := range []bool{false, true} {
			if got := through(rich, "a"+seq+"b"); got != "ab" {
				t.Errorf("%q (rich %v) lets %q through", seq, rich, got)
			}
		}
	}
}

func TestOutputKeepsWhatConsolesKnow(t *testing.T) {
	for _, text := range []string{
		"plain text, äöü ─│ 世界\r\n\t\b", "\x1b[H\x1b[2J\x1b[K", "\x1b[12;40H", "\x1b[1;31mred\x1b[m", "\x1bM\x1b7\x1b8",
		"\x1b[?25l\x1b[?25h\x1b[?7l\x1b[?7h", "\x1b[4h\x1b[4l", "\x1b[3;20r", "\x1b[5A\x1b[5B\x1b[5C\x1b[5D\x1b[5d\x1b[5G\x1b[5`", "\x1b[2L\x1b[2M\x1b[3P\x1b[3@\x1b[3X",
	} {
		if got := through(false, text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	screen := "\x1b[?1049h\x1b[?2004h\x1b[?2004l\x1b[?1049l"
	if got := through(true, screen); got != screen {
		t.Errorf("a terminal with an alternate screen gets %q", got)
	}
	if got := through(false, screen); got != "" {
		t.Errorf("a console without an alternate screen gets %q", got)
	}
}

func TestOutputWaitsForTheEndOfASequence(t *testing.T) {
	if got := through(false, "a\x1b", "[", "?20", "26$", "pb\x1b[1", "mc"); got != "ab\x1b[1mc" {
		t.Errorf("got %q", got)
	}
	if got := through(false, "a\x1b]2;ti", "tle\x1b", "\\b"); got != "ab" {
		t.Errorf("got %q", got)
	}
	endless := "\x1b]" + strings.Repeat("x", 3*longest)
	if got := through(false, endless, "\x1b[1mback"); !strings.HasSuffix(got, "\x1b[1mback") {
		t.Errorf("an endless sequence swallows everything: %q", got[max(0, len(got)-20):])
	}
}

// harmless is what may reach a console: everything but ESC, and the sequences
// of ECMA-48 and VT102 that ask nothing.
var harmless = regexp.MustCompile(`^([^\x1b]|\x1b[78DEM]|\x1b\[[0-9;:]*[@-HJ-MPSTXZ` + "`" + `abdefgmr]|\x1b\[\?(7|25|1049|2004)(;(7|25|1049|2004))*[hl]|\x1b\[4[hl])*$`)

func FuzzOutput(f *testing.F) {
	f.Add("plain", 2, true)
	f.Add("\x1b[?2026$p\x1b[?2027$p\x1b[>4;2m\x1b[?1049h\x1b[H\x1b[2Jtext\x1b[m", 7, true)
	f.Add("\x1b]2;t\a\x1bP\x1b\\\x1b[\x1b[1\x01m\x1b\x1b[K", 5, false)
	f.Fuzz(func(t *testing.T, text string, cut int, rich bool) {
		whole := through(rich, text)
		if !harmless.MatchString(strings.ToValidUTF8(whole, "?")) {
			t.Errorf("%q lets %q through", text, whole)
		}
		if !strings.Contains(text, "\x1b") && whole != text {
			t.Errorf("plain text %q became %q", text, whole)
		}
		if len(text) > 0 && len(text) < longest {
			cut = (cut%len(text) + len(text)) % len(text)
			if parts := through(rich, text[:cut], text[cut:]); parts != whole {
				t.Errorf("%q, cut at %d: %q, whole: %q", text, cut, parts, whole)
			}
		}
	})
}

func TestKeyboardKeepsAnArrowKeyInOnePiece(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	k := &keyboard{File: r, gone: func() {}}
	read := func() string {
		var buf [64]byte
		n, err := k.Read(buf[:])
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	for _, parts := range [][]string{{"\x1b", "[A"}, {"\x1b[", "B"}, {"x\x1b", "[", "6", "~"}, {"\x1bO", "P"}, {"\x1b[[", "A"}} {
		first := make(chan string)
		go func() { first <- read() }()
		for _, part := range parts {
			if _, err := w.WriteString(part); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := <-first, strings.Join(parts, ""); got != want {
			t.Errorf("typed %q, read %q first", want, got)
		}
	}
	for _, whole := range []string{"\x1b", "a", "\x1b[A", "äb"} { // Esc alone comes too
		if _, err := w.WriteString(whole); err != nil {
			t.Fatal(err)
		}
		if got := read(); got != whole {
			t.Errorf("typed %q, read %q", whole, got)
		}
	}
}

func TestKeyboardSaysWhenTheTerminalIsGone(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	gone := false
	k := &keyboard{File: r, gone: func() { gone = true }}
	w.Close()
	if n, err := k.Read(make([]byte, 8)); n != 0 || err == nil || !gone {
		t.Errorf("read %d, %v, gone %v", n, err, gone)
	}
}

func TestASCIIOnlyFollowsLocaleAndTerm(t *testing.T) {
	for _, c := range []struct {
		term, all, ctype, lang string
		want                   bool
	}{
		{"xterm", "", "", "en_US.UTF-8", false},
		{"linux", "", "C.utf8", "", false},
		{"linux", "C", "", "en_US.UTF-8", true},
		{"linux", "", "de_DE.ISO-8859-1", "en_US.UTF-8", true},
		{"linux", "", "", "", true},
		{"vt220", "", "", "en_US.UTF-8", true},
		{"vt100-am", "", "", "en_US.UTF-8", true},
		{"vte", "", "", "en_US.UTF-8", false},
		{"ansi", "", "", "en_US.UTF-8", true},
	} {
		env := map[string]string{"TERM": c.term, "LC_ALL": c.all, "LC_CTYPE": c.ctype, "LANG": c.lang}
		if got := ASCIIOnly(func(name string) string { return env[name] }); got != c.want {
			t.Errorf("%+v: ASCIIOnly = %v", c, got)
		}
	}
}
