package backup

import (
	"context"
	"errors"
	"time"

	"rosey/streams"
	"rosey/streams/embedded"
)

// store is an embedded server on a store that is being filled. Nobody else can
// reach it.
type store struct {
	dir    string
	server *embedded.Server
	conn   *streams.Conn
}

// startStore runs a server without syncing each message: all of the store is synced
// once it is complete, and is worth nothing before.
func startStore(ctx context.Context, dir string) (*store, error) {
	lazy := false
	server, err := embedded.Start(ctx, embedded.Config{StoreDir: dir, NoListen: true, NoMonitor: true, SyncAlways: &lazy})
	if err != nil {
		return nil, err
	}
	s := &store{dir: dir, server: server}
	user, password := server.Credentials()
	if s.conn, err = streams.Connect(ctx, streams.Config{InProcess: server.InProcessConn, User: user, Password: password}); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// stopLimit bounds the end of a server that writes out what it has.
const stopLimit = time.Minute

func (s *store) stop() error {
	if s.conn != nil {
		s.conn.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	return s.server.Shutdown(ctx)
}

// fitting is the size for a stream of which nobody chose the size: as it was, or
// what this disk has, where that is less.
func (s *store) fitting(was streams.Snapshot, chosen int64) (int64, error) {
	if chosen > 0 || was.MaxBytes <= 0 {
		return chosen, nil
	}
	size, err := embedded.DefaultMaxBytes(s.dir)
	if err != nil || size >= was.MaxBytes/10*9 { // what a disk has goes up and down
		return 0, err
	}
	return max(size, int64(was.Bytes)*5/4), nil
}
