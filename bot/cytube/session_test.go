package cytube

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rosey/bot/cytube/cytubetest"
	"rosey/internal/suite"
)

// sleeps is a sleep function that takes no time and remembers.
type sleeps struct {
	mu   sync.Mutex
	list []time.Duration
}

func (s *sleeps) sleep(ctx context.Context, d time.Duration) error {
	s.mu.Lock()
	s.list = append(s.list, d)
	s.mu.Unlock()
	return sleep(ctx, time.Millisecond)
}

func (s *sleeps) all() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

// patientClient has the default waits, which take no time.
func patientClient(t *testing.T, cfg Config) (*Client, *sleeps) {
	t.Helper()
	cfg.Backoff, cfg.KickPause, cfg.DuplicatePause = Backoff{}, Backoff{}, Backoff{}
	cfg.BanPause, cfg.LoginPause, cfg.RefusedPause = Backoff{}, Backoff{}, Backoff{}
	client := newClient(t, cfg)
	var s sleeps
	client.sleep, client.waits.random = s.sleep, func() float64 { return 0 }
	return client, &s
}

func wire(name string) string { return filepath.Join("testdata", "wire", name+".ndjson") }

func TestClient_RemovalsHaveTheirReasonAndWait(t *testing.T) {
	t.Parallel()
	player := cytubetest.PlayFile(t, wire("bot-removed"), cytubetest.PlayerConfig{})
	client, waited := patientClient(t, quickConfig(player.URL(), player.Channel(), player.User()))
	var got collector
	stop := start(t, client, got.handle)
	waitFor(t, "recording played", player.Done())
	eventually(t, "last wait", func() bool { return len(waited.all()) >= 15 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}

	const s, m = time.Second, time.Minute
	want := []struct {
		reason string
		kick   string
		wait   time.Duration
	}{
		{ReasonKicked, "You have been naughty, <bot> & \"friend\"", 30 * s},
		{ReasonKicked, "", 60 * s},
		{ReasonDuplicateLogin, "Duplicate login", 5 * m},
		{ReasonBanned, "You're banned!", 30 * m},
		{ReasonBanned, "You are banned from this channel.", 60 * m},
		{ReasonBanned, "You are banned from this channel.", 120 * m},
		{ReasonBanned, "You are banned from this channel.", 240 * m},
		{ReasonKicked, "Attempted setOptions as a non-moderator", 120 * s},
		{ReasonKicked, "Attempted setPermissions as a non-admin", 240 * s},
		{ReasonKicked, "Attempted setChannelCSS as non-admin", 480 * s},
		{ReasonKicked, "Attempted setMotd with insufficient permission", 15 * m},
		{ReasonKicked, "Attempted readChanLog with insufficient permission", 15 * m},
		{ReasonKicked, "Attempted assignLeader without sufficient permission", 15 * m},
		{ReasonKicked, "Invalid channel name", 15 * m},
		{ReasonKicked, "Attempted initACP from non privileged user.  This incident will be reported.", 15 * m},
	}
	var ends []Disconnected
	for _, it := range got.all() {
		if d, ok := it.(Disconnected); ok {
			ends = append(ends, d)
		}
	}
	if len(ends) < len(want) {
		t.Fatalf("%d sessions ended, want %d", len(ends), len(want))
	}
	for i, w := range want {
		d := ends[i]
		if d.Reason != w.reason || d.KickReason != w.kick || !d.Kicked {
			t.Errorf("session %d: %s, kicked %t %q; want %s, %q", i+1, d.Reason, d.Kicked, d.KickReason, w.reason, w.kick)
		}
		if got := waited.all()[i]; got != w.wait {
			t.Errorf("session %d: waited %s, want %s", i+1, got, w.wait)
		}
		if d.LastFrame.IsZero() || d.At.Before(d.LastFrame) {
			t.Errorf("session %d: ended %s, last frame %s", i+1, d.At, d.LastFrame)
		}
	}
}

func TestClient_RefusedConnectionsWaitAndGiveNoItems(t *testing.T) {
	t.Parallel()
	tests := []struct {
		message string
		reason  string
		wait    time.Duration
	}{
		{"Rate limit exceeded", ReasonRefused, 10 * time.Second},
		{"You are banned from the server", ReasonBanned, 30 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			t.Parallel()
			srv := newChannel(t, cytubetest.ChannelConfig{})
			srv.Refuse(tt.message)
			client, waited := patientClient(t, quickConfig(srv.URL(), srv.Name(), "rosey"))
			var got collector
			start(t, client, got.handle)
			eventually(t, "a wait", func() bool { return len(waited.all()) > 0 })
			state := client.State()
			if state.LastReason != tt.reason || !strings.Contains(state.LastError, tt.message) {
				t.Errorf("state says %s (%s), want %s with %q", state.LastReason, state.LastError, tt.reason, tt.message)
			}
			if got := waited.all()[0]; got != tt.wait {
				t.Errorf("waited %s, want %s", got, tt.wait)
			}
			srv.Refuse("")
			eventually(t, "joined in the end", func() bool { return client.State().Joined })
			if _, ok := got.all()[0].(Connected); !ok {
				t.Errorf("first item %T, want Connected: refusals are no items", got.all()[0])
			}
		})
	}
}

