package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// OutboundStream is the stream behind OutboundBucket. With StreamName it is what a
// backup needs of JetStream: the other buckets hold what is true for some seconds.
const OutboundStream = "KV_" + OutboundBucket

// RestoredKey is where a restored stream's metadata says so, as a RestoredFrom.
const RestoredKey = "rosey_restored"

// RestoredFrom says which copy a stream was made of.
type RestoredFrom struct {
	// BackupMS is when the copy was begun, RestoredMS when it became this stream.
	BackupMS   int64 `json:"backup_ms"`
	RestoredMS int64 `json:"restored_ms"`
	// LastSeq is the last sequence that the copy surely held: what the original
	// stored after it is not here.
	LastSeq uint64 `json:"last_seq"`
}

// What a snapshot can come to.
var (
	// ErrSnapshot means that the server gave up in the middle.
	ErrSnapshot = errors.New("the server did not finish")
	// ErrStreamExists means that a stream cannot be restored because there is one.
	ErrStreamExists = errors.New("the stream is there already")
)

// Snapshot tells what a copy of a stream holds. Its bytes are the server's own
// format, which servers of that version and later ones read.
type Snapshot struct {
	// Stream is the stream's name on the server.
	Stream string `json:"stream"`
	// Server is the version of the server that made it.
	Server string `json:"server"`
	// Identity is the stream's own, empty for a bucket.
	Identity string `json:"identity,omitempty"`
	Replicas int    `json:"replicas"`
	MaxBytes int64  `json:"max_bytes"`

	FirstSeq  uint64    `json:"first_seq"`
	LastSeq   uint64    `json:"last_seq"`
	Messages  uint64    `json:"messages"`
	Bytes     uint64    `json:"bytes"`
	FirstTime time.Time `json:"first_time"`
	LastTime  time.Time `json:"last_time"`

	// Config and State are the server's words, given back to it as they are.
	Config json.RawMessage `json:"config"`
	State  json.RawMessage `json:"state"`
}

const (
	// chunkBytes is how much travels in one message: below what any server takes.
	chunkBytes = 128 << 10
	// snapshotWindow is how much the server sends before the first of it is
	// acknowledged. The client's own limit for a subscription is far above it.
	snapshotWindow = 4 << 20
	// snapshotSilence is how long either side may say nothing. A server that checks
	// what it reads takes its time before the first word.
	snapshotSilence = 30 * time.Second
	snapshotStart   = 2 * time.Minute
)

// Snapshot writes a copy of a stream or bucket to w while it is in use: what it
// held when the server began. Consumers are left out, because a database's own
// checkpoint decides where it goes on. progress, where it is set, is told how many
// bytes there are so far.
//
// The copy is worth something only where there is no error. The error wraps
// ErrNoStream, ErrPermission, ErrDisconnected or ErrSnapshot.
func (c *Conn) Snapshot(ctx context.Context, stream string, w io.Writer, progress func(written int64)) (Snapshot, error) {
	s, err := c.snapshot(ctx, stream, w, progress)
	if err != nil {
		return s, fmt.Errorf("streams: take a snapshot of stream %s: %w", stream, err)
	}
	return s, nil
}

func (c *Conn) snapshot(ctx context.Context, stream string, w io.Writer, progress func(int64)) (Snapshot, error) {
	ctx, done := c.whileConnected(ctx)
	defer done()
	inbox := c.nc.NewInbox()
	sub, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return Snapshot{}, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	request := map[string]any{
		"deliver_subject": inbox, "no_consumers": true, "jsck": true,
		"chunk_size": chunkBytes, "window_size": snapshotWindow,
	}
	var a apiAnswer
	err = c.withLeader(ctx, func(ctx context.Context) error {
		a, err = c.askAPI(ctx, "$JS.API.STREAM.SNAPSHOT."+stream, request, snapshotStart)
		return err
	})
	if err != nil {
		return Snapshot{}, err
	}
	s, err := newSnapshot(stream, c.nc.ConnectedServerVersion(), a)
	if err != nil {
		return s, err
	}
	r := &chunkReader{sub: sub}
	var written int64
	for {
		m, err := r.next(ctx)
		if err != nil {
			return s, err
		}
		if m == nil {
			return s, nil
		}
		n, err := w.Write(m.Data)
		written += int64(n)
		if err != nil {
			// Unsubscribing makes the server give up.
			return s, fmt.Errorf("write: %w", err)
		}
		if progress != nil {
			progress(written)
		}
		if m.Reply != "" {
			if err := m.Respond(nil); err != nil {
				return s, fmt.Errorf("%w: %w", ErrDisconnected, err)
			}
		}
	}
}

// chunkReader receives the pieces of a snapshot, and proves that none is missing:
// nothing in the protocol of NATS does.
type chunkReader struct {
	sub   *nats.Subscription
	index uint64
	last  bool // a piece came that is not to be acknowledged: the rest
}

