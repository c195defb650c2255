package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"sync"
	"time"
)

// Line is a serial line to the guest.
type Line struct {
	conn net.Conn
	more chan struct{} // something has arrived
	end  chan struct{} // nothing more will

	mu   sync.Mutex
	read []byte    // arrived, and not yet eaten by Expect
	copy io.Writer // gets what arrives, too
}

func openLine(ctx context.Context, path string) (*Line, error) {
	conn, err := dial(ctx, path)
	if err != nil {
		return nil, err
	}
	l := &Line{conn: conn, more: make(chan struct{}, 1), end: make(chan struct{})}
	go l.listen()
	return l, nil
}

func (l *Line) listen() {
	defer close(l.end)
	buf := make([]byte, 4096)
	for {
		n, err := l.conn.Read(buf)
		if err != nil {
			return
		}
		l.mu.Lock()
		l.read = append(l.read, buf[:n]...)
		if l.copy != nil {
			_, _ = l.copy.Write(buf[:n])
		}
		l.mu.Unlock()
		select {
		case l.more <- struct{}{}:
		default:
		}
	}
}

func (l *Line) close() {
	if l != nil {
		l.conn.Close()
		<-l.end
	}
}

// Tee copies what arrives from now on to w; nil ends that.
func (l *Line) Tee(w io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.copy = w
}

// Send types text.
func (l *Line) Send(text string) error {
	_, err := io.WriteString(l.conn, text)
	return err
}

// Expect waits until what has arrived matches the regular expression, and returns and
// eats everything up to the end of the match. One caller at a time.
func (l *Line) Expect(pattern string, within time.Duration) (string, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return "", err
	}
	late := time.After(within)
	for {
		if s, ok := l.eat(re); ok {
			return s, nil
		}
		select {
		case <-l.more:
		case <-l.end:
			if s, ok := l.eat(re); ok {
				return s, nil
			}
			return "", l.lacks(pattern, errors.New("the line is dead"))
		case <-late:
			return "", l.lacks(pattern, fmt.Errorf("%s have passed", within))
		}
	}
}

func (l *Line) eat(re *regexp.Regexp) (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := re.FindIndex(l.read)
	if at == nil {
		return "", false
	}
	s := string(l.read[:at[1]])
	l.read = l.read[at[1]:]
	return s, true
}

func (l *Line) lacks(pattern string, why error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	tail := l.read[max(0, len(l.read)-2000):]
	return fmt.Errorf("no %q on the serial line: %w; it says:\n%s", pattern, why, tail)
}
