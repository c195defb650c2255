package vm

import (
	"net"
	"time"
)

// The switch's side of LACP (IEEE 802.1AX 6.4), with one port-channel over all ports that have one system id.

// Partner is the system id of the switch as the guest sees it, Stranger that of another one.
const (
	Partner  = "02:00:00:00:aa:01"
	Stranger = "02:00:00:00:bb:02"
)

type lacp struct {
	stop    chan struct{}     // nil: it does not speak
	systems []string          // by port
	actor   map[int][]byte    // what the guest said last of itself, by port
	sent    map[int]time.Time // when it was answered
}

// Bits of a port's state, and where they are.
const (
	shortTimeout    = 0x02
	synchronization = 0x08
	agreed          = 0x3d // active, aggregatable, in sync, collecting, distributing; at slow rate
	willing         = 0x0d
	actorState      = 16 // in the actor's part
)

// Speak has the switch speak LACP from now on, on each port as the switch that has this system id. A port with
// none, or "", is silent; two different ids are two switches.
func (p *Peer) Speak(systems ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lacp.stop != nil {
		close(p.lacp.stop)
	}
	p.lacp = lacp{}
	if len(systems) == 0 {
		return
	}
	stop := make(chan struct{})
	p.lacp = lacp{stop: stop, systems: systems, actor: map[int][]byte{}, sent: map[int]time.Time{}}
	p.done.Go(func() { p.speak(stop) })
}

// speak sends at the rate that the guest asks for, since it counts on that.
func (p *Peer) speak(stop chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		p.mu.Lock()
		for port, actor := range p.lacp.actor {
			if actor[actorState]&shortTimeout != 0 || time.Since(p.lacp.sent[port]) > 29*time.Second {
				p.sendLACP(port)
			}
		}
		p.mu.Unlock()
	}
}

// hearLACP answers at once, which settles it soonest.
func (p *Peer) hearLACP(port int, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if port >= len(p.lacp.systems) || p.lacp.systems[port] == "" || len(body) < 42 || body[0] != 1 {
		return
	}
	p.lacp.actor[port] = body[2:22]
	p.sendLACP(port)
}

// sendLACP sends a LACPDU; the lock is held.
func (p *Peer) sendLACP(port int) {
	heard := p.lacp.actor[port]
	b := make([]byte, 110)
	b[0], b[1] = 1, 1
	actor := b[2:22]
	actor[0], actor[1], actor[2] = 1, 20, 0x80
	system, _ := net.ParseMAC(p.lacp.systems[port])
	copy(actor[4:], system)
	actor[11], actor[12], actor[15] = 7, 0x80, byte(port+1) // key, priority, port
	actor[actorState] = willing
	if heard[actorState]&synchronization != 0 {
		actor[actorState] = agreed
	}
	copy(b[22:42], heard)
	b[22], b[23] = 2, 20
	b[42], b[43] = 3, 16
	p.lacp.sent[port] = time.Now()
	p.sendAt(port, net.HardwareAddr{1, 0x80, 0xc2, 0, 0, 2}, etherSlow, b)
}
