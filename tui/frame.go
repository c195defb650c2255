package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

const (
	footerLines = 2 // the page's keys, the shell's keys
	statusLines = 1 // always there, so that a message moves nothing
	statusMost  = 5 // a long error takes this many at most
)

// View draws the frame and the page in it.
func (s *Shell) View() tea.View {
	v := tea.NewView(s.draw())
	v.AltScreen = true
	v.DisableBracketedPasteMode = !s.paste
	return v
}

func (s *Shell) draw() string {
	switch {
	case s.width <= 0 || s.height <= 0:
		return ""
	case s.tooSmall():
		return s.join(s.small())
	}
	header := s.header()
	status := s.statusLine()
	height := s.height - len(header) - len(status) - footerLines
	body := clip(s.body(s.width, height), height)
	for len(body) < height {
		body = append(body, "")
	}
	lines := append(header, body...)
	lines = append(lines, status...)
	return s.join(append(lines, s.footer()...))
}

// join makes the screen out of lines, none wider than the terminal.
func (s *Shell) join(lines []string) string {
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, s.width, "~")
		if s.old {
			lines[i] = tied(lines[i])
		}
	}
	screen := strings.Join(clip(lines, s.height), "\n")
	if s.ASCII {
		screen = ToASCII(screen)
	}
	return screen
}

// BodySize is the room a page has now, in columns and lines.
func (s *Shell) BodySize() (width, height int) {
	return s.width, s.height - len(s.header()) - len(s.statusLine()) - footerLines
}

func (s *Shell) header() []string {
	status := s.status()
	left := s.Product
	if status.Host != "" {
		left += " on " + Clean(status.Host)
	}
	var right []string
	if !status.Deadline.IsZero() {
		right = append(right, Clean(status.Doing)+" "+MinSec(time.Until(status.Deadline)))
	}
	if status.Badge != "" {
		right = append(right, "["+string(status.Badge)+"]")
	}
	lines := leftRight(left, strings.Join(right, "  "), s.width)
	for i := range lines {
		lines[i] = reverse.Render(Fit(lines[i], s.width))
	}
	lines = append(lines, leftRight(s.position(), Clean(status.Console), s.width)...)
	return append(lines, s.rail())
}

// position is "Step 2 of 9: Uplink", counted over the steps that apply.
func (s *Shell) position() string {
	n, of := 0, 0
	for i, step := range s.Steps {
		if step.applies() || i == s.at {
			of++
			if i <= s.at {
				n++
			}
		}
	}
	return fmt.Sprintf("Step %d of %d: %s", n, of, s.Step().Title)
}

func (s *Shell) body(width, height int) []string {
	switch {
	case s.asking:
		lines := s.leaveQuestion(width)
		for i := slices.Index(lines, ""); i >= 0 && len(lines) > height; i = slices.Index(lines, "") { // no word is lost
			lines = slices.Delete(lines, i, i+1)
		}
		return lines
	case s.help != nil:
		return strings.Split(s.help.View(width, height), "\n")
	case s.Page() == nil:
		return nil
	}
	return strings.Split(s.Page().View(width, height), "\n")
}

// leaveText says in which state the host is left.
func (s *Shell) leaveText(width int) []string {
	text := "Nothing has been changed on this host."
	if s.Leave != nil {
		text = s.Leave()
	}
	lines := []string{"", Strong("Leave " + s.Product + "?"), ""}
	return append(lines, Wrap(text, width)...)
}

func (s *Shell) leaveQuestion(width int) []string {
	return append(s.leaveText(width), "", "y  leave", "Any other key  stay")
}

func (s *Shell) statusLine() []string {
	if s.say == "" || s.asking || s.help != nil {
		return make([]string, statusLines)
	}
	lines := clip(Wrap(Clean(s.say), s.width), statusMost)
	for i, line := range lines {
		if s.sayBad {
			lines[i] = Bad(line)
		} else {
			lines[i] = Strong(line)
		}
	}
	return lines
}

