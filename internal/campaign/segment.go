package campaign

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"rosey/bot/cytube/cytubetest"
	"rosey/internal/campaign/speech"
	"rosey/internal/installation"
	"rosey/streams/embedded"
)

// segment is an installation on a data folder of its own, and what happens to it.
type segment struct {
	cfg    Config
	seed   uint64
	layout layout
	rand   *rand.Rand
	folder string // of everything
	data   installation.Dir

	channel *cytubetest.Channel
	talk    *talk
	witness *witness
	asker   *asker

	parts                    []*part
	server, bot, projector   *part // one and the same in the together layout
	botProxy, projectorProxy *proxy

	evidence speech.Evidence // of what the bot was asked to say

	attacks int // faults that were dealt out, those that did not fire included
	armed   int // processes that were told to die
	asks    int // for a rebuild beside the projection
	cuts    int // of the bot's line to the channel, in its present life
	kills   int

	result result
}

// patience bounds how long a fault may take to fire. A machine that is busy with
// other things must not fail a campaign.
func (s *segment) patience() time.Duration { return time.Minute }

// progressLimit bounds how long an installation may be without progress.
const progressLimit = 5 * time.Minute

func newSegment(cfg Config, seed uint64) (_ *segment, err error) {
	l, _ := layoutOf(seed)
	s := &segment{cfg: cfg, seed: seed, layout: l, rand: rand.New(rand.NewPCG(seed, 1))}
	if s.folder, err = os.MkdirTemp(cfg.Dir, fmt.Sprintf("segment-%d-", seed)); err != nil {
		return nil, fmt.Errorf("campaign: %w", err)
	}
	s.data = installation.Dir(filepath.Join(s.folder, "data"))
	s.channel, err = cytubetest.NewChannel(cytubetest.ChannelConfig{
		Name: "campaign", UserCountEvery: time.Second, History: historyLength, DuplicateTimes: true,
	})
	if err != nil {
		return nil, fmt.Errorf("campaign: %w", err)
	}
	s.witness = &witness{spool: s.data.Spool(s.channel.Name()), tables: s.data.Database().Link}
	s.asker = &asker{data: s.data, channel: s.channel.Name(), rand: rand.New(rand.NewPCG(seed, 3))}
	s.talk, err = newTalk(s.channel, rand.New(rand.NewPCG(seed, 2)), cfg.Rate, func() int { return int(s.witness.known.Load()) })
	if err == nil && s.layout == proxied {
		err = s.openProxies()
	}
	if err != nil {
		s.close()
		return nil, err
	}
	s.makeParts()
	return s, nil
}

func (s *segment) openProxies() (err error) {
	if s.botProxy, err = newProxy(s.serverAddress); err != nil {
		return err
	}
	s.projectorProxy, err = newProxy(s.serverAddress)
	return err
}

// serverAddress is where the server listens now.
func (s *segment) serverAddress() (string, error) {
	e, err := s.data.Endpoint()
	if err != nil {
		return "", err
	}
	u, err := url.Parse(e.URL)
	if err != nil {
		return "", err
	}
	return u.Host, nil
}

func (s *segment) makeParts() {
	anyPort := []string{"--nats-port", "0", "--monitor-port", "off"}
	data := []string{"--data", string(s.data)}
	recording := []string{s.channel.PageURL(), "--username", botName, "--wait"}
	through := func(p *proxy) []string {
		if p == nil {
			return nil
		}
		return []string{"--nats", p.url(), "--nats-user", embedded.AdminUser, "--nats-password-file", embedded.CredentialsPath(s.data.JetStream())}
	}
	if s.layout == together {
		up := s.part("up", recording, data, anyPort)
		s.server, s.bot, s.projector = up, up, up
		s.parts = []*part{up}
		return
	}
	s.server = s.part("server", data, anyPort)
	s.bot = s.part("bot", recording, data, through(s.botProxy))
	s.projector = s.part("projector", data, through(s.projectorProxy))
	s.parts = []*part{s.server, s.bot, s.projector}
}

