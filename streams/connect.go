package streams

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"rosey/internal/standstill"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// pingsMissed is how many pings may be without an answer; the one after them
	// finds the connection dead.
	pingsMissed = 2

	reconnectFirst = 50 * time.Millisecond

	// greetings is how often a log-in is begun that a standstill of at least
	// greetPause cut off.
	greetings  = 3
	greetPause = time.Second
)

// CloseLimit bounds Close: a server that is silent is waited for no longer than that.
const CloseLimit = 2 * time.Second

// Conn is a connection to NATS that is re-established for as long as it is open.
// While it is down, publishes fail at once instead of being kept in memory: the
// spool keeps them. Safe for concurrent use.
type Conn struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	log      *slog.Logger
	timeout  time.Duration
	patience time.Duration // with a server that does not deliver
	closed   chan struct{}
	denied   denials
	local    bool    // in process
	direct   *direct // nil for a server elsewhere

	leaderWait time.Duration

	mu       sync.Mutex
	lost     chan struct{} // closed at the next disconnect, then replaced
	open     map[uint64]*request
	requests uint64 // how many there were
	warn     map[string]string
	seen     map[string]sighting // leases, by key
	outage   outage
}

// Connect connects to NATS and asks whether JetStream is there. The error is
// ErrUnreachable, ErrAuth, ErrTLS, ErrNoJetStream or ErrServerTooOld. With
// cfg.WaitForServer only the configuration can be wrong; see Conn.Connected.
func Connect(ctx context.Context, cfg Config) (*Conn, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("streams: %w", err)
	}
	c := &Conn{
		log:      cfg.Logger,
		timeout:  cfg.Timeout,
		patience: cfg.ReadPatience,
		closed:   make(chan struct{}),
		lost:     make(chan struct{}),
		open:     map[uint64]*request{},
		warn:     map[string]string{},
		seen:     map[string]sighting{},
		local:    cfg.InProcess != nil,

		leaderWait: leaderWait,
	}
	if cfg.InProcess != nil {
		c.direct = &direct{dial: cfg.InProcess, user: cfg.User, password: cfg.Password}
	}
	if err := c.dial(ctx, cfg); err != nil {
		return nil, fmt.Errorf("streams: connect to %s: %w", cfg.where(), err)
	}
	if cfg.WaitForServer {
		return c, nil
	}
	if err := c.checkServer(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("streams: connect to %s: %w", cfg.where(), err)
	}
	return c, nil
}

func (c *Conn) dial(ctx context.Context, cfg Config) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	login, err := cfg.login()
	if err != nil {
		return err
	}
	timeout := cfg.Timeout
	if end, ok := ctx.Deadline(); ok {
		timeout = min(timeout, max(time.Until(end), time.Millisecond))
	}
	opts := append(login,
		nats.Name(cfg.Name),
		nats.Timeout(timeout),
		nats.RetryOnFailedConnect(cfg.WaitForServer),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectBufSize(-1),
		nats.CustomReconnectDelay(reconnectDelay(cfg.MaxReconnectWait)),
		nats.PingInterval(cfg.PingEvery),
		nats.MaxPingsOutstanding(pingsMissed),
		nats.DrainTimeout(2*CloseLimit), // Close ends before that
		nats.ErrorHandler(c.onError),
		nats.ConnectHandler(func(nc *nats.Conn) { c.onConnect(nc, false) }),
		nats.ReconnectHandler(func(nc *nats.Conn) { c.onConnect(nc, true) }),
		nats.DisconnectErrHandler(c.onDisconnect),
		nats.ClosedHandler(func(*nats.Conn) { close(c.closed) }),
	)
	if cfg.InProcess != nil {
		opts = append(opts, nats.InProcessServer(inProcess(cfg.InProcess)), nats.CustomInboxPrefix(privateInbox))
	}
	urls := ""
	for i, u := range cfg.URLs {
		if i > 0 {
			urls += ","
		}
		urls += u
	}
	nc, err := greet(ctx, func() (*nats.Conn, error) { return nats.Connect(urls, opts...) })
	if err != nil {
		return classifyConnect(err)
	}
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(cfg.Timeout))
	if err != nil {
		nc.Close()
		return err
	}
	c.nc, c.js = nc, js
	return nil
}

// greet connects, and again where the machine stood still meanwhile: the time that
// client and server give each other to log in goes on without them.
func greet(ctx context.Context, connect func() (*nats.Conn, error)) (*nats.Conn, error) {
	for attempt := 1; ; attempt++ {
		watch := standstill.NewWatch()
		nc, err := connect()
		if stood := watch.Stop(); err == nil || stood < greetPause || attempt == greetings || ctx.Err() != nil {
			return nc, err
		}
	}
}

// privateInbox is where answers to this program's own requests go on an embedded
// server: whoever attaches to its port without a name may listen to the usual
// inboxes, and would read them there.
const privateInbox = "_INBOX_ROSEY"

// inProcess asks for the current embedded server at every attempt; nats.go's
// own example binds the connection to one server object for good.
type inProcess func() (net.Conn, error)

