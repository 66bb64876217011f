package obs

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rosey/streams/tally"
)

// askLimit bounds what a scrape or a health check waits for one part.
const askLimit = 2 * time.Second

// metric is one number and where it comes from.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func gauge(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc(name, help, labels, nil), prometheus.GaugeValue}
}

func counter(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc(name, help, labels, nil), prometheus.CounterValue}
}

// histogram is told by tellTimes.
func histogram(name, help string, labels ...string) metric {
	return metric{desc: prometheus.NewDesc(name, help, labels, nil)}
}

// tellTimes shows what a part has counted.
func tellTimes(ch chan<- prometheus.Metric, m metric, r tally.Reading, labels ...string) {
	buckets := make(map[float64]uint64, len(r.Buckets))
	for _, b := range r.Buckets {
		buckets[b.Bound.Seconds()] = b.Count
	}
	ch <- prometheus.MustNewConstHistogram(m.desc, r.Count, r.Sum.Seconds(), buckets, labels...)
}

// The metrics. docs/metrics.md lists them.
var (
	botJoined      = gauge("rosey_bot_joined", "1 while the bot is in the channel.")
	botFrames      = counter("rosey_bot_frames_total", "Frames read from the site.")
	botEvents      = counter("rosey_bot_events_total", "Events committed to the spool.")
	botNotRecorded = counter("rosey_bot_not_recorded_frames_total", "Frames that were read while the spool was full.")

	spoolEvents  = gauge("rosey_spool_events", "Events that wait in the spool.")
	spoolBytes   = gauge("rosey_spool_bytes", "What they take.")
	spoolLimit   = gauge("rosey_spool_limit_bytes", "What the spool may take.")
	spoolAge     = gauge("rosey_spool_oldest_age_seconds", "How long the oldest of them has waited.")
	spoolFull    = gauge("rosey_spool_full", "1 while the spool has no room and the bot is out of the channel.")
	spoolFailing = gauge("rosey_spool_failing", "1 while the spool cannot send.")

	projectorCheckpoint    = gauge("rosey_projector_checkpoint_seq", "Last stream sequence in the tables.")
	projectorLag           = gauge("rosey_projector_lag_events", "Events in the stream that are not in the tables, at most.")
	projectorLagSeconds    = gauge("rosey_projector_lag_seconds", "How long the oldest of them has waited.")
	projectorRunning       = gauge("rosey_projector_running", "1 while the projector is at work.")
	projectorFailing       = gauge("rosey_projector_failing", "1 while the projection is interrupted.")
	projectorEvents        = counter("rosey_projector_events_total", "Events applied.")
	projectorDuplicates    = counter("rosey_projector_duplicates_total", "Further copies of events that were left out.")
	projectorCommits       = counter("rosey_projector_commits_total", "Transactions committed.")
	projectorInterruptions = counter("rosey_projector_errors_total", "Interruptions of the projection.")
	projectorResets        = counter("rosey_projector_resets_total", "Interruptions because order could not be proven.")

	botsAlive = gauge("rosey_bots_alive", "Bots that said lately that they are alive.")

	deadLetters    = gauge("rosey_dead_letters_count", "Events that could not be applied.")
	deadLettersAge = gauge("rosey_dead_letters_oldest_age_seconds", "Time since the stream stored the oldest of them; 0 for none.")

	streamReachable = gauge("rosey_stream_reachable", "1 while the server answers for the stream.")
	streamBytes     = gauge("rosey_stream_bytes", "Size of the stream.")
	streamMaxBytes  = gauge("rosey_stream_max_bytes", "Size at which it takes no more; 0 for no limit.")
	streamMessages  = gauge("rosey_stream_messages", "Messages in the stream.")
	streamLost      = gauge("rosey_stream_lost_messages", "Messages that the tables have and the server lists as erased, where they are so many that its store has rather lost them.")
	streamLastSeq   = gauge("rosey_stream_last_seq", "Last sequence of the stream.")

	serverHealthy = gauge("rosey_server_healthy", "1 while the embedded server can store and deliver.")

	producersCount       = gauge("rosey_producers_count", "Runs of bots that the tables know.")
	producersGaps        = gauge("rosey_producers_gap_events", "Events missing in the middle of producers.")
	producersTails       = gauge("rosey_producers_tail_missing_events", "Events missing at the end of producers.")
	producersUnaccounted = gauge("rosey_producers_unaccounted", "Ended producers for whose end nobody vouches.")
)

