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

	// coming is the delivery after which nothing has come of what the server has sent
	// already, and comingSince since when: it may have been lost without anybody saying so.
	coming      uint64
	comingSince time.Time
}

// late reports whether what the server has sent has not come for as long as that.
func (s *stall) late(delivery uint64, limit time.Duration) bool {
	if s.comingSince.IsZero() || s.coming != delivery {
		s.coming, s.comingSince = delivery, time.Now()
	}
	return time.Since(s.comingSince) >= limit
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
		return r.stall.late(r.delivery, r.s.c.patience/stallTries) // on its way
	case info.NumPending == 0:
		return true
	}
	r.stall.begin(quietFor)
	// A consumer that begins at a time knows where that is.
	r.stall.at = max(r.last, info.Delivered.Stream) + 1
	if time.Since(r.stall.now) < r.s.c.patience/stallTries {
		return false
	}
	r.stall.gaveNothing(r.cons)
	level := slog.LevelDebug
	if r.stall.tries&(r.stall.tries-1) == 0 { // 1, 2, 4, 8, …
		level = slog.LevelWarn
	}
	r.s.c.log.Log(ctx, level, "what is stored is not delivered: another consumer is made", "stream", StreamName, "seq", r.stall.at,
		"attempt", r.stall.tries, "servers", r.stall.servers)
	return true
}

// gaveNothing counts the present consumer as one that delivers nothing.
func (s *stall) gaveNothing(cons jetstream.Consumer) {
	s.now = time.Time{}
	s.tries++
	if name := serverOf(cons); name != "" && !slices.Contains(s.servers, name) {
		s.servers = append(s.servers, name)
	}
}

// serverOf is where a consumer runs, as far as that is told.
func serverOf(cons jetstream.Consumer) string {
	if info := cons.CachedInfo(); info.Cluster != nil {
		return info.Cluster.Leader
	}
	return ""
}

// unreadable is an error once consumers have delivered nothing for too long although
// the stream's leader answers. Where it does not answer there is no server, and one
// may come back.
func (r *Reader) unreadable(ctx context.Context) error {
	return r.stall.over(ctx, r.s.c, StreamName, r.last, r.end, r.opts.Subjects)
}

// over is that error, for what a stream has between the last message that came and an
// end.
func (s *stall) over(ctx context.Context, c *Conn, stream string, last, end uint64, subjects []string) error {
	waited := time.Since(s.since)
	if !s.quiet || s.tries < 2 || waited < c.patience {
		return nil
	}
	e := &UnreadableError{Tries: s.tries, For: waited, Servers: s.servers}
	m, err := c.storedFrom(ctx, stream, max(s.at, last+1), subjects)
	var hidden *hiddenError
	switch {
	case errors.As(err, &hidden):
		e.Seq = hidden.seq
		return e
	case err != nil, m.Seq == 0, m.Seq > end, waited < leaderFactor*c.patience:
		return nil
	}
	e.Seq, e.LeaderHasIt = m.Seq, true
	return e
}
