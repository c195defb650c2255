package steps

import (
	"errors"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend/survey"
	"bridgehead/tui"
)

func packagesStep(w *Wizard) tui.Step {
	return tui.Step{ID: "packages", Title: "Packages",
		When: func() bool { return len(w.facts.Packages.Missing) > 0 },
		Page: func() tui.Page { return &packagesPage{w: w} }}
}

// packagesPage installs what is missing, with the package manager's last line in view.
type packagesPage struct {
	w       *Wizard
	running bool
	began   time.Time
	now     time.Time
	line    string
	lines   chan string
	err     error
}

type packageLineMsg struct{ line string }

type installedMsg struct {
	facts survey.Facts
	err   error
}

func (p *packagesPage) Enter() tea.Cmd { return nil }

func (p *packagesPage) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tui.TickMsg:
		p.now = msg.Now
	case packageLineMsg:
		p.line = msg.line
		return p.nextLine()
	case installedMsg:
		p.running, p.err = false, msg.err
		if msg.err == nil {
			p.w.facts = msg.facts
			p.w.propose()
			return tui.Say("Installed. They stay installed, also after a rollback.")
		}
	case tea.KeyPressMsg:
		if tui.Pressed(msg, "i") {
			return p.install()
		}
	}
	return nil
}

func (p *packagesPage) install() tea.Cmd {
	p.running, p.err, p.began, p.line = true, nil, time.Now(), ""
	p.now = p.began
	p.lines = make(chan string, 64)
	names, host, look, lines := p.w.facts.Packages.Missing, p.w.Host, p.w.Look, p.lines
	return tea.Batch(p.nextLine(), func() tea.Msg {
		defer close(lines)
		err := host.Packages.Install(background(), names, func(l string) {
			select {
			case lines <- l:
			default: // only the newest line matters
			}
		})
		if err != nil {
			return installedMsg{err: err}
		}
		f, err := survey.Take(background(), host, look)
		return installedMsg{f, err}
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
		return errors.New("one moment: packages are being installed")
	case !p.w.facts.Switch.Installed:
		return errors.New("without openvswitch-switch there is no bridge: press i to install, or install it yourself and look again")
	}
	return nil
}

func (p *packagesPage) Keys() []tui.Key {
	k := tui.Bind("install", "i")
	if p.running {
		k = k.Unless("The installation is running.")
	} else if !p.w.facts.Host.Root {
		k = k.Unless("Only root may install packages: start bridgehead with sudo.")
	}
	return []tui.Key{k}
}

func (p *packagesPage) View(width, height int) string {
	var b strings.Builder
	if missing := p.w.facts.Packages.Missing; len(missing) > 0 {
		b.WriteString("These packages are missing:\n\n")
		for _, name := range missing {
			b.WriteString("  " + name + "\n")
		}
		b.WriteString("\nPress i to install them with apt-get, without recommended packages. They stay installed when the change is rolled back; everything else is taken back.\n")
	} else {
		b.WriteString("Everything that is needed is installed.\n")
	}
	if p.running {
		b.WriteString("\nInstalling ... " + tui.Elapsed(p.now.Sub(p.began)) + "\n  " + tui.Clean(p.line) + "\n")
	}
	if p.err != nil {
		b.WriteString("\n" + tui.Clean(p.err.Error()) + "\n")
	}
	return strings.Join(tui.Wrap(b.String(), width), "\n")
}

func (p *packagesPage) Help() string {
	return "openvswitch-switch is the switch itself. libvirt and QEMU are only needed for virtual machines; without them the bridge is built all the same."
}
