package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rosey/internal/installation"
	"rosey/streams"
)

// Config says what to examine.
type Config struct {
	// Dir is the data folder: database, spools, and the stream's store unless
	// External.
	Dir installation.Dir
	// External says that the stream is on a NATS server of its own.
	External bool
	// Conn leads to the server. Where it is nil ConnErr says why.
	Conn    *streams.Conn
	ConnErr error
	// Stopped says that no server ran before this one was started to look.
	Stopped bool
	// TrustSync says that the operator has seen to it that an external server syncs
	// before it acknowledges, which no client can ask.
	TrustSync bool
	// Spools are files to look at beside those of the data folder.
	Spools []string
	// Archive is the folder of an archive that holds what was trimmed. Default: the
	// one that the tables were made with.
	Archive string
	// Instance is the projector's name. Default: main.
	Instance string
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// SampleTime is how long rows are compared with their messages. Default: 700 ms.
	SampleTime time.Duration
	// DrainTime is how long a spool in which events have waited for long is looked at
	// again, for whether they are being sent. Default: 5 s.
	DrainTime time.Duration
	// SearchLines is how many lines of chat are indexed once more, to compare what
	// full-text search finds. Default: 10,000.
	SearchLines int

	stream *streams.Stream
}

// Report is what an examination found.
type Report struct {
	// State is the worst of all checks.
	State State `json:"state"`
	// Verdict says it in a sentence.
	Verdict string `json:"verdict"`
	// AtMS is when the examination began.
	AtMS int64 `json:"at_ms"`
	// Running says whether a server ran.
	Running bool `json:"running"`
	// Stream is null where it could not be read, Tables where there is no database.
	Stream    *StreamInfo `json:"stream"`
	Tables    *TablesInfo `json:"tables"`
	Checks    []Check     `json:"checks"`
	Producers []Producer  `json:"producers"`
	// Spools are the files that were looked at.
	Spools []SpoolInfo `json:"spools"`
	// Bots are those that are alive, on whatever channel.
	Bots []streams.Heartbeat `json:"bots"`
	// Outbound is null where the queue could not be read.
	Outbound *OutboundInfo `json:"outbound"`
}

// StreamInfo is how far the stream was read.
type StreamInfo struct {
	ID       string `json:"id"`
	FirstSeq uint64 `json:"first_seq"`
	LastSeq  uint64 `json:"last_seq"`
	Messages uint64 `json:"messages"`
	// Erased counts the sequences up to LastSeq that are no longer there.
	Erased   uint64 `json:"erased"`
	Bytes    uint64 `json:"bytes"`
	MaxBytes int64  `json:"max_bytes"`
	// FullMS is when the stream will be full at the rate so far; null where that
	// cannot be told.
	FullMS *int64 `json:"full_ms"`
	// Unnumbered counts events whose publisher does not number them.
	Unnumbered uint64 `json:"unnumbered"`
	// Unreadable counts frames of the site that the bot could not read.
	Unreadable uint64 `json:"unreadable"`
}

// TablesInfo is what the database holds.
type TablesInfo struct {
	Path       string `json:"path"`
	Checkpoint uint64 `json:"checkpoint_seq"`
	// Lag is how many sequences the stream is ahead, LagSeconds how long the oldest
	// of them has been waiting.
	Lag        uint64  `json:"lag"`
	LagSeconds float64 `json:"lag_seconds"`
	// DeadLetters counts them; OldestDeadMS is when the stream stored the oldest,
	// null where there is none.
	DeadLetters  uint64 `json:"dead_letters"`
	OldestDeadMS *int64 `json:"oldest_dead_letter_ms"`
	// Holes counts the messages that were erased before they were applied.
	Holes uint64 `json:"holes"`
}

// SpoolInfo is what a spool's file holds.
type SpoolInfo struct {
	Path    string `json:"path"`
	Waiting int64  `json:"waiting"`
	Bytes   int64  `json:"bytes"`
	// OldestMS is when the first of them was put, null where none waits.
	OldestMS *int64 `json:"oldest_ms"`
	SetAside int    `json:"set_aside"`
	Damaged  int    `json:"damaged"`
	Problem  string `json:"problem,omitempty"`
}

// examination is one look at an installation.
type examination struct {
	cfg    Config
	now    time.Time
	report Report
	found  map[string]Check

	state      streams.State
	scan       *scan // nil where the stream could not be read
	tables     *tables
	projecting bool                    // some process has the database's lock
	related    bool                    // the tables were made from this stream
	disagree   map[string]disagreement // nil where there is nothing to compare
	spooled    map[string]spoolRun
	full       fullSpools
	archived   archived
	holders    map[string]bool // who has the right to record a channel
	alive      map[string]bool // and does so, as far as can be told
	// unknownNext: some run says that it does not know the one before it.
	unknownNext bool
}

