package cytubetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// ChannelConfig describes a simulated channel. The zero value is of use.
type ChannelConfig struct {
	Name string // default demo
	// Accounts are the registered names and their passwords. With none, every
	// name is taken to be registered with the password it is used with.
	Accounts map[string]string
	// Ranks are the channel ranks of accounts that are more than users (1).
	Ranks    map[string]float64
	Password string // of the channel; default none
	Motd     string

	Addr string           // default 127.0.0.1:0
	Now  func() time.Time // default time.Now; stamps chat, polls and media
	// History is how many lines of chat a join brings again. Default 15, as on a
	// real server.
	History int
	// Burst and Sustained are the flood limit that everybody is under: so many lines
	// at once, then so many a second until there was a pause. Default 20 and 10, as
	// on a real server.
	Burst     int
	Sustained float64
	// FloodClock is the flood limit's clock, in milliseconds above 0. Default: the
	// machine's, as Now may stand still.
	FloodClock func() int64
	// DuplicateTimes lets chat lines have the same time. Otherwise each is at
	// least a millisecond after the one before.
	DuplicateTimes bool

	PingInterval   time.Duration // default 25 s
	PingTimeout    time.Duration // default 120 s
	UserCountEvery time.Duration // the count is sent at most so often; default 10 s
	GuestLoginWait time.Duration // between two guest logins; default none (a real server: 60 s)
}

// Received is one event that a client sent.
type Received struct {
	User  string // empty while the client was anonymous
	Event string
	Args  []json.RawMessage
}

// Channel is a simulated channel on a site of its own. Besides the clients that
// connect to it, it has people who need no connection: the methods Join, Say and
// so on act for them. All methods may be called from any goroutine.
type Channel struct {
	cfg ChannelConfig
	url string

	stop chan struct{} // closed by Close
	wg   sync.WaitGroup

	mu        sync.Mutex
	server    *http.Server // nil while down
	closed    bool
	visitors  []*visitor // in order of arrival
	people    []*person  // logged in and in the channel, in order of arrival
	anonymous int        // people without a name and without a connection
	banned    map[string]bool
	refusal   string        // answer to every connection, if any
	thaw      chan struct{} // closed by Freeze(false); nil unless frozen
	swallow   int
	cutChat   []bool        // for the next lines: whether they are taken before the cut
	chatDelay time.Duration // before a line is taken
	chatHeld  chan struct{} // closed when lines are taken again; nil while they are
	received  []Received
	shown     []Shown
	dropped   Dropped

	lastChat   int64
	history    []*chatLine
	said       int                 // lines of people without a connection that came into the history
	filter     func(string) string // of the chat; may be nil
	flood      antiflood
	newUser    newUserDelays
	permission map[string]float64
	ranks      map[string]float64  // in the channel, by lower-case name
	muted      map[string]muteKind // by lower-case name
	ledger     Ledger
	password   string
	motd       string
	drinks     int
	leader     string
	announced  *announcement
	playlist   playlist
	poll       *poll
	lastGuest  time.Time
	countSent  time.Time
	countTimer *time.Timer
	nextSID    int
}

// NewChannel starts a simulated channel. It has to be closed.
func NewChannel(cfg ChannelConfig) (*Channel, error) {
	if cfg.Name == "" {
		cfg.Name = "demo"
	}
	if !validChannel.MatchString(cfg.Name) {
		return nil, fmt.Errorf("cytubetest: channel name %q is not valid", cfg.Name)
	}
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.History <= 0 {
		cfg.History = historyLength
	}
	if cfg.Burst <= 0 {
		cfg.Burst = floodBurst
	}
	if cfg.Sustained <= 0 {
		cfg.Sustained = floodSustained
	}
	setDefault(&cfg.PingInterval, 25*time.Second)
	setDefault(&cfg.PingTimeout, 120*time.Second)
	setDefault(&cfg.UserCountEvery, 10*time.Second)
	if cfg.FloodClock == nil {
		up := time.Now().Add(-time.Millisecond) // no line comes at 0
		cfg.FloodClock = func() int64 { return time.Since(up).Milliseconds() }
	}
	c := &Channel{
		cfg: cfg, stop: make(chan struct{}), banned: make(map[string]bool),
		password: cfg.Password, motd: cfg.Motd, permission: maps.Clone(permissions),
		flood: antiflood{Burst: 4, Sustained: 1, Cooldown: 4},
		ranks: make(map[string]float64), muted: make(map[string]muteKind),
		ledger: Ledger{ChatByUser: make(map[string]int), JoinsByUser: make(map[string]int)},
	}
	for name, rank := range cfg.Ranks {
		c.ranks[strings.ToLower(name)] = rank
	}
	if err := c.listen(cfg.Addr); err != nil {
		return nil, fmt.Errorf("cytubetest: %w", err)
	}
	c.wg.Go(c.tick)
	return c, nil
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// listen opens the site at addr.
func (c *Channel) listen(addr string) error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /socketconfig/", func(w http.ResponseWriter, r *http.Request) { serveSocketConfig(w, r, c.URL()) })
	mux.HandleFunc("/socket.io/", c.serveSocket)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: socketWait}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errors.Join(net.ErrClosed, listener.Close())
	}
	c.server, c.url = server, "http://"+listener.Addr().String()
	c.wg.Go(func() { _ = server.Serve(listener) })
	return nil
}

