package measure

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rosey/streams"
	"rosey/streams/embedded"
)

// rig is a server with the stream, on a store of its own.
type rig struct {
	dir    string
	server *embedded.Server
	conn   *streams.Conn
	stream *streams.Stream
}

// newRig starts a server. With sync it writes through to the disk before it
// acknowledges, as an installation does; without, a long history is there sooner.
func newRig(ctx context.Context, dir string, sync bool) (_ *rig, err error) {
	r := &rig{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	r.server, err = embedded.Start(ctx, embedded.Config{
		StoreDir: filepath.Join(dir, "jetstream"), NoListen: true, NoMonitor: true, SyncAlways: &sync,
	})
	if err != nil {
		return nil, fmt.Errorf("measure: %w", err)
	}
	if r.conn, err = r.connect(ctx); err != nil {
		return nil, err
	}
	r.stream, _, err = streams.Setup(ctx, r.conn, streams.StreamOptions{MaxBytesIfNew: 16 << 30})
	if err != nil {
		return nil, fmt.Errorf("measure: %w", err)
	}
	return r, nil
}

// connect makes another connection, which the caller closes.
func (r *rig) connect(ctx context.Context) (*streams.Conn, error) {
	user, password := r.server.Credentials()
	c, err := streams.Connect(ctx, streams.Config{InProcess: r.server.InProcessConn, User: user, Password: password})
	if err != nil {
		return nil, fmt.Errorf("measure: %w", err)
	}
	return c, nil
}

func (r *rig) close() error {
	if r.conn != nil {
		r.conn.Close()
	}
	if r.server == nil {
		return nil
	}
	// A measurement that was interrupted ends its server all the same.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.server.Shutdown(ctx); err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	return nil
}

// While a history is made, one message in fillAcked is acknowledged, and so many of
// those are waited for at once: less than the server queues for a stream. What it
// would refuse nevertheless shows in the end, as the stream is shorter then.
const fillAcked, fillPending = 200, 20

// fill appends the first n events of the generated history, each by itself as
// most events of an installation are: a batch leaves its own headers in the stream.
func (r *rig) fill(ctx context.Context, n int) error {
	js, err := jetstream.New(r.conn.NATS(), jetstream.WithPublishAsyncMaxPending(fillPending))
	if err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	g := NewGenerator()
	for i := range n {
		m, err := g.Message()
		if err != nil {
			return err
		}
		msg := &nats.Msg{Subject: m.Subject, Data: m.Data, Header: nats.Header{jetstream.MsgIDHeader: {m.MsgID}}}
		if i%fillAcked == 0 || i == n-1 {
			_, err = js.PublishMsgAsync(msg, jetstream.WithStallWait(time.Minute))
		} else {
			err = r.conn.NATS().PublishMsg(msg)
		}
		if err != nil {
			return fmt.Errorf("measure: fill: %w", err)
		}
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-ctx.Done():
		return fmt.Errorf("measure: fill: %w", ctx.Err())
	}
	return r.settled(ctx, n)
}

// settled makes sure that everything is stored, and brings the stream to where an
// older history is: without the ids of its last minutes in the server's memory.
func (r *rig) settled(ctx context.Context, n int) error {
	state, err := r.stream.State(ctx)
	if err != nil {
		return fmt.Errorf("measure: fill: %w", err)
	}
	if state.LastSeq != uint64(n) {
		return fmt.Errorf("measure: fill: the stream ends at seq=%d after %d events", state.LastSeq, n)
	}
	js := r.conn.JetStream()
	s, err := js.Stream(ctx, streams.StreamName)
	if err != nil {
		return fmt.Errorf("measure: fill: %w", err)
	}
	cfg := s.CachedInfo().Config
	cfg.Duplicates = 100 * time.Millisecond
	if _, err := js.UpdateStream(ctx, cfg); err != nil {
		return fmt.Errorf("measure: fill: %w", err)
	}
	return nil
}