func newChannel(t *testing.T, cfg cytubetest.ChannelConfig) *cytubetest.Channel {
	t.Helper()
	srv, err := cytubetest.NewChannel(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	return srv
}

func TestClient_RefusedLoginNeverJoins(t *testing.T) {
	t.Parallel()
	accounts := map[string]string{"Rosey": "right"}
	tests := []struct {
		name, user, password string
		setUp                func(*cytubetest.Channel)
		detail               string
	}{
		{"wrong password", "rosey", "wrong", nil, "Invalid username/password combination"},
		{"unknown account", "nobody", "x", nil, "User does not exist"},
		{"lost password", "rosey", "", nil, "That username is registered."},
		{"name in use", "ann", "", func(c *cytubetest.Channel) { _ = c.JoinGuest("ann") }, "That name is already in use on this channel."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := newChannel(t, cytubetest.ChannelConfig{Accounts: accounts})
			if tt.setUp != nil {
				tt.setUp(srv)
			}
			cfg := quickConfig(srv.URL(), srv.Name(), tt.user)
			cfg.Password = tt.password
			client, waited := patientClient(t, cfg)
			var got collector
			stop := start(t, client, got.handle)
			eventually(t, "three tries", func() bool { return len(waited.all()) >= 3 })
			_ = stop()
			for _, it := range got.all() {
				if d, ok := it.(Disconnected); ok && d.Reason != ReasonStopped && (d.Reason != ReasonLoginFailed || d.Detail != tt.detail) {
					t.Errorf("ended with %s (%s), want %s (%s)", d.Reason, d.Detail, ReasonLoginFailed, tt.detail)
				}
			}
			if first := waited.all()[0]; first < time.Minute {
				t.Errorf("waited %s, want a minute or more", first)
			}
			for _, r := range srv.Received() {
				if r.Event == "joinChannel" {
					t.Fatal("joined without the login that was asked for")
				}
			}
		})
	}
}

func TestClient_RecordedLoginRefusalsAreUnderstood(t *testing.T) {
	t.Parallel()
	player := cytubetest.PlayFile(t, wire("login-failures"), cytubetest.PlayerConfig{RecordedLogins: true})
	client, _ := patientClient(t, quickConfig(player.URL(), player.Channel(), player.User()))
	var got collector
	stop := start(t, client, got.handle)
	waitFor(t, "recording played", player.Done())
	_ = stop()
	var details []string
	for _, it := range got.all() {
		if d, ok := it.(Disconnected); ok && d.Reason == ReasonLoginFailed {
			details = append(details, d.Detail)
		}
	}
	want := []string{"Invalid username/password combination", "Guest logins are restricted to one per IP address per 60 seconds."}
	if !slices.Equal(details, want) {
		t.Errorf("refusals %q, want %q", details, want)
	}
}

