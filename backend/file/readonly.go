package file

import (
	"errors"

	"bridgehead/backend"
)

// ErrReadOnly is what every change through ReadOnly fails with.
var ErrReadOnly = errors.New("the files are only looked at")

// ReadOnly returns the files below root for looking at: survey and plan with
// --root. Every change is refused with ErrReadOnly.
func ReadOnly(root string) backend.Files { return readOnly{New(root)} }

type readOnly struct{ backend.Files }

func (readOnly) Write(path string, _ backend.File) error { return failed("write", path, ErrReadOnly) }
func (readOnly) Append(path string, _ []byte) error      { return failed("append to", path, ErrReadOnly) }
func (readOnly) RemoveAll(path string) error             { return failed("remove", path, ErrReadOnly) }
func (readOnly) Rename(from, _ string) error             { return failed("move", from, ErrReadOnly) }

func (readOnly) Lock(path string) (func(), error) { return nil, failed("lock", path, ErrReadOnly) }

// Room is never short: the copy of a host says nothing about the room on the host.
func (readOnly) Room(string, int) error { return nil }
