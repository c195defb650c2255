package tuitest

import (
	"bytes"
	"io"
	"sync"
	"testing"
	"testing/synctest"

	"bridgehead/tui"
)

// Teller is an operator who is told the wizard line by line.
type Teller struct {
	*Driver

	keyboard *io.PipeWriter
	paper    paper
}

// paper is what has been told, read while it is written.
type paper struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *paper) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// RunLines plays script as Run does, line by line.
func RunLines(t *testing.T, build func(*testing.T) *tui.Shell, script func(*Teller)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		in, keyboard := io.Pipe()
		o := &Teller{Driver: &Driver{t: t, Shell: build(t)}, keyboard: keyboard}
		o.model = tui.Lines(o.Shell, in, &o.paper, 79, true)
		defer o.end()
		defer keyboard.Close()
		o.start(o.model.Init())
		o.settle(false)
		script(o)
	})
}

// Answer types lines, each when it is asked for.
func (o *Teller) Answer(lines ...string) {
	o.t.Helper()
	for _, line := range lines {
		if o.Ended() {
			o.t.Fatalf("%q is not asked for any more:\n%s", line, o.Told())
		}
		if _, err := io.WriteString(o.keyboard, line+"\n"); err != nil {
			o.t.Fatal(err)
		}
		o.settle(false)
	}
}

// HangUp ends the input.
func (o *Teller) HangUp() { o.keyboard.Close(); o.settle(false) }

// Told is everything that was told so far, with the answers.
func (o *Teller) Told() string { return o.paper.String() }
