package vm

import (
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
)

// screen is the operator's terminal at the other end of the serial line, 80x24.
type screen struct {
	t    *testing.T
	line *Line
	mu   sync.Mutex // the emulator has none of its own
	vt   *vt.Emulator
}

// patience is how long the operator waits for a page.
const patience = 90 * time.Second

func (g *guest) screen() *screen {
	s := &screen{t: g.t, line: g.Console, vt: vt.NewEmulator(80, 24)}
	g.Console.Tee(s)
	replied := make(chan struct{})
	go s.reply(replied)
	g.t.Cleanup(func() {
		g.Console.Tee(nil)
		s.vt.Close()
		<-replied
	})
	return s
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.vt.Write(p)
}

// reply answers what the program asks the terminal, as terminals do.
func (s *screen) reply(done chan struct{}) {
	defer close(done)
	buf := make([]byte, 256)
	for {
		n, err := s.vt.Read(buf)
		if err != nil {
			return
		}
		_ = s.line.Send(string(buf[:n])) // a guest without power hears nothing
	}
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.vt.String()
}

func words(text string) string { return strings.Join(strings.Fields(text), " ") }

func (s *screen) shows(text string) bool { return strings.Contains(words(s.text()), words(text)) }

// await waits until ok holds of the screen.
func (s *screen) await(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !ok(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("still not: %s; the screen is\n%s", what, s.text())
		}
	}
}

// want waits until all texts are on the screen. Blanks and line breaks do not count.
func (s *screen) want(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		s.await("it shows "+text, func() bool { return s.shows(text) })
	}
}

func (s *screen) press(keys string) {
	s.t.Helper()
	must(s.t, s.line.Send(keys))
}

var position = regexp.MustCompile(`Step \d+ of \d+: (\S+( \S+)*)`)

func (s *screen) page() string {
	if m := position.FindStringSubmatch(s.text()); m != nil {
		return m[1]
	}
	return ""
}

// to continues from page to page until the one called title is shown.
func (s *screen) to(title string) {
	s.t.Helper()
	for s.page() != title {
		here := s.page()
		s.press("\x0e") // Ctrl-N
		s.await("there is a way on from "+here, func() bool { return s.page() != here && s.page() != "" })
	}
}

// accept types the word that the risk page asks for; what is typed too early is swallowed.
func (s *screen) accept() {
	s.t.Helper()
	s.want("To go on, type apply")
	for end := time.Now().Add(patience); !s.shows("> apply"); {
		if time.Now().After(end) {
			s.t.Fatalf("the word cannot be typed:\n%s", s.text())
		}
		s.press("\x15apply") // Ctrl-U first
		for soon := time.Now().Add(2 * time.Second); !s.shows("> apply") && time.Now().Before(soon); <-time.After(20 * time.Millisecond) {
		}
	}
	s.press("\r")
}