func TestClient_ChannelPassword(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, given string
		rank        float64
		want        string // empty: joins
	}{
		{"right", "open sesame", 1, ""},
		{"none", "", 1, ReasonNeedsPassword},
		{"wrong", "sesame", 1, ReasonNeedsPassword},
		{"moderator needs none", "", 2, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := newChannel(t, cytubetest.ChannelConfig{Password: "open sesame", Ranks: map[string]float64{"rosey": tt.rank}})
			cfg := quickConfig(srv.URL(), srv.Name(), "rosey")
			cfg.ChannelPassword = tt.given
			client, _ := patientClient(t, cfg)
			var got collector
			start(t, client, got.handle)
			if tt.want == "" {
				eventually(t, "joined", func() bool { return client.State().Joined })
				return
			}
			eventually(t, tt.want, func() bool { return slices.Contains(got.reasons(), tt.want) })
		})
	}
}

func TestClient_SilentLineIsGivenUp(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{PingInterval: 50 * time.Millisecond})
	client := newClient(t, quickConfig(srv.URL(), srv.Name(), "rosey"))
	var got collector
	start(t, client, got.handle)
	eventually(t, "joined", func() bool { return client.State().Joined })
	srv.Freeze(true)
	eventually(t, "silence noticed", func() bool { return slices.Contains(got.reasons(), ReasonSilence) })
	srv.Freeze(false)
	eventually(t, "joined again", func() bool { return client.State().Joins >= 2 })
}

func TestClient_PingsKeepAQuietLineUp(t *testing.T) {
	t.Parallel()
	suite.Steadily(t, pinging/2, func() error {
		srv := newChannel(t, cytubetest.ChannelConfig{PingInterval: pinging, PingTimeout: 5 * time.Second})
		client := newClient(t, quickConfig(srv.URL(), srv.Name(), "rosey"))
		var got collector
		start(t, client, got.handle)
		if !staysUp(t, client) {
			return fmt.Errorf("a quiet line ended: %q", got.reasons())
		}
		return nil
	})
}

// pinging is how often a quiet server pings here. Silence is suffered for twice as
// long.
const pinging = 500 * time.Millisecond

// staysUp waits until the client is in the channel, and then for longer than the line
// could be up if pings were not heard, or not answered.
func staysUp(t *testing.T, client *Client) bool {
	t.Helper()
	eventually(t, "joined", func() bool { return client.State().Joins > 0 })
	joined := client.State().LastFrame
	up := func() bool { st := client.State(); return st.Joined && st.Attempts == 1 }
	eventually(t, "pings for longer than silence is suffered", func() bool {
		return client.State().LastFrame.Sub(joined) > 6*time.Second || !up()
	})
	return up()
}

// TestClient_PingsAreAnsweredWhileTheHandlerBlocks: a slow store must not cost
// the line.
func TestClient_PingsAreAnsweredWhileTheHandlerBlocks(t *testing.T) {
	t.Parallel()
	suite.Steadily(t, pinging/2, func() error {
		srv := newChannel(t, cytubetest.ChannelConfig{PingInterval: pinging, PingTimeout: 5 * time.Second})
		client := newClient(t, quickConfig(srv.URL(), srv.Name(), "rosey"))
		block := make(chan struct{})
		release := sync.OnceFunc(func() { close(block) })
		defer release() // before Run is waited for
		var got collector
		start(t, client, func(ctx context.Context, it Item) error {
			if _, ok := it.(Joined); ok {
				<-block
			}
			return got.handle(ctx, it)
		})
		up := staysUp(t, client)
		release()
		if up {
			srv.Event("after")
			eventually(t, "frames after the block, or the line's end", func() bool {
				return slices.Contains(got.frames(), `42["after"]`) || len(got.reasons()) > 0
			})
		}
		if reasons := got.reasons(); !up || len(reasons) > 0 {
			return fmt.Errorf("the line ended: %q", reasons)
		}
		return nil
	})
}

