package streams

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"rosey/internal/standstill"

	"github.com/nats-io/nats.go"
)

// request is one exchange with the server. It ends as soon as the connection is
// lost: nats.go notices that for most requests by itself, but one that is sent
// in the same moment would wait for its whole time-out.
type request struct {
	c       *Conn
	id      uint64
	subject string // what is published, empty for a call to JetStream
	since   uint64 // the permission violations before it
	cancel  context.CancelFunc
	lost    atomic.Bool
}

// begin starts an exchange. The context it returns ends with ctx, after the
// limit, in which only the time counts that this program ran, or with the
// connection; the caller must end the request.
func (c *Conn) begin(ctx context.Context, subject string, limit time.Duration) (context.Context, *request) {
	ctx, cancel := standstill.WithTimeout(ctx, limit)
	r := &request{c: c, subject: subject, since: c.denied.mark(), cancel: cancel}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	r.id = c.requests
	c.open[r.id] = r
	return ctx, r
}

// call begins a call to JetStream.
func (c *Conn) call(ctx context.Context) (context.Context, *request) {
	return c.begin(ctx, "", c.timeout)
}

// end releases what begin took.
func (r *request) end() {
	r.c.mu.Lock()
	delete(r.c.open, r.id)
	r.c.mu.Unlock()
	r.cancel()
}

// explain says why a request got no answer: a lost connection, or a denial,
// which the server reports apart from the request.
func (r *request) explain(err error) error {
	if errors.Is(err, nats.ErrReconnectBufExceeded) {
		// It could not even be sent: nothing is buffered while the line is down.
		return &unsentError{err}
	}
	if err == nil || !silent(err) {
		return err
	}
	if denial := r.c.denied.since(r.since, r.concerns); denial != nil {
		return fmt.Errorf("%w (%w)", denial, err)
	}
	if r.lost.Load() && errors.Is(err, context.Canceled) {
		return ErrDisconnected // abandon cancelled it, and nobody else need have
	}
	if r.lost.Load() {
		return fmt.Errorf("%w: %s", ErrDisconnected, err.Error())
	}
	return err
}

// concerns reports whether a denied subject may be this request's.
func (r *request) concerns(denied string) bool {
	if r.subject != "" {
		return denied == r.subject
	}
	return strings.HasPrefix(denied, "$JS.") || strings.HasPrefix(denied, "_INBOX")
}

// silent reports whether the error is the absence of an answer.
func silent(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, nats.ErrTimeout)
}

// abandon ends all open requests: the connection they were sent on is gone. The
// caller holds c.mu.
func (c *Conn) abandon() {
	for _, r := range c.open {
		r.lost.Store(true)
		r.cancel()
	}
}

// refuse ends the open publishes to a denied subject.
func (c *Conn) refuse(denied string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.open {
		if r.subject == denied {
			r.cancel()
		}
	}
}
