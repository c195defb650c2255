package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"
)

// Session is a login's TCP connection from the client to the host, to a process named sshd
// on port 22 that sends back what it gets.
type Session struct {
	conn  net.Conn
	r     *bufio.Reader
	count atomic.Int64
}

// Session opens a session from the client to an address of the host. The server's child process
// has the session's SSH_CONNECTION in its environment, as a login shell would.
func (l *Lab) Session(ctx context.Context, host netip.Addr) (*Session, error) {
	conn, err := l.dialSSH(ctx, host)
	if errors.Is(err, errRefused) {
		if err = l.startSSHD(); err == nil {
			conn, err = l.dialSSH(ctx, host)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open a session to %s: %w", host, err)
	}
	s := &Session{conn: conn, r: bufio.NewReader(conn)}
	if err := s.Alive(15 * time.Second); err != nil { // a busy machine takes its time to start the server's child
		s.Close()
		return nil, err
	}
	return s, nil
}

var errRefused = errors.New("connection refused")

func (l *Lab) dialSSH(ctx context.Context, host netip.Addr) (conn net.Conn, err error) {
	err = l.client.inNet(func() error {
		d := net.Dialer{Timeout: 3 * time.Second, KeepAlive: -1}
		conn, err = d.DialContext(ctx, "tcp", netip.AddrPortFrom(host, 22).String())
		return err
	})
	if err != nil && strings.Contains(err.Error(), "refused") {
		return nil, errRefused
	}
	return conn, err
}

// startSSHD starts the server in the host and returns when it listens.
func (l *Lab) startSSHD() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd := again(sshdArg)
	cmd.ExtraFiles = []*os.File{w}
	cmd.Stderr = &l.log
	err = l.Start(cmd)
	w.Close()
	if err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	if out, _ := io.ReadAll(r); string(out) != "ok" {
		return fmt.Errorf("the server of sessions does not start: %s", out)
	}
	return nil
}

// Alive sends a line through the session and fails where the same line does not come back in
// time. What TCP has to send again it sends again: an outage shorter than within passes.
func (s *Session) Alive(within time.Duration) error {
	line := fmt.Sprintf("line %d\n", s.count.Add(1))
	if err := s.conn.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if _, err := io.WriteString(s.conn, line); err != nil {
		return fmt.Errorf("the session is dead: %w", err)
	}
	for {
		got, err := s.r.ReadString('\n')
		if err != nil {
			return fmt.Errorf("the session is dead: %w", err)
		}
		if got == line { // an earlier one may come late
			return nil
		}
	}
}

// Local and Remote are the session's ends: client and host.
func (s *Session) Local() netip.AddrPort  { return s.conn.LocalAddr().(*net.TCPAddr).AddrPort() }
func (s *Session) Remote() netip.AddrPort { return s.conn.RemoteAddr().(*net.TCPAddr).AddrPort() }

// Close ends the session.
func (s *Session) Close() error { return s.conn.Close() }

// connMain is the server's process for one connection.
func connMain() error {
	if err := callMe("sshd"); err != nil {
		return err
	}
	_, err := io.Copy(os.Stdout, os.Stdin)
	return err
}

// callMe sets the name that ps and /proc show (proc_pid_comm(5)).
func callMe(name string) error { return os.WriteFile("/proc/self/comm", []byte(name), 0o644) }

// sshdMain is the server: it hands each connection to a process of its own.
func sshdMain() error {
	if err := callMe("sshd"); err != nil {
		return err
	}
	ready := os.NewFile(3, "ready")
	four, err := net.Listen("tcp4", ":22") // sockets of their own, as sshd has them
	if err != nil {
		fmt.Fprint(ready, err)
		return err
	}
	if six, err := net.Listen("tcp6", ":22"); err == nil { // else IPv6 is off
		go func() { _ = accept(six) }()
	}
	fmt.Fprint(ready, "ok")
	ready.Close()
	return accept(four)
}

func accept(listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		if err := serve(conn.(*net.TCPConn)); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

func serve(conn *net.TCPConn) error {
	defer conn.Close()
	f, err := conn.File()
	if err != nil {
		return err
	}
	defer f.Close()
	remote, local := conn.RemoteAddr().(*net.TCPAddr).AddrPort(), conn.LocalAddr().(*net.TCPAddr).AddrPort()
	ends := fmt.Sprintf("%s %d %s %d", remote.Addr().Unmap(), remote.Port(), local.Addr().Unmap(), local.Port())
	cmd := again(connArg)
	cmd.Env = append(os.Environ(), "SSH_CONNECTION="+ends, "SSH_TTY=/dev/pts/0")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = f, f, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	go wait(cmd)
	return nil
}

func wait(cmd *exec.Cmd) {
	if err := cmd.Wait(); err != nil {
		fmt.Fprintln(os.Stderr, "session:", err)
	}
}
