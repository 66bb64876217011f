package cytubetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// TB is the part of testing.TB that this package needs.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Mode says how closely the client has to follow a recording.
type Mode int

const (
	// Lenient asks for what any client has to send: the namespace request, the
	// joining, an answer to each ping. Other recorded out frames are skipped. A
	// login is answered when it comes, wherever the recording has the answer.
	Lenient Mode = iota
	// Strict asks for each recorded out frame, in order, and for nothing else.
	Strict
)

// PlayerConfig says how a recording is played. The zero value is of use.
type PlayerConfig struct {
	Mode Mode
	// Scale is the speed: 0 for no waiting at all, 1 for the recorded times, 0.1
	// for ten times as fast.
	Scale float64
	// ReplayLast plays the last connection again for each further client
	// connection, so that its history lines come again. Otherwise those are refused.
	ReplayLast bool
	// CutAfter cuts the line when so many frames were sent in all; the next client
	// connection gets the same recorded connection from its start.
	CutAfter []int
	// RecordedLogins answers a lenient client's k-th login with the connection's
	// k-th recorded answer, be it a refusal. Otherwise the first success is taken.
	RecordedLogins bool
	// Patience is how long the client may take to send what is due. Default 2 min.
	Patience time.Duration
}

// Player is a server that plays a Recording: the k-th connection of the
// recording to the k-th connection of the client.
type Player struct {
	rec *Recording
	cfg PlayerConfig

	listener net.Listener
	server   *http.Server
	wg       sync.WaitGroup
	done     chan struct{}
	closed   chan struct{}

	mu       sync.Mutex
	next     int // connection to play next
	cuts     []int
	sent     []string
	received []string
	errs     []error
	sockets  map[*socket]bool
	finished bool
	isClosed bool
}

// NewPlayer starts a server for the recording. It has to be closed.
func NewPlayer(rec *Recording, cfg PlayerConfig) (*Player, error) {
	if len(rec.Connections) == 0 {
		return nil, fmt.Errorf("recording %s holds no connection", rec.Scenario)
	}
	if cfg.Patience == 0 {
		cfg.Patience = 2 * time.Minute
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("play %s: %w", rec.Scenario, err)
	}
	p := &Player{
		rec: rec, cfg: cfg, listener: listener,
		done: make(chan struct{}), closed: make(chan struct{}),
		cuts: slices.Clone(cfg.CutAfter), sockets: make(map[*socket]bool),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /socketconfig/", p.serveSocketConfig)
	mux.HandleFunc("/socket.io/", p.serveSocket)
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: socketWait}
	p.wg.Go(func() { _ = p.server.Serve(listener) })
	return p, nil
}

// PlayFile plays the recording in the file for the length of a test. What the
// client does wrong fails the test at its end.
func PlayFile(t TB, path string, cfg PlayerConfig) *Player {
	t.Helper()
	rec, err := LoadRecording(path)
	if err != nil {
		t.Fatalf("%v", err)
		return nil
	}
	p, err := NewPlayer(rec, cfg)
	if err != nil {
		t.Fatalf("%v", err)
		return nil
	}
	t.Cleanup(func() {
		p.Close()
		for _, err := range p.Errors() {
			t.Errorf("player: %v", err)
		}
	})
	return p
}

// URL is the address of the site.
func (p *Player) URL() string { return "http://" + p.listener.Addr().String() }

// Channel is the recorded channel's name.
func (p *Player) Channel() string { return p.rec.Channel }

// User is the recorded bot's name.
func (p *Player) User() string { return p.rec.User }

// Done is closed when every recorded connection has been played and its client
// has read it to the end.
func (p *Player) Done() <-chan struct{} { return p.done }

// Sent returns the frames that were sent, in order, those sent again included.
func (p *Player) Sent() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent)
}

// SentEvents returns the frames of Sent that are CyTube events.
func (p *Player) SentEvents() []string {
	return slices.DeleteFunc(p.Sent(), func(f string) bool { return !strings.HasPrefix(f, "42") })
}

// Received returns the frames the client sent, in order.
func (p *Player) Received() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.received)
}

// Errors returns what the client did wrong.
func (p *Player) Errors() []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.errs)
}

// Close ends the server and its connections and waits for them.
func (p *Player) Close() {
	p.mu.Lock()
	if p.isClosed {
		p.mu.Unlock()
		p.wg.Wait()
		return
	}
	p.isClosed = true
	close(p.closed)
	for s := range p.sockets {
		_ = s.conn.Close()
	}
	p.mu.Unlock()
	_ = p.server.Close()
	p.wg.Wait()
}

func (p *Player) fail(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.isClosed {
		p.errs = append(p.errs, fmt.Errorf(format, args...))
	}
}

