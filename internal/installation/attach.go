package installation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"time"

	"rosey/internal/standstill"
	"rosey/streams"
	"rosey/streams/embedded"
)

// ErrNotSetUp is returned for a data folder in which nothing was ever recorded.
var ErrNotSetUp = errors.New("nothing was recorded in this data folder yet")

// ErrNoPort is returned where the running server listens on no port.
var ErrNoPort = errors.New("the running server listens on no port")

// Attachment is a way to a stream: a connection to a running server, or a server
// of one's own for the time being.
type Attachment struct {
	Conn   *streams.Conn
	Stream *streams.Stream
	// Running is whether somebody else's server was found: only then can more
	// events come.
	Running bool

	own *embedded.Server
}

// Attach connects to the server of a data folder, or runs one on its store, with
// no port, until the attachment is closed.
func Attach(ctx context.Context, d Dir, log *slog.Logger) (*Attachment, error) {
	if _, err := os.Stat(d.JetStream()); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("installation: %s: %w", d, ErrNotSetUp)
	}
	a, err := attachRunning(ctx, d, log)
	if err == nil {
		return a, nil
	}
	s, startErr := embedded.Start(ctx, embedded.Config{StoreDir: d.JetStream(), NoListen: true, NoMonitor: true, Logger: log})
	if errors.Is(startErr, embedded.ErrStoreInUse) {
		// Somebody runs it after all: their answer is the one that matters.
		return nil, err
	}
	if startErr != nil {
		return nil, startErr
	}
	a = &Attachment{own: s}
	if a.Conn, err = connectTo(ctx, s, log); err == nil {
		a.Stream, err = streams.Open(ctx, a.Conn)
	}
	if errors.Is(err, streams.ErrNoStream) {
		err = errors.Join(d.StreamGone(ctx), err)
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func attachRunning(ctx context.Context, d Dir, log *slog.Logger) (*Attachment, error) {
	e, err := d.Endpoint()
	if err != nil {
		return nil, err
	}
	if e.URL == "" {
		return nil, fmt.Errorf("installation: %s: %w (process %d)", d, ErrNoPort, e.PID)
	}
	cfg, err := d.ClientConfig(log)
	if err != nil {
		return nil, err
	}
	return AttachTo(ctx, cfg)
}

// AttachTo connects to a server and opens the stream on it.
func AttachTo(ctx context.Context, cfg streams.Config) (*Attachment, error) {
	c, err := streams.Connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s, err := streams.Open(ctx, c)
	if err != nil {
		c.Close()
		return nil, err
	}
	return &Attachment{Conn: c, Stream: s, Running: true}, nil
}

// ClientConfig connects to whichever server runs on the data folder at the time
// of each attempt: it may come back on another port. The error is fs.ErrNotExist
// while no server ever ran.
func (d Dir) ClientConfig(log *slog.Logger) (streams.Config, error) {
	user, password, err := embedded.ReadCredentials(d.JetStream())
	if err != nil {
		return streams.Config{}, fmt.Errorf("installation: %w", err)
	}
	return streams.Config{
		InProcess: d.dial, User: user, Password: password, Logger: log,
		MaxReconnectWait: time.Second, // it is on this machine
	}, nil
}

func (d Dir) dial() (net.Conn, error) {
	e, err := d.Endpoint()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("installation: %s: %w", d, ErrNoPort)
	}
	return net.DialTimeout("tcp", u.Host, 2*time.Second)
}

// Close ends the connection, and the server if it is one's own. A second call
// does nothing.
func (a *Attachment) Close() error {
	ctx, cancel := standstill.WithTimeout(context.Background(), StopLimit)
	defer cancel()
	if a.Conn != nil {
		a.Conn.Close()
		a.Conn = nil
	}
	if a.own == nil {
		return nil
	}
	own := a.own
	a.own = nil
	return own.Shutdown(ctx)
}
