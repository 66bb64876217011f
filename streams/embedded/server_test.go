package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rosey/internal/suite"
	"rosey/streams"
	"rosey/streams/embedded"
)

// start runs a server without ports unless change opens them.
func start(t *testing.T, dir string, change func(*embedded.Config)) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(t.Context(), config(dir, change))
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() { shutdown(t, s) })
	return s
}

func config(dir string, change func(*embedded.Config)) embedded.Config {
	cfg := embedded.Config{StoreDir: dir, NoListen: true, NoMonitor: true}
	if change != nil {
		change(&cfg)
	}
	return cfg
}

func shutdown(t *testing.T, s *embedded.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

func admin(t *testing.T, s *embedded.Server) *streams.Conn {
	t.Helper()
	user, password := s.Credentials()
	c, err := streams.Connect(t.Context(), streams.Config{
		InProcess: s.InProcessConn, User: user, Password: password, MaxReconnectWait: 100 * time.Millisecond, Timeout: time.Minute,
	})
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestStart_SecondServerOnTheStoreIsRefusedAndNamesTheHolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir, nil)
	_, err := embedded.Start(t.Context(), config(dir, nil))
	var inUse *embedded.StoreInUseError
	if !errors.Is(err, embedded.ErrStoreInUse) || !errors.As(err, &inUse) {
		t.Fatalf("second start: %v, want ErrStoreInUse", err)
	}
	if inUse.PID != os.Getpid() {
		t.Errorf("holder is process %d, want %d", inUse.PID, os.Getpid())
	}
	shutdown(t, s)
	start(t, dir, nil)
}

func TestStart_PortInUseIsNamed(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a listener for this test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	taken := l.Addr().(*net.TCPAddr).Port
	tests := []struct {
		use    string
		change func(*embedded.Config)
	}{
		{"client", func(c *embedded.Config) { c.NoListen, c.Port = false, taken }},
		{"monitor", func(c *embedded.Config) { c.NoMonitor, c.MonitorPort = false, taken }},
	}
	for _, test := range tests {
		dir := t.TempDir()
		_, err := embedded.Start(t.Context(), config(dir, test.change))
		var port *embedded.PortInUseError
		if !errors.Is(err, embedded.ErrPortInUse) || !errors.As(err, &port) || port.Port != taken || port.Use != test.use {
			t.Errorf("%s port taken: %v, want ErrPortInUse naming %d", test.use, err, taken)
		}
		start(t, dir, nil) // the failed start gave the store back
	}
}

func TestStart_FilesAreForTheirOwnerOnly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deep", "store")
	s := start(t, dir, nil)
	for path, want := range map[string]fs.FileMode{dir: 0o700, embedded.CredentialsPath(dir): 0o600, filepath.Join(dir, "rosey.lock"): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
	user, password := s.Credentials()
	gotUser, gotPassword, err := embedded.ReadCredentials(dir)
	if err != nil || gotUser != user || gotPassword != password || len(password) < 20 {
		t.Errorf("stored credentials differ: user %q, err %v", gotUser, err)
	}
	shutdown(t, s)
	_, again := start(t, dir, nil).Credentials()
	if again != password {
		t.Error("the password changed with a restart")
	}
}

func TestServer_RestartKeepsConnectionsPortsAndData(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), func(c *embedded.Config) {
		c.NoListen, c.Port, c.NoMonitor, c.MonitorPort = false, embedded.AnyPort, false, embedded.AnyPort
	})
	c := admin(t, s)
	stream, _, err := streams.Setup(t.Context(), c, streams.StreamOptions{MaxBytesIfNew: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Append(t.Context(), streams.AppendMessage{Subject: "rosey.db.user.joined", MsgID: "p-1"}); err != nil {
		t.Fatal(err)
	}
	url, monitor := s.ClientURL(), s.MonitorURL()
	if err := s.Restart(t.Context()); err != nil {
		t.Fatalf("restart: %v", err)
	}
	if s.ClientURL() != url || s.MonitorURL() != monitor {
		t.Errorf("addresses moved from %s, %s to %s, %s", url, monitor, s.ClientURL(), s.MonitorURL())
	}
	ack := appendUntilTaken(t, c, stream, "p-2")
	if ack.Seq != 2 {
		t.Errorf("sequence after restart is %d, want 2", ack.Seq)
	}
	if err := s.Health(); err != nil {
		t.Errorf("health after restart: %v", err)
	}
}

// appendUntilTaken waits for the connection's return. An append that was surely
// not stored is tried again.
func appendUntilTaken(t *testing.T, c *streams.Conn, s *streams.Stream, id string) streams.Ack {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		if err := c.Connected(ctx); err != nil {
			t.Fatal(err)
		}
		ack, err := s.Append(ctx, streams.AppendMessage{Subject: "rosey.db.user.joined", MsgID: id})
		if err == nil {
			return ack
		}
		if ctx.Err() != nil {
			t.Fatalf("append after restart: %v", err)
		}
	}
}

