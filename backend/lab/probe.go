package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// Probe is what the client sends: ICMP echo requests, one per Interval.
type Probe struct {
	Target   netip.Addr
	Source   netip.Addr    // default: as the client's routes say; FarAddr goes through the router
	Interval time.Duration // default 1 ms
}

// Outage is a run of requests that nobody answered.
type Outage struct {
	Start time.Duration // when the first of them was sent, since the prober started
	For   time.Duration // from then until the first request was sent that was answered again; see MaxGap for an upper bound
	Lost  int
}

// Report is what a prober saw.
type Report struct {
	Sent, Lost int
	Longest    time.Duration // of the outages
	Total      time.Duration // of all outages together
	MaxGap     time.Duration // longest time between two answers
	RTT        time.Duration // median
	Down       bool          // the last requests were not answered; that outage ends with the report
	Outages    []Outage
}

func (r Report) String() string {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	s := fmt.Sprintf("sent %d, lost %d, outage %.1f ms (longest %.1f ms), longest gap between answers %.1f ms, median round trip %.3f ms",
		r.Sent, r.Lost, ms(r.Total), ms(r.Longest), ms(r.MaxGap), ms(r.RTT))
	if r.Down {
		s += ", not answered at the end"
	}
	return s
}

// Prober sends until it is stopped.
type Prober struct {
	fd   int
	v6   bool
	id   uint16
	next time.Duration
	to   unix.Sockaddr

	start    time.Time
	stop     chan struct{}
	sending  sync.WaitGroup
	answered atomic.Int64 // when the last answer came, UnixNano

	mu    sync.Mutex
	sent  []int64 // UnixNano per request
	reply []int64 // UnixNano, 0 where none came
}

var proberID atomic.Uint32

// Probe starts a prober in the client.
func (l *Lab) Probe(probe Probe) (*Prober, error) {
	p := &Prober{
		v6: probe.Target.Is6(), next: probe.Interval, stop: make(chan struct{}), start: time.Now(),
		id: uint16(unix.Getpid()<<6) | uint16(proberID.Add(1)&63),
	}
	if p.next == 0 {
		p.next = time.Millisecond
	}
	p.to = sockaddr(probe.Target)
	err := l.client.inNet(func() (err error) {
		family, proto := unix.AF_INET, unix.IPPROTO_ICMP
		if p.v6 {
			family, proto = unix.AF_INET6, unix.IPPROTO_ICMPV6
		}
		if p.fd, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, proto); err != nil {
			return err
		}
		return p.prepare(probe.Source)
	})
	if err != nil {
		return nil, fmt.Errorf("cannot probe %s: %w", probe.Target, err)
	}
	p.sending.Add(2)
	go p.send()
	go p.receive()
	return p, nil
}

// prepare has the kernel stamp what comes in, and receiving return now and then.
func (p *Prober) prepare(source netip.Addr) error {
	if err := unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return err
	}
	if err := unix.SetsockoptTimeval(p.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}); err != nil {
		return err
	}
	if source.IsValid() {
		return unix.Bind(p.fd, sockaddr(source))
	}
	return nil
}

func sockaddr(a netip.Addr) unix.Sockaddr {
	if a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4()}
	}
	return &unix.SockaddrInet6{Addr: a.As16()}
}

// send sends on a beat of its own: a late request does not delay those after it.
func (p *Prober) send() {
	defer p.sending.Done()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for n := 0; ; n++ {
		if d := time.Duration(n)*p.next - time.Since(p.start); d > 0 {
			ts := unix.NsecToTimespec(int64(d))
			_ = unix.Nanosleep(&ts, nil) // woken early it sends early
		}
		select {
		case <-p.stop:
			return
		default:
		}
		packet := p.request(uint32(n))
		p.mu.Lock()
		p.sent, p.reply = append(p.sent, time.Now().UnixNano()), append(p.reply, 0)
		p.mu.Unlock()
		_ = unix.Sendto(p.fd, packet, 0, p.to) // one that cannot be sent is not answered either
	}
}

