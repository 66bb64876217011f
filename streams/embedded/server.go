package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"rosey/internal/standstill"
	"rosey/streams"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
)

// Server is a NATS server in this process. Its methods are safe for concurrent
// use.
type Server struct {
	cfg      Config
	password string
	lock     *flock.Flock

	// lifecycle lets one of Restart and Shutdown run at a time.
	lifecycle sync.Mutex

	mu  sync.RWMutex
	now *run // nil while there is none

	watchEnd  context.CancelFunc
	watchDone chan struct{}
}

// run is one NATS server object with its log.
type run struct {
	srv *server.Server
	log *logBridge
}

// Start runs a server on cfg.StoreDir and returns once clients can connect. It
// returns ErrStoreInUse or ErrPortInUse where somebody else was first. Where ctx ends
// while the store is being opened it may return before that has ended.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	s := &Server{cfg: cfg}
	if err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	// The watch outlives the start; Shutdown ends it and waits.
	watch, end := context.WithCancel(context.WithoutCancel(ctx))
	s.watchEnd, s.watchDone = end, make(chan struct{})
	go s.watch(watch)
	return s, nil
}

func (s *Server) open(ctx context.Context) error {
	dir := s.cfg.StoreDir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return noDirectory(err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("protect store directory: %w", err)
	}
	lock, err := lockStore(ctx, dir)
	if err != nil {
		return err
	}
	s.lock = lock
	if s.password, err = ensureCredentials(dir); err != nil {
		return errors.Join(err, lock.Unlock())
	}
	launched := make(chan error, 1)
	go func() {
		err := s.launch(ctx)
		if err != nil {
			err = errors.Join(err, lock.Unlock())
		}
		launched <- err
	}()
	select {
	case err = <-launched:
		return err
	case <-ctx.Done():
	}
	over, cancel := standstill.WithTimeout(context.WithoutCancel(ctx), leaveLimit)
	defer cancel()
	select {
	case err = <-launched:
		return err
	case <-over.Done():
		return fmt.Errorf("the server is still opening the store: %w", ctx.Err())
	}
}

// leaveLimit is how long a start that was told to end is waited for. What opens the store
// cannot be cut short; the process may end meanwhile, as one that is killed does, and
// until then the directory stays locked. What was stored is kept for the next start.
const leaveLimit = 5 * time.Second

// launch starts a NATS server object and makes it the current one.
func (s *Server) launch(ctx context.Context) error {
	if err := s.probePorts(ctx); err != nil {
		return err
	}
	srv, err := server.NewServer(s.options())
	if err != nil {
		return fmt.Errorf("configure server: %w", err)
	}
	r := &run{srv: srv, log: newLogBridge(s.cfg.Logger)}
	debug := s.cfg.Logger.Enabled(ctx, slog.LevelDebug)
	srv.SetLoggerV2(r.log, debug, false, false)

	stored, err := s.keep(ctx)
	if err != nil {
		return err
	}
	if err := s.await(ctx, r); err != nil {
		r.stop()
		// It may be the end of the context that ended the start.
		return errors.Join(err, stored.settle(context.WithoutCancel(ctx), r.stop, nil, r.log.said))
	}
	open, err := openStreams(r.srv)
	if err != nil {
		r.stop()
		return errors.Join(err, stored.settle(context.WithoutCancel(ctx), r.stop, nil, r.log.said))
	}
	if err := stored.settle(ctx, r.stop, open, r.log.said); err != nil {
		r.stop()
		return err
	}
	s.pinPorts(r)
	s.mu.Lock()
	s.now = r
	s.mu.Unlock()
	s.cfg.Logger.Info("embedded server is ready", "url", s.ClientURL(), "monitor", s.MonitorURL())
	return nil
}

// keep keeps what is stored while the server starts. Where that is not possible all of
// it is read first.
func (s *Server) keep(ctx context.Context) (*kept, error) {
	stored, err := keepStored(ctx, s.cfg.StoreDir, s.cfg.link)
	for _, folder := range stored.aside {
		s.cfg.Logger.Warn("what an earlier start had kept of a stream is not what the store has, which was written to since: it is set aside; "+
			"remove the folder when nothing is missing", "folder", folder)
	}
	var left *leftError
	if err == nil || ctx.Err() != nil || errors.As(err, &left) || errors.Is(err, ErrDamaged) {
		return stored, err
	}
	s.cfg.Logger.Warn("what is stored cannot be kept by links while the server starts: all of it is read first", "err", err)
	return &kept{dir: s.cfg.StoreDir}, examine(ctx, s.cfg.StoreDir)
}

// await starts the server object and waits until it serves, failed or ran out
// of time. Start itself recovers the streams and may take long; it cannot be cut
// short, because what it sets up is not guarded against a Shutdown meanwhile. A
// context that ends is therefore heeded once Start has returned.
func (s *Server) await(ctx context.Context, r *run) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.StartTimeout)
	defer cancel()
	s.cfg.starting()
	r.srv.Start()
	for !r.srv.ReadyForConnections(50 * time.Millisecond) {
		if ctx.Err() != nil || r.log.fatalText() != "" {
			break
		}
	}
	switch {
	case r.log.fatalText() != "":
		return fmt.Errorf("server did not start: %s", r.log.fatalText())
	case ctx.Err() != nil:
		return fmt.Errorf("wait for the server to start: %w", ctx.Err())
	case !r.srv.JetStreamEnabled():
		return errors.New("server started without JetStream: see its log")
	}
	return nil
}

// authTimeout is how long a client may take to log in. The server's own 2 s are over
// where the machine stands still meanwhile.
const authTimeout = 30 * time.Second