// next returns the next piece, nil at the end.
func (r *chunkReader) next(ctx context.Context) (*nats.Msg, error) {
	m, err := r.receive(ctx)
	if err != nil {
		return nil, err
	}
	if len(m.Data) == 0 {
		// Servers that have nothing to complain about say 204, or nothing at all.
		if status := m.Header.Get("Status"); status != "" && status != "204" {
			return nil, fmt.Errorf("%w: %s %s", ErrSnapshot, status, m.Header.Get("Description"))
		}
		return nil, nil
	}
	if r.last {
		return nil, fmt.Errorf("%w: a piece came after the last one", ErrSnapshot)
	}
	if m.Reply == "" {
		r.last = true
		return m, nil
	}
	r.index++
	if n, ok := chunkIndex(m.Reply); ok && n != r.index {
		return nil, fmt.Errorf("%w: piece %d came for piece %d", ErrSnapshot, n, r.index)
	}
	return m, nil
}

func (r *chunkReader) receive(ctx context.Context) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, snapshotSilence, errSilence)
	defer cancel()
	m, err := r.sub.NextMsgWithContext(ctx)
	if err != nil {
		return nil, because(ctx, err)
	}
	return m, nil
}

// whileConnected returns a context that ends with the connection: what is on its
// way then is lost, and nothing would tell of it.
func (c *Conn) whileConnected(ctx context.Context) (context.Context, func()) {
	lost := c.disconnected()
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-lost:
			cancel(ErrDisconnected)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-ended
	}
}

// because is an error with the reason why its context ended.
func because(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, ErrDisconnected) {
		return cause // what else it says is how the wait was ended
	}
	if cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %s", cause, err.Error())
	}
	return err
}

var errSilence = fmt.Errorf("%w: it said nothing for %s", ErrSnapshot, snapshotSilence)

// chunkIndex reads the number of a piece, which the server writes at the end of
// the subject to acknowledge it on.
func chunkIndex(reply string) (uint64, bool) {
	at := strings.LastIndexByte(reply, '.')
	n, err := strconv.ParseUint(reply[at+1:], 10, 64)
	return n, err == nil && n > 0
}

// apiAnswer is what the server says to a request about snapshots.
type apiAnswer struct {
	Error   *jetstream.APIError `json:"error"`
	Config  json.RawMessage     `json:"config"`
	State   json.RawMessage     `json:"state"`
	Deliver string              `json:"deliver_subject"`
}

// askAPI makes a request that the client library has no method for.
func (c *Conn) askAPI(ctx context.Context, subject string, request any, limit time.Duration) (apiAnswer, error) {
	data, err := json.Marshal(request)
	if err != nil {
		return apiAnswer{}, err
	}
	return c.askRaw(ctx, subject, data, limit)
}

func (c *Conn) askRaw(ctx context.Context, subject string, data []byte, limit time.Duration) (apiAnswer, error) {
	lctx, req := c.begin(ctx, subject, limit)
	defer req.end()
	m, err := c.nc.RequestWithContext(lctx, subject, data)
	if errors.Is(err, nats.ErrNoResponders) {
		return apiAnswer{}, fmt.Errorf("%w: %w", ErrNoJetStream, err)
	}
	if err != nil {
		return apiAnswer{}, because(ctx, req.explain(err))
	}
	return readAnswer(m.Data)
}

func readAnswer(data []byte) (apiAnswer, error) {
	var a apiAnswer
	if err := json.Unmarshal(data, &a); err != nil {
		return a, fmt.Errorf("%w: its answer cannot be read: %w", ErrSnapshot, err)
	}
	if a.Error == nil {
		return a, nil
	}
	switch a.Error.ErrorCode {
	case 10130, jetstream.JSErrCodeStreamNameInUse:
		return a, ErrStreamExists
	case jetstream.JSErrCodeStreamNotFound:
		return a, fmt.Errorf("%w: %w", ErrNoStream, a.Error)
	}
	return a, describeAPI(a.Error)
}

func newSnapshot(stream, server string, a apiAnswer) (Snapshot, error) {
	s := Snapshot{Stream: stream, Server: server, Config: a.Config, State: a.State}
	var cfg jetstream.StreamConfig
	var state jetstream.StreamState
	if err := errors.Join(json.Unmarshal(a.Config, &cfg), json.Unmarshal(a.State, &state)); err != nil {
		return s, fmt.Errorf("%w: its answer cannot be read: %w", ErrSnapshot, err)
	}
	s.Identity, s.Replicas, s.MaxBytes = cfg.Metadata[identityKey], cfg.Replicas, cfg.MaxBytes
	s.FirstSeq, s.LastSeq, s.Messages, s.Bytes = state.FirstSeq, state.LastSeq, state.Msgs, state.Bytes
	s.FirstTime, s.LastTime = state.FirstTime, state.LastTime
	return s, nil
}