func (p *Prober) request(n uint32) []byte {
	m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: int(p.id), Seq: int(n & 0xffff), Data: binary.BigEndian.AppendUint32(nil, n)}}
	if p.v6 {
		m.Type = ipv6.ICMPTypeEchoRequest // the kernel fills in the checksum
	}
	b, _ := m.Marshal(nil) // an echo always marshals
	return b
}

func (p *Prober) receive() {
	defer p.sending.Done()
	buf, oob := make([]byte, 2048), make([]byte, 256)
	for {
		n, oobn, _, _, err := unix.Recvmsg(p.fd, buf, oob, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			select {
			case <-p.stop:
				return
			default:
				continue
			}
		}
		if err != nil {
			return
		}
		if seq, ok := p.answer(buf[:n]); ok {
			at := stamp(oob[:oobn])
			p.mu.Lock()
			if seq < uint32(len(p.reply)) && p.reply[seq] == 0 {
				p.reply[seq] = at
			}
			p.mu.Unlock()
			p.answered.Store(at)
		}
	}
}

// answer is the number of the request that a packet answers.
func (p *Prober) answer(b []byte) (uint32, bool) {
	echoReply := byte(ipv6.ICMPTypeEchoReply)
	if !p.v6 {
		if len(b) < 20 || len(b) < int(b[0]&15)*4 {
			return 0, false
		}
		b, echoReply = b[int(b[0]&15)*4:], byte(ipv4.ICMPTypeEchoReply)
	}
	if len(b) < 12 || b[0] != echoReply || binary.BigEndian.Uint16(b[4:]) != p.id {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[8:]), true
}

// stamp is when the kernel received a packet (SO_TIMESTAMPNS, socket(7)).
func stamp(oob []byte) int64 {
	msgs, err := unix.ParseSocketControlMessage(oob)
	for _, m := range msgs {
		if err == nil && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16 {
			return int64(binary.NativeEndian.Uint64(m.Data))*1e9 + int64(binary.NativeEndian.Uint64(m.Data[8:]))
		}
	}
	return time.Now().UnixNano()
}

// Answered is when the last answer came, the zero time where none did.
func (p *Prober) Answered() time.Time {
	if at := p.answered.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// Stop ends the prober and returns what it saw. Requests of the last moments get
// 200 ms to be answered.
func (p *Prober) Stop() Report {
	p.mu.Lock()
	last := len(p.sent)
	p.mu.Unlock()
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end) && !p.complete(last); {
		<-time.After(time.Millisecond)
	}
	close(p.stop)
	p.sending.Wait()
	_ = unix.Close(p.fd)
	return report(p.start.UnixNano(), p.sent[:last], p.reply[:last], time.Now().UnixNano())
}

// complete says whether the last of n requests is answered, and so all that ever will be.
func (p *Prober) complete(n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return n == 0 || p.reply[n-1] != 0
}

// report counts: times are UnixNano, a reply of 0 is one that did not come.
func report(start int64, sent, reply []int64, end int64) Report {
	r := Report{Sent: len(sent)}
	var trips []time.Duration
	var came []int64
	first := -1 // of the outage that lasts
	over := func(at int64, n int) {
		o := Outage{Start: time.Duration(sent[first] - start), For: time.Duration(at - sent[first]), Lost: n - first}
		r.Outages = append(r.Outages, o)
		r.Total += o.For
		r.Longest = max(r.Longest, o.For)
		r.Lost += o.Lost
		first = -1
	}
	for i := range sent {
		if reply[i] == 0 {
			if first < 0 {
				first = i
			}
			continue
		}
		if first >= 0 {
			over(sent[i], i)
		}
		trips = append(trips, time.Duration(reply[i]-sent[i]))
		came = append(came, reply[i])
	}
	if first >= 0 {
		r.Down = true
		over(end, len(sent))
	}
	sort.Slice(came, func(a, b int) bool { return came[a] < came[b] })
	for i := 1; i < len(came); i++ {
		r.MaxGap = max(r.MaxGap, time.Duration(came[i]-came[i-1]))
	}
	if sort.Slice(trips, func(a, b int) bool { return trips[a] < trips[b] }); len(trips) > 0 {
		r.RTT = trips[len(trips)/2]
	}
	return r
}
