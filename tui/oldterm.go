package tui

import (
	"fmt"

	"github.com/charmbracelet/x/ansi"
)

// tied gives the last character of a line a colour made of its column. An old
// terminal gets no colours, but the renderer compares them: the ends of two
// lines of different length are never the same to it. So it writes the rest of
// a line anew, where it would insert or delete characters otherwise: a VT100
// cannot, nor can many a BMC's console that calls itself one.
func tied(line string) string {
	at, end, column := 0, 0, 0 // the last character, and the column after it
	styled := false
	var state byte
	for i, w := 0, 0; i < len(line); {
		seq, width, n, next := ansi.DecodeSequence(line[i:], state, nil)
		w += width
		switch {
		case width == 0:
			styled = seq != "\x1b[m" && seq != "\x1b[0m"
		case seq != " " || styled:
			at, end, column = i, i+n, w
		}
		i, state = i+n, next
	}
	if end == 0 {
		return line
	}
	return line[:at] + fmt.Sprintf("\x1b[38;2;0;%d;%dm", column>>8, column&0xff) + line[at:end] + "\x1b[39m" + line[end:]
}