// URL is the address of the site.
func (c *Channel) URL() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.url
}

// Name is the channel's name.
func (c *Channel) Name() string { return c.cfg.Name }

// PageURL is the address of the channel's page, as a person would give it.
func (c *Channel) PageURL() string { return c.URL() + "/r/" + c.cfg.Name }

// Close ends the site and all connections and waits for them.
func (c *Channel) Close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.stop)
	}
	if c.countTimer != nil {
		c.countTimer.Stop()
	}
	c.mu.Unlock()
	c.Stop()
	c.wg.Wait()
}

// Stop takes the site down: all lines are cut and new ones refused until Start.
// The channel keeps its state, but forgets leader and drinks.
func (c *Channel) Stop() {
	c.mu.Lock()
	server := c.server
	c.server = nil
	c.leader, c.drinks = "", 0
	c.mu.Unlock()
	if server != nil {
		_ = server.Close()
	}
	c.CutAll()
}

// Start brings a stopped site back at the same address.
func (c *Channel) Start() error {
	addr := strings.TrimPrefix(c.URL(), "http://")
	var err error
	for range 3000 { // another may hold the port for a while
		if err = c.listen(addr); err == nil || errors.Is(err, net.ErrClosed) {
			return err
		}
		select {
		case <-c.stop:
			return net.ErrClosed
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("cytubetest: start again: %w", err)
}

// Restart takes the site down for the given time.
func (c *Channel) Restart(down time.Duration) error {
	c.Stop()
	select {
	case <-time.After(down):
	case <-c.stop:
		return net.ErrClosed
	}
	return c.Start()
}

// CutAll cuts the TCP connection of every client, without a word, and waits
// until they are gone.
func (c *Channel) CutAll() {
	c.mu.Lock()
	visitors := slices.Clone(c.visitors)
	c.mu.Unlock()
	for _, v := range visitors {
		v.lose()
	}
	for _, v := range visitors {
		<-v.done
	}
}

// Refuse answers every further connection with the message; "" ends that.
func (c *Channel) Refuse(message string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refusal = message
}

// Freeze makes all lines go silent, as a network that drops everything does.
// What would have been sent is sent when the freeze ends.
func (c *Channel) Freeze(frozen bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case frozen && c.thaw == nil:
		c.thaw = make(chan struct{})
	case !frozen && c.thaw != nil:
		close(c.thaw)
		c.thaw = nil
	}
}

// Received returns what clients sent, oldest first.
func (c *Channel) Received() []Received {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.received)
}

// Clients is the number of clients that are in the channel.
func (c *Channel) Clients() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, v := range c.visitors {
		if v.inside {
			n++
		}
	}
	return n
}

// tick moves the media along.
func (c *Channel) tick() {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			c.mu.Lock()
			c.advanceMedia()
			c.mu.Unlock()
		case <-c.stop:
			return
		}
	}
}

func (c *Channel) nowMS() int64 { return c.cfg.Now().UnixMilli() }

// send gives an event to every client in the channel. c.mu is held by the
// callers of this and of all the lower-case methods.
func (c *Channel) send(event string, args ...any) {
	frame := eventFrame(event, args...)
	for _, v := range c.visitors {
		if v.inside {
			v.put(frame)
		}
	}
}

// sendEach gives every client in the channel its own form of an event.
func (c *Channel) sendEach(event string, arg func(*visitor) any) {
	for _, v := range c.visitors {
		if v.inside {
			v.put(eventFrame(event, arg(v)))
		}
	}
}

// sendRank gives an event to the clients of at least the given rank.
func (c *Channel) sendRank(rank float64, event string, args ...any) {
	for _, v := range c.visitors {
		if v.inside && v.rank() >= rank {
			v.emit(event, args...)
		}
	}
}
