package main

import (
	"os"

	"bridgehead/backend"
	"bridgehead/backend/lab/strike"
	"bridgehead/backend/real"
)

// strikes has the host of this process fail as was asked for, if it was.
func strikes() {
	if len(os.Args) < 2 {
		return
	}
	s, ok := strike.Asked(os.Args[1])
	if !ok {
		return
	}
	realHost = func(o real.Options) (backend.Host, error) {
		h, err := real.Host(o)
		if err != nil {
			return h, err
		}
		return s.On(h), nil
	}
}
