package cytube

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/websocket"
)

// Config says where and as whom to connect.
type Config struct {
	Server  string // the site, such as https://cytu.be
	Channel string

	Username        string // empty: stay anonymous
	Password        string // empty with a Username: log in as a guest
	ChannelPassword string

	Logger *slog.Logger     // default: no log
	Now    func() time.Time // default time.Now; stamps the Items

	HTTPClient *http.Client      // default: 15 s time-out, no kept connections
	Dialer     *websocket.Dialer // default: 15 s time-out, proxy from the environment

	// Silence is how long the line may be silent before it counts as dead. Default
	// 60 s. The server pings every 25 s; where it announces a shorter interval, two
	// of those are enough.
	Silence time.Duration
	// JoinTimeout bounds an attempt from its start to being in the channel. Default 30 s.
	JoinTimeout time.Duration
	// StableAfter is how long the bot must have been in the channel for earlier
	// failures to be forgotten. Default 60 s.
	StableAfter time.Duration
	// QueueSize is how many Items may wait for the Handler. Default 1024.
	QueueSize int

	Backoff        Backoff // after a lost line or a failed attempt; default 1 s to 5 min
	KickPause      Backoff // after a kick; default 30 s to 15 min
	DuplicatePause Backoff // after the account joined elsewhere; default 5 min to 1 h
	BanPause       Backoff // after a ban; default 30 min to 6 h
	LoginPause     Backoff // after a refused login or channel password; default 61 s to 15 min
	RefusedPause   Backoff // after a refused connection; default 10 s to 5 min
}

// Validate reports everything that is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	if u, err := url.Parse(c.Server); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil {
		errs = append(errs, errors.New("server must be the site's address, such as https://cytu.be"))
	}
	if !channelName.MatchString(c.Channel) {
		errs = append(errs, fmt.Errorf("channel %q is no channel name (1 to 30 of A-Z a-z 0-9 _ -)", c.Channel))
	}
	if c.Username != "" && !validUserName(c.Username) {
		errs = append(errs, fmt.Errorf("username %q is no user name (1 to 20 of A-Z a-z 0-9 _ -)", c.Username))
	}
	if c.Username == "" && c.Password != "" {
		errs = append(errs, errors.New("there is a password but no username"))
	}
	for name, d := range map[string]time.Duration{"silence": c.Silence, "join timeout": c.JoinTimeout, "stable after": c.StableAfter} {
		if d < 0 {
			errs = append(errs, fmt.Errorf("%s: a duration cannot be negative", name))
		}
	}
	if c.QueueSize < 0 {
		errs = append(errs, errors.New("queue size cannot be negative"))
	}
	errs = append(errs,
		c.Backoff.validate("backoff"), c.KickPause.validate("kick pause"),
		c.DuplicatePause.validate("duplicate login pause"), c.BanPause.validate("ban pause"),
		c.LoginPause.validate("login pause"), c.RefusedPause.validate("refused pause"))
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.HTTPClient == nil {
		transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, ForceAttemptHTTP2: true}
		c.HTTPClient = &http.Client{Timeout: 15 * time.Second, Transport: transport}
	}
	if c.Dialer == nil {
		c.Dialer = &websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: 15 * time.Second}
	}
	setDefault(&c.Silence, 60*time.Second)
	setDefault(&c.JoinTimeout, 30*time.Second)
	setDefault(&c.StableAfter, 60*time.Second)
	if c.QueueSize == 0 {
		c.QueueSize = 1024
	}
	c.Backoff = c.Backoff.withDefaults(time.Second, 5*time.Minute)
	c.KickPause = c.KickPause.withDefaults(30*time.Second, 15*time.Minute)
	c.DuplicatePause = c.DuplicatePause.withDefaults(5*time.Minute, time.Hour)
	c.BanPause = c.BanPause.withDefaults(30*time.Minute, 6*time.Hour)
	c.LoginPause = c.LoginPause.withDefaults(61*time.Second, 15*time.Minute)
	c.RefusedPause = c.RefusedPause.withDefaults(10*time.Second, 5*time.Minute)
	return c
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// validUserName says whether the server would take the name at all.
func validUserName(name string) bool {
	return len(name) <= 20 && channelName.MatchString(name)
}
