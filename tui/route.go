package tui

import (
	"fmt"
	"reflect"
	"runtime/debug"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// routedMsg is what a command of page i reported.
type routedMsg struct {
	page int
	msg  tea.Msg
}

// fatalMsg ends the wizard: a command panicked.
type fatalMsg struct{ err error }

// InternalError is a fault of the program itself. Its text is one line; Stack
// is for a log.
type InternalError struct {
	Value any
	Stack []byte
}

func (e *InternalError) Error() string {
	return fmt.Sprintf("the wizard stopped, a fault of its own: %v", e.Value)
}

var (
	cmdType = reflect.TypeFor[tea.Cmd]()
	teaPath = reflect.TypeFor[tea.KeyPressMsg]().PkgPath()
)

// route makes sure that what cmd reports comes back to the page that asked,
// even when another one is shown by then, and that a panic in it ends the
// wizard with the terminal restored.
func route(page int, cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() (out tea.Msg) {
		defer func() {
			if r := recover(); r != nil {
				out = fatalMsg{&InternalError{r, debug.Stack()}}
			}
		}()
		switch msg := cmd().(type) {
		case nil, routedMsg:
			return msg
		default:
			return routeMsg(page, msg)
		}
	}
}

func routeMsg(page int, msg tea.Msg) tea.Msg {
	v := reflect.ValueOf(msg)
	if v.Kind() == reflect.Slice && v.Type().Elem() == cmdType { // tea.Batch, tea.Sequence
		routed := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			routed.Index(i).Set(reflect.ValueOf(route(page, v.Index(i).Interface().(tea.Cmd))))
		}
		return routed.Interface()
	}
	if strings.HasPrefix(v.Type().PkgPath(), teaPath) {
		return msg // for Bubble Tea itself
	}
	return routedMsg{page, msg}
}