// Examine looks at everything. The error is the context's alone: what could not
// be looked at is in the report.
func Examine(ctx context.Context, cfg Config) (Report, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Instance == "" {
		cfg.Instance = "main"
	}
	e := &examination{cfg: cfg, now: cfg.Now(), found: map[string]Check{}, spooled: map[string]spoolRun{}, holders: map[string]bool{}, alive: map[string]bool{}}
	e.report.AtMS = e.now.UnixMilli()
	e.report.Bots = []streams.Heartbeat{}
	e.report.Running = cfg.Conn != nil && !cfg.Stopped
	// The order matters: see the package's doc.
	e.lookAtSpools(ctx)
	e.lookForWaiting()
	e.openTables(ctx)
	defer e.closeTables()
	e.lookAtServer(ctx)
	e.matchTables(ctx)
	e.readStream(ctx)
	e.lookAtTables(ctx)
	e.lookAtProjector(ctx)
	e.account()
	e.lookAtRestored()
	e.lookAtFull(ctx)
	e.lookAtOutbound(ctx)
	e.lookForServices(ctx)
	e.lookAtFiles()
	if err := ctx.Err(); err != nil {
		return Report{}, fmt.Errorf("doctor: %w", err)
	}
	return e.finish(), nil
}

func (e *examination) ok(name, format string, args ...any) {
	e.found[name] = Check{State: OK, Detail: sentence(format, args...)}
}

func (e *examination) wrong(name, remedy, format string, args ...any) {
	e.found[name] = Check{State: Wrong, Detail: sentence(format, args...), Remedy: remedy}
}

func (e *examination) unknown(name, remedy, format string, args ...any) {
	e.found[name] = Check{State: Unknown, Detail: sentence(format, args...), Remedy: remedy}
}

// sentence is a detail of a check: one line, whatever errors are joined in it.
func sentence(format string, args ...any) string {
	return strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; ")
}

// finish puts the checks in their order and says what they come to.
func (e *examination) finish() Report {
	r := &e.report
	r.State = OK
	counts := map[State]int{}
	e.adviseRebuilds()
	for _, entry := range catalogue {
		c, ok := e.found[entry.name]
		if !ok {
			continue // what it is about is not there, and another check says so
		}
		c.Name, c.Guarantee = entry.name, entry.guarantee
		r.Checks = append(r.Checks, c)
		r.State = r.State.worse(c.State)
		counts[c.State]++
	}
	switch r.State {
	case OK:
		r.Verdict = "healthy: " + e.claim() + fmt.Sprintf(" and nothing is wrong in %d checks", len(r.Checks))
		if e.full.times > 0 {
			r.Verdict += "; the channel was not observed while a spool was full"
		}
	case Wrong:
		r.Verdict = fmt.Sprintf("wrong: %d of %d checks found something wrong", counts[Wrong], len(r.Checks))
		if counts[Unknown] > 0 {
			r.Verdict += fmt.Sprintf(", %d could not tell", counts[Unknown])
		}
	case Unknown:
		r.Verdict = fmt.Sprintf("could not tell: nothing is known to be wrong, and %d of %d checks could not be decided", counts[Unknown], len(r.Checks))
	}
	return *r
}

// claim is what a healthy report may say of completeness.
func (e *examination) claim() string {
	switch {
	case e.tables != nil && len(e.tables.holes) > 0, e.scan != nil && e.scan.first > 1:
		return "every event that was recorded and not erased or given up is there,"
	case e.full.times > 0:
		return "every event that was recorded is there,"
	}
	return "nothing is missing"
}

// behind says that the stream holds more than the tables.
func (e *examination) behind() bool {
	return e.tables != nil && e.scan != nil && e.tables.checkpoint.Seq < e.scan.end
}

// readStream accounts for what the stream holds.
func (e *examination) readStream(ctx context.Context) {
	if e.cfg.stream == nil {
		return
	}
	var checkpoint uint64
	if e.tables != nil {
		checkpoint = e.tables.checkpoint.Seq
	}
	if err := e.scanStream(ctx, checkpoint); err != nil {
		e.scan, e.disagree = nil, nil
		remedy := "try again, or look at the server's own log"
		var lost *streams.UnreadableError
		switch {
		case errors.As(err, &lost):
			e.wrong(StreamWhole, damageRemedy, "%v", lost)
			remedy = "see " + StreamWhole
		case errors.Is(err, streams.ErrPermission):
			remedy = "use credentials that may read the stream"
		}
		e.unknown(ProducersStream, remedy, "the stream could not be read: %v", err)
		return
	}
	e.lookAtWhole()
	for _, b := range e.scan.began {
		if b.previous == previousUnknown {
			e.unknownNext = true
		}
	}
	info := e.report.Stream
	info.Erased, info.Unnumbered, info.Unreadable = e.scan.holes, e.scan.unnumbered, e.scan.unreadable
}
