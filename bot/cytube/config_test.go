package cytube

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestConfig_Validate(t *testing.T) {
	t.Parallel()
	good := Config{Server: "https://cytu.be", Channel: "demo", Username: "rosey", Password: "x"}
	if err := good.Validate(); err != nil {
		t.Fatalf("a good configuration: %v", err)
	}
	tests := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no server", func(c *Config) { c.Server = "" }, "server must be"},
		{"no scheme", func(c *Config) { c.Server = "cytu.be" }, "server must be"},
		{"credentials", func(c *Config) { c.Server = "https://a:b@cytu.be" }, "server must be"},
		{"channel", func(c *Config) { c.Channel = "no good" }, "channel \"no good\""},
		{"long channel", func(c *Config) { c.Channel = strings.Repeat("x", 31) }, "is no channel name"},
		{"user", func(c *Config) { c.Username = strings.Repeat("x", 21) }, "is no user name"},
		{"password alone", func(c *Config) { c.Username = "" }, "a password but no username"},
		{"silence", func(c *Config) { c.Silence = -1 }, "silence: a duration cannot be negative"},
		{"queue", func(c *Config) { c.QueueSize = -1 }, "queue size"},
		{"backoff", func(c *Config) { c.Backoff = Backoff{Min: 2, Max: 1} }, "backoff: max 1ns is less than min 2ns"},
		{"factor", func(c *Config) { c.KickPause = Backoff{Factor: 0.5} }, "kick pause: factor"},
		{"jitter", func(c *Config) { c.BanPause = Backoff{Jitter: 2} }, "ban pause: jitter"},
	}
	for _, tt := range tests {
		cfg := good
		tt.change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q in it", tt.name, err, tt.want)
		}
	}
}

func TestParseChannelURL(t *testing.T) {
	t.Parallel()
	good := map[string][2]string{
		"https://cytu.be/r/Demo_1":          {"https://cytu.be", "Demo_1"},
		" https://cytu.be/r/demo/ ":         {"https://cytu.be", "demo"},
		"http://127.0.0.1:8080/c/demo":      {"http://127.0.0.1:8080", "demo"},
		"https://cytu.be/r/demo?x=1#bottom": {"https://cytu.be", "demo"},
	}
	for in, want := range good {
		server, channel, err := ParseChannelURL(in)
		if err != nil || server != want[0] || channel != want[1] {
			t.Errorf("%q: %q %q %v, want %q", in, server, channel, err, want)
		}
	}
	bad := map[string]string{
		"":                                 "is empty",
		"cytu.be/r/demo":                   "has no https:// in front",
		"ftp://cytu.be/r/demo":             "starts with ftp://",
		"https:///r/demo":                  "names no site",
		"https://cytu.be":                  "has no /r/",
		"https://cytu.be/demo":             "has no /r/",
		"https://cytu.be/x/demo":           "has no /r/",
		"https://cytu.be/r/":               "has no /r/",
		"https://cytu.be/r/de%20mo":        "is no channel name",
		"https://cytu.be/r/a/b":            "is no channel name",
		"https://me:secret@cytu.be/r/demo": "leave out the user name",
		"https://cytu.be:x/r/demo":         "is not a web address",
	}
	for in, want := range bad {
		_, _, err := ParseChannelURL(in)
		switch {
		case err == nil:
			t.Errorf("%q: accepted", in)
		case !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "https://cytu.be/r/yourchannel"):
			t.Errorf("%q: %v, want %q and an example", in, err, want)
		case strings.Contains(err.Error(), "secret"):
			t.Errorf("%q: the error tells the password", in)
		}
	}
}

