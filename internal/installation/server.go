package installation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"rosey/internal/standstill"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/embedded"
)

// ServerConfig says how the embedded server of a data folder runs.
type ServerConfig struct {
	Dir Dir
	// Port and MonitorPort: embedded.AnyPort for any free one; NoListen and
	// NoMonitor for none.
	Port, MonitorPort   int
	NoListen, NoMonitor bool
	// KeepTables refuses to make a stream beside tables that were made from another.
	KeepTables bool
	// Logger receives what a person should know. Default: none.
	Logger *slog.Logger
}

// Server is a running embedded server with the stream set up.
type Server struct {
	dir      Dir
	Embedded *embedded.Server
	Conn     *streams.Conn
	Stream   *streams.Stream
	// Changes are what had to be changed about an existing stream.
	Changes []streams.Change
}

// StartServer starts the server, sets the stream up and tells others where it
// is. It waits for a command that reads the stopped installation; the error is
// embedded.ErrStoreInUse where another server runs on it.
func StartServer(ctx context.Context, cfg ServerConfig) (_ *Server, err error) {
	s := &Server{dir: cfg.Dir}
	s.Embedded, err = startEmbedded(ctx, cfg.Dir, embedded.Config{
		StoreDir: cfg.Dir.JetStream(), Port: cfg.Port, NoListen: cfg.NoListen, MonitorPort: cfg.MonitorPort, NoMonitor: cfg.NoMonitor,
		Logger: cfg.Logger,
	}, readerLimit)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	if s.Conn, err = connectTo(ctx, s.Embedded, cfg.Logger); err != nil {
		return nil, err
	}
	if cfg.KeepTables {
		if _, err := streams.Open(ctx, s.Conn); errors.Is(err, streams.ErrNoStream) {
			if err := cfg.Dir.StreamGone(ctx); err != nil {
				return nil, err
			}
		}
	}
	size, err := embedded.DefaultMaxBytes(cfg.Dir.JetStream())
	if err != nil {
		return nil, err
	}
	if s.Stream, s.Changes, err = streams.Setup(ctx, s.Conn, streams.StreamOptions{MaxBytesIfNew: size}); err != nil {
		return nil, err
	}
	return s, cfg.Dir.WriteEndpoint(Endpoint{URL: s.Embedded.ClientURL(), Monitor: s.Embedded.MonitorURL(), PID: os.Getpid()})
}

// ErrStreamGone means that the data folder has tables, and its store not the stream that
// they were made from: they may be the only copy of what it held.
var ErrStreamGone = errors.New("the store does not have the stream that the tables were made from")

// StreamGone is ErrStreamGone where the data folder has tables, nil where it has none, for
// whoever has found no stream. What keeps the tables from being looked at is not this
// one's to tell.
func (d Dir) StreamGone(ctx context.Context) error {
	g, err := d.Database().Current()
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	db, err := schema.OpenReader(ctx, g.Path)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	at, err := schema.ReadCheckpoint(ctx, db)
	if err = errors.Join(err, db.Close()); err != nil || at.StreamID == "" || at.Seq == 0 {
		return nil //nolint:nilerr // see above
	}
	return fmt.Errorf("installation: %s is of the stream %s, up to seq=%d: %w", d.Database().Link, at.StreamID, at.Seq, ErrStreamGone)
}

func connectTo(ctx context.Context, s *embedded.Server, log *slog.Logger) (*streams.Conn, error) {
	user, password := s.Credentials()
	return streams.Connect(ctx, streams.Config{InProcess: s.InProcessConn, User: user, Password: password, Logger: log})
}

// StopLimit bounds the orderly end of a server, and of the connection to it.
const StopLimit = 3 * time.Second

// Stop ends the server in good order.
func (s *Server) Stop() error {
	ctx, cancel := standstill.WithTimeout(context.Background(), StopLimit)
	defer cancel()
	err := s.dir.RemoveEndpoint()
	if s.Conn != nil {
		s.Conn.Close()
	}
	if stopErr := s.Embedded.Shutdown(ctx); stopErr != nil {
		err = errors.Join(err, fmt.Errorf("installation: stop the server: %w", stopErr))
	}
	return err
}
