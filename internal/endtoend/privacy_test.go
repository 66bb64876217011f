package endtoend

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"rosey/bot/cytube/cytubetest"
)

// What people say, titles they look at, and secrets are nobody's business who
// reads the log.
func TestLogs_HoldNoWordsAndNoSecrets(t *testing.T) {
	t.Parallel()
	const words = "Xylophon-Kormoran"
	channel, err := cytubetest.NewChannel(cytubetest.ChannelConfig{
		Name: "quiet", Accounts: map[string]string{"rosey": secret}, Password: "channel-" + secret,
		Ranks: map[string]float64{"rosey": 1}, Motd: words,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	data := filepath.Join(t.TempDir(), "data")
	env := []string{"ROSEY_PASSWORD=" + secret, "ROSEY_CHANNEL_PASSWORD=channel-" + secret}
	flags := []string{"--data", data, "--log-level", "debug"}
	server := start(t, append(append([]string{"server"}, anyPorts...), flags...)...)
	parts := []*program{
		start(t, append([]string{"projector"}, flags...)...),
		startWith(t, env, append([]string{"bot", channel.PageURL(), "--username", "rosey"}, flags...)...),
	}
	until(t, "the bot is in", func() bool { return channel.Clients() > 0 })
	for i := range 20 {
		name := fmt.Sprintf("user%d", i)
		if err := channel.Join(name); err != nil {
			t.Fatal(err)
		}
		if err := channel.Say(name, fmt.Sprintf("%s says %d", words, i)); err != nil {
			t.Fatal(err)
		}
		if err := channel.PM(name, "rosey", words); err != nil {
			t.Fatal(err)
		}
	}
	channel.SetMotd(words)
	channel.PlayMedia("user1", cytubetest.Media{Type: "yt", ID: "abc", Title: words, Seconds: 100})
	channel.OpenPoll("user1", words, words, words)
	channel.Notice("[server]", words)
	spoken := func() int64 {
		return numberOf(t, data, "SELECT count(*) FROM chat_messages WHERE message LIKE '"+words+"%' AND notice = ''")
	}
	until(t, "the lines are in the tables", func() bool { return spoken() == 20 })
	channel.CutAll()
	until(t, "the bot is back", func() bool { return channel.Clients() > 0 })
	if err := channel.Kick("rosey", words); err != nil {
		t.Fatal(err)
	}
	until(t, "the kick is in the tables", func() bool {
		return numberOf(t, data, "SELECT count(*) FROM bot_sessions WHERE reason = 'kicked'") == 1
	})
	// A row that is refused, and a server that goes away, are told of as well.
	server.stop()
	server = start(t, append(append([]string{"server"}, anyPorts...), flags...)...)
	until(t, "the server is back", func() bool { return strings.Contains(server.out.String(), "nats ") })
	for _, p := range append(parts, server) {
		p.stop()
	}
	up := startWith(t, env, append(append([]string{"up", channel.PageURL(), "--username", "rosey"}, anyPorts...), flags...)...)
	until(t, "the bot is in", func() bool { return channel.Clients() > 0 })
	up.stop()
	for _, p := range append(parts, server, up) {
		for i, out := range []string{p.out.String(), p.err.String()} {
			for _, forbidden := range []string{words, secret} {
				if at := strings.Index(out, forbidden); at >= 0 {
					t.Errorf("rosey %s, output %d: %q is shown: …%s", p.cmd.Args[1], i+1, forbidden, out[max(0, at-200):at+len(forbidden)])
				}
			}
		}
		if p.err.String() == "" {
			t.Errorf("rosey %s logs nothing at debug level", p.cmd.Args[1])
		}
	}
	if n := spoken(); n != 20 {
		t.Errorf("%d lines in the tables, want 20", n)
	}
	for _, m := range readStream(t, data) {
		if strings.Contains(string(m.Data), secret) {
			t.Errorf("seq=%d %s holds a secret", m.Seq, m.Subject)
		}
	}
}
