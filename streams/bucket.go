package streams

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What a bucket can come to.
var (
	// ErrNoBucket means that a bucket does not exist.
	ErrNoBucket = errors.New("bucket does not exist")
	// ErrNoKey means that a bucket holds no value under a key.
	ErrNoKey = errors.New("key not found")
	// ErrKeyTaken means that a bucket holds a value under a key already.
	ErrKeyTaken = errors.New("key exists already")
	// ErrRevision means that the value of a key is no longer the expected one.
	ErrRevision = errors.New("the value was changed meanwhile")
)

// Bucket is one of the key-value buckets that Setup makes. Only the newest value
// of a key is kept. Safe for concurrent use.
type Bucket struct {
	c       *Conn
	name    string
	expires bool
}

// Entry is the value of a key.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64    // greater than that of whatever was written before
	Time     time.Time // when it was written, by the server's clock
}

// Bucket opens a bucket. The error is ErrNoBucket where Setup has to come first.
func (s *Stream) Bucket(ctx context.Context, name string) (*Bucket, error) {
	return s.c.Bucket(ctx, name)
}

// Bucket opens a bucket where there need not be a stream yet.
func (c *Conn) Bucket(ctx context.Context, name string) (*Bucket, error) {
	info, err := c.bucketInfo(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("streams: open bucket %s: %w", name, err)
	}
	return &Bucket{c: c, name: name, expires: info.Config.AllowMsgTTL}, nil
}

// bucketInfo asks the server for the stream behind a bucket.
func (c *Conn) bucketInfo(ctx context.Context, name string) (*jetstream.StreamInfo, error) {
	js, err := c.streamHandle(ctx, bucketStream(name))
	switch {
	case err == nil:
		return js.CachedInfo(), nil
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, fmt.Errorf("%w: run rosey server, rosey up or rosey stream setup first", ErrNoBucket)
	case errors.Is(err, nats.ErrNoResponders):
		return nil, fmt.Errorf("%w: %w", ErrNoJetStream, err)
	default:
		return nil, fmt.Errorf("ask for the bucket: %w", err)
	}
}

// Name returns the bucket's name.
func (b *Bucket) Name() string { return b.name }

// Conn returns the connection the bucket is used on.
func (b *Bucket) Conn() *Conn { return b.c }

// Expires reports whether a single key can be given a time to live. Servers
// before 2.11 have none: there whoever wrote a key has to remove it.
func (b *Bucket) Expires() bool { return b.expires }

func bucketStream(name string) string { return "KV_" + name }

func (b *Bucket) prefix() string { return "$KV." + b.name + "." }

func (b *Bucket) subject(key string) string { return b.prefix() + key }

// Get returns the value of a key, as its leader has it: a replica that lags
// behind would call a key missing that was just written. The error is ErrNoKey
// where there is none, and ErrUnreadable where there is one that the server cannot read.
func (b *Bucket) Get(ctx context.Context, key string) (Entry, error) {
	e, live, err := b.last(ctx, key)
	if err == nil && !live {
		err = ErrNoKey
	} else if errors.Is(err, ErrNoKey) {
		// Who may not ask for the keys is told what was found.
		if hidden := b.hidden(ctx, key); errors.Is(hidden, ErrUnreadable) {
			err = hidden
		}
	}
	if err != nil {
		return Entry{}, fmt.Errorf("streams: get key %s of bucket %s: %w", key, b.name, err)
	}
	return e, nil
}

// last returns what was written last under a key, and whether that is a value.
func (b *Bucket) last(ctx context.Context, key string) (Entry, bool, error) {
	ctx, req := b.c.call(ctx)
	defer req.end()
	// The older interface of nats.go is the one that reads from the leader.
	old, err := b.c.nc.JetStream()
	if err != nil {
		return Entry{}, false, err
	}
	raw, err := old.GetLastMsg(bucketStream(b.name), b.subject(key), nats.Context(ctx))
	switch {
	case err == nil:
	case errors.Is(err, nats.ErrMsgNotFound):
		return Entry{}, false, ErrNoKey
	case errors.Is(err, nats.ErrStreamNotFound):
		return Entry{}, false, ErrNoBucket
	default:
		return Entry{}, false, req.explain(err)
	}
	e := Entry{Key: strings.TrimPrefix(raw.Subject, b.prefix()), Value: raw.Data, Revision: raw.Sequence, Time: raw.Time}
	return e, !isMarker(raw.Header), nil
}