func (s *Server) options() *server.Options {
	cfg := s.cfg
	o := &server.Options{
		ServerName:             streams.EmbeddedServerName(*cfg.SyncAlways),
		Host:                   cfg.Host,
		Port:                   cfg.Port,
		DontListen:             cfg.NoListen,
		NoSigs:                 true,
		MaxPayload:             cfg.MaxPayload,
		JetStream:              true,
		JetStreamMaxStore:      cfg.MaxStore,
		JetStreamMaxMemory:     256 << 20,
		DisableJetStreamBanner: true,
		StoreDir:               cfg.StoreDir,
		SyncAlways:             *cfg.SyncAlways,
		AuthTimeout:            authTimeout.Seconds(),
		Users:                  users(s.password, cfg.Protected),
		NoAuthUser:             readerUser,
	}
	if !cfg.NoMonitor {
		o.HTTPHost, o.HTTPPort = cfg.Host, cfg.MonitorPort
	}
	return o
}

// probePorts fails before the store is opened when a port is taken, because the
// server reports that only in its log.
func (s *Server) probePorts(ctx context.Context) error {
	if !s.cfg.NoListen {
		if err := probePort(ctx, "client", s.cfg.Host, s.cfg.Port); err != nil {
			return err
		}
	}
	if !s.cfg.NoMonitor {
		return probePort(ctx, "monitor", s.cfg.Host, s.cfg.MonitorPort)
	}
	return nil
}

func probePort(ctx context.Context, use, host string, port int) error {
	if port == AnyPort {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return &PortInUseError{Use: use, Host: host, Port: port}
	}
	if err != nil {
		return fmt.Errorf("listen on %s port %d: %w", use, port, err)
	}
	return l.Close()
}

// pinPorts keeps the ports that were found free, so that a restarted server is
// where its clients look for it.
func (s *Server) pinPorts(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if addr, ok := r.srv.Addr().(*net.TCPAddr); ok && addr != nil {
		s.cfg.Port = addr.Port
	}
	if addr := r.srv.MonitorAddr(); addr != nil {
		s.cfg.MonitorPort = addr.Port
	}
}

func (r *run) stop() {
	r.srv.Shutdown()
	r.srv.WaitForShutdown()
}

func (s *Server) current() *run {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.now
}

// ClientURL returns where clients connect, empty with NoListen.
func (s *Server) ClientURL() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.cfg.NoListen {
		return ""
	}
	return "nats://" + net.JoinHostPort(s.cfg.Host, strconv.Itoa(s.cfg.Port))
}

// MonitorURL returns where NATS's monitoring is served, empty with NoMonitor.
func (s *Server) MonitorURL() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.cfg.NoMonitor {
		return ""
	}
	return "http://" + net.JoinHostPort(s.cfg.Host, strconv.Itoa(s.cfg.MonitorPort))
}

// StoreDir returns the absolute path of the store directory.
func (s *Server) StoreDir() string { return s.cfg.StoreDir }

// Credentials returns the user with full rights and its password.
func (s *Server) Credentials() (user, password string) { return AdminUser, s.password }

// InProcessConn connects to whichever NATS server object is current. A client
// that asks again after a Restart reaches the new one. The error is
// ErrNotRunning while there is none.
func (s *Server) InProcessConn() (net.Conn, error) {
	r := s.current()
	if r == nil {
		return nil, ErrNotRunning
	}
	conn, err := r.srv.InProcessConn()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	return conn, nil
}

// Restart stops the NATS server object and starts another on the same store and
// ports. When that fails there is no server; Restart may be called again.
func (s *Server) Restart(ctx context.Context) error {
	s.lifecycle.Lock()
	defer s.lifecycle.Unlock()
	if s.lock == nil {
		return fmt.Errorf("embedded: restart: %w", ErrNotRunning)
	}
	if err := s.retire(ctx); err != nil {
		return fmt.Errorf("embedded: restart: %w", err)
	}
	if err := s.launch(ctx); err != nil {
		return fmt.Errorf("embedded: restart: %w", err)
	}
	return nil
}

// Shutdown stops the server and gives up the store directory. It waits until
// the store is closed or ctx ends; in the latter case the directory stays
// locked, because the old server may still write. A second call does nothing.
func (s *Server) Shutdown(ctx context.Context) error {
	s.watchEnd()
	select {
	case <-s.watchDone:
	case <-ctx.Done(): // it is opening the store again
		return fmt.Errorf("embedded: shut down: wait for a restart: %w", ctx.Err())
	}
	s.lifecycle.Lock()
	defer s.lifecycle.Unlock()
	if s.lock == nil {
		return nil
	}
	if err := s.retire(ctx); err != nil {
		return fmt.Errorf("embedded: shut down: %w", err)
	}
	lock := s.lock
	s.lock = nil
	if err := lock.Unlock(); err != nil {
		return fmt.Errorf("embedded: release store directory: %w", err)
	}
	return nil
}

// retire stops the current server object. While ctx permits it waits for the
// end; a server that is slower stays current, so that a later call waits on.
func (s *Server) retire(ctx context.Context) error {
	r := s.current()
	if r == nil {
		return nil
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		r.stop()
	}()
	select {
	case <-stopped:
	case <-ctx.Done():
		return fmt.Errorf("wait for the server to stop: %w", ctx.Err())
	}
	s.mu.Lock()
	s.now = nil
	s.mu.Unlock()
	return nil
}

// noDirectory says why there is no store directory. To whom it may not be shown, one
// that exists looks as if it could not be made.
func noDirectory(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("the store directory may not be opened: %w", err)
	}
	return fmt.Errorf("create store directory: %w", err)
}
