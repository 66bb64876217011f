package healing

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"rosey/bot"
	"rosey/bot/cytube/cytubetest"
	"rosey/streams"
	"rosey/streams/streamstest"

	"github.com/gorilla/websocket"
)

// proxied is a server process with a network of its own for the bot and for the
// projector; the test reaches it directly.
func proxied(t *testing.T) (o options, bot, projector *streamstest.Proxy) {
	t.Helper()
	server := streamstest.ExternalServer(t, streamstest.ExternalOptions{})
	addr := strings.TrimPrefix(server.URL(), "nats://")
	bot, projector = streamstest.NewProxy(t, addr), streamstest.NewProxy(t, addr)
	o = at(server.URL())
	o.bot.URLs, o.projector.URLs = []string{bot.URL()}, []string{projector.URL()}
	return o, bot, projector
}

// A half-open connection gives no sign at all; only asking for one tells. The
// server keeps its side open, and with it what the dead consumer asked for.
func TestInstallation_NetworkSwallowsEverything(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		up, down bool
	}{
		{"both directions", true, true},
		{"to the server", true, false},
		{"from the server", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, botNet, projNet := proxied(t)
			r := newRig(t, o)
			quiet := r.talk()
			r.until("lines are in the tables", func() bool { return r.proj.Status().Checkpoint.Seq > 50 })
			for _, p := range []*streamstest.Proxy{botNet, projNet} {
				p.Swallow(tt.up, tt.down)
			}
			r.until("both connections are dead", func() bool { return botNet.Dead() > 0 && projNet.Dead() > 0 })
			begun := time.Now()
			r.until("both parts notice", func() bool {
				return r.bot.Status().Failing != nil && r.proj.Status().Trouble != nil
			})
			t.Logf("noticed after %s", time.Since(begun).Round(time.Millisecond))
			for _, p := range []*streamstest.Proxy{botNet, projNet} {
				p.Swallow(false, false)
			}
			r.caughtUp()
			quiet()
			r.check()
		})
	}
}

// Connections die again and again with messages in hand, which the server keeps
// sending into them. That looks like a second projector and is none.
func TestProjector_DeadConnectionsWithMessagesInHand(t *testing.T) {
	t.Parallel()
	o, _, network := proxied(t)
	r := newRig(t, o)
	quiet := r.talk()
	for i := range 3 {
		before := r.proj.Status().Checkpoint.Seq
		r.until("lines are in the tables", func() bool { return r.proj.Status().Checkpoint.Seq > before+50 })
		lines := r.lines()
		network.Swallow(true, true)
		r.until("the connection died", func() bool { return network.Dead() > i && r.proj.Status().Trouble != nil })
		network.Swallow(false, false)
		r.until("people went on talking", func() bool { return r.lines() > lines+100 })
	}
	r.caughtUp()
	quiet()
	r.check()
}

func TestInstallation_ConnectionsCut(t *testing.T) {
	t.Parallel()
	o, botNet, projNet := proxied(t)
	r := newRig(t, o)
	quiet := r.talk()
	for range 10 {
		before := r.proj.Status().Checkpoint.Seq
		r.until("lines are in the tables", func() bool { return r.proj.Status().Checkpoint.Seq > before+20 })
		botNet.Cut()
		projNet.Cut()
	}
	quiet()
	r.check()
}

// The line to the channel goes silent without an end. What was said meanwhile
// comes again at the next join.
func TestBot_NetworkToTheChannelSwallowsEverything(t *testing.T) {
	t.Parallel()
	_, o := embeddedEnv(t)
	var network *streamstest.Proxy
	o.channel = func(c *cytubetest.ChannelConfig) {
		c.PingInterval = time.Second    // two of them without a sign are a silence
		c.PingTimeout = 2 * time.Second // where only our answers are lost, the site notices
	}
	o.tune = func(c *bot.RecorderConfig) {
		network = streamstest.NewProxy(t, strings.TrimPrefix(c.CyTube.Server, "http://"))
		c.CyTube.JoinTimeout = 2 * time.Second
		c.CyTube.Dialer = &websocket.Dialer{
			HandshakeTimeout: time.Second,
			NetDialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", network.Addr())
			},
		}
	}
	r := newRig(t, o)
	for _, dir := range []struct{ up, down bool }{{true, true}, {false, true}, {true, false}} {
		// So few that a join brings them all again, whenever it comes.
		r.say(5)
		r.caughtUp()
		joins := r.bot.Status().Line.Joins
		network.Swallow(dir.up, dir.down)
		r.say(5)
		r.until(fmt.Sprintf("the silence is noticed, up %v down %v", dir.up, dir.down), func() bool {
			return !r.bot.Status().Line.Joined
		})
		r.say(5)
		network.Swallow(false, false)
		r.until("the bot is in the channel again", func() bool { return r.bot.Status().Line.Joins > joins })
		r.caughtUp()
	}
	r.check()
}

// Without anything set, a dead connection is noticed within a time that an
// operator can live with.
func TestConnect_DefaultNoticesADeadConnectionInBoundedTime(t *testing.T) {
	t.Parallel()
	o, network, _ := proxied(t)
	cfg := o.bot
	cfg.WaitForServer = true
	conn, err := streams.Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if err := conn.Connected(t.Context()); err != nil {
		t.Fatal(err)
	}
	opts := conn.NATS().Opts
	if bound := time.Duration(opts.MaxPingsOut+1) * opts.PingInterval; bound > 30*time.Second {
		t.Errorf("a dead connection is noticed after %s", bound)
	}
	network.Cut()
}