func TestClient_FullQueueLosesNothing(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	cfg := quickConfig(srv.URL(), srv.Name(), "rosey")
	cfg.QueueSize = 2
	client := newClient(t, cfg)
	block := make(chan struct{})
	release := sync.OnceFunc(func() { close(block) })
	defer release() // before Run is waited for
	var got collector
	start(t, client, func(ctx context.Context, it Item) error {
		if f, ok := it.(Frame); ok && f.Event == "n" {
			<-block
		}
		return got.handle(ctx, it)
	})
	eventually(t, "joined", func() bool { return client.State().Joined })
	const n = 5000
	for i := range n {
		srv.Event("n", i)
	}
	release()
	eventually(t, "all events", func() bool { return slices.Contains(got.frames(), fmt.Sprintf(`42["n",%d]`, n-1)) })
	i := 0
	for _, f := range got.frames() {
		if strings.HasPrefix(f, `42["n",`) {
			if want := fmt.Sprintf(`42["n",%d]`, i); f != want {
				t.Fatalf("got %s, want %s", f, want)
			}
			i++
		}
	}
}

func TestClient_UnreachableServerIsTriedForEver(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	url := srv.URL()
	srv.Stop()
	client, waited := patientClient(t, quickConfig(url, srv.Name(), "rosey"))
	var got collector
	stop := start(t, client, got.handle)
	eventually(t, "twenty attempts", func() bool { return len(waited.all()) >= 20 })
	if err := srv.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "joined in the end", func() bool { return client.State().Joined })
	if err := stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	all := waited.all()
	for i := 1; i < 20; i++ {
		if all[i] < all[i-1] || all[i] > 5*time.Minute {
			t.Errorf("wait %d is %s after %s: want growing up to 5 min", i+1, all[i], all[i-1])
		}
	}
	if all[0] != time.Second || all[19] != 5*time.Minute {
		t.Errorf("first wait %s, twentieth %s; want 1s and 5m", all[0], all[19])
	}
	if n := count[Disconnected](got.all()); n != 1 {
		t.Errorf("%d Disconnected items, want 1: failed attempts give none", n)
	}
}

