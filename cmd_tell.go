package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"bridgehead/backend/trial"
)

// teller says things in their order, on its own time: a terminal that Ctrl-S has stopped, a serial line that nobody
// reads, or a log that hangs must hold up neither a change nor its rollback, during which nobody else can take over.
type teller chan func()

// newTeller keeps what it could not say yet, up to more than a run has to say.
func newTeller() teller {
	t := make(teller, 4096)
	go func() {
		for say := range t {
			say()
		}
	}()
	return t
}

func (t teller) tell(say func()) {
	select {
	case t <- say:
	default: // nobody listens
	}
}

// heard waits until all has been said, but not for ever.
func (t teller) heard(d time.Duration) {
	done, late := make(chan struct{}), time.After(d)
	select {
	case t <- func() { close(done) }:
	case <-late:
		return
	}
	select {
	case <-done:
	case <-late:
	}
}

// listenTime is how long a command waits for a terminal to take what there is to say.
const listenTime = 2 * time.Second

// follow has the events of a trial printed as they come. The caller calls heard before it prints more.
func follow(t *trial.Trial, show func(trial.Event)) (heard func()) {
	to := newTeller()
	t.Progress = func(e trial.Event) { to.tell(func() { show(e) }) }
	return func() { to.heard(listenTime) }
}

// narrate has a trial that no person looks at tell the journal and everybody on the host.
func (a *app) narrate(t *trial.Trial) (heard func()) {
	to := newTeller()
	t.Progress = func(e trial.Event) { to.tell(func() { fmt.Fprintln(a.err, e.Name, e.Op, e.Text) }) }
	t.Announce = func(text string) {
		to.tell(func() {
			fmt.Fprintln(a.err, text)
			tellAll(text)
		})
	}
	return func() { to.heard(wallTime + 2*listenTime) }
}

// wallTime is how long wall(1) may take.
const wallTime = 5 * time.Second

// tellAll writes to every terminal (wall(1)) and to the console. That nobody is there is no error.
func tellAll(text string) {
	ctx, cancel := context.WithTimeout(context.Background(), wallTime)
	defer cancel()
	_ = exec.CommandContext(ctx, "wall", "-n", text).Run()
	tellConsole("/dev/console", text)
}

// tellConsole gives up on a console that takes no bytes.
func tellConsole(path, text string) {
	console, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer console.Close()
	_ = console.SetWriteDeadline(time.Now().Add(listenTime))
	_, _ = console.WriteString("\r\n" + text + "\r\n")
}

// endures has the process go on past the signals of a terminal that is gone, or a log that is. Whoever works on a
// change is not to stand still or die by them: the lock that it holds keeps everybody else from taking over, and to systemd a
// death by one of them is an orderly end (systemd.service(5), Restart=on-failure).
func endures() {
	// Caught, not ignored: what is started here would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGPIPE)
	// Of a process in the background each write to the terminal would raise it again, were it caught.
	signal.Ignore(syscall.SIGTSTP, syscall.SIGTTOU, syscall.SIGTTIN)
}