func TestParseSocketConfig(t *testing.T) {
	t.Parallel()
	const tail = "/socket.io/?EIO=4&transport=websocket"
	tests := []struct {
		name, body string
		status     int
		want       []string
		wantErr    string
	}{
		{"one", `{"servers":[{"url":"http://h:1337","secure":false}]}`, 200, []string{"ws://h:1337" + tail}, ""},
		{
			"secure first, IPv6 left out", `{"servers":[{"url":"http://h:1"},{"url":"https://h6:3","secure":true,"ipv6":true},{"url":"https://h:2","secure":true}]}`, 200,
			[]string{"wss://h:2" + tail, "ws://h:1" + tail},
			"",
		},
		{"IPv6 alone", `{"servers":[{"url":"https://h6:3","secure":true,"ipv6":true}]}`, 200, []string{"wss://h6:3" + tail}, ""},
		{"unknown channel", `{"error":"Channel \"bad name\" does not exist."}`, 404, nil, `Channel "bad name" does not exist.`},
		{"another site", `<!DOCTYPE html>`, 404, nil, "is this a CyTube site?"},
		{"a web page", `<!DOCTYPE html>`, 200, nil, "is this a CyTube site?"},
		{"down", `{}`, 503, nil, "503 Service Unavailable"},
		{"no servers", `{"servers":[]}`, 200, nil, "names no usable server"},
		{"odd servers", `{"servers":[{"url":"gopher://h"},{"url":""}]}`, 200, nil, "names no usable server"},
	}
	for _, tt := range tests {
		got, err := parseSocketConfig(tt.status, []byte(tt.body), "http://site/socketconfig/x.json")
		if tt.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("%s: %v, want %q in it", tt.name, err, tt.wantErr)
			}
			continue
		}
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q %v, want %q", tt.name, got, err, tt.want)
		}
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	kicks := map[string]string{
		"":                                   ReasonKicked,
		"be nice":                            ReasonKicked,
		"anonymous user":                     ReasonKicked,
		"Duplicate login":                    ReasonDuplicateLogin,
		"You're banned!":                     ReasonBanned,
		"You are banned from this channel.":  ReasonBanned,
		"Channel shutting down":              ReasonChannelUnloaded,
		"Channel reloading":                  ReasonChannelUnloaded,
		"Channel was banned: spam":           ReasonBanned,
		"Rate limit exceeded":                ReasonKicked,
		"you said Duplicate login, not nice": ReasonKicked,
		"Too many connections from your IP address":            ReasonKicked,
		"This channel has banned connections from Tor.":        ReasonBanned,
		"Attempted readChanLog with insufficient permission":   ReasonKicked,
		"Channel could not be loaded: database is unreachable": ReasonKicked,
	}
	for text, want := range kicks {
		if got := classifyKick(text); got != want {
			t.Errorf("kick %q: %s, want %s", text, got, want)
		}
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	w := newWaits(Config{}.withDefaults(), func() float64 { return 0 })
	expect := func(reason string, up, want time.Duration) {
		t.Helper()
		if got := w.next(reason, up); got != want {
			t.Errorf("%s after %s: waits %s, want %s", reason, up, got, want)
		}
	}
	expect(ReasonConnectionLost, 0, time.Second)
	expect(ReasonSilence, 0, 2*time.Second)
	expect(ReasonJoinTimeout, 10*time.Second, 4*time.Second)
	expect(ReasonConnectionLost, time.Minute, time.Second) // was stable
	expect(ReasonDuplicateLogin, time.Hour, 5*time.Minute)
	expect(ReasonDuplicateLogin, 5*time.Minute, 10*time.Minute) // the other bot is back: no peace
	expect(ReasonDuplicateLogin, 10*time.Minute, 20*time.Minute)
	expect(ReasonDuplicateLogin, 41*time.Minute, 5*time.Minute)
	expect(ReasonBanned, 0, 30*time.Minute)
	expect(ReasonLoginFailed, 0, 61*time.Second)
	expect(ReasonRefused, 0, 10*time.Second)
}

func TestBackoff_Jitter(t *testing.T) {
	t.Parallel()
	b := Backoff{Min: time.Second, Max: 10 * time.Second}.withDefaults(0, 0)
	if got := b.wait(1, 0.5); got != 1100*time.Millisecond {
		t.Errorf("first wait %s, want 1.1s", got)
	}
	if got := b.wait(1_000_000, 0); got != 10*time.Second {
		t.Errorf("a late wait %s, want 10s", got)
	}
	b.Jitter = -1
	if got := b.wait(2, 0.9); got != 2*time.Second {
		t.Errorf("without jitter %s, want 2s", got)
	}
}