func TestClient_ServerRestartsAndCutsAreSurvived(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	client := newClient(t, quickConfig(srv.URL(), srv.Name(), "rosey"))
	var got collector
	stop := start(t, client, got.handle)
	joins := func(n uint64) func() bool {
		return func() bool { s := client.State(); return s.Joined && s.Joins >= n }
	}
	eventually(t, "joined", joins(1))
	srv.CutAll()
	eventually(t, "joined after the cut", joins(2))
	if err := srv.Restart(50 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	eventually(t, "joined after the restart", joins(3))
	srv.Unload("Channel reloading")
	eventually(t, "joined after the reload", joins(4))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	want := []string{ReasonConnectionLost, ReasonConnectionLost, ReasonChannelUnloaded, ReasonStopped}
	if got := got.reasons(); !slices.Equal(got, want) {
		t.Errorf("reasons %q, want %q", got, want)
	}
	checkSessions(t, got.all())
}

func TestClient_SilentServerDoesNotHoldUpTheJoin(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	srv.Freeze(true)
	cfg := quickConfig(srv.URL(), srv.Name(), "rosey")
	cfg.JoinTimeout = 50 * time.Millisecond
	client := newClient(t, cfg)
	var got collector
	start(t, client, got.handle)
	eventually(t, "join time-out", func() bool { return client.State().LastReason == ReasonJoinTimeout })
}

func TestClient_StopIsPromptAndOrderly(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	client := newClient(t, quickConfig(srv.URL(), srv.Name(), "rosey"))
	var got collector
	var lastErr error
	stop := start(t, client, func(ctx context.Context, it Item) error {
		if _, ok := it.(Disconnected); ok {
			lastErr = ctx.Err()
		}
		return got.handle(ctx, it)
	})
	eventually(t, "joined", func() bool { return client.State().Joined })
	if err := stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	items := got.all()
	if d, ok := items[len(items)-1].(Disconnected); !ok || d.Reason != ReasonStopped {
		t.Errorf("last item %+v, want Disconnected with %s", items[len(items)-1], ReasonStopped)
	}
	if lastErr != nil {
		t.Errorf("the last item came with a context that has ended: %v", lastErr)
	}
	eventually(t, "the channel sees the bot leave", func() bool { return srv.Clients() == 0 })
}

func TestClient_StopWhileWaiting(t *testing.T) {
	t.Parallel()
	cfg := quickConfig("http://127.0.0.1:1", "demo", "")
	cfg.Backoff = Backoff{Min: time.Hour, Max: time.Hour}
	client := newClient(t, cfg)
	var got collector
	stop := start(t, client, got.handle)
	eventually(t, "waiting", func() bool { return !client.State().NextAttempt.IsZero() })
	if err := stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if len(got.all()) > 0 {
		t.Errorf("items %v, want none", got.all())
	}
}

func TestClient_HandlerErrorEndsRun(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	client := newClient(t, quickConfig(srv.URL(), srv.Name(), "rosey"))
	full := errors.New("disk is full")
	n := 0
	err := client.Run(t.Context(), func(_ context.Context, it Item) error {
		n++
		if _, ok := it.(Joined); ok {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) {
		t.Errorf("Run: %v, want %v", err, full)
	}
	if state := client.State(); state.Connected || state.Joined {
		t.Errorf("state after the end: %+v", state)
	}
	eventually(t, "the channel sees the bot leave", func() bool { return srv.Clients() == 0 })
}

func TestClient_RunTwiceIsRefused(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	client := newClient(t, quickConfig(srv.URL(), srv.Name(), ""))
	var got collector
	start(t, client, got.handle)
	eventually(t, "joined", func() bool { return client.State().Joined })
	if err := client.Run(t.Context(), got.handle); !errors.Is(err, ErrRunning) {
		t.Errorf("second Run: %v, want %v", err, ErrRunning)
	}
}

func TestClient_Send(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	client := newClient(t, quickConfig(srv.URL(), srv.Name(), "rosey"))
	line := map[string]any{"msg": "<hi> & bye", "meta": map[string]any{}}
	if err := client.Send(t.Context(), "chatMsg", line); !errors.Is(err, ErrNotJoined) {
		t.Errorf("before the join: %v, want %v", err, ErrNotJoined)
	}
	var got collector
	stop := start(t, client, got.handle)
	eventually(t, "joined", func() bool { return client.State().Joined })
	if err := client.Send(t.Context(), "chatMsg", line); err != nil {
		t.Fatal(err)
	}
	eventually(t, "echo", func() bool {
		return slices.ContainsFunc(got.frames(), func(f string) bool { return strings.Contains(f, "&lt;hi&gt; &amp; bye") })
	})
	line["msg"] = strings.Repeat("x", 2<<20)
	if err := client.Send(t.Context(), "chatMsg", line); !errors.Is(err, ErrTooLarge) {
		t.Errorf("two megabytes: %v, want %v", err, ErrTooLarge)
	}
	_ = stop()
	if err := client.Send(t.Context(), "chatMsg"); !errors.Is(err, ErrNotJoined) {
		t.Errorf("after the end: %v, want %v", err, ErrNotJoined)
	}
}

func TestClient_NonsenseIsCountedAndSurvived(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	client := newClient(t, quickConfig(srv.URL(), srv.Name(), "rosey"))
	var got collector
	start(t, client, got.handle)
	eventually(t, "joined", func() bool { return client.State().Joined })
	nonsense := []string{"nonsense", "4", "42", "42[", `42{"a":1}`, "42[]", "42[1]", "9", "47", `42/other,["x"]`, "43[]", "40"}
	for _, frame := range nonsense {
		srv.Raw(frame)
	}
	srv.Raw(`437[{}]`)
	srv.Raw("6")
	srv.Event("kick?", nil)
	eventually(t, "the event after it", func() bool { return slices.Contains(got.frames(), `42["kick?",null]`) })
	state := client.State()
	if state.BadFrames != uint64(len(nonsense)) || state.UnknownAcks != 1 {
		t.Errorf("%d bad frames and %d acknowledgements, want %d and 1", state.BadFrames, state.UnknownAcks, len(nonsense))
	}
	if reasons := got.reasons(); len(reasons) > 0 {
		t.Errorf("the line ended: %q", reasons)
	}
}

func TestClient_OversizedFrameIsSkipped(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	client := newClient(t, quickConfig(srv.URL(), srv.Name(), "rosey"))
	client.maxFrame = 100_000
	var got collector
	start(t, client, got.handle)
	eventually(t, "joined", func() bool { return client.State().Joined })
	srv.Raw(`42["big","` + strings.Repeat("x", 100_000) + `"]`)
	srv.Event("after")
	eventually(t, "the event after it", func() bool { return slices.Contains(got.frames(), `42["after"]`) })
	if n := client.State().Oversized; n != 1 {
		t.Errorf("%d oversized frames, want 1", n)
	}
	if slices.ContainsFunc(got.frames(), func(f string) bool { return strings.HasPrefix(f, `42["big`) }) {
		t.Error("the oversized frame arrived")
	}
}

// TestClient_LeavesNoGoroutines does not run in parallel: it counts all.
func TestClient_LeavesNoGoroutines(t *testing.T) { //nolint:paralleltest // counts the goroutines of the process
	srv := newChannel(t, cytubetest.ChannelConfig{})
	eventually(t, "quiet", func() bool { return srv.Clients() == 0 })
	before := runtime.NumGoroutine()
	for range 10 {
		client := newClient(t, quickConfig(srv.URL(), srv.Name(), "rosey"))
		var got collector
		stop := start(t, client, got.handle)
		eventually(t, "joined", func() bool { return client.State().Joined })
		srv.CutAll()
		eventually(t, "joined again", func() bool { s := client.State(); return s.Joined && s.Joins >= 2 })
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "goroutines ended", func() bool { return runtime.NumGoroutine() <= before+2 })
}

func TestClient_HistoryComesAgainAfterACut(t *testing.T) {
	t.Parallel()
	player := cytubetest.PlayFile(t, wire("join-busy-channel"), cytubetest.PlayerConfig{CutAfter: []int{30, 90}})
	client := newClient(t, quickConfig(player.URL(), player.Channel(), player.User()))
	var got collector
	stop := start(t, client, got.handle)
	waitFor(t, "recording played", player.Done())
	_ = stop()
	if got, want := got.frames(), player.SentEvents(); !slices.Equal(got, want) {
		t.Errorf("%d frames arrived, %d were sent; first difference at %d", len(got), len(want), firstDifference(got, want))
	}
	n := 0
	for _, f := range got.frames() {
		if strings.Contains(f, "earlier message 10") {
			n++
		}
	}
	if n < 4 { // two recorded connections, each cut once
		t.Errorf("an old line came %d times, want at least 4", n)
	}
}

// What belongs to one visit is not said in another.
func TestClient_SendIn(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{})
	client := newClient(t, quickConfig(srv.URL(), srv.Name(), "rosey"))
	line := map[string]any{"msg": "hi", "meta": map[string]any{}}
	var got collector
	stop := start(t, client, got.handle)
	visits := func() (list []uint64) {
		for _, it := range got.all() {
			if j, ok := it.(Joined); ok {
				list = append(list, j.Visit)
			}
		}
		return list
	}
	eventually(t, "joined", func() bool { return len(visits()) == 1 })
	first := visits()[0]
	if err := client.SendIn(t.Context(), first, "chatMsg", line); err != nil {
		t.Fatal(err)
	}
	srv.CutAll()
	eventually(t, "joined again", func() bool { return len(visits()) == 2 })
	if err := client.SendIn(t.Context(), first, "chatMsg", line); !errors.Is(err, ErrNotJoined) {
		t.Errorf("in a later visit: %v, want %v", err, ErrNotJoined)
	}
	if err := client.SendIn(t.Context(), visits()[1], "chatMsg", line); err != nil {
		t.Error(err)
	}
	_ = stop()
}
