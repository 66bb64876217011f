package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"rosey/events"

	"github.com/nats-io/nats.go/jetstream"
)

// leaseBucket holds one key for each thing that only one process may do.
const leaseBucket = "ROSEY_LEASES"

// LeaseTTL is how long a lease outlives its last renewal.
const LeaseTTL = 15 * time.Second

// ErrLeaseHeld means that somebody else holds the lease. The error is a
// *LeaseHeldError.
var ErrLeaseHeld = errors.New("lease is held by another")

// LeaseHeldError names the holder of a lease.
type LeaseHeldError struct{ Key, Holder string }

func (e *LeaseHeldError) Error() string {
	return fmt.Sprintf("lease %s is held by %s", e.Key, e.Holder)
}

// Is makes errors.Is(err, ErrLeaseHeld) hold.
func (e *LeaseHeldError) Is(target error) bool { return target == ErrLeaseHeld }

// Lease is the right to do something alone, until it is released or not renewed
// for LeaseTTL. One goroutine may use it at a time.
type Lease struct {
	c        *Conn
	kv       jetstream.KeyValue
	key      string
	holder   string
	term     uint64
	revision uint64
}

// leaseValue is what a key holds.
type leaseValue struct {
	Holder string `json:"holder"`
	// Term is the holder's, 0 for a moment after the lease was acquired.
	Term uint64 `json:"term,omitempty"`
}

// abandonedAfter is when a lease that is still there and was not renewed belongs
// to nobody. The server lets it end sooner, unless its clock was set back: then
// it would stay for as long as that.
const abandonedAfter = LeaseTTL + LeaseTTL/3

// sighting is a lease that another held when it was last asked for.
type sighting struct {
	revision, term uint64
	since          time.Time // when this revision was first seen
}

// sight notes who holds a lease and returns for how long it was not renewed, as
// far as this connection knows.
func (c *Conn) sight(key string, revision, term uint64) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := c.seen[key]
	if seen.revision != revision {
		seen.revision, seen.since = revision, time.Now()
	}
	seen.term = max(seen.term, term)
	c.seen[key] = seen
	return time.Since(seen.since)
}

// seenTerm is the greatest term of a lease that this connection knows of.
func (c *Conn) seenTerm(key string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[key].term
}

// RecorderLease is the key of the right to record a channel.
func RecorderLease(channel string) string { return recorderLeases + events.Token(channel) }

// setupLeases makes the bucket.
func (c *Conn) setupLeases(ctx context.Context, replicas int) error {
	ctx, req := c.call(ctx)
	defer req.end()
	_, err := c.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: leaseBucket, Description: "who records a channel", TTL: LeaseTTL, Replicas: max(replicas, 1), Storage: jetstream.FileStorage,
	})
	if err != nil {
		return fmt.Errorf("create bucket %s: %w", leaseBucket, describeAPI(req.explain(err)))
	}
	return nil
}

// Acquire takes a lease for holder. A lease that predecessor holds is taken over
// at once: that is for a process which knows that it has replaced that one. So is
// one that nobody renewed while this connection was asking for it. The error is ErrLeaseHeld where somebody else holds it; any other says that it
// could not be asked for.
func (s *Stream) Acquire(ctx context.Context, key, holder, predecessor string) (*Lease, error) {
	ctx, req := s.c.call(ctx)
	defer req.end()
	kv, err := s.c.js.KeyValue(ctx, leaseBucket)
	if err != nil {
		return nil, fmt.Errorf("streams: acquire lease %s: %w", key, err)
	}
	data, err := json.Marshal(leaseValue{Holder: holder})
	if err != nil {
		return nil, fmt.Errorf("streams: acquire lease %s: %w", key, err)
	}
	l := &Lease{c: s.c, kv: kv, key: key, holder: holder}
	l.revision, err = kv.Create(ctx, key, data)
	if err == nil {
		return l, l.dated(ctx)
	}
	if !errors.Is(err, jetstream.ErrKeyExists) {
		return nil, fmt.Errorf("streams: acquire lease %s: %w", key, err)
	}
	entry, err := kv.Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("streams: acquire lease %s: %w", key, err)
	}
	var v leaseValue
	if err := json.Unmarshal(entry.Value(), &v); err != nil {
		return nil, fmt.Errorf("streams: acquire lease %s: %w", key, err)
	}
	idle := s.c.sight(key, entry.Revision(), v.Term)
	if v.Holder != holder && (predecessor == "" || v.Holder != predecessor) && idle < abandonedAfter {
		return nil, fmt.Errorf("streams: %w", &LeaseHeldError{Key: key, Holder: v.Holder})
	}
	if l.revision, err = kv.Update(ctx, key, data, entry.Revision()); err != nil {
		return nil, fmt.Errorf("streams: acquire lease %s: %w", key, err)
	}
	return l, l.dated(ctx)
}

// dated gives the lease its term, by the server's clock, and keeps it beside the
// holder: a clock that is set back must not make a later holder look earlier.
func (l *Lease) dated(ctx context.Context) error {
	entry, err := l.kv.Get(ctx, l.key)
	if err != nil {
		return fmt.Errorf("streams: acquire lease %s: %w", l.key, err)
	}
	if entry.Revision() != l.revision {
		return fmt.Errorf("streams: acquire lease %s: it was lost at once", l.key)
	}
	l.term = max(uint64(max(entry.Created().UnixMicro(), 1)), l.c.seenTerm(l.key)+1)
	if err := l.write(ctx); err != nil {
		return fmt.Errorf("streams: acquire lease %s: %w", l.key, err)
	}
	l.c.sight(l.key, l.revision, l.term)
	return nil
}

// Term orders the holders of a lease: one who acquired it later has a greater
// term. It is the time of the server, in microseconds, so that the order holds
// even where the bucket was lost and made anew, and greater than any term that
// was seen before.
func (l *Lease) Term() uint64 { return l.term }

// Renew extends the lease. An error does not tell whether the lease was lost or
// could not be asked for; Acquire does.
func (l *Lease) Renew(ctx context.Context) error {
	ctx, req := l.c.call(ctx)
	defer req.end()
	if err := l.write(ctx); err != nil {
		return fmt.Errorf("streams: renew lease %s: %w", l.key, err)
	}
	return nil
}

// write replaces what the holder wrote last, and only that.
func (l *Lease) write(ctx context.Context) error {
	data, err := json.Marshal(leaseValue{Holder: l.holder, Term: l.term})
	if err != nil {
		return err
	}
	revision, err := l.kv.Update(ctx, l.key, data, l.revision)
	if err != nil {
		return err
	}
	l.revision = revision
	return nil
}

// Release gives the lease back, so that another need not wait for its end.
func (l *Lease) Release(ctx context.Context) error {
	ctx, req := l.c.call(ctx)
	defer req.end()
	if err := l.kv.Delete(ctx, l.key, jetstream.LastRevision(l.revision)); err != nil {
		return fmt.Errorf("streams: release lease %s: %w", l.key, err)
	}
	return nil
}