func (p *Player) serveSocketConfig(w http.ResponseWriter, r *http.Request) {
	serveSocketConfig(w, r, p.URL())
}

func (p *Player) serveSocket(w http.ResponseWriter, r *http.Request) {
	k, conn, ok := p.take()
	if !ok {
		refuse(w)
		return
	}
	defer p.wg.Done()
	if conn.Failed {
		refuse(w)
		p.played(k, false)
		return
	}
	s, err := newSocket(w, r)
	if err != nil {
		p.fail("connection %d: %w", k+1, err)
		return
	}
	p.mu.Lock()
	p.sockets[s] = true
	if p.isClosed {
		_ = s.conn.Close()
	}
	p.mu.Unlock()

	run := &playing{p: p, k: k, s: s, steps: slices.Clone(conn.Steps)}
	again := run.play(conn.CloseCode)

	p.mu.Lock()
	delete(p.sockets, s)
	p.mu.Unlock()
	p.played(k, again)
}

// take returns the recorded connection for a new client connection. If there is
// one, p.wg counts it.
func (p *Player) take() (int, Connection, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isClosed {
		return 0, Connection{}, false
	}
	k := p.next
	if k >= len(p.rec.Connections) {
		if !p.cfg.ReplayLast {
			return 0, Connection{}, false
		}
		k = len(p.rec.Connections) - 1
	}
	p.next = k + 1
	p.wg.Add(1)
	return k, p.rec.Connections[k], true
}

// played notes that connection k is over, or has to be played again.
func (p *Player) played(k int, again bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if again {
		p.next = k
		return
	}
	if k == len(p.rec.Connections)-1 && !p.finished {
		p.finished = true
		close(p.done)
	}
}

// refuse ends a connection before the WebSocket is open, as a server that is not
// there does.
func refuse(w http.ResponseWriter) {
	if h, ok := w.(http.Hijacker); ok {
		if conn, _, err := h.Hijack(); err == nil {
			_ = conn.Close()
			return
		}
	}
	http.Error(w, "refused", http.StatusServiceUnavailable)
}

var (
	errGone = errors.New("client is gone")
	errCut  = errors.New("line is to be cut")
)

// playing is one recorded connection on its way to a client.
type playing struct {
	p     *Player
	k     int
	s     *socket
	steps []Step

	got40, gotLogin, gotJoin bool
	pendingLogin             bool
	pongs                    int
}

// play reports whether the connection has to be played again.
func (r *playing) play(closeCode int) (again bool) {
	var err error
	if r.p.cfg.Mode == Strict {
		err = r.strict()
	} else {
		err = r.lenient()
	}
	switch {
	case errors.Is(err, errCut):
		r.s.cut()
		return true
	case err != nil:
		if !errors.Is(err, errGone) {
			r.p.fail("connection %d: %w", r.k+1, err)
		}
		r.s.abort()
	case closeCode == 1006:
		r.s.cut()
	default:
		r.s.close(closeCode)
	}
	return false
}