// held lists the keys that are about a subject, as the leader counts them, and the
// revision that was the last then.
func (b *Bucket) held(ctx context.Context, subject string) (keys []string, last uint64, err error) {
	err = b.c.withLeader(ctx, func(ctx context.Context) error {
		ctx, req := b.c.call(ctx)
		defer req.end()
		js, err := b.c.js.Stream(ctx, bucketStream(b.name))
		if err != nil {
			return req.explain(err)
		}
		info, err := js.Info(ctx, jetstream.WithSubjectFilter(subject))
		if err != nil {
			return req.explain(err)
		}
		keys, last = nil, info.State.LastSeq
		for s := range info.State.Subjects {
			keys = append(keys, strings.TrimPrefix(s, b.prefix()))
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("ask for the keys: %w", err)
	}
	return keys, last, nil
}

// hiddenPause lies between two proofs that a value cannot be read.
const hiddenPause = 50 * time.Millisecond

// hidden is an *UnreadableError where the leader counts a value under a key and does not
// find it. That proves something only if the key was counted before the question and
// after it, and nothing was written between: it may have been erased, and written again.
// And it has to stay so: a server that is about to stop finds nothing any more.
func (b *Bucket) hidden(ctx context.Context, key string) error {
	var since time.Time
	for {
		before, revision, err := b.held(ctx, b.subject(key))
		if err != nil || len(before) == 0 {
			return err
		}
		switch _, _, err := b.last(ctx, key); {
		case err == nil: // it was written meanwhile
			return nil
		case !errors.Is(err, ErrNoKey):
			return err
		}
		after, now, err := b.held(ctx, b.subject(key))
		switch {
		case err != nil || len(after) == 0:
			return err
		case now != revision:
		case since.IsZero():
			since = time.Now()
		case time.Since(since) >= b.c.patience/stallTries:
			return &UnreadableError{Bucket: b.name, Key: key}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(hiddenPause):
		}
	}
}

// isMarker reports whether a message stands for the absence of a value.
func isMarker(h nats.Header) bool {
	switch h.Get("KV-Operation") {
	case "DEL", "PURGE":
		return true
	}
	return h.Get(jetstream.MarkerReasonHeader) != ""
}

// Create writes a key that does not exist and returns its revision. The error is
// ErrKeyTaken where it does, or one of those of Append.
func (b *Bucket) Create(ctx context.Context, key string, value []byte) (uint64, error) {
	revision, err := b.write(ctx, key, value, 0, 0)
	if errors.Is(err, ErrRevision) {
		// What is there may be the mark that a value left when it ended.
		e, live, lookErr := b.last(ctx, key)
		switch {
		case lookErr == nil && !live:
			revision, err = b.write(ctx, key, value, e.Revision, 0)
		case errors.Is(lookErr, ErrNoKey):
			revision, err = b.write(ctx, key, value, 0, 0)
		}
		if errors.Is(err, ErrRevision) {
			err = ErrKeyTaken
		}
	}
	if err != nil {
		return 0, fmt.Errorf("streams: create key %s of bucket %s: %w", key, b.name, err)
	}
	return revision, nil
}

// Update replaces the value of a key that still has the given revision, and
// returns the new one. The new value ends after ttl where the bucket knows that;
// 0 means never. The error is ErrRevision, or one of those of Append.
func (b *Bucket) Update(ctx context.Context, key string, value []byte, revision uint64, ttl time.Duration) (uint64, error) {
	if !b.expires {
		ttl = 0
	}
	next, err := b.write(ctx, key, value, revision, ttl)
	if err != nil {
		return 0, fmt.Errorf("streams: update key %s of bucket %s at revision %d: %w", key, b.name, revision, err)
	}
	return next, nil
}

// LastRevision is the revision of what was written last, to any key.
func (b *Bucket) LastRevision(ctx context.Context) (uint64, error) {
	info, err := b.c.bucketInfo(ctx, b.name)
	if err != nil {
		return 0, fmt.Errorf("streams: state of bucket %s: %w", b.name, err)
	}
	return info.State.LastSeq, nil
}

// Put writes a key, whatever it was before.
func (b *Bucket) Put(ctx context.Context, key string, value []byte) error {
	if err := b.publish(ctx, &nats.Msg{Subject: b.subject(key), Data: value}, nil); err != nil {
		return fmt.Errorf("streams: put key %s of bucket %s: %w", key, b.name, err)
	}
	return nil
}

// Remove erases the value of a key that still has the given revision, and leaves
// no mark. A later value stays, and so does the call's success.
func (b *Bucket) Remove(ctx context.Context, key string, revision uint64) error {
	ctx, req := b.c.call(ctx)
	defer req.end()
	js, err := b.c.js.Stream(ctx, bucketStream(b.name))
	if err == nil {
		err = js.Purge(ctx, jetstream.WithPurgeSubject(b.subject(key)), jetstream.WithPurgeSequence(revision+1))
	}
	if err != nil {
		return fmt.Errorf("streams: remove key %s of bucket %s: %w", key, b.name, req.explain(err))
	}
	return nil
}

// write stores a value over the given revision, 0 for none. nats.go gives a time
// to live to new keys alone, so the message is made here.
func (b *Bucket) write(ctx context.Context, key string, value []byte, over uint64, ttl time.Duration) (uint64, error) {
	var stored uint64
	opts := []jetstream.PublishOpt{jetstream.WithExpectLastSequencePerSubject(over)}
	if ttl > 0 {
		opts = append(opts, jetstream.WithMsgTTL(max(ttl, time.Second)))
	}
	err := b.publish(ctx, &nats.Msg{Subject: b.subject(key), Data: value}, &stored, opts...)
	return stored, err
}

// publish stores one message in the bucket's stream; sequence may be nil.
func (b *Bucket) publish(ctx context.Context, m *nats.Msg, sequence *uint64, opts ...jetstream.PublishOpt) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	ctx, req := b.c.begin(ctx, m.Subject, b.c.appendLimit())
	defer req.end()
	// The client's own retry is off: the caller decides what is sent again.
	opts = append(opts, jetstream.WithRetryAttempts(0), jetstream.WithExpectStream(bucketStream(b.name)))
	ack, err := b.c.js.PublishMsg(ctx, m, opts...)
	switch {
	case err == nil:
		if sequence != nil {
			*sequence = ack.Sequence
		}
		return nil
	case wrongRevision(err):
		return fmt.Errorf("%w: %w", ErrRevision, err)
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		// No leader for a moment, or no bucket at all.
		if _, lookErr := b.c.bucketInfo(ctx, b.name); errors.Is(lookErr, ErrNoBucket) {
			return fmt.Errorf("%w: %w", ErrUnavailable, lookErr)
		}
	}
	return classifyAppend(req.explain(err))
}

// wrongRevision tells that another value was there. Replicated streams have a
// number of their own for it.
func wrongRevision(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) &&
		(api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
