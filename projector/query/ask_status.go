package query

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"rosey/events"
	"rosey/internal/standstill"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/service"
)

// StatusRequest asks how far the tables are.
type StatusRequest struct {
	Channel string `json:"channel,omitempty" rule:"maxlen=256" doc:"What the tables hold of this channel alone. Default: of all of them."`
	Reading
}

// ServiceStatus is the overview, and what only a running installation knows.
type ServiceStatus struct {
	Overview
	// Version is the version of the program that answers.
	Version string `json:"version"`
	// LagEvents is how many events are yet to come, at most, and LagSeconds how long
	// the oldest of them has waited; nil where nobody can tell.
	LagEvents  *uint64  `json:"lag_events"`
	LagSeconds *float64 `json:"lag_seconds"`
	// Coverage is how much of the last seven days each channel was observed.
	Coverage []Coverage `json:"coverage"`
	// Outbound counts the messages whose outcome the tables know, by their state.
	Outbound map[string]int64 `json:"outbound"`
	// Bots are those alive now; nil where nobody can tell.
	Bots []streams.Heartbeat `json:"bots_alive"`
	// Rebuild is under way, nil where none is.
	Rebuild *Rebuild `json:"rebuild"`
}

// Rebuild is how far tables are that are being made to take the place of these.
type Rebuild struct {
	// Kind is rebuild, undo or retry; Reason says why it is done.
	Kind      string `json:"kind"`
	Reason    string `json:"reason"`
	StartedMS int64  `json:"started_ms"`
	// Phase is events, indexes, catching_up, swapping or done.
	Phase string `json:"phase"`
	// Seq is how far the new tables are, Last where they are to be.
	Seq         uint64 `json:"seq"`
	Last        uint64 `json:"last"`
	Events      int    `json:"events"`
	Duplicates  int    `json:"duplicates"`
	DeadLetters int    `json:"dead_letters"`
	// PerSecond is the rate so far, RemainingSeconds what the rest takes at that
	// rate.
	PerSecond        float64 `json:"events_per_second"`
	RemainingSeconds float64 `json:"remaining_seconds"`
	ElapsedSeconds   float64 `json:"elapsed_seconds"`
	// MemoryBytes is what the process holds in memory, 0 where that is not known.
	MemoryBytes uint64 `json:"memory_bytes"`
}

// botsTimeout bounds how long a status waits for the bots: without them it is
// still one. A server that stood still with this program has it from then on.
const botsTimeout = 2 * time.Second

func (d *desk) status() service.Endpoint {
	return askWith(d, service.Declaration{
		Name: "status", Subject: subject("query.status"),
		Doc:      "How far the tables are, what they hold of each channel, which bots are alive now, and how far a rebuild is.",
		Examples: []string{`{}`, `{"channel":"tv"}`},
	}, d.bots, func(ctx context.Context, q schema.Queryer, r StatusRequest, bots []streams.Heartbeat) (s ServiceStatus, err error) {
		s.Version, s.Bots = d.cfg.Version, bots
		if d.cfg.Rebuild != nil {
			s.Rebuild = d.cfg.Rebuild()
		}
		channel, err := anyChannel(ctx, q, r.Channel)
		if err != nil {
			return s, err
		}
		if s.Overview, err = Status(ctx, q, channel); err != nil {
			return s, err
		}
		if s.Coverage, err = ChannelCoverage(ctx, q); err != nil {
			return s, err
		}
		if s.Outbound, err = outboundCounts(ctx, q); err != nil {
			return s, err
		}
		if n, waited, known := d.cfg.Tables.Delay(d.cfg.Now()); known {
			seconds := waited.Seconds()
			s.LagEvents, s.LagSeconds = &n, &seconds
		}
		return s, nil
	})
}

// alive is who was alive lately: heartbeats come every few seconds, so that asking
// for each question would tell nothing more.
type alive struct {
	mu    sync.Mutex
	asked time.Time
	bots  []streams.Heartbeat
}

// aliveHolds is how long an answer is good for.
const aliveHolds = time.Second

// bots are those alive now, nil where that cannot be told: the rest of the status
// holds without them.
func (d *desk) bots(ctx context.Context) []streams.Heartbeat {
	if d.cfg.Bots == nil {
		return nil
	}
	d.alive.mu.Lock()
	defer d.alive.mu.Unlock()
	if !d.alive.asked.IsZero() && time.Since(d.alive.asked) < aliveHolds {
		return d.alive.bots
	}
	limited, cancel := standstill.WithTimeout(ctx, botsTimeout)
	defer cancel()
	list, err := d.cfg.Bots(limited)
	if err != nil {
		d.log.Debug("the bots alive cannot be told", "err", err)
		list = nil
	}
	if err == nil || ctx.Err() == nil { // one that goes away says nothing to others
		d.alive.bots, d.alive.asked = list, time.Now()
	}
	return list
}

func outboundCounts(ctx context.Context, q schema.Queryer) (map[string]int64, error) {
	counts := map[string]int64{}
	return counts, each(ctx, q, "outbound_messages", func(r *sql.Rows) error {
		var state string
		var n int64
		err := r.Scan(&state, &n)
		counts[state] = n
		return err
	}, "SELECT status, count(*) FROM outbound_messages GROUP BY status")
}

// subject is the full name of a service subject. One that package events does not
// know would not be kept out of the stream.
func subject(tail string) string {
	for _, s := range events.ServiceSubjects() {
		if s == events.SubjectPrefix+tail {
			return s
		}
	}
	panic(errors.New("no service subject ends in " + tail))
}
