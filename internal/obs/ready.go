package obs

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// waitLimit is how long an event may wait, in the spool or for the tables, before
// a part is not ready.
const waitLimit = time.Minute

// Readiness is what /readyz answers.
type Readiness struct {
	Ready bool `json:"ready"`
	// Parts are those that run in this process, by name: server, stream, spool,
	// projector.
	Parts map[string]Part `json:"parts"`
}

// Part is the readiness of one part.
type Part struct {
	Ready bool `json:"ready"`
	// Detail says why it is not.
	Detail string `json:"detail,omitempty"`
	// Events wait in it, the oldest for AgeSeconds; neither is told where it is not
	// known.
	Events     *int64   `json:"events,omitempty"`
	AgeSeconds *float64 `json:"age_seconds,omitempty"`
	// Lost says of the stream how many messages it has lost, as far as the tables tell.
	// What is there is recorded and read all the same, so that it is ready.
	Lost uint64 `json:"lost,omitempty"`
	// Full says of a spool that the bot had to leave the channel.
	Full *bool `json:"full,omitempty"`
}

// checker judges readiness from one check to the next.
type checker struct {
	src Sources
	now func() time.Time

	mu         sync.Mutex
	checkpoint uint64    // where the tables stood
	since      time.Time // since when they stand there although there is more
}

func (c *checker) check(ctx context.Context) Readiness {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	r := Readiness{Ready: true, Parts: map[string]Part{}}
	add := func(name string, p Part) {
		p.Ready = p.Detail == ""
		r.Ready = r.Ready && p.Ready
		r.Parts[name] = p
	}
	if c.src.Server != nil {
		add("server", Part{Detail: text(c.src.Server())})
	}
	var last uint64
	asked := true
	if c.src.Stream != nil {
		s, err := c.src.Stream(ctx)
		p := Part{Detail: text(err)}
		if err == nil {
			p.Lost, _ = c.src.lost(ctx)
		}
		add("stream", p)
		last, asked = s.LastSeq, err == nil
	}
	if c.src.Recorder != nil {
		add("spool", c.spool())
	}
	if c.src.Projector != nil {
		add("projector", c.projector(last, asked))
	}
	return r
}

func (c *checker) spool() Part {
	s := c.src.Recorder()
	waited := age(c.now(), s.Depth.OldestMS)
	seconds := waited.Seconds()
	p := Part{Events: &s.Depth.Events, AgeSeconds: &seconds, Full: &s.Full}
	switch {
	case s.Full:
		p.Detail = "the spool is full: the bot is out of the channel until there is room"
	case s.Failing != nil:
		p.Detail = "events cannot be sent: " + s.Failing.Error()
	case waited > waitLimit:
		p.Detail = fmt.Sprintf("events wait for %s", waited.Round(time.Second))
	}
	return p
}

// projector goes by what the stream says, where it says anything: a projector to
// which nothing is delivered does not know that it is behind. Where the stream
// cannot be asked, nobody knows, and no number is told.
func (c *checker) projector(last uint64, asked bool) Part {
	s := c.src.Projector()
	at := s.Checkpoint.Seq
	lag := int64(max(s.Lag, last-min(at, last)))
	waited := max(s.LagTime(c.now()), c.standing(at, lag > 0))
	seconds := waited.Seconds()
	p := Part{Events: &lag, AgeSeconds: &seconds}
	unknown := s.LagUnknown || !asked
	if unknown {
		p.Events, p.AgeSeconds = nil, nil
	}
	switch {
	case !s.Running:
		p.Detail = "the projector is not running"
	case s.Trouble != nil && unknown:
		p.Detail = "the projection is interrupted, and how far the tables are behind is unknown: " + s.Trouble.Error()
	case s.Trouble != nil:
		p.Detail = "the projection is interrupted: " + s.Trouble.Error()
	case waited > waitLimit:
		p.Detail = fmt.Sprintf("the tables are behind by %d events, the oldest for %s", lag, waited.Round(time.Second))
	}
	return p
}

// standing is how long the tables have stood at one place although the stream
// holds more, as far as these checks have seen.
func (c *checker) standing(checkpoint uint64, behind bool) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if !behind || checkpoint != c.checkpoint || c.since.IsZero() {
		c.checkpoint, c.since = checkpoint, now
	}
	if !behind {
		return 0
	}
	return max(now.Sub(c.since), 0)
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