func TestServer_NothingIsReachableAfterShutdown(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), nil)
	shutdown(t, s)
	if err := s.Health(); !errors.Is(err, embedded.ErrNotRunning) {
		t.Errorf("health: %v, want ErrNotRunning", err)
	}
	if _, err := s.InProcessConn(); !errors.Is(err, embedded.ErrNotRunning) {
		t.Errorf("in-process connection: %v, want ErrNotRunning", err)
	}
	if err := s.Restart(t.Context()); !errors.Is(err, embedded.ErrNotRunning) {
		t.Errorf("restart: %v, want ErrNotRunning", err)
	}
	shutdown(t, s) // a second one does nothing
}

func TestServer_UnwrittenStreamFolderMakesItUnhealthy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir, nil)
	if err := s.Health(); err != nil {
		t.Fatalf("health of a fresh server: %v", err)
	}
	// A stream on disk that the server does not serve: the complete check sees it.
	if err := os.MkdirAll(filepath.Join(dir, "jetstream", "$G", "streams", "LOST"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Health(); !errors.Is(err, embedded.ErrUnhealthy) {
		t.Errorf("health: %v, want ErrUnhealthy", err)
	}
}

func TestServer_LowDiskMakesItUnhealthy(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), func(c *embedded.Config) { c.MinFree = 1 << 60 })
	if err := s.Health(); !errors.Is(err, embedded.ErrDiskLow) {
		t.Errorf("health: %v, want ErrDiskLow", err)
	}
}

func TestStart_CancelledLeavesTheStoreFree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := embedded.Start(ctx, config(dir, nil)); !errors.Is(err, context.Canceled) {
		t.Fatalf("start: %v, want context.Canceled", err)
	}
	start(t, dir, nil)
}

// What opens a large store cannot be cut short, and whoever was told to end does not wait
// for it. The directory stays locked until it is over.
func TestStart_CancelledWhileTheStoreIsOpened(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	opened := make(chan struct{})
	defer func() {
		close(opened)
		start(t, dir, nil) // waits for the one before
	}()
	_, err := embedded.Start(ctx, config(dir, func(c *embedded.Config) { c.Starting(func() { cancel(); <-opened }) }))
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "still opening the store") {
		t.Errorf("start: %v, want that the store is being opened", err)
	}
	if _, err := embedded.Start(t.Context(), config(dir, nil)); !errors.Is(err, embedded.ErrStoreInUse) {
		t.Errorf("another start: %v, want ErrStoreInUse", err)
	}
}

func TestConfig_ValidateNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := []struct {
		change func(*embedded.Config)
		want   string
	}{
		{func(c *embedded.Config) { c.StoreDir = "" }, "store directory"},
		{func(c *embedded.Config) { c.Port = 70000 }, "client port is 70000"},
		{func(c *embedded.Config) { c.MonitorPort = -2 }, "monitor port is -2"},
		{func(c *embedded.Config) { c.MaxPayload = 65 << 20 }, "max payload"},
		{func(c *embedded.Config) { c.MaxStore = -1 }, "max store"},
		{func(c *embedded.Config) { c.Host = "not a host" }, "host is"},
	}
	for _, test := range tests {
		cfg := config(t.TempDir(), test.change)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("validate: %v, want %q", err, test.want)
		}
		if _, err := embedded.Start(t.Context(), cfg); err == nil {
			t.Errorf("start with a bad %s succeeded", test.want)
		}
	}
}

func TestServer_LogGoesToSlogWithItsComponent(t *testing.T) {
	t.Parallel()
	var buf suite.Output
	log := slog.New(slog.NewTextHandler(&buf, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := start(t, t.TempDir(), func(c *embedded.Config) { c.Logger = log })
	_, password := s.Credentials()
	admin(t, s)
	shutdown(t, s)
	text := buf.String()
	for _, want := range []string{"component=nats-server", "Starting nats-server", "embedded server is ready"} {
		if !strings.Contains(text, want) {
			t.Errorf("log lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, password) {
		t.Error("the password is in the log")
	}
	if strings.Contains(text, "level=WARN") || strings.Contains(text, "level=ERROR") {
		t.Errorf("an ordinary start warns:\n%s", text)
	}
}

func TestDefaultMaxBytes_IsTheLesserOfTheDefaultAndTheDisk(t *testing.T) {
	t.Parallel()
	got, err := embedded.DefaultMaxBytes(filepath.Join(t.TempDir(), "not", "there"))
	if err != nil || got <= 0 || got > streams.DefaultMaxBytes {
		t.Errorf("default is %d, %v; want 1 to %d", got, err, streams.DefaultMaxBytes)
	}
}

// A machine that stands still while a client greets the server leaves it the time to
// log in.
func TestServer_WaitsForALogin(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), nil)
	conn, err := s.InProcessConn()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	said := bufio.NewScanner(conn)
	if !said.Scan() || !strings.HasPrefix(said.Text(), "INFO ") {
		t.Fatalf("the server begins with %q, %v", said.Text(), said.Err())
	}
	time.Sleep(3 * time.Second) // longer than the server's own patience
	if _, err := conn.Write([]byte("CONNECT {\"verbose\":false}\r\nPING\r\n")); err != nil {
		t.Fatal(err)
	}
	for said.Scan() && strings.HasPrefix(said.Text(), "INFO ") {
	}
	if said.Text() != "PONG" {
		t.Errorf("the late log-in is answered with %q, %v", said.Text(), said.Err())
	}
}
