package cytube

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	writeTimeout = 10 * time.Second
	// closeWait is how long a closed session reads on: what the server sent before
	// it saw our close frame has happened and is to be kept.
	closeWait = time.Second
	// passwordGrace is how long a channel may ask for a password and still let us
	// in: moderators need none, but their rank is looked up while they join.
	passwordGrace = 2 * time.Second
)

// session is one connection, from its socket's opening to its end. One goroutine
// reads the socket, answers pings and does the joining; another, in run, hands
// the items on.
type session struct {
	c     *Client
	visit uint64 // see Joined
	cfg   Config
	conn  *websocket.Conn
	url   string
	items chan Item

	abandon chan struct{} // closed when nobody takes items any more

	writeMu    sync.Mutex
	maxPayload int // what the server accepts, from its open packet; guarded by writeMu

	mu      sync.Mutex
	fin     ending    // why the session ends; the first reason counts
	closeBy time.Time // set with fin

	// What follows belongs to the reading goroutine until items is closed.

	buf        bytes.Buffer // the frame being read; used again for the next
	silence    time.Duration
	joinBy     time.Time
	passwordBy time.Time // set while the channel asks for a password
	lastFrame  time.Time // by Config.Now
	endedAt    time.Time // by Config.Now
	joinedAt   time.Time // by the machine's clock
	kick       *kick

	connected    bool
	loggedIn     bool
	name         string
	guest        bool
	joinSent     bool
	passwordSent bool
	hasList      bool
	joined       bool
}

type kick struct {
	Reason string `json:"reason"`
}

// dial looks up the channel's server and opens the socket.
func (c *Client) dial(ctx context.Context) (*session, error) {
	joinBy := time.Now().Add(c.cfg.JoinTimeout)
	ctx, cancel := context.WithDeadline(ctx, joinBy)
	defer cancel()
	urls, err := lookUp(ctx, c.cfg.HTTPClient, c.cfg.Server, c.cfg.Channel)
	if err != nil {
		return nil, err
	}
	conn, address, err := c.dialAny(ctx, urls)
	if err != nil {
		return nil, err
	}
	s := &session{
		c:       c,
		visit:   c.visits.Add(1),
		cfg:     c.cfg,
		conn:    conn,
		url:     address,
		items:   make(chan Item, c.cfg.QueueSize),
		abandon: make(chan struct{}),
		silence: c.cfg.Silence,
		joinBy:  joinBy,
	}
	conn.SetPingHandler(func(data string) error {
		s.heard()
		s.extend()
		// A pong that cannot be written shows as a broken line soon enough.
		_ = conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeTimeout))
		return nil
	})
	return s, nil
}

// dialAny opens the first socket that answers.
func (c *Client) dialAny(ctx context.Context, urls []string) (*websocket.Conn, string, error) {
	var lastErr error
	for _, u := range urls {
		conn, resp, err := c.cfg.Dialer.DialContext(ctx, u, map[string][]string{"User-Agent": {userAgent}})
		if err == nil {
			return conn, u, nil
		}
		lastErr = fmt.Errorf("open socket %s: %w", u, err)
		if resp != nil {
			lastErr = fmt.Errorf("%w (the server answers %s)", lastErr, resp.Status)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, "", lastErr
}

// run reads the session to its end and hands its items to h.
func (s *session) run(ctx, hctx context.Context, h Handler) ending {
	go s.read() // ends by closing items
	stopDone := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopDone)
		s.end(ending{reason: ReasonStopped})
	})

	var handlerErr error
	for it := range s.items {
		if handlerErr != nil {
			continue
		}
		if handlerErr = h(hctx, it); handlerErr != nil {
			close(s.abandon)
			_ = s.conn.Close()
		}
	}
	if !stop() {
		<-stopDone
	}

	end := s.ending()
	end.joined = s.joined
	if s.joined {
		end.up = time.Since(s.joinedAt)
	}
	if s.connected && handlerErr == nil {
		handlerErr = h(hctx, s.disconnected(end))
	}
	if handlerErr != nil {
		end.reason, end.detail, end.quotable, end.handlerErr = ReasonHandlerFailed, "", false, handlerErr
	}
	return end
}

func (s *session) disconnected(end ending) Disconnected {
	d := Disconnected{At: s.endedAt, Reason: end.reason, Detail: end.detail, LastFrame: s.lastFrame}
	if s.kick != nil {
		d.Kicked, d.KickReason = true, s.kick.Reason
	}
	return d
}

// end closes the session for the given reason, unless it has one already.
func (s *session) end(e ending) {
	if !s.settle(e) {
		return
	}
	s.c.setSession(nil)
	// Best effort: a line that is gone cannot be told.
	_ = s.conn.WriteControl(websocket.CloseMessage,
		websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(closeWait))
}

// settle notes why the session ends and limits its remaining time. It reports
// whether this is the first reason.
func (s *session) settle(e ending) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closeBy.IsZero() {
		return false
	}
	s.fin, s.closeBy = e, time.Now().Add(closeWait)
	_ = s.conn.SetReadDeadline(s.closeBy)
	return true
}

func (s *session) closing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closeBy.IsZero()
}

func (s *session) ending() ending {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fin
}

// push hands an item to run. It blocks while the queue is full, and reports
// whether there is still somebody to take it.
func (s *session) push(it Item) bool {
	select {
	case s.items <- it:
		return true
	default:
	}
	blocked := time.Now()
	defer func() {
		// The server is not to blame for our slowness.
		s.joinBy = s.joinBy.Add(time.Since(blocked))
		if !s.passwordBy.IsZero() {
			s.passwordBy = s.passwordBy.Add(time.Since(blocked))
		}
	}()
	select {
	case s.items <- it:
		return true
	case <-s.abandon:
		return false
	}
}

// write sends one text frame. A failed write ends the session.
func (s *session) write(frame []byte) error {
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err == nil {
		err = s.conn.WriteMessage(websocket.TextMessage, frame)
	}
	if err != nil {
		if s.settle(ending{reason: ReasonConnectionLost, detail: err.Error(), quotable: true}) {
			s.c.setSession(nil)
			_ = s.conn.Close()
		}
	}
	return err
}

func (s *session) tooLarge(frame []byte) bool {
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	return s.maxPayload > 0 && len(frame) > s.maxPayload
}

// emit sends an event of the session's own: login, joining, a password.
func (s *session) emit(event string, args ...any) {
	frame, err := encodeEvent(event, args...)
	if err != nil {
		s.end(ending{reason: ReasonConnectionLost, detail: err.Error()})
		return
	}
	_ = s.write(frame) // a failure ends the session
}

// opened reads the server's terms and asks for the namespace.
func (s *session) opened(data json.RawMessage) {
	var terms struct {
		PingInterval int64 `json:"pingInterval"`
		MaxPayload   int   `json:"maxPayload"`
	}
	if err := json.Unmarshal(data, &terms); err != nil {
		s.bad()
	}
	if two := 2 * time.Duration(terms.PingInterval) * time.Millisecond; two > 0 && two < s.silence {
		s.silence = two
	}
	s.writeMu.Lock()
	s.maxPayload = terms.MaxPayload
	s.writeMu.Unlock()
	_ = s.write([]byte("40"))
}
