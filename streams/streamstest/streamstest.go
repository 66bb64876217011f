// Package streamstest gives a test a real NATS server with the stream set up, in
// one call.
package streamstest

import (
	"context"
	"testing"
	"time"

	"rosey/streams"
	"rosey/streams/embedded"
)

// Env is an embedded server with a connection and the stream.
type Env struct {
	Server *embedded.Server
	Conn   *streams.Conn
	Stream *streams.Stream

	store string // the server's folder
}

// Option changes what New makes.
type Option func(*options)

type options struct {
	server  embedded.Config
	stream  streams.StreamOptions
	noSetup bool
}

// WithPort opens a client port on loopback, any free one.
func WithPort() Option {
	return func(o *options) { o.server.NoListen, o.server.Port = false, embedded.AnyPort }
}

// WithMonitor opens a monitoring port on loopback, any free one.
func WithMonitor() Option {
	return func(o *options) { o.server.NoMonitor, o.server.MonitorPort = false, embedded.AnyPort }
}

// WithSync makes the server write through to the disk, as it does outside tests.
func WithSync() Option {
	return func(o *options) { always := true; o.server.SyncAlways = &always }
}

// WithStoreDir keeps the store in a directory that outlives the Env.
func WithStoreDir(dir string) Option { return func(o *options) { o.server.StoreDir = dir } }

// WithStream sets the stream's options.
func WithStream(so streams.StreamOptions) Option { return func(o *options) { o.stream = so } }

// WithServer changes the server's configuration.
func WithServer(change func(*embedded.Config)) Option {
	return func(o *options) { change(&o.server) }
}

// WithoutStream leaves the stream to the test; Env.Stream is nil.
func WithoutStream() Option { return func(o *options) { o.noSetup = true } }

// New starts a server without ports in a temporary directory, connects with full
// rights and sets the stream up. All of it ends with the test.
func New(t testing.TB, opts ...Option) *Env {
	t.Helper()
	lazy := false
	o := options{
		server: embedded.Config{NoListen: true, NoMonitor: true, SyncAlways: &lazy},
		stream: streams.StreamOptions{MaxBytesIfNew: 8 << 30},
	}
	for _, opt := range opts {
		opt(&o)
	}
	if o.server.StoreDir == "" {
		o.server.StoreDir = t.TempDir()
	}
	ctx := t.Context()
	server, err := embedded.Start(ctx, o.server)
	if err != nil {
		t.Fatalf("start server: %v", err)
	}
	t.Cleanup(func() {
		// The test's context is over by now.
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("shut down server: %v", err)
		}
	})
	env := &Env{Server: server, store: o.server.StoreDir}
	env.Conn = env.Connect(t)
	if o.noSetup {
		return env
	}
	if env.Stream, _, err = streams.Setup(ctx, env.Conn, o.stream); err != nil {
		t.Fatalf("set up stream: %v", err)
	}
	return env
}

// Connect makes another in-process connection with full rights.
func (e *Env) Connect(t testing.TB) *streams.Conn {
	t.Helper()
	user, password := e.Server.Credentials()
	return connect(t, streams.Config{InProcess: e.Server.InProcessConn, User: user, Password: password})
}

// ConnectAnonymously makes an in-process connection with an analyst's rights. What
// these do not cover is refused after five seconds, for want of an answer.
func (e *Env) ConnectAnonymously(t testing.TB) *streams.Conn {
	t.Helper()
	return connect(t, streams.Config{InProcess: e.Server.InProcessConn, Timeout: 5 * time.Second})
}

func connect(t testing.TB, cfg streams.Config) *streams.Conn {
	t.Helper()
	cfg.MaxReconnectWait = 200 * time.Millisecond
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Minute // so that no machine is too slow to answer in time
	}
	conn, err := streams.Connect(t.Context(), cfg)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// Append stores messages and returns the sequence of the last.
func (e *Env) Append(t testing.TB, messages ...streams.AppendMessage) uint64 {
	t.Helper()
	var last uint64
	for len(messages) > 0 {
		n := min(len(messages), streams.MaxBatch)
		acks, err := e.Stream.AppendBatch(t.Context(), messages[:n])
		if err != nil {
			t.Fatalf("append: %v", err)
		}
		last = acks[len(acks)-1].Seq
		messages = messages[n:]
	}
	return last
}
