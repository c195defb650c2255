package steps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/packages"
	"bridgehead/backend/survey"
	"bridgehead/tui"
)

func packagesStep(w *Wizard) tui.Step {
	return tui.Step{ID: "packages", Title: "Packages",
		When: func() bool { return len(w.facts.Packages.Missing) > 0 || len(w.installed) > 0 },
		Page: func() tui.Page { return &packagesPage{w: w} }}
}

// packagesPage installs what is missing, with the package manager's last line in view.
type packagesPage struct {
	w       *Wizard
	running bool
	began   time.Time
	line    string
	lines   chan string
	err     error

	stop    context.CancelFunc
	changes *atomic.Bool // apt-get no longer only downloads
	stopped bool         // the operator stopped it in time
}

type packageLineMsg struct{ line string }

type installedMsg struct {
	names []string
	facts survey.Facts
	err   error
}

func (p *packagesPage) Enter() tea.Cmd { return nil }

func (p *packagesPage) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case packageLineMsg:
		p.line = msg.line
		return p.nextLine()
	case installedMsg:
		p.running, p.err = false, msg.err
		p.stop()
		if msg.err == nil {
			p.w.installed = append(p.w.installed, msg.names...)
			p.w.facts = msg.facts
			p.w.propose()
		}
	case tea.KeyPressMsg:
		switch {
		case tui.Pressed(msg, "i"):
			return p.install()
		case tui.Pressed(msg, "c") && !p.changes.Load():
			p.stopped = true
			p.stop()
		}
	}
	return nil
}

func (p *packagesPage) install() tea.Cmd {
	ctx, stop := context.WithCancel(background())
	p.running, p.err, p.began, p.line = true, nil, time.Now(), ""
	p.stop, p.stopped, p.changes = stop, false, new(atomic.Bool)
	p.lines = make(chan string, 64)
	names, host, look, lines, changes := p.w.facts.Packages.Missing, p.w.Host, p.w.Look, p.lines, p.changes
	return tea.Batch(p.nextLine(), func() tea.Msg {
		defer close(lines)
		err := host.Packages.Install(ctx, names, func(l string) {
			if packages.Changes(l) {
				changes.Store(true)
			}
			select {
			case lines <- l:
			default: // only the newest line matters
			}
		})
		if err != nil {
			return installedMsg{err: err}
		}
		f, err := survey.Take(background(), host, look)
		return installedMsg{names, f, err}
	})
}

func (p *packagesPage) nextLine() tea.Cmd {
	lines := p.lines
	return func() tea.Msg {
		if l, ok := <-lines; ok {
			return packageLineMsg{l}
		}
		return nil
	}
}

func (p *packagesPage) Next() error {
	switch {
	case p.running:
		return errors.New("One moment: packages are being installed.")
	case !p.w.facts.Switch.Installed:
		return errors.New("Without openvswitch-switch there is no bridge: press i to install it.")
	}
	return nil
}

func (p *packagesPage) Keys() []tui.Key {
	var keys []tui.Key
	if err := p.Next(); err != nil {
		keys = append(keys, tui.Bind("continue", "enter", "ctrl+n").Unless(sentence(err)))
	}
	install := tui.Bind("install", "i")
	switch {
	case p.running:
		const moment = "One moment: packages are being installed."
		stop := tui.Bind("stop", "c")
		switch {
		case p.changes.Load():
			stop = stop.Unless("apt-get is unpacking now: stopping it would leave packages half installed.")
		case p.stopped:
			stop = stop.Unless("One moment: apt-get is being stopped.")
		}
		return append(keys, stop, install.Unless(moment), tui.Bind("back", "esc", "ctrl+p").Unless(moment))
	case len(p.w.facts.Packages.Missing) == 0:
		return keys
	case !p.w.facts.Host.Root:
		install = install.Unless("Only root may install packages: start bridgehead with sudo.")
	}
	return append(keys, install)
}

func (p *packagesPage) View(width, height int) string {
	text := p.text()
	if p.running {
		text += "\n" + p.working().View(width) + "\n  " + tui.Cut(tui.Clean(p.line), width-2) + "\n"
	}
	lines := tui.Wrap(strings.TrimRight(text, "\n"), width)
	return strings.Join(lines[:min(len(lines), height)], "\n")
}

// Speak is what is missing, and that it is being installed.
func (p *packagesPage) Speak(width int) string {
	text := p.text()
	if p.running {
		text += "\n" + p.working().Speak(width)
	}
	return text
}

func (p *packagesPage) working() tui.Working {
	what := "getting packages"
	if p.changes.Load() {
		what = "installing, not to be interrupted"
	}
	return tui.Working{What: what, Since: p.began}
}

// text is all but the work that goes on.
func (p *packagesPage) text() string {
	var b strings.Builder
	missing := p.w.facts.Packages.Missing
	switch {
	case len(missing) == 0:
		fmt.Fprintf(&b, "Installed: %s.\n\nEverything that is needed is here. The packages stay, also when the change is rolled back.\n", strings.Join(p.w.installed, ", "))
	default:
		b.WriteString("These packages are missing:\n\n")
		for _, n := range p.w.facts.Packages.Needs {
			if n.Have != "" {
				continue
			}
			need := "for " + n.For
			if n.Mandatory {
				need = n.For + "; needed"
			}
			fmt.Fprintf(&b, "  %-22s %s\n", n.AnyOf[0], need)
		}
		b.WriteString("\nPress i to install them with apt-get, without recommended packages. They stay installed when the change is rolled back; everything else is taken back.\n")
		if !p.mandatory() {
			b.WriteString("\nOpen vSwitch is here: Enter goes on without them.\n")
		}
	}
	switch {
	case p.running:
	case p.stopped && errors.Is(p.err, context.Canceled) && !p.changes.Load():
		b.WriteString("\nStopped. Nothing has been installed.\n")
	case p.err != nil:
		b.WriteString("\n" + tui.Clean(sentence(p.err)) + "\n\nPress i to try again. The network has not been changed.\n")
	}
	return b.String()
}

// mandatory says that something is missing without which nothing can be done.
func (p *packagesPage) mandatory() bool {
	return slices.ContainsFunc(p.w.facts.Packages.Needs, func(n survey.PackageNeed) bool { return n.Mandatory && n.Have == "" })
}

func (p *packagesPage) Help() string {
	return "openvswitch-switch is the switch itself. libvirt and QEMU are only needed for virtual machines; without them the bridge is built all the same."
}