// InProcessConn implements nats.InProcessConnProvider.
func (f inProcess) InProcessConn() (net.Conn, error) { return f() }

// reconnectDelay doubles from reconnectFirst to limit, with jitter so that many
// clients do not return in step.
func reconnectDelay(limit time.Duration) func(attempts int) time.Duration {
	return func(attempts int) time.Duration {
		wait := limit
		if attempts < 16 {
			wait = min(limit, reconnectFirst<<max(attempts-1, 0))
		}
		return wait/2 + rand.N(wait/2+1)
	}
}

// classifyConnect tells the causes apart that need different remedies.
func classifyConnect(err error) error {
	var (
		unknownCA x509.UnknownAuthorityError
		wrongHost x509.HostnameError
		badCert   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		alert     *net.OpError
		other     net.Error
	)
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired),
		errors.Is(err, nats.ErrAuthRevoked), errors.Is(err, nats.ErrAccountAuthExpired):
		return fmt.Errorf("%w: %w", ErrAuth, err)
	case errors.Is(err, nats.ErrTLS), errors.Is(err, nats.ErrSecureConnRequired), errors.Is(err, nats.ErrSecureConnWanted),
		errors.As(err, &unknownCA), errors.As(err, &wrongHost), errors.As(err, &badCert),
		errors.As(err, &verify), errors.As(err, &record),
		errors.As(err, &alert) && (alert.Op == "remote error" || alert.Op == "local error"): // how crypto/tls marks alerts
		return fmt.Errorf("%w: %w", ErrTLS, err)
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout), errors.As(err, &other):
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return err // a credentials or certificate file
	default:
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
}

// checkServer asks for JetStream and looks at the server's version.
func (c *Conn) checkServer(ctx context.Context) error {
	if v := c.nc.ConnectedServerVersion(); !versionAtLeast(v, 2, 10) {
		return fmt.Errorf("%w: version %s, need 2.10 or later", ErrServerTooOld, v)
	}
	err := c.withLeader(ctx, func(ctx context.Context) error {
		ctx, req := c.call(ctx)
		defer req.end()
		_, err := c.js.AccountInfo(ctx)
		return req.explain(err)
	})
	switch {
	case err == nil:
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled),
		errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount),
		errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("%w: %w", ErrNoJetStream, err)
	case errors.Is(err, ErrPermission):
		// What is really needed is found out when the stream is opened.
		c.log.Debug("account information is not permitted", "err", err)
	default:
		return fmt.Errorf("ask for JetStream: %w", err)
	}
	return nil
}

// JetStream returns the connection's JetStream context.
func (c *Conn) JetStream() jetstream.JetStream { return c.js }

// NATS returns the connection itself.
func (c *Conn) NATS() *nats.Conn { return c.nc }

// Connected waits until the connection is up, and returns ctx's error or
// nats.ErrConnectionClosed if that never comes.
func (c *Conn) Connected(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !c.nc.IsConnected() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("streams: wait for the NATS server: %w", ctx.Err())
		case <-c.closed:
			return fmt.Errorf("streams: wait for the NATS server: %w", nats.ErrConnectionClosed)
		case <-tick.C:
		}
	}
	return nil
}

// IsConnected reports whether the connection is up at this moment.
func (c *Conn) IsConnected() bool { return c.nc.IsConnected() }

// Closed is closed when the connection has ended for good.
func (c *Conn) Closed() <-chan struct{} { return c.closed }

// Close lets subscriptions finish what they hold, within CloseLimit, and closes.
func (c *Conn) Close() {
	// Drain refuses a connection that is down; there is nothing to finish then.
	if err := c.nc.Drain(); err != nil {
		c.nc.Close()
	}
	timer := time.NewTimer(CloseLimit)
	defer timer.Stop()
	select {
	case <-c.closed:
	case <-timer.C:
		c.log.Warn("the connection is closed although the server has not answered")
		c.nc.Close()
		<-c.closed
	}
}

// disconnected returns a channel that is closed when the connection is next lost.
func (c *Conn) disconnected() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

func (c *Conn) onDisconnect(_ *nats.Conn, err error) {
	c.mu.Lock()
	close(c.lost)
	c.lost = make(chan struct{})
	c.abandon()
	c.mu.Unlock()
	if err != nil {
		c.log.Warn("disconnected from NATS", "err", err)
	}
}

func (c *Conn) onConnect(nc *nats.Conn, again bool) {
	log := c.log.With("server", nc.ConnectedServerName(), "version", nc.ConnectedServerVersion())
	if again {
		log.Info("reconnected to NATS")
		return
	}
	log.Info("connected to NATS")
}

func (c *Conn) onError(_ *nats.Conn, sub *nats.Subscription, err error) {
	if denial := parseDenial(err); denial != nil {
		c.denied.add(denial)
		c.refuse(denial.Subject)
		c.log.Warn("NATS denied an operation", "subject", denial.Subject, "err", denial)
		return
	}
	if sub != nil {
		c.log.Warn("NATS reported an error", "subject", sub.Subject, "err", err)
		return
	}
	c.log.Warn("NATS reported an error", "err", err)
}
