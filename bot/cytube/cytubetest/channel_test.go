package cytubetest_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rosey/bot/cytube"
	"rosey/bot/cytube/cytubetest"
	"rosey/internal/suite"
)

// bot is a client of a channel that keeps what it is told.
type bot struct {
	*cytube.Client
	stop func() error

	mu    sync.Mutex
	items []cytube.Item
}

var quick = cytube.Backoff{Min: time.Millisecond, Max: 10 * time.Millisecond, Jitter: -1}

func newChannel(t *testing.T, cfg cytubetest.ChannelConfig) *cytubetest.Channel {
	t.Helper()
	srv, err := cytubetest.NewChannel(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	return srv
}

// connect runs a client on the channel; change may adjust its configuration.
func connect(t *testing.T, srv *cytubetest.Channel, user, password string, change ...func(*cytube.Config)) *bot {
	t.Helper()
	cfg := cytube.Config{
		Server: srv.URL(), Channel: srv.Name(), Username: user, Password: password,
		Backoff: quick, KickPause: quick, DuplicatePause: quick, BanPause: quick, LoginPause: quick, RefusedPause: quick,
	}
	for _, f := range change {
		f(&cfg)
	}
	client, err := cytube.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := &bot{Client: client}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- client.Run(ctx, b.handle) }()
	b.stop = sync.OnceValue(func() error {
		cancel()
		return <-result
	})
	t.Cleanup(func() { _ = b.stop() })
	return b
}

func (b *bot) handle(_ context.Context, it cytube.Item) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items = append(b.items, it)
	return nil
}

// events returns the events so far, each as name and JSON.
func (b *bot) events() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, it := range b.items {
		if f, ok := it.(cytube.Frame); ok {
			args := make([]string, len(f.Args))
			for i, arg := range f.Args {
				args[i] = string(arg)
			}
			out = append(out, f.Event+" "+strings.Join(args, ","))
		}
	}
	return out
}

func (b *bot) names() []string {
	var out []string
	for _, e := range b.events() {
		name, _, _ := strings.Cut(e, " ")
		out = append(out, name)
	}
	return out
}

func (b *bot) reasons() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, it := range b.items {
		if d, ok := it.(cytube.Disconnected); ok {
			out = append(out, d.Reason)
		}
	}
	return out
}

func (b *bot) saw(t *testing.T, part string) {
	t.Helper()
	eventually(t, "bot sees "+part, func() bool {
		return slices.ContainsFunc(b.events(), func(e string) bool { return strings.Contains(e, part) })
	})
}

// joined waits until the handler has had all that belongs to the join. The
// client's State is ahead of the handler: it changes as soon as the frames are read.
func (b *bot) joined(t *testing.T) {
	t.Helper()
	eventually(t, "bot joins", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return slices.ContainsFunc(b.items, func(it cytube.Item) bool {
			_, ok := it.(cytube.Joined)
			return ok
		})
	})
}

var eventually = suite.Eventually

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestChannel_JoinBurstHasTheRealOrder(t *testing.T) {
	t.Parallel()
	srv := newChannel(t, cytubetest.ChannelConfig{
		Name: "show", Accounts: map[string]string{"Rosey": "pw"}, Ranks: map[string]float64{"Rosey": 3}, Motd: "hello",
	})
	must(t, srv.Join("ann"))
	must(t, srv.Say("ann", "<b> & co"))
	srv.PlayMedia("ann", cytubetest.Media{ID: "a", Title: "A film", Seconds: 600})
	srv.OpenHiddenPoll("ann", "Next?", "x", "y")
	b := connect(t, srv, "rosey", "pw")
	b.saw(t, "listPlaylists")

	want := []string{
		"rank", "rank", "login", "rank", "setPermissions", "setPlaylistLocked", "emoteList", "chatMsg", "drinkCount",
		"channelCSSJS", "setMotd", "channelOpts", "setPlaylistMeta", "playlist", "setCurrent", "setCurrent", "changeMedia",
		"setPlaylistMeta", "playlist", "setCurrent", "newPoll", "userlist", "listPlaylists",
	}
	if got := b.names()[:len(want)]; !slices.Equal(got, want) {
		t.Errorf("burst %q\nwant  %q", got, want)
	}
	b.saw(t, `"msg":"&lt;b&gt; &amp; co"`)
	b.saw(t, `"counts":["0?","0?"]`)
	if state := b.State(); state.Name != "Rosey" || state.Guest {
		t.Errorf("joined as %q, guest %t, want Rosey as registered", state.Name, state.Guest)
	}
	if got, want := srv.Users(), []string{"ann", "Rosey"}; !slices.Equal(got, want) {
		t.Errorf("users %q, want %q", got, want)
	}
}