func (r *playing) lenient() error {
	var want40, wantLogin, wantJoin bool
	last := r.startTime()
	for len(r.steps) > 0 {
		step := r.steps[0]
		r.steps = r.steps[1:]
		if step.Out {
			switch {
			case step.Frame == "40":
				want40 = true
			case eventName(step.Frame) == "login" && !wantJoin:
				wantLogin = true
			case eventName(step.Frame) == "joinChannel":
				wantJoin = true
			}
			continue
		}
		if err := r.pause(&last, step.TMS); err != nil {
			return err
		}
		err := r.await(func() bool {
			return (!want40 || r.got40) && (!wantLogin || r.gotLogin || r.gotJoin) && (!wantJoin || r.gotJoin)
		}, wantJoin)
		if err != nil {
			return err
		}
		pongs := r.pongs
		if err := r.send(step.Frame); err != nil {
			return err
		}
		if step.Frame == "2" {
			if err := r.await(func() bool { return r.pongs > pongs }, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// await reads the client's frames until ready. With answerLogin, a login that
// has no answer yet gets one: the recording has it only after the joining, for
// which the client waits.
func (r *playing) await(ready func() bool, answerLogin bool) error {
	timeout := time.NewTimer(r.p.cfg.Patience)
	defer timeout.Stop()
	for {
		for more := true; more; { // whatever is there already
			select {
			case frame, ok := <-r.s.frames:
				if !ok {
					return errGone
				}
				if err := r.note(frame); err != nil {
					return err
				}
			default:
				more = false
			}
		}
		if ready() {
			return nil
		}
		if answerLogin && r.pendingLogin {
			if err := r.answerLogin(); err != nil {
				return err
			}
		}
		select {
		case frame, ok := <-r.s.frames:
			if !ok {
				return errGone
			}
			if err := r.note(frame); err != nil {
				return err
			}
		case <-timeout.C:
			return fmt.Errorf("client did not send what was due within %s", r.p.cfg.Patience)
		case <-r.p.closed:
			return errGone
		}
	}
}

// note keeps a frame of the client and what it means for the play.
func (r *playing) note(frame string) error {
	r.p.mu.Lock()
	r.p.received = append(r.p.received, frame)
	r.p.mu.Unlock()
	switch frame {
	case "40":
		r.got40 = true
		return nil
	case "3":
		r.pongs++
		return nil
	case "1", "41":
		return nil
	}
	name, args, ok := parseEvent(frame)
	if !ok {
		return fmt.Errorf("client sent a frame that is no event: %q", frame)
	}
	if !r.got40 {
		return fmt.Errorf("client sent %s before it asked for the namespace", name)
	}
	switch name {
	case "login":
		r.gotLogin, r.pendingLogin = true, true
	case "joinChannel":
		var join struct{ Name string }
		if len(args) == 0 || json.Unmarshal(args[0], &join) != nil || !strings.EqualFold(join.Name, r.p.rec.Channel) {
			return fmt.Errorf("client joins something else than %s: %s", r.p.rec.Channel, frame)
		}
		r.gotJoin = true
	}
	return nil
}

// answerLogin sends the recorded answer to a login out of its place, or a
// success of its own where there is none.
func (r *playing) answerLogin() error {
	success, first := -1, -1
	for i, step := range r.steps {
		if step.Out || eventName(step.Frame) != "login" {
			continue
		}
		if first < 0 {
			first = i
		}
		if success < 0 && strings.Contains(step.Frame, `"success":true`) {
			success = i
		}
	}
	at := success
	if at < 0 || r.p.cfg.RecordedLogins {
		at = first
	}
	if at < 0 {
		return r.send(eventFrame("login", map[string]any{"success": true, "name": r.p.rec.User}))
	}
	frame := r.steps[at].Frame
	r.steps = slices.Delete(r.steps, at, at+1)
	return r.send(frame)
}

func (r *playing) send(frame string) error {
	if eventName(frame) == "login" {
		r.pendingLogin = false
	}
	if err := r.s.write(frame); err != nil {
		return errGone
	}
	p := r.p
	p.mu.Lock()
	p.sent = append(p.sent, frame)
	cut := len(p.cuts) > 0 && len(p.sent) >= p.cuts[0]
	if cut {
		p.cuts = p.cuts[1:]
	}
	p.mu.Unlock()
	if cut {
		return errCut
	}
	return nil
}

func (r *playing) startTime() int64 {
	if len(r.steps) == 0 {
		return 0
	}
	return r.steps[0].TMS
}

// pause waits as long as the recording did, scaled.
func (r *playing) pause(last *int64, at int64) error {
	d := time.Duration(float64(at-*last) * r.p.cfg.Scale * float64(time.Millisecond))
	*last = at
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.s.gone:
		return errGone
	case <-r.p.closed:
		return errGone
	}
}

// strict asks for each out frame in its place.
func (r *playing) strict() error {
	last := r.startTime()
	for i, step := range r.steps {
		if err := r.pause(&last, step.TMS); err != nil {
			return r.left(i, err)
		}
		if !step.Out {
			if err := r.send(step.Frame); err != nil {
				return r.left(i, err)
			}
			continue
		}
		if err := r.expect(step.Frame); err != nil {
			return err
		}
	}
	return nil
}

// left turns the loss of the client at step i into an error of its own if the
// client still had something to send.
func (r *playing) left(i int, err error) error {
	if !errors.Is(err, errGone) {
		return err
	}
	for _, step := range r.steps[i:] {
		if step.Out {
			return fmt.Errorf("client left instead of sending %s", step.Frame)
		}
	}
	return err
}

func (r *playing) expect(want string) error {
	timeout := time.NewTimer(r.p.cfg.Patience)
	defer timeout.Stop()
	select {
	case got, ok := <-r.s.frames:
		if !ok {
			return fmt.Errorf("client left instead of sending %s", want)
		}
		r.p.mu.Lock()
		r.p.received = append(r.p.received, got)
		r.p.mu.Unlock()
		if !sameFrame(got, want) {
			return fmt.Errorf("client sent %s, want %s", got, want)
		}
		return nil
	case <-timeout.C:
		return fmt.Errorf("client did not send %s within %s", want, r.p.cfg.Patience)
	case <-r.p.closed:
		return errGone
	}
}
