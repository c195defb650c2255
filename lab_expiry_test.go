package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"bridgehead/backend/lab"
	"bridgehead/backend/process"
)

// A host that the change has made unreachable answers again right after its time is up.
func TestExpiryIsAnswered(t *testing.T) {
	labs, rounds := 1, 1
	if full {
		labs, rounds = 4, 5
	}
	var (
		mu   sync.Mutex
		took []time.Duration
	)
	t.Run("of", func(t *testing.T) {
		for i := range labs {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				h := up(t, lab.Spec{})
				h.answers("address: {method: static, addresses: [192.0.2.20/24], gateway: 192.0.2.1}")
				before := h.snapshot()
				for range rounds {
					d := h.expiryToAnswer()
					h.same(before)
					mu.Lock()
					took = append(took, d)
					mu.Unlock()
				}
			})
		}
	})
	if t.Failed() {
		return
	}
	slices.Sort(took)
	worst := took[len(took)-1]
	t.Logf("from the end of the window to an answered ping: %d times, median %.2f s, worst %.2f s", len(took), took[len(took)/2].Seconds(), worst.Seconds())
	if worst > 10*time.Second {
		t.Error("that is too long")
	}
}

// expiryToAnswer makes a change after which the host does not answer, and returns how long after the end of its window it does.
func (h host) expiryToAnswer() time.Duration {
	h.t.Helper()
	r := h.apply("--accept-risk", "lose-ssh", "--confirm-within", "10s")
	end := h.deadline()
	ping := h.probe(lab.Probe{Target: hostAddr, Interval: 5 * time.Millisecond})
	defer ping.Stop()
	for ping.Answered().IsZero() {
		if time.Since(end) > patience {
			h.t.Fatal("the host does not answer any more")
		}
		<-time.After(time.Millisecond)
	}
	took := ping.Answered().Sub(end)
	if took < 0 {
		h.t.Fatalf("the host answered %s before the end of the window: this proves nothing", -took)
	}
	r.wait().want(h.t, 4, "nobody confirmed in time")
	h.unguarded()
	return took
}

// deadline is the end of the window of the change that waits.
func (h host) deadline() time.Time {
	h.t.Helper()
	data, err := h.ReadFile("/var/lib/bridgehead/current/journal.jsonl")
	must(h.t, err)
	var rec struct{ Deadline time.Duration }
	must(h.t, json.Unmarshal(lastLine(data), &rec))
	return time.Now().Add(rec.Deadline - process.Clock().Boottime())
}
