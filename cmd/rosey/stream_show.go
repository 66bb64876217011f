package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/nats-io/nats.go/jetstream"

	"rosey/internal/standstill"
	"rosey/streams"
)

type streamShowCmd struct{}

func (c *streamShowCmd) examples() string { return "  rosey stream show\n  rosey stream show --json" }

// streamState is what show prints.
type streamState struct {
	Name string `json:"name"`
	// ID is empty where a problem keeps the stream from being used.
	ID      string    `json:"id"`
	Problem string    `json:"problem,omitempty"`
	Created time.Time `json:"created"`
	Server  string    `json:"server_version"`

	FirstSeq  uint64     `json:"first_seq"`
	LastSeq   uint64     `json:"last_seq"`
	FirstTime *time.Time `json:"first_time"` // null when empty
	LastTime  *time.Time `json:"last_time"`
	Messages  uint64     `json:"messages"`
	Erased    uint64     `json:"erased"`
	Bytes     uint64     `json:"bytes"`
	// MaxBytes and Full are null for a stream without a limit.
	MaxBytes *int64   `json:"max_bytes"`
	Full     *float64 `json:"full_percent"`

	Subjects    []string `json:"subjects"`
	Storage     string   `json:"storage"`
	Compression string   `json:"compression"`
	Retention   string   `json:"retention"`
	Discard     string   `json:"discard"`
	Replicas    int      `json:"replicas"`
	Duplicates  float64  `json:"duplicate_window_seconds"`
	// MaxAge is 0 for none.
	MaxAge float64 `json:"max_age_seconds"`

	Consumers []consumerState `json:"consumers"`
	Buckets   []bucketState   `json:"buckets"`
}

// bucketState is a key-value bucket beside the stream.
type bucketState struct {
	Name   string `json:"name"`
	Values uint64 `json:"values"`
	Bytes  uint64 `json:"bytes"`
	// TTL is how long a value stays after it was written; 0 where each value has a
	// time of its own, or none.
	TTL float64 `json:"ttl_seconds"`
}

// consumerState is somebody who reads the stream.
type consumerState struct {
	Name string `json:"name"`
	// Durable ones are remembered while nobody reads.
	Durable bool `json:"durable"`
	// AckFloor is the last sequence up to which everything is acknowledged. What a
	// database holds is told by its own checkpoint.
	AckFloor   uint64 `json:"ack_floor_seq"`
	Delivered  uint64 `json:"delivered_seq"`
	AckPending int    `json:"ack_pending"`
	Pending    uint64 `json:"pending"`
	Waiting    int    `json:"waiting"`
}

// Run prints the stream's state.
func (c *streamShowCmd) Run(ctx context.Context, con *console, flags *streamCmd) (err error) {
	conn, err := flags.connect(ctx, con)
	if err != nil {
		return err
	}
	s, err := readStream(ctx, conn.Conn)
	// Before printing: whoever reads along must not keep a server from starting.
	if err = errors.Join(flags.explain(err), conn.done()); err != nil {
		return err
	}
	if flags.JSON {
		return printJSON(con.out, s)
	}
	return s.print(con)
}

// streamWait bounds how long a server may take to answer.
const streamWait = 30 * time.Second

func readStream(ctx context.Context, c *streams.Conn) (streamState, error) {
	ctx, cancel := standstill.WithTimeout(ctx, streamWait)
	defer cancel()
	js, err := c.JetStream().Stream(ctx, streams.StreamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return streamState{}, fmt.Errorf("show stream %s: %w", streams.StreamName, streams.ErrNoStream)
	}
	if err != nil {
		return streamState{}, fmt.Errorf("show stream %s: %w", streams.StreamName, err)
	}
	info := js.CachedInfo()
	s := describeStream(info)
	s.Server = c.NATS().ConnectedServerVersion()
	if open, err := streams.Open(ctx, c); err == nil {
		s.ID = open.Identity().ID
		s.FirstTime, s.LastTime = originalTime(ctx, open, s.FirstSeq, s.FirstTime), originalTime(ctx, open, s.LastSeq, s.LastTime)
	} else {
		s.Problem = err.Error()
	}
	list := js.ListConsumers(ctx)
	for ci := range list.Info() {
		s.Consumers = append(s.Consumers, consumerState{
			Name: ci.Name, Durable: ci.Config.Durable != "", AckFloor: ci.AckFloor.Stream, Delivered: ci.Delivered.Stream,
			AckPending: ci.NumAckPending, Pending: ci.NumPending, Waiting: ci.NumWaiting,
		})
	}
	if err := list.Err(); err != nil {
		return s, fmt.Errorf("show consumers of stream %s: %w", streams.StreamName, err)
	}
	slices.SortFunc(s.Consumers, func(a, b consumerState) int { return strings.Compare(a.Name, b.Name) })
	s.Buckets, err = readBuckets(ctx, c)
	return s, err
}

func compressed(how string) string {
	if how == jetstream.NoCompression.String() {
		return "no compression"
	}
	return how + " compression"
}

// originalTime is when a message was stored first: an imported one has a later time
// on its server. Where it is not there any more, that one is all there is to know.
func originalTime(ctx context.Context, s *streams.Stream, seq uint64, otherwise *time.Time) *time.Time {
	if otherwise == nil {
		return nil
	}
	m, err := s.Get(ctx, seq)
	if err != nil {
		return otherwise
	}
	return &m.Time
}

