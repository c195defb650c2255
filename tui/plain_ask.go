package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// few is how many options are listed at a time.
const few = 20

// questions are those of the page shown.
func (p *plain) questions() []Question {
	if a, ok := p.shell.Page().(Asker); ok {
		return a.Ask()
	}
	return nil
}

// question is the one asked now: with the ID p.at, or the next there is.
func (p *plain) question() (Question, bool) {
	for _, q := range p.questions() {
		if q.ID >= p.at {
			return q, true
		}
	}
	return Question{}, false
}

// answer takes a line as the answer to q.
func (p *plain) answer(q Question, text string) tea.Cmd {
	filter, filtering := strings.CutPrefix(text, "/")
	switch {
	case goesBack(text):
		return p.before(q)
	case filtering && len(q.Options) > 0:
		p.list(q, 0, filter)
		return nil
	case strings.EqualFold(text, "more") && len(q.Options) > p.from+few:
		p.list(q, p.from+few, "")
		return nil
	}
	if cmd, ok := p.act(q, text); ok {
		return cmd
	}
	values, err := q.read(text)
	if err != nil {
		p.wrong(err)
		return nil
	}
	cmd := p.shell.toPage(p.shell.at, AnswerMsg{q.ID, values})
	for _, now := range p.questions() {
		if now.ID == q.ID && now.Err != nil {
			p.wrong(now.Err)
			return cmd
		}
	}
	return tea.Batch(cmd, p.after(q))
}

func (p *plain) wrong(err error) {
	p.say(p.wrap("Error: " + strings.TrimRight(Clean(err.Error()), ".") + "."))
}

// after asks the question after q, or goes on after the last one.
func (p *plain) after(q Question) tea.Cmd {
	p.at, p.from = q.ID+1, 0
	if next, ok := p.question(); ok {
		p.at = next.ID
		p.put(next)
		return nil
	}
	cmd := p.press("next")
	p.again()
	return cmd
}

// again asks anew from the first answer that is wrong, or from the first question.
func (p *plain) again() {
	all := p.questions()
	p.at = 0
	if i := slices.IndexFunc(all, func(q Question) bool { return q.Err != nil }); i >= 0 {
		p.at = all[i].ID
	}
}

// before goes back to the question before q, or to the page before.
func (p *plain) before(q Question) tea.Cmd {
	last := -1
	for _, x := range p.questions() {
		if x.ID < q.ID {
			last = x.ID
		}
	}
	if last < 0 {
		return p.press("before")
	}
	p.at, p.from = last, 0
	if x, ok := p.question(); ok {
		p.put(x)
	}
	return nil
}

// act does "b eth1": the page's key b on the row eth1.
func (p *plain) act(q Question, text string) (tea.Cmd, bool) {
	key, name, two := strings.Cut(text, " ")
	if !two || len(key) != 1 || len(q.Options) == 0 {
		return nil, false
	}
	k, ok := find(p.shell.Page().Keys(), keyOf(key))
	o, err := q.option(strings.TrimSpace(name))
	if i := slices.IndexFunc(q.Options, func(x Option) bool { return x.Label == strings.TrimSpace(name) }); i >= 0 {
		o, err = q.Options[i], nil // to be looked at, also where it cannot be chosen
	}
	switch {
	case !ok || err != nil:
		return nil, false
	case k.Off != "":
		p.say(p.wrap(k.Off))
		return nil, true
	case key == "d" && q.Detail != nil:
		p.say(p.wrap(Clean(q.Detail(o.Value))))
		return nil, true
	}
	return tea.Batch(p.shell.toPage(p.shell.at, PointMsg{o.Value}), p.press(key)), true
}

// put tells a question: what it is about, and what there is to choose from.
func (p *plain) put(q Question) {
	p.say("")
	if q.Help != "" {
		p.say(p.wrap(q.Label + ": " + Clean(q.Help)))
	} else if len(q.Options) > 0 && !q.short() {
		p.say(p.wrap(q.Label + ":"))
	}
	if len(q.Options) > 0 && !q.short() {
		p.list(q, 0, "")
	}
}

// list lists options from one on, or all with the text, with their numbers.
func (p *plain) list(q Question, from int, filter string) {
	p.from = from
	shown, more := 0, 0
	for i, o := range q.Options {
		text := o.Label + " " + o.Explain
		switch {
		case i < from, filter != "" && !strings.Contains(strings.ToLower(text), strings.ToLower(filter)):
			continue
		case shown == few:
			more++
			continue
		}
		shown++
		line := numbered(i, o)
		if o.Off != "" {
			line += ", not possible: " + Clean(o.Off)
		} else if o.Explain != "" {
			line += ": " + Clean(o.Explain)
		}
		for j, part := range Wrap(line, p.width-2) {
			p.say(strings.Repeat(" ", 2+min(j, 1)*2) + part)
		}
	}
	switch {
	case shown == 0:
		p.say("None of " + fmt.Sprint(len(q.Options)) + " has " + quoted(filter) + ".")
	case more > 0 && filter == "":
		p.say(fmt.Sprintf("  %d to %d of %d. more: the next ones. /text: those that have the text.", from+1, from+shown, len(q.Options)))
	case more > 0:
		p.say(fmt.Sprintf("  and %d more that have it.", more))
	}
}

// prompt is what stands before the answer: "Bridge [examplebr0]: ".
func (q Question) prompt() string {
	text := q.Label
	switch n := len(q.Options); {
	case q.short():
		var labels []string
		for _, o := range q.Options {
			labels = append(labels, o.Label)
		}
		text += ", " + strings.Join(labels, " or ")
	case n > 0 && q.Many:
		text += fmt.Sprintf(", numbers 1 to %d, - for none", n)
	case n > 0:
		text += fmt.Sprintf(", 1 to %d", n)
	case q.Optional && q.now() != "":
		text += ", - for nothing"
	}
	if now := q.now(); now != "" {
		text += " [" + Clean(now) + "]"
	}
	return text + ": "
}

func quoted(text string) string { return `"` + Clean(text) + `"` }
