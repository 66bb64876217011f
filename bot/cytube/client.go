package cytube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	userAgent = "rosey"

	// stopGrace is how long the Handler may go on with what was read after the
	// context of Run has ended.
	stopGrace = 5 * time.Second
)

// Client keeps one line to one channel. Its methods may be called from any
// goroutine.
type Client struct {
	cfg   Config
	log   *slog.Logger
	waits *waits
	sleep func(context.Context, time.Duration) error

	maxFrame int64 // tests make it small

	status  status
	running atomic.Bool
	visits  atomic.Uint64
	warned  time.Time // last warning about bad frames; belongs to the reading goroutine

	mu      sync.Mutex
	session *session // nil unless joined
}

// New returns a client for the channel. It does not connect.
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("cytube: configuration: %w", err)
	}
	cfg = cfg.withDefaults()
	return &Client{
		cfg:      cfg,
		log:      cfg.Logger.With("component", "cytube", "channel", cfg.Channel),
		waits:    newWaits(cfg, rand.Float64),
		sleep:    sleep,
		maxFrame: maxFrame,
	}, nil
}

// Probe asks the site for the channel's socket server, as each attempt of Run
// does, and says what is wrong where there is none to be had. It is for telling
// a wrong address from an outage before anything else begins.
func (c *Client) Probe(ctx context.Context) error {
	if _, err := lookUp(ctx, c.cfg.HTTPClient, c.cfg.Server, c.cfg.Channel); err != nil {
		return fmt.Errorf("cytube: %w", err)
	}
	return nil
}

// Run keeps the bot in the channel and hands everything that happens to h, until
// ctx ends, when it returns nil, or h fails, when it returns that error. In the
// first case a session still up ends with a Disconnected of ReasonStopped.
func (c *Client) Run(ctx context.Context, h Handler) error {
	if !c.running.CompareAndSwap(false, true) {
		return ErrRunning
	}
	defer c.running.Store(false)

	hctx, release := graceful(ctx, stopGrace)
	defer release()
	for attempt := 1; ctx.Err() == nil; attempt++ {
		c.status.update(func(s *State) {
			s.Attempt, s.NextAttempt = attempt, time.Time{}
			s.Attempts++
		})
		end := c.attempt(ctx, hctx, h)
		if end.handlerErr != nil {
			return fmt.Errorf("cytube: handler: %w", end.handlerErr)
		}
		if end.joined {
			attempt = 0
		}
		if ctx.Err() != nil {
			return nil
		}
		wait := c.waits.next(end.reason, end.up)
		c.status.update(func(s *State) { s.NextAttempt = c.cfg.Now().Add(wait) })
		c.report(attempt, end, wait)
		if c.sleep(ctx, wait) != nil {
			c.status.update(func(s *State) { s.NextAttempt = time.Time{} })
			return nil
		}
	}
	return nil
}

// Send sends an event to the channel. It returns ErrNotJoined while the bot is
// not in it, and ErrTooLarge for what the server would not take. That Send
// returns nil says that the event was written to the socket, not that the
// server acted on it.
func (c *Client) Send(ctx context.Context, event string, args ...any) error {
	return c.sendIn(ctx, 0, event, args...)
}

// SendIn is Send for one visit to the channel, numbered as its Joined is: in any
// other it returns ErrNotJoined. What must not be said twice is bound to the visit
// whose end its sender would hear of.
func (c *Client) SendIn(ctx context.Context, visit uint64, event string, args ...any) error {
	return c.sendIn(ctx, visit, event, args...)
}

func (c *Client) sendIn(ctx context.Context, visit uint64, event string, args ...any) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cytube: send %s: %w", event, err)
	}
	frame, err := encodeEvent(event, args...)
	if err != nil {
		return fmt.Errorf("cytube: %w", err)
	}
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	if s == nil || visit != 0 && s.visit != visit {
		return ErrNotJoined
	}
	if s.tooLarge(frame) {
		return ErrTooLarge
	}
	if err := s.write(frame); err != nil {
		return fmt.Errorf("cytube: send %s: %w", event, err)
	}
	return nil
}

// State tells how the line is now.
func (c *Client) State() State { return c.status.get() }

// ending is how a session or an attempt ended.
type ending struct {
	reason     string
	detail     string // for the Item and for people; may hold a moderator's words
	quotable   bool   // detail is the server's or network's own text and may be logged
	joined     bool
	up         time.Duration // in the channel
	handlerErr error
}

func (e ending) text() string {
	if e.detail != "" && e.quotable {
		return e.reason + ": " + clip(e.detail)
	}
	return e.reason
}

func (c *Client) attempt(ctx, hctx context.Context, h Handler) ending {
	s, err := c.dial(ctx)
	if err != nil {
		end := ending{reason: ReasonConnectionLost, detail: err.Error(), quotable: true}
		if ctx.Err() != nil {
			end = ending{reason: ReasonStopped}
		}
		c.ended(end)
		return end
	}
	end := s.run(ctx, hctx, h)
	c.ended(end)
	return end
}

func (c *Client) ended(end ending) {
	now := c.cfg.Now()
	c.status.update(func(s *State) {
		if s.Connected {
			s.Since = now
		}
		s.Connected, s.Joined, s.Name, s.Guest, s.Server = false, false, "", false, ""
		s.LastReason, s.LastError = end.reason, end.text()
	})
}

// report writes the one line an operator reads about a lost connection.
func (c *Client) report(attempt int, end ending, wait time.Duration) {
	next := wait.Round(time.Millisecond)
	if wait > time.Minute {
		next = wait.Round(time.Second)
	}
	err := errors.New(end.text())
	if end.joined {
		c.log.Warn("left the channel", "next_try", next.String(), "err", err)
		return
	}
	c.log.Warn("could not join", "next_try", next.String(), "attempt", attempt, "err", err)
}

func (c *Client) setSession(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = s
}

// graceful returns a context that ends the given time after ctx does. release
// must be called; it waits for what graceful started.
func graceful(ctx context.Context, grace time.Duration) (_ context.Context, release func()) {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		if sleep(later, grace) == nil {
			cancel()
		}
	})
	return later, func() {
		cancel()
		if !stop() {
			<-done
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
