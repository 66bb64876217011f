package streams

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// leaderWait is how long a cluster has to choose a leader until a question is given
// up: a server that was killed is missed after some seconds.
const leaderWait = 30 * time.Second

// outage is a time without a leader, as the questions of a connection saw it.
type outage struct{ since, last time.Time }

// withLeader asks something that changes nothing, and asks again for a while where a
// cluster has no leader that could answer. The error is ErrNoLeader where none comes.
// All who ask share that while: it does not begin anew with each question.
func (c *Conn) withLeader(ctx context.Context, ask func(context.Context) error) error {
	cluster, begin := c.nc.ConnectedClusterName() != "", time.Now()
	for attempt := 1; ; attempt++ {
		err := ask(ctx)
		cluster = cluster || c.nc.ConnectedClusterName() != ""
		if err == nil || ctx.Err() != nil || !electing(err, cluster) {
			c.led()
			return err
		}
		if !c.electionGoesOn(begin, time.Now()) {
			return fmt.Errorf("%w: %w", ErrNoLeader, err)
		}
		c.log.Debug("waiting for a leader", "stream", StreamName, "attempt", attempt, "err", err)
		if pause(ctx, attempt) != nil {
			return err
		}
	}
}

// electing reports whether the answer, or that there is none, is that of a cluster
// which is choosing a leader. Of a server that stands alone silence means that it is
// busy, and to ask again would not help.
func electing(err error, cluster bool) bool {
	var old *nats.APIError
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api):
		return api.ErrorCode == codeClusterNotAvailable
	case errors.As(err, &old):
		return jetstream.ErrorCode(old.ErrorCode) == codeClusterNotAvailable
	case errors.Is(err, ErrPermission), errors.Is(err, nats.ErrConnectionClosed):
		return false
	}
	return cluster && (errors.Is(err, ErrDisconnected) || silent(err))
}

// electionGoesOn notes a question without a leader, and reports whether it is worth
// asking again.
func (c *Conn) electionGoesOn(begin, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if begin.Sub(c.outage.last) > c.leaderWait {
		c.outage.since = begin // the one before is another
	}
	c.outage.last = now
	return now.Sub(c.outage.since) < c.leaderWait
}

// led notes that there is a leader.
func (c *Conn) led() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outage = outage{}
}
