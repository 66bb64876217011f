package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

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
		return nil, fmt.Errorf("bench: %w", err)
	}
	user, password := r.server.Credentials()
	r.conn, err = streams.Connect(ctx, streams.Config{InProcess: r.server.InProcessConn, User: user, Password: password})
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	r.stream, _, err = streams.Setup(ctx, r.conn, streams.StreamOptions{MaxBytesIfNew: 16 << 30})
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	return r, nil
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
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}

// fill appends the first n events of the generated history.
func (r *rig) fill(ctx context.Context, n int) error {
	g := NewGenerator()
	for n > 0 {
		batch, err := g.Messages(min(n, streams.MaxBatch))
		if err != nil {
			return err
		}
		if _, err := r.stream.AppendBatch(ctx, batch); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		n -= len(batch)
	}
	return nil
}
