package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Defaults of Config.
const (
	DefaultHost        = "127.0.0.1"
	DefaultPort        = 4222
	DefaultMonitorPort = 8222
	DefaultMaxPayload  = 8 << 20
	DefaultMaxStore    = 1 << 40
	DefaultMinFree     = 256 << 20

	// AnyPort asks for a free port.
	AnyPort = -1
)

// Config says where and how a Server runs.
type Config struct {
	// StoreDir holds the streams, the lock file and the credentials. Required;
	// created with mode 0700.
	StoreDir string

	// MaxStore bounds what all streams together may reserve. Default 1 TiB, on
	// any disk: the server's own default follows the space that is free at the
	// moment and makes a later start refuse its own stream. The real limit is
	// the stream's.
	MaxStore int64

	// Host is the address of both ports. Default 127.0.0.1.
	Host string
	// Port is the client port. Default 4222; AnyPort takes a free one.
	Port int
	// NoListen leaves the client port closed: in-process connections only.
	NoListen bool
	// MonitorPort serves NATS's HTTP monitoring. Default 8222; AnyPort takes a
	// free one.
	MonitorPort int
	// NoMonitor leaves the monitoring port closed.
	NoMonitor bool

	// SyncAlways makes every acknowledged write durable first. Default true.
	SyncAlways *bool

	// MaxPayload is the largest message. Default 8 MiB: a channel's whole
	// playlist exceeds NATS's own 1 MiB.
	MaxPayload int32

	// MinFree is the disk space below which Health fails. Default 256 MiB.
	MinFree int64

	// WatchEvery is how often the server looks whether it has to restart itself
	// after a full disk. Default 5 s.
	WatchEvery time.Duration

	// Protected names the consumers that anonymous users may not touch, beside that
	// of outbound messages. Default: projector-main.
	Protected []string

	// StartTimeout bounds Start and Restart; recovery of a large store takes a
	// while. Default 2 min.
	StartTimeout time.Duration

	// Logger receives the server's log. Default: none.
	Logger *slog.Logger

	link     func(from, to string) error // for tests; os.Link
	starting func()                      // for tests: the server object is about to start
}

// Validate reports what New would refuse.
func (c Config) Validate() error {
	var errs []error
	if c.StoreDir == "" {
		errs = append(errs, errors.New("store directory is not set"))
	}
	if c.MaxStore < 0 {
		errs = append(errs, fmt.Errorf("max store is %d, want a positive number of bytes", c.MaxStore))
	}
	if c.MaxPayload < 0 || c.MaxPayload > 64<<20 {
		errs = append(errs, fmt.Errorf("max payload is %d, want at most 64 MiB", c.MaxPayload))
	}
	if c.Host != "" && c.Host != "localhost" && net.ParseIP(c.Host) == nil {
		errs = append(errs, fmt.Errorf("host is %q, want an IP address", c.Host))
	}
	for use, port := range map[string]int{"client": c.Port, "monitor": c.MonitorPort} {
		if port < AnyPort || port > 65535 {
			errs = append(errs, fmt.Errorf("%s port is %d, want -1 to 65535", use, port))
		}
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() (Config, error) {
	if err := c.Validate(); err != nil {
		return c, err
	}
	dir, err := filepath.Abs(c.StoreDir)
	if err != nil {
		return c, fmt.Errorf("find store directory %s: %w", c.StoreDir, err)
	}
	c.StoreDir = dir
	if c.link == nil {
		c.link = os.Link
	}
	if c.starting == nil {
		c.starting = func() {}
	}
	if c.MaxStore == 0 {
		c.MaxStore = DefaultMaxStore
	}
	if c.Host == "" {
		c.Host = DefaultHost
	}
	if c.Port == 0 {
		c.Port = DefaultPort
	}
	if c.MonitorPort == 0 {
		c.MonitorPort = DefaultMonitorPort
	}
	if c.SyncAlways == nil {
		always := true
		c.SyncAlways = &always
	}
	if c.MaxPayload == 0 {
		c.MaxPayload = DefaultMaxPayload
	}
	if c.MinFree == 0 {
		c.MinFree = DefaultMinFree
	}
	if c.Protected == nil {
		c.Protected = []string{"projector-main"}
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = 2 * time.Minute
	}
	if c.WatchEvery == 0 {
		c.WatchEvery = 5 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Logger = c.Logger.With("component", "nats-server")
	return c, nil
}