// collector asks the sources at each scrape. A part that does not run here, or
// cannot be asked just now, has no numbers.
type collector struct {
	src Sources
	now func() time.Time
}

// Describe tells nothing beforehand: which parts there are is not the same in
// every process.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	tell := func(m metric, v float64) { ch <- prometheus.MustNewConstMetric(m.desc, m.kind, v) }
	if c.src.Recorder != nil {
		c.bot(tell)
	}
	if c.src.Projector != nil {
		c.projector(tell)
	}
	if c.src.Stream != nil {
		s, err := c.src.Stream(ctx)
		tell(streamReachable, flag(err == nil))
		if err == nil {
			tell(streamBytes, float64(s.Bytes))
			tell(streamMaxBytes, float64(s.MaxBytes))
			tell(streamMessages, float64(s.Messages))
			tell(streamLastSeq, float64(s.LastSeq))
			if l, known := c.src.lost(ctx); known {
				tell(streamLost, float64(l))
			}
		}
	}
	if c.src.Bots != nil {
		if bots, err := c.src.Bots(ctx); err == nil {
			tell(botsAlive, float64(len(bots)))
		}
	}
	if c.src.Rebuild != nil {
		rebuild(c.src.Rebuild(), tell)
	}
	c.outbound(ctx, ch)
	c.services(ch)
	if c.src.Server != nil {
		tell(serverHealthy, flag(c.src.Server() == nil))
	}
	if c.src.Losses != nil {
		if l, err := c.src.Losses(ctx); err == nil {
			tell(producersCount, float64(l.Producers))
			tell(producersGaps, float64(l.GapEvents))
			tell(producersTails, float64(l.TailEvents))
			tell(producersUnaccounted, float64(l.Unaccounted))
		}
	}
}

func (c *collector) bot(tell func(metric, float64)) {
	s := c.src.Recorder()
	tell(botJoined, flag(s.View.Joined))
	tell(botFrames, float64(s.Frames))
	tell(botEvents, float64(s.Events))
	tell(botNotRecorded, float64(s.NotRecorded))
	tell(spoolEvents, float64(s.Depth.Events))
	tell(spoolBytes, float64(s.Depth.Bytes))
	tell(spoolLimit, float64(c.src.SpoolLimit))
	tell(spoolAge, age(c.now(), s.Depth.OldestMS).Seconds())
	tell(spoolFull, flag(s.Full))
	tell(spoolFailing, flag(s.Failing != nil))
}

func (c *collector) projector(tell func(metric, float64)) {
	s := c.src.Projector()
	tell(projectorCheckpoint, float64(s.Checkpoint.Seq))
	tell(projectorLag, float64(s.Lag))
	tell(projectorLagSeconds, s.LagTime(c.now()).Seconds())
	tell(projectorRunning, flag(s.Running))
	tell(projectorFailing, flag(s.Trouble != nil))
	tell(projectorEvents, float64(s.Applied.Events))
	tell(projectorDuplicates, float64(s.Applied.Duplicates))
	tell(projectorCommits, float64(s.Commits))
	tell(projectorInterruptions, float64(s.Interruptions))
	tell(projectorResets, float64(s.Resets))
	tell(deadLetters, float64(s.DeadLetters.Count))
	var oldest time.Duration
	if !s.DeadLetters.Oldest.IsZero() {
		oldest = max(c.now().Sub(s.DeadLetters.Oldest), 0)
	}
	tell(deadLettersAge, oldest.Seconds())
}

// age is how long ago a moment was; 0 for none.
func age(now time.Time, ms int64) time.Duration {
	if ms == 0 {
		return 0
	}
	return max(now.Sub(time.UnixMilli(ms)), 0)
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
