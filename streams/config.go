package streams

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Config says how to reach NATS.
type Config struct {
	// URLs of the servers, tried in any order. Default: nats://127.0.0.1:4222.
	URLs []string
	// InProcess connects without a network, to whichever embedded server is
	// current; URLs and TLS do not matter then.
	InProcess func() (net.Conn, error)

	// At most one way to log in: user and password, token, NKey seed file, or
	// credentials file.
	User, Password, Token, NKeyFile, CredsFile string

	// TLS adds an own authority and a client certificate.
	TLS TLS

	// Name is shown on the server for this connection. Default: rosey.
	Name string

	// Timeout bounds the first connection, and each request to JetStream that
	// has no earlier deadline. Default 5 s, and 15 s in process: a server of this
	// machine is never far, but may be busy.
	Timeout time.Duration

	// MaxReconnectWait caps the pause between attempts. Default 8 s.
	MaxReconnectWait time.Duration

	// PingEvery is how often the server is asked for a sign of life. A connection
	// that is open but dead is given up after three times as long. Default 10 s.
	PingEvery time.Duration

	// ReadPatience is how long nothing may come of what is stored, although the server
	// answers, until it counts as unreadable. Default 30 s.
	ReadPatience time.Duration

	// WaitForServer makes Connect succeed while no server answers; it is then
	// tried for as long as the Conn is open. See Conn.Connected.
	WaitForServer bool

	// Logger receives connection changes. Default: none.
	Logger *slog.Logger
}

// TLS names PEM files. An empty field adds nothing.
type TLS struct {
	CA, Cert, Key string
	// First makes the handshake before the server's greeting, for servers that
	// want it so.
	First bool
}

// Validate reports what Connect would refuse.
func (c Config) Validate() error {
	var errs []error
	ways := 0
	for _, set := range []bool{c.User != "" || c.Password != "", c.Token != "", c.NKeyFile != "", c.CredsFile != ""} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		errs = append(errs, errors.New("more than one way to log in is set: choose user and password, token, NKey or credentials file"))
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		errs = append(errs, errors.New("a TLS client certificate needs both its certificate and its key file"))
	}
	for _, raw := range c.URLs {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" {
			errs = append(errs, fmt.Errorf("server address %q is not a URL like nats://host:4222", redact(raw)))
		}
	}
	if c.Timeout < 0 || c.MaxReconnectWait < 0 || c.PingEvery < 0 || c.ReadPatience < 0 {
		errs = append(errs, errors.New("a duration is negative"))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() (Config, error) {
	if err := c.Validate(); err != nil {
		return c, err
	}
	if len(c.URLs) == 0 {
		c.URLs = []string{nats.DefaultURL}
	}
	if c.Name == "" {
		c.Name = "rosey"
	}
	if c.Timeout == 0 && c.InProcess != nil {
		c.Timeout = 15 * time.Second
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.MaxReconnectWait == 0 {
		c.MaxReconnectWait = 8 * time.Second
	}
	if c.PingEvery == 0 {
		c.PingEvery = 10 * time.Second
	}
	if c.ReadPatience == 0 {
		c.ReadPatience = 30 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Logger = c.Logger.With("component", "streams")
	return c, nil
}

// login returns the options for authentication and encryption.
func (c Config) login() ([]nats.Option, error) {
	var opts []nats.Option
	switch {
	case c.User != "" || c.Password != "":
		opts = append(opts, nats.UserInfo(c.User, c.Password))
	case c.Token != "":
		opts = append(opts, nats.Token(c.Token))
	case c.NKeyFile != "":
		opt, err := nats.NkeyOptionFromSeed(c.NKeyFile)
		if err != nil {
			return nil, fmt.Errorf("read NKey file %s: %w", c.NKeyFile, err)
		}
		opts = append(opts, opt)
	case c.CredsFile != "":
		opts = append(opts, nats.UserCredentials(c.CredsFile))
	}
	if c.InProcess != nil {
		return opts, nil
	}
	if c.TLS != (TLS{}) {
		opts = append(opts, nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	if c.TLS.CA != "" {
		opts = append(opts, nats.RootCAs(c.TLS.CA))
	}
	if c.TLS.Cert != "" {
		opts = append(opts, nats.ClientCert(c.TLS.Cert, c.TLS.Key))
	}
	if c.TLS.First {
		opts = append(opts, nats.TLSHandshakeFirst())
	}
	return opts, nil
}

// where names the servers without the secrets their URLs may contain.
func (c Config) where() string {
	if c.InProcess != nil {
		return "the embedded server"
	}
	names := make([]string, len(c.URLs))
	for i, raw := range c.URLs {
		names[i] = redact(raw)
	}
	return strings.Join(names, ", ")
}

func redact(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		// Unparsable text may hold a password anywhere.
		return "(unreadable address)"
	}
	u.User = nil
	return u.String()
}
