package streams

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A consumer whose server cannot read a message says that it has it, sends signs of
// life, and never delivers it. Another one may be placed on another replica. Where none
// delivers it the store is damaged, and waiting is no cure.

// stall is a time in which consumers delivered nothing of what is stored.
type stall struct {
	quiet   bool      // it has begun
	since   time.Time // when
	now     time.Time // since when the present consumer delivers nothing
	tries   int       // consumers that were given up for it
	servers []string  // where these ran
	at      uint64    // what should come is there or behind it
}

// begin notes that nothing came for a while, which is over now.
func (s *stall) begin(while time.Duration) {
	begun := time.Now().Add(-while)
	if !s.quiet {
		s.quiet, s.since = true, begun
	}
	if s.now.IsZero() {
		s.now = begun
	}
}

// stallTries is how many consumers there is time for until a reader gives up.
const stallTries = 6

// leaderFactor is how many times longer a reader goes on where the stream's leader has
// what it waits for: the next consumer may be placed there.
const leaderFactor = 4

// over reports whether nothing more will come from the consumer. Another one after
// the last message then tells whether that was the end.
func (r *Reader) over(ctx context.Context) bool {
	lctx, req := r.s.c.call(ctx)
	defer req.end()
	// Asked anew: the handle belongs to what is receiving with it.
	cons, err := r.s.c.js.Consumer(lctx, StreamName, r.cons.CachedInfo().Name)
	if err != nil {
		return errors.Is(err, jetstream.ErrConsumerNotFound)
	}
	info := cons.CachedInfo()
	switch {
	case info.Delivered.Consumer != r.delivery:
		return false // on its way
	case info.NumPending == 0:
		return true
	}
	r.stall.begin(quietFor)
	// A consumer that begins at a time knows where that is.
	r.stall.at = max(r.last, info.Delivered.Stream) + 1
	if time.Since(r.stall.now) < r.s.c.patience/stallTries {
		return false
	}
	r.gaveNothing()
	level := slog.LevelDebug
	if r.stall.tries&(r.stall.tries-1) == 0 { // 1, 2, 4, 8, …
		level = slog.LevelWarn
	}
	r.s.c.log.Log(ctx, level, "what is stored is not delivered: another consumer is made", "stream", StreamName, "seq", r.stall.at,
		"attempt", r.stall.tries, "servers", r.stall.servers)
	return true
}

// gaveNothing counts the present consumer as one that delivers nothing.
func (r *Reader) gaveNothing() {
	r.stall.now = time.Time{}
	r.stall.tries++
	if name := r.server(); name != "" && !slices.Contains(r.stall.servers, name) {
		r.stall.servers = append(r.stall.servers, name)
	}
}

// server is where the present consumer runs, as far as that is told.
func (r *Reader) server() string {
	if info := r.cons.CachedInfo(); info.Cluster != nil {
		return info.Cluster.Leader
	}
	return ""
}

// unreadable is an error once consumers have delivered nothing for too long although
// the stream's leader answers. Where it does not answer there is no server, and one
// may come back.
func (r *Reader) unreadable(ctx context.Context) error {
	waited := time.Since(r.stall.since)
	if !r.stall.quiet || r.stall.tries < 2 || waited < r.s.c.patience {
		return nil
	}
	e := &UnreadableError{Tries: r.stall.tries, For: waited, Servers: r.stall.servers}
	m, err := r.s.c.storedFrom(ctx, StreamName, max(r.stall.at, r.last+1), r.opts.Subjects)
	var hidden *hiddenError
	switch {
	case errors.As(err, &hidden):
		e.Seq = hidden.seq
		return e
	case err != nil, m.Seq == 0, m.Seq > r.end, waited < leaderFactor*r.s.c.patience:
		return nil
	}
	e.Seq, e.LeaderHasIt = m.Seq, true
	return e
}