// footer is one line of the page's keys and one of the shell's.
func (s *Shell) footer() []string {
	if s.Page() == nil {
		return make([]string, footerLines)
	}
	if s.asking {
		return []string{"", ""}
	}
	if s.help != nil {
		return []string{s.keyLine(s.help.Keys()), Strong("Any other key") + " back to the page"}
	}
	keys := s.Page().Keys()
	return []string{s.keyLine(keys), s.keyLine(s.shellKeys(keys))}
}

// shellKeys are the shell's own keys as far as the page left them free.
func (s *Shell) shellKeys(taken []Key) []Key {
	next := keyNext
	next.Desc = s.nextWord()
	shown := []Key{next, keyBack, keyHelp, keyQuit}
	if !s.canGoBack() { // Esc says so; it is not offered
		shown = []Key{next, keyHelp, keyQuit}
	}
	var free []Key
	for _, k := range shown {
		var names []string
		for _, name := range k.Keys {
			if !isTaken(taken, name) || name == "ctrl+c" {
				names = append(names, name)
			}
		}
		if len(names) > 0 {
			k.Keys = names
			free = append(free, k)
		}
	}
	return free
}

// nextWord is what Enter does where the page has not taken it.
func (s *Shell) nextWord() string {
	if s.neighbour(s.at, +1) < 0 {
		return "finish"
	}
	return keyNext.Desc
}

func (s *Shell) canGoBack() bool { return s.neighbour(s.at, -1) >= 0 && s.status().Lock == "" }

func isTaken(keys []Key, name string) bool {
	text := ""
	if len([]rune(name)) == 1 {
		text = name
	}
	for _, k := range keys {
		for _, have := range k.Keys {
			if have == name || have == AnyKey || have == AnyText && text != "" {
				return true
			}
		}
	}
	return false
}

// keyLine lists keys on one line, whole ones only; the ? page has them all.
func (s *Shell) keyLine(keys []Key) string {
	line, width := "", 0
	for _, k := range keys {
		if k.Quiet || k.Off != "" || k.Desc == "" {
			continue
		}
		w := ansi.StringWidth(k.label()) + 1 + ansi.StringWidth(k.Desc)
		if width > 0 {
			w += 3
		}
		if width+w > s.width {
			break
		}
		if width > 0 {
			line += "   "
		}
		line += Strong(k.label()) + " " + k.Desc
		width += w
	}
	return line
}

// helpText is what ? shows: the page's help, then every key.
func (s *Shell) helpText() string {
	keys := s.Page().Keys()
	var b strings.Builder
	b.WriteString(s.Page().Help())
	b.WriteString("\n\nKeys on this page:\n")
	for _, k := range slices.Concat(keys, s.shellKeys(keys)) {
		if k.Desc == "" {
			continue
		}
		names := Wrap(k.allNames(), 28)
		fmt.Fprintf(&b, "  %s  %s\n", Fit(names[0], 28), k.Desc)
		for _, more := range names[1:] {
			fmt.Fprintf(&b, "  %s\n", more)
		}
		if k.Off != "" {
			fmt.Fprintf(&b, "  %s  not now: %s\n", Fit("", 28), k.Off)
		}
	}
	return strings.TrimSpace(b.String()) + "\n\nThe steps: " + s.path()
}

// small is shown when the terminal is too small; nothing else works then.
func (s *Shell) small() []string {
	if s.asking {
		return s.leaveQuestion(s.width)
	}
	return Wrap(fmt.Sprintf("This screen is %d x %d. %s needs %d x %d: make it larger and it goes on. Ctrl-C leaves.",
		s.width, s.height, s.Product, MinWidth, MinHeight), s.width)
}

// MinSec writes a duration as mm:ss, rounded up; a negative one is 00:00.
func MinSec(d time.Duration) string {
	seconds := int((max(d, 0) + time.Second - 1) / time.Second)
	return fmt.Sprintf("%02d:%02d", seconds/60, seconds%60)
}
