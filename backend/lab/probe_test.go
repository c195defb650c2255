package lab

import (
	"reflect"
	"testing"
	"time"
)

func TestReportCountsOutages(t *testing.T) {
	const ms = int64(time.Millisecond)
	d := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	// One request per ms from 0 on; answers 1 ms later, but none to 2, 3, 4, 7 and 9.
	var sent, reply []int64
	for i := range int64(10) {
		sent, reply = append(sent, 100*ms+i*ms), append(reply, 101*ms+i*ms)
	}
	for _, lost := range []int{2, 3, 4, 7, 9} {
		reply[lost] = 0
	}
	want := Report{
		Sent: 10, Lost: 5, Longest: d(6), Total: d(3 + 1 + 6), MaxGap: d(4), RTT: d(1), Down: true,
		Outages: []Outage{{d(2), d(3), 3}, {d(7), d(1), 1}, {d(9), d(6), 1}},
	}
	if got := report(100*ms, sent, reply, 115*ms); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nnot %+v", got, want)
	}
	if got := report(0, nil, nil, 5*ms); !reflect.DeepEqual(got, Report{}) {
		t.Errorf("nothing sent: %+v", got)
	}
}
