package golden_test

import (
	"encoding/xml"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// pictured are the screens of the README's picture, in two columns.
var pictured = []string{"nic", "review-changes", "review-picture", "risk-own-session", "confirm-ok", "done-confirmed"}

// The size of a character cell, of a screen, and of the space around it, in pixels.
const (
	cellWidth, cellHeight = 8.4, 17
	columns, rows         = 80, 24
	margin                = 14
	screenWidth           = columns*cellWidth + 2*margin
	screenHeight          = rows*cellHeight + 2*margin
)

// docs/screens.svg is drawn from the goldens, so that the README shows what there is.
func TestPicture(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">`+"\n",
		2*screenWidth+margin, (len(pictured)+1)/2*(screenHeight+margin)-margin)
	b.WriteString("<title>Bridgehead: NIC, review with diff and picture, risk, check and confirm, done</title>\n")
	for i, name := range pictured {
		text, err := os.ReadFile("screens/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		x, y := float64(i%2)*(screenWidth+margin), float64(i/2)*(screenHeight+margin)
		b.WriteString(drawn(string(text), x, y))
	}
	b.WriteString("</svg>\n")
	if err := xml.Unmarshal([]byte(b.String()), new(struct{})); err != nil {
		t.Fatal(err)
	}
	golden(t, "../docs/screens.svg", b.String())
}

// drawn is one screen with its upper left corner at x, y. Its first line is reversed, as on the terminal.
func drawn(screen string, x, y float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<g transform="translate(%.1f %.1f)"><rect width="%.1f" height="%d" rx="6" fill="#101418"/>`+"\n", x, y, screenWidth, screenHeight)
	fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="#d8dee4"/>`+"\n", margin, margin, columns*cellWidth, cellHeight)
	for n, line := range strings.Split(strings.TrimSuffix(screen, "\n"), "\n") {
		if line == "" {
			continue
		}
		var text strings.Builder
		words := strings.TrimLeft(line, " ")                                        // some viewers drop blanks at the beginning, of whatever kind
		_ = xml.EscapeText(&text, []byte(strings.ReplaceAll(words, " ", "\u00a0"))) // never fails: a Builder takes all
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" textLength="%.1f" fill="%s">%s</text>`+"\n", margin+float64(len(line)-len(words))*cellWidth,
			margin+n*cellHeight+13, float64(utf8.RuneCountInString(words))*cellWidth, colour(n, line), text.String())
	}
	b.WriteString("</g>\n")
	return b.String()
}

// colour is that of the terminal: the header reversed; of a diff, what is added green, what is taken away red.
func colour(n int, line string) string {
	const mark = 10 // column of + and -, after two line numbers
	switch diff := len(line) > mark && strings.Trim(line[:mark], " 0123456789") == ""; {
	case n == 0:
		return "#101418"
	case diff && line[mark] == '+':
		return "#7ec699"
	case diff && line[mark] == '-':
		return "#f08d8d"
	}
	return "#d8dee4"
}
