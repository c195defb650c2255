package link

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"bridgehead/backend"
)

// failed says what could not be done, why, and what to do about it. A nil err
// stays nil.
func failed(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	what := fmt.Sprintf(format, args...)
	if hint := remedy(err); hint != "" {
		return fmt.Errorf("%s: %w; %s", what, err, hint)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// remedy is what the operator can do about err, "" where the error says it all.
func remedy(err error) string {
	switch {
	case errors.Is(err, backend.ErrNoLink):
		return "see the names with: ip link"
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return "run it as root"
	case errors.Is(err, unix.ENETDOWN):
		return "set the link up first"
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH):
		return "add an address or route that reaches the gateway first, or make the route onlink"
	case errors.Is(err, unix.EAGAIN):
		return "the kernel did not answer in time; a network driver may hang, see dmesg"
	case errors.Is(err, context.DeadlineExceeded):
		return "try again"
	}
	return ""
}
