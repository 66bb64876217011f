package campaign

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
)

// proxy stands between one part and the server, and can cut the line, let it go
// silent, or lose one message on it.
type proxy struct {
	listener net.Listener
	target   func() (string, error) // asked at each connection: the server moves
	wg       sync.WaitGroup

	mu    sync.Mutex
	links map[*link]bool
	trap  *trap
}

// direction is that of a piece of data.
type direction int

const (
	toServer direction = iota
	toClient
)

// trap waits for a piece of data.
type trap struct {
	from    direction
	pattern []byte
	sprung  chan struct{} // closed when it has come, was lost, and the line is cut
}

// link is one connection through the proxy.
type link struct {
	client, server net.Conn
	frozen         chan struct{} // closed when nothing passes any more
	freeze         sync.Once
}

func newProxy(target func() (string, error)) (*proxy, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("campaign: proxy: %w", err)
	}
	p := &proxy{listener: l, target: target, links: map[*link]bool{}}
	p.wg.Go(p.accept)
	return p, nil
}

// url is where a client finds the proxy.
func (p *proxy) url() string { return "nats://" + p.listener.Addr().String() }

func (p *proxy) close() {
	if p == nil {
		return
	}
	_ = p.listener.Close()
	p.cut()
	p.wg.Wait()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.connect(client) })
	}
}

// connect passes a connection on. Without a server it is refused, late.
func (p *proxy) connect(client net.Conn) {
	address, err := p.target()
	var server net.Conn
	if err == nil {
		server, err = new(net.Dialer).DialContext(context.Background(), "tcp", address)
	}
	if err != nil {
		_ = client.Close()
		return
	}
	l := &link{client: client, server: server, frozen: make(chan struct{})}
	p.mu.Lock()
	p.links[l] = true
	p.mu.Unlock()
	p.wg.Go(func() { p.pump(l, toServer, server, client) })
	p.pump(l, toClient, client, server)
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// pump copies one direction until the link ends, and ends it.
func (p *proxy) pump(l *link, d direction, to, from net.Conn) {
	defer l.cut()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil || p.spring(d, buf[:n]) {
			return
		}
		select {
		case <-l.frozen:
			continue // the bytes are gone, the line stays
		default:
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// cut ends both sides at once.
func (l *link) cut() {
	for _, c := range []net.Conn{l.client, l.server} {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, as from a peer that is gone
		}
		_ = c.Close()
	}
}

// cut ends all connections and returns how many there were.
func (p *proxy) cut() int {
	all := p.all()
	for _, l := range all {
		l.cut()
	}
	return len(all)
}

// freeze lets all connections go silent, in both directions, and returns them.
// New ones work.
func (p *proxy) freeze() []*link {
	all := p.all()
	for _, l := range all {
		l.freeze.Do(func() { close(l.frozen) })
	}
	return all
}

func (p *proxy) all() []*link {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*link
	for l := range p.links {
		all = append(all, l)
	}
	return all
}

// lose makes the next piece of data with the pattern get lost, and its line with
// it. The channel is closed when that has happened.
func (p *proxy) lose(from direction, pattern string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trap = &trap{from: from, pattern: []byte(pattern), sprung: make(chan struct{})}
	return p.trap.sprung
}

// disarm takes a trap away that has not sprung.
func (p *proxy) disarm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trap = nil
}

func (p *proxy) spring(d direction, data []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.trap == nil || p.trap.from != d || !bytes.Contains(data, p.trap.pattern) {
		return false
	}
	close(p.trap.sprung)
	p.trap = nil
	return true
}
