package streamstest

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy stands on the network between clients and one server, and can fail as a
// network does. It ends with the test.
type Proxy struct {
	listener net.Listener
	target   string
	wg       sync.WaitGroup

	mu       sync.Mutex
	links    map[*link]bool
	up, down bool // what clients, and the server, send is swallowed
	lostUp   int  // bytes that were
	lostDown int
	closed   bool
}

// link is one connection through a Proxy.
type link struct {
	client, server net.Conn
	// A direction that lost anything loses everything that follows: what would
	// come later made no sense to the other side.
	upDead, downDead bool
}

// NewProxy listens on a free port of loopback for a server at an address such as
// 127.0.0.1:4222.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, target: target, links: map[*link]bool{}}
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Addr returns where clients connect.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// URL returns where NATS clients connect.
func (p *Proxy) URL() string { return "nats://" + p.Addr() }

// Swallow makes what goes up to the server, and what comes down to the clients,
// vanish from now on. Nobody is told: the connections stay open. Those that lost
// something stay dead when that ends, and the server keeps its side of them even
// when the client has gone.
func (p *Proxy) Swallow(up, down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up, p.down = up, down
}

// Lost returns how many bytes to the server, and to the clients, vanished so far.
func (p *Proxy) Lost() (up, down int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lostUp, p.lostDown
}

// Cut closes all connections on both sides, and returns how many there were.
func (p *Proxy) Cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.close()
	}
	return len(p.links)
}

// Dead returns how many connections have lost something and are still open on
// the server's side.
func (p *Proxy) Dead() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for l := range p.links {
		if l.upDead || l.downDead {
			n++
		}
	}
	return n
}

func (l *link) close() {
	_ = l.client.Close()
	_ = l.server.Close()
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close()
	p.Cut()
	p.wg.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	var d net.Dialer
	server, err := d.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	l := &link{client: client, server: server}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		l.close()
		return
	}
	p.links[l] = true
	p.mu.Unlock()

	var both sync.WaitGroup
	both.Go(func() { p.carry(l, server, client, &l.upDead, &p.up, &p.lostUp) })
	both.Go(func() { p.carry(l, client, server, &l.downDead, &p.down, &p.lostDown) })
	both.Wait()
	l.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// carry copies one direction until its source ends. The end is news like any
// other: a dead direction does not pass it on.
func (p *Proxy) carry(l *link, to io.Writer, from io.Reader, dead, swallow *bool, bytes *int) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		*dead = *dead || *swallow
		lost := *dead
		if lost {
			*bytes += n
		}
		p.mu.Unlock()
		if err != nil {
			if !lost || errors.Is(err, net.ErrClosed) {
				l.close()
			}
			return
		}
		if lost {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			l.close()
			return
		}
	}
}