// readBuckets lists the buckets that belong to the stream.
func readBuckets(ctx context.Context, c *streams.Conn) ([]bucketState, error) {
	list := c.JetStream().KeyValueStores(ctx)
	buckets := []bucketState{}
	for b := range list.Status() {
		if strings.HasPrefix(b.Bucket(), streams.StreamName+"_") {
			buckets = append(buckets, bucketState{Name: b.Bucket(), Values: b.Values(), Bytes: b.Bytes(), TTL: b.TTL().Seconds()})
		}
	}
	if err := list.Error(); err != nil {
		return buckets, fmt.Errorf("show buckets: %w", err)
	}
	slices.SortFunc(buckets, func(a, b bucketState) int { return strings.Compare(a.Name, b.Name) })
	return buckets, nil
}

func describeStream(info *jetstream.StreamInfo) streamState {
	cfg, st := info.Config, info.State
	s := streamState{
		Name: cfg.Name, Created: info.Created,
		FirstSeq: max(st.FirstSeq, 1), LastSeq: st.LastSeq, Messages: st.Msgs, Erased: uint64(max(st.NumDeleted, 0)), Bytes: st.Bytes,
		Subjects: cfg.Subjects, Storage: strings.ToLower(cfg.Storage.String()), Compression: cfg.Compression.String(),
		Retention: strings.ToLower(cfg.Retention.String()), Discard: strings.TrimPrefix(strings.ToLower(cfg.Discard.String()), "discard"), Replicas: cfg.Replicas,
		Duplicates: cfg.Duplicates.Seconds(), MaxAge: cfg.MaxAge.Seconds(), Consumers: []consumerState{},
	}
	if st.Msgs > 0 {
		s.FirstTime, s.LastTime = &st.FirstTime, &st.LastTime
	}
	if cfg.MaxBytes > 0 {
		full := float64(st.Bytes) / float64(cfg.MaxBytes) * 100
		s.MaxBytes, s.Full = &cfg.MaxBytes, &full
	}
	return s
}

func (s streamState) print(con *console) error {
	t := newTable(con.out)
	t.row("stream", s.Name)
	t.row("identity", orDash(printable(s.ID))+", created "+moment(s.Created.UnixMilli()))
	if s.Problem != "" {
		t.row("problem", printable(s.Problem))
	}
	t.row("server", "NATS "+printable(s.Server))
	if s.FirstTime != nil {
		t.row("first", fmt.Sprintf("seq=%d, stored %s", s.FirstSeq, moment(s.FirstTime.UnixMilli())))
		t.row("last", fmt.Sprintf("seq=%d, stored %s", s.LastSeq, moment(s.LastTime.UnixMilli())))
	}
	t.row("messages", fmt.Sprintf("%d, %d erased", s.Messages, s.Erased))
	if s.MaxBytes != nil {
		t.row("size", fmt.Sprintf("%s of %s, %.1f %% full", humanize.IBytes(s.Bytes), humanize.IBytes(uint64(*s.MaxBytes)), *s.Full))
	} else {
		t.row("size", humanize.IBytes(s.Bytes)+", no limit")
	}
	age := "no age limit"
	if s.MaxAge > 0 {
		age = "deleted after " + lasting(int64(s.MaxAge))
	}
	t.row("storage", fmt.Sprintf("%s, %s, %s", s.Storage, compressed(s.Compression), age))
	if s.Replicas > 1 && s.Compression != jetstream.NoCompression.String() {
		t.row("", "a compressed copy may not survive its server's crash: rosey stream setup")
	}
	t.row("limits", fmt.Sprintf("retention %s, discard %s, duplicates known for %s", s.Retention, s.Discard, lasting(int64(s.Duplicates))))
	t.row("replicas", number(int64(s.Replicas)))
	for i, subject := range s.Subjects {
		name := ""
		if i == 0 {
			name = "subjects"
		}
		t.row(name, printable(subject))
	}
	if err := t.flush(); err != nil {
		return err
	}
	if err := s.printBuckets(con); err != nil || len(s.Consumers) == 0 {
		return err
	}
	t = newTable(con.out)
	t.row()
	t.row("consumer", "acknowledged", "delivered", "pending", "unacknowledged", "waiting")
	for _, c := range s.Consumers {
		t.row(printable(c.Name), fmt.Sprintf("seq=%d", c.AckFloor), fmt.Sprintf("seq=%d", c.Delivered),
			fmt.Sprint(c.Pending), number(int64(c.AckPending)), number(int64(c.Waiting)))
	}
	return t.flush()
}

func (s streamState) printBuckets(con *console) error {
	if len(s.Buckets) == 0 {
		return nil
	}
	t := newTable(con.out)
	t.row()
	t.row("bucket", "values", "size", "kept")
	for _, b := range s.Buckets {
		kept := "as each says"
		if b.TTL > 0 {
			kept = lasting(int64(b.TTL))
		}
		t.row(printable(b.Name), fmt.Sprint(b.Values), humanize.IBytes(b.Bytes), kept)
	}
	return t.flush()
}
