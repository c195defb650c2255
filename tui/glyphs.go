package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Widgets draw with the few glyphs beyond ASCII that the VGA console's font
// has (CP437): single lines, arrows, blocks, the bullet. ToASCII replaces
// them one for one, so the layout stays.
var ascii = map[rune]rune{
	'─': '-', '│': '|', '┌': '+', '┐': '+', '└': '+', '┘': '+',
	'├': '+', '┤': '+', '┬': '+', '┴': '+', '┼': '+',
	'↑': '^', '↓': 'v', '←': '<', '→': '>', '•': '*',
	'░': '.', '▒': ':', '▓': '#', '█': '#',
	'–': '-', '—': '-', '‘': '\'', '’': '\'', '“': '"', '”': '"', '…': '~',
	'ä': 'a', 'ö': 'o', 'ü': 'u', 'Ä': 'A', 'Ö': 'O', 'Ü': 'U', 'ß': 's', 'é': 'e', 'è': 'e',
}

// ToASCII replaces what is beyond ASCII by as many ASCII characters as it is
// wide.
func ToASCII(s string) string {
	var b strings.Builder
	for _, r := range s {
		if a, ok := ascii[r]; ok {
			r = a
		}
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Repeat("?", ansi.StringWidth(string(r))))
		}
	}
	return b.String()
}

// ASCIIOnly reports whether a terminal is to be drawn on with ASCII alone:
// the locale is not UTF-8 (setlocale(3): LC_ALL, LC_CTYPE, LANG, the first
// that is set wins), or TERM is a terminal older than UTF-8.
func ASCIIOnly(getenv func(string) string) bool {
	if isOldTerm(getenv("TERM")) {
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(getenv(name)); locale != "" {
			return !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8")
		}
	}
	return true
}

// isOldTerm reports whether TERM names a terminal, or an emulation of one,
// without UTF-8 and without colours: those a getty sets on a serial line.
func isOldTerm(term string) bool {
	base, _, _ := strings.Cut(term, "-")
	return strings.HasPrefix(base, "vt") && strings.Trim(base[2:], "0123456789") == "" ||
		base == "ansi" || base == "dumb" || base == "unknown" || base == ""
}

// isRichTerm reports whether TERM names a terminal emulator with an alternate
// screen and bracketed paste.
func isRichTerm(term string) bool {
	base, _, _ := strings.Cut(term, "-")
	switch base {
	case "xterm", "screen", "tmux", "rxvt", "konsole", "gnome", "putty", "mintty", "iterm2",
		"foot", "alacritty", "kitty", "st", "contour", "wezterm", "ghostty", "rio":
		return true
	}
	return false
}