func (s *segment) part(name string, args ...[]string) *part {
	return &part{name: name, bin: s.cfg.Program, logs: s.folder, args: append([]string{name}, slices.Concat(args...)...)}
}

// close ends what is still running.
func (s *segment) close() {
	for _, p := range s.parts {
		if p.life != nil {
			p.life.kill()
		}
	}
	s.asker.close()
	s.botProxy.close()
	s.projectorProxy.close()
	s.channel.Close()
}

// begin starts the parts and waits until the bot is in the channel.
func (s *segment) begin(ctx context.Context) error {
	for _, p := range s.parts {
		if err := s.start(ctx, p); err != nil {
			return err
		}
		if p == s.server && !s.until(ctx, progressLimit, func() bool { _, err := s.data.Endpoint(); return err == nil }) {
			return &Failure{What: "the first start: no server", Log: p.life.lastWords()}
		}
	}
	if !s.until(ctx, progressLimit, func() bool { return s.channel.Clients() > 0 }) {
		return &Failure{What: "the first start: the bot does not come", Log: s.bot.life.lastWords()}
	}
	return nil
}

// realHistory is how many lines a real channel sends again.
const realHistory = 15

// start begins the next life of a part. Before the bot's, the channel forgets
// what the disk is known to hold: all of it, so that nothing lost is made good,
// or, every other time, all but what a real channel sends again, so that there is
// something to count once.
func (s *segment) start(ctx context.Context, p *part, env ...string) error {
	if p == s.bot {
		s.talk.overlap.Store(int64(s.rand.IntN(2) * realHistory))
		s.witness.look(ctx)
		s.talk.forget()
		s.cuts = 0
	}
	return p.start(env...)
}

// kill kills a part, which must be alive.
func (s *segment) kill(p *part) error {
	if p.life.ended() {
		return s.endedByItself(p)
	}
	if !p.life.kill() {
		return s.endedByItself(p)
	}
	s.kills++
	return nil
}

func (s *segment) endedByItself(p *part) error {
	return &Failure{What: fmt.Sprintf("the %s ended by itself: %s", p.name, p.life.cmd.ProcessState), Log: p.life.lastWords()}
}

// moment waits for a time of at most d.
func (s *segment) moment(ctx context.Context, d time.Duration) {
	pause(ctx, time.Duration(s.rand.Int64N(int64(d))))
}

// until waits for a condition.
func (s *segment) until(ctx context.Context, limit time.Duration, condition func() bool) bool {
	for end := time.Now().Add(limit); !condition(); {
		if time.Now().After(end) || !pause(ctx, 5*time.Millisecond) {
			return false
		}
	}
	return true
}

// cycle lets one fault happen, and waits until enough was said, and all that was
// said before is safe.
func (s *segment) cycle(ctx context.Context, f fault) (fired bool, err error) {
	before := s.talk.said()
	if fired, err = f.do(ctx, s); err != nil || ctx.Err() != nil {
		return fired, err
	}
	enough := func() bool {
		return s.talk.said() >= before+s.cfg.EventsPerCycle && int(s.witness.known.Load()) >= before || s.talk.failed() != nil
	}
	if !s.until(ctx, progressLimit, func() bool { return enough() || s.fallen() != nil }) && ctx.Err() == nil {
		return fired, &Failure{
			What: fmt.Sprintf("no progress for %s: %d lines were said, %d are safe", progressLimit, s.talk.said(), s.witness.known.Load()),
			Log:  s.bot.life.lastWords(),
		}
	}
	if p := s.fallen(); p != nil {
		return fired, s.endedByItself(p)
	}
	return fired, s.talk.failed()
}

// fallen is a part that is not running, nil where all are.
func (s *segment) fallen() *part {
	for _, p := range s.parts {
		if p.life.ended() {
			return p
		}
	}
	return nil
}
