package control

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"rosey/internal/standstill"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/service"
)

const (
	// lookEvery is how often the work is looked at.
	lookEvery = 250 * time.Millisecond
	// askLimit bounds one request.
	askLimit = 2 * time.Second
	// keyPatience is how long a lock may say nothing of a key: it may just be being
	// written.
	keyPatience = 500 * time.Millisecond
	// patience is the default of Client.Patience.
	patience = 6 * time.Second
	// endLimit is how long the end of work is waited for that was broken off.
	endLimit = time.Minute
)

// Client asks the process that holds a store.
type Client struct {
	// Conn is the connection to ask on; it belongs to the caller.
	Conn *streams.Conn
	// Store is the database whose holder is asked.
	Store schema.Store
	// Patience is how long a holder is asked that takes no requests: one that has
	// just begun is about to. One that takes them and does not answer, as on a busy
	// machine, is asked five times as long. Default 6 s.
	Patience time.Duration

	key string
}

// errNoKey means that the holder has no key, so that nobody can answer to it.
var errNoKey = fmt.Errorf("it has no key: %w", service.ErrNoService)

// Do asks for work and waits for its end, telling how far it is. Where the same
// work is being done already, it waits for that. When the context ends, work that
// was asked for here is broken off, and its end waited for: an *InterruptedError;
// that of others goes on: ErrLeft. Other errors are ErrNoWorker, a *BusyError, ErrGone, ErrUnknown, a *FailedError, and
// the *service.Error of a request that was refused.
func (c *Client) Do(ctx context.Context, r replay.Request, tell func(replay.Work)) (replay.Work, error) {
	w, err := c.start(ctx, r)
	var busy *BusyError
	own := true
	if errors.As(err, &busy) && same(busy.Work.Request, r) {
		w, err, own = busy.Work, nil, false
	}
	if err != nil {
		return w, err
	}
	w, err = c.follow(ctx, w, tell)
	if err == nil || ctx.Err() == nil {
		return w, err
	}
	if !own {
		return w, ErrLeft
	}
	return c.breakOff(ctx, w, tell)
}

// same reports whether one request makes the other needless. Who asks for no number
// of generations takes the one that there is; who asks not to begin anew takes what
// does.
func same(running, asked replay.Request) bool {
	return running.Kind == replay.KindRebuild && asked.Kind == replay.KindRebuild && running.AcceptGap == asked.AcceptGap &&
		running.AcceptErased == asked.AcceptErased &&
		running.AcceptFailures == asked.AcceptFailures && running.Archive == asked.Archive &&
		(asked.Keep == 0 || running.Keep == asked.Keep) && (!asked.Fresh || running.Fresh)
}

// start asks until the holder answers, or does not.
func (c *Client) start(ctx context.Context, r replay.Request) (replay.Work, error) {
	request := StartRequest{Request: r, Token: rand.Text()}
	limit := c.Patience
	if limit == 0 {
		limit = patience
	}
	var spent time.Duration
	for {
		begun := time.Now()
		w, err := c.tryStart(ctx, request)
		if !errors.Is(err, service.ErrNoService) && !errors.Is(err, service.ErrNoAnswer) {
			return w, err
		}
		if ctx.Err() != nil && errors.Is(err, service.ErrNoAnswer) {
			return w, fmt.Errorf("control: %w: it may have begun: %w", ErrUnknown, err)
		}
		if ctx.Err() != nil {
			return w, &InterruptedError{}
		}
		if errors.Is(err, errNoKey) {
			limit = min(limit, keyPatience)
		}
		over := limit
		if errors.Is(err, service.ErrNoAnswer) {
			over *= 5
		}
		if spent > over {
			return w, fmt.Errorf("control: %w: %w", ErrNoWorker, err)
		}
		pause(ctx)
		// What took longer than that was this machine, standing still with both.
		spent += min(time.Since(begun), askLimit+2*lookEvery)
	}
}

func (c *Client) tryStart(ctx context.Context, r StartRequest) (replay.Work, error) {
	h, held, err := c.Store.Holder()
	if err != nil {
		return replay.Work{}, fmt.Errorf("control: %w", err)
	}
	if !held {
		return replay.Work{}, fmt.Errorf("control: %w", ErrGone)
	}
	if h.Key == "" {
		return replay.Work{}, errNoKey
	}
	c.key = h.Key
	// A request that is under way is not taken back: its answer says what to end.
	w, err := call[replay.Work](context.WithoutCancel(ctx), c, start, r)
	var refusal *service.Error
	if !errors.As(err, &refusal) {
		return w, err
	}
	var why refused
	if refusal.ReadDetails(&why) != nil {
		return w, err
	}
	switch {
	case refusal.Code == service.Busy && why.Work != nil:
		return w, &BusyError{Work: *why.Work}
	case refusal.Code == service.InvalidState:
		return w, &FailedError{Work: replay.Work{Request: r.Request, Error: refusal.Message, Class: why.Class, Remedy: why.Remedy}}
	}
	return w, err
}

// follow looks at the work until it has ended. A lost connection is waited for as
// long as the process is there.
func (c *Client) follow(ctx context.Context, w replay.Work, tell func(replay.Work)) (replay.Work, error) {
	for {
		tell(w)
		if !w.Running {
			return ended(w)
		}
		pause(ctx)
		if ctx.Err() != nil {
			return w, &InterruptedError{}
		}
		now, err := call[replay.Work](ctx, c, work, WorkRequest{})
		switch {
		case err == nil && now.ID != w.ID:
			return w, fmt.Errorf("control: %w: other work has begun since", ErrUnknown)
		case err == nil:
			w = now
		case !c.there():
			return w, fmt.Errorf("control: %w", ErrGone)
		}
	}
}

// breakOff ends the work in order. It may have come to its end before.
func (c *Client) breakOff(ctx context.Context, w replay.Work, tell func(replay.Work)) (replay.Work, error) {
	ctx, stop := standstill.WithTimeout(context.WithoutCancel(ctx), endLimit)
	defer stop()
	for {
		now, err := call[replay.Work](ctx, c, cancel, CancelRequest{ID: w.ID})
		if err == nil {
			w = now
			break
		}
		if !c.there() {
			return w, fmt.Errorf("control: %w", ErrGone)
		}
		if ctx.Err() != nil {
			return w, fmt.Errorf("control: %w: it was to be broken off, and may go on: %w", ErrUnknown, err)
		}
		pause(ctx)
	}
	w, err := c.follow(ctx, w, tell)
	var failed *FailedError
	var waiting *InterruptedError
	switch {
	case errors.Is(err, context.Canceled):
		return w, &InterruptedError{KeptSeq: w.KeptSeq}
	case errors.As(err, &failed):
		return w, err // of something else, before it was told
	case errors.As(err, &waiting):
		return w, fmt.Errorf("control: %w: it is being broken off, and has not ended yet", ErrUnknown)
	}
	return w, err
}

func ended(w replay.Work) (replay.Work, error) {
	if w.Error != "" {
		return w, &FailedError{Work: w}
	}
	return w, nil
}

// there reports whether the process that was asked still holds the store.
func (c *Client) there() bool {
	h, held, err := c.Store.Holder()
	return err != nil || held && h.Key == c.key
}

func call[T any](ctx context.Context, c *Client, name string, request any) (T, error) {
	ctx, stop := standstill.WithTimeout(ctx, askLimit)
	defer stop()
	a, err := service.Call[T](ctx, c.Conn, subject(c.key, name), request)
	return a.Data, err
}

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(lookEvery):
	}
}
